/** A receipt as somebody kept it: the JSON answer of the gateway, or its compact JWS alone. Checking it needs the keys and nothing else. */
import { type Jwks, MOST_JWS_CHARACTERS, readJwks, readJws, strictObject } from './jws.ts'

export const MOST_RECEIPT_BYTES = 262_144

type Members = Readonly<Record<string, unknown>>
type Wrong = { readonly wrong: string }

export interface ReceiptText {
  readonly jws: string
  /** What is said beside the signature; it has to be what is signed. */
  readonly receipt: Members | undefined
  /** Keys in the text itself: they prove that it is whole, not who made it. */
  readonly jwks: Jwks | undefined
}

const MEMBERS = ['receipt', 'jws', 'jwks']

/** Never throws; `wrong` is one sentence. */
export function readReceiptText(text: string): ReceiptText | Wrong {
  if (text.length > MOST_RECEIPT_BYTES) return { wrong: `the file is longer than ${MOST_RECEIPT_BYTES} characters; a receipt never is` }
  const plain = text.replace(/\r?\n$/, '')
  if (!plain.trimStart().startsWith('{'))
    return /^[\w.-]+$/.test(plain) ? { jws: plain, receipt: undefined, jwks: undefined } : { wrong: 'the file is neither a JSON receipt nor a compact JWS' }
  const value = strictObject(plain, { spaced: true })
  if (value === undefined) return { wrong: 'the file is not JSON as the gateway writes it (a member may stand there twice)' }
  const odd = Object.keys(value).find((name) => !MEMBERS.includes(name))
  if (odd !== undefined) return { wrong: 'the file has other members than receipt, jws and jwks' }
  const { receipt, jws } = value
  if (typeof jws !== 'string' || jws.length > MOST_JWS_CHARACTERS) return { wrong: 'the file has no jws, the signature of the receipt' }
  if (receipt === undefined || receipt === null || typeof receipt !== 'object') return { wrong: 'the file has a jws and no receipt' }
  const jwks = value.jwks === undefined ? undefined : readJwks(value.jwks)
  if (value.jwks !== undefined && jwks === undefined) return { wrong: 'jwks in the file is no set of keys' }
  return { jws, receipt: receipt as Members, jwks }
}

/** What the receipt attests. Never throws; `wrong` is one sentence that says what does not match. */
export function checkReceipt({ jws, receipt }: ReceiptText, jwks: Jwks): { readonly payload: Members; readonly kid: string } | Wrong {
  const read = readJws(jws, jwks)
  if ('wrong' in read) return read
  if (receipt === undefined || JSON.stringify(receipt) === JSON.stringify(read.payload)) return read
  const names = new Set([...Object.keys(read.payload), ...Object.keys(receipt)])
  const differing = [...names].find((name) => JSON.stringify(receipt[name]) !== JSON.stringify(read.payload[name]))
  return { wrong: `receipt and signature do not agree: ${nameOf(differing)} is not what was signed` }
}

const nameOf = (name: string | undefined): string => (name !== undefined && /^\w{1,40}$/.test(name) ? name : 'a member, or the order of members,')
