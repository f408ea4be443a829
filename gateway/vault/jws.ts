/**
 * Compact JWS with Ed25519 (RFC 7515, RFC 8037): written in one way, and read only when written in that way, so that no byte
 * of it can be another one. Keys are known by their thumbprint (RFC 7638).
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  /** 32 bytes, base64url. */
  readonly x: string
}

export interface Jwks {
  readonly keys: readonly (PublicJwk & { readonly kid: string; readonly use: 'sig'; readonly alg: 'EdDSA' })[]
}

const TYPE = 'atlas-receipt+jws'
export const MOST_JWS_CHARACTERS = 16_384
const MOST_KEYS = 1_000

/** RFC 7638 section 3: SHA-256 over the required members in lexicographic order. */
export const thumbprint = ({ crv, kty, x }: PublicJwk): string => createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')

export const jwkOf = (jwk: PublicJwk): Jwks['keys'][number] => ({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, kid: thumbprint(jwk), use: 'sig', alg: 'EdDSA' })

export function signJws(payload: string, key: KeyObject, kid: string): string {
  const head = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: TYPE, kid })).toString('base64url')
  const signed = `${head}.${Buffer.from(payload).toString('base64url')}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

export type JwsReading = { readonly payload: Readonly<Record<string, unknown>>; readonly kid: string } | { readonly wrong: string }

const wrong = (sentence: string): { readonly wrong: string } => ({ wrong: sentence })

/** Base64url without padding and with nothing in the spare bits of its end: one text for the same bytes. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/**
 * An object, or undefined where `text` is not JSON as JSON.stringify writes it, but for white space between its parts. A member that
 * stands there twice is lost in reading, and the text is then longer than what was read: it is refused with everything else.
 */
export function strictObject(text: string, { spaced }: { readonly spaced: boolean }): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const plain = spaced ? text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1') : text
    if (typeof value !== 'object' || value === null || Array.isArray(value) || JSON.stringify(value) !== plain) return undefined
    return value as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

/** Keys of a JWK set that can be used here; others are left out (RFC 7517 section 5). Undefined where it is no such set. */
export function readJwks(value: unknown): Jwks | undefined {
  const keys = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) return undefined
  return { keys: keys.filter(isPublicJwk).map(jwkOf) }
}

function isPublicJwk(value: unknown): value is PublicJwk {
  if (typeof value !== 'object' || value === null || !('kty' in value) || !('crv' in value) || !('x' in value)) return false
  return value.kty === 'OKP' && value.crv === 'Ed25519' && typeof value.x === 'string' && bytesOf(value.x)?.length === 32
}

function readHead(text: string): { readonly kid: string } | { readonly wrong: string } {
  const head = strictObject(bytesOf(text)?.toString('utf8') ?? '', { spaced: false })
  if (head === undefined) return wrong('the head of the signature is not written as this gateway writes it')
  if (head.alg !== 'EdDSA') return wrong(`the signature says algorithm ${shown(head.alg)}; only EdDSA is taken`)
  if (head.typ !== TYPE) return wrong(`the signature is of type ${shown(head.typ)}; expected ${TYPE}`)
  if (typeof head.kid !== 'string' || Object.keys(head).join() !== 'alg,typ,kid')
    return wrong('the head of the signature has other members than alg, typ and kid')
  return { kid: head.kid }
}

const shown = (value: unknown): string => (typeof value === 'string' && /^[\x21-\x7e]{1,40}$/.test(value) ? value : 'nobody knows')

/** Never throws. `wrong` is one sentence that says what does not match. */
export function readJws(jws: string, { keys }: Jwks): JwsReading {
  if (jws.length > MOST_JWS_CHARACTERS) return wrong(`the signature is longer than ${MOST_JWS_CHARACTERS} characters`)
  const [head = '', body = '', signature = '', ...rest] = jws.split('.')
  if (signature === '' || rest.length > 0) return wrong('the signature is no compact JWS of three parts')
  const read = readHead(head)
  if ('wrong' in read) return read
  const key = keys.find(({ kid }) => kid === read.kid)
  if (key === undefined) return wrong(`the receipt is signed by the key ${shown(read.kid)}, which is not among those given`)
  const bytes = bytesOf(signature)
  const publicKey = createPublicKey({ key: { kty: key.kty, crv: key.crv, x: key.x }, format: 'jwk' })
  if (bytes === undefined || !verify(null, Buffer.from(`${head}.${body}`), publicKey, bytes))
    return wrong('the signature does not fit: the receipt was changed after it was signed, or signed by somebody else')
  const payload = strictObject(bytesOf(body)?.toString('utf8') ?? '', { spaced: false })
  return payload === undefined ? wrong('what is signed is not written as this gateway writes it') : { payload, kid: read.kid }
}
