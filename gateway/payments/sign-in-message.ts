/** The SIGN-IN-WITH-X header: base64 JSON of what was signed, and the text that a wallet signs for it (EIP-4361). */

export interface SignInMessage {
  readonly domain: string
  readonly address: string
  readonly statement: string | undefined
  readonly uri: string
  readonly version: string
  /** CAIP-2 */
  readonly chainId: string
  readonly nonce: string
  readonly issuedAt: string
  readonly expirationTime: string | undefined
  readonly notBefore: string | undefined
  readonly requestId: string | undefined
  readonly resources: readonly string[]
  readonly signature: string
}

const MOST_CHARACTERS = 4_096
const MOST_FIELD = 1_024
const MOST_RESOURCES = 8
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ADDRESS = /^0x[0-9a-fA-F]{40}$/
const NONCE = /^[A-Za-z0-9]{8,128}$/
const CHAIN = /^eip155:[1-9]\d{0,14}$/
const SIGNATURE = /^0x(?:[0-9a-fA-F]{2}){65,1500}$/
/** A line break in a field would be another line of what was signed. */
const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]*$/u

const REQUIRED = ['domain', 'address', 'uri', 'version', 'chainId', 'nonce', 'issuedAt', 'signature'] as const
const OPTIONAL = ['statement', 'expirationTime', 'notBefore', 'requestId'] as const

const isText = (value: unknown): value is string => typeof value === 'string' && PRINTABLE.test(value)
const isField = (value: unknown): value is string => isText(value) && value.length <= MOST_FIELD

function objectIn(header: string): Record<string, unknown> | undefined {
  if (header.length > MOST_CHARACTERS || !BASE64.test(header)) return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What was signed, or what is wrong with it. */
export function signInWith(header: string): SignInMessage | string {
  const found = objectIn(header)
  if (found === undefined) return 'SIGN-IN-WITH-X is not base64 JSON'
  for (const name of REQUIRED) if (name === 'signature' ? !isText(found[name]) : !isField(found[name])) return `the sign-in has no ${name} of one line`
  for (const name of OPTIONAL) if (found[name] !== undefined && !isField(found[name])) return `the sign-in has a ${name} that is not of one line`
  const resources = found.resources ?? []
  if (!Array.isArray(resources) || resources.length > MOST_RESOURCES || !resources.every(isField))
    return 'the sign-in has resources that are no short list of lines'
  const message = { ...(found as unknown as SignInMessage), resources: resources as readonly string[] }
  if (!ADDRESS.test(message.address)) return 'the sign-in has an address that is none; expected 0x and 40 hex digits'
  if (!CHAIN.test(message.chainId)) return 'the sign-in is for a chain that is no eip155 chain'
  if (!NONCE.test(message.nonce)) return 'the sign-in has a nonce that is not of 8 to 128 letters and digits'
  if (!SIGNATURE.test(message.signature)) return 'the sign-in has a signature that is none'
  return message
}

/** EIP-4361, as the official client writes it. */
export function signInText(message: SignInMessage): string {
  const { domain, address, statement, uri, version, chainId, nonce, issuedAt, expirationTime, notBefore, requestId, resources } = message
  const lines = [`${domain} wants you to sign in with your Ethereum account:`, address, '']
  if (statement !== undefined) lines.push(statement)
  lines.push('', `URI: ${uri}`, `Version: ${version}`, `Chain ID: ${chainId.slice('eip155:'.length)}`, `Nonce: ${nonce}`, `Issued At: ${issuedAt}`)
  if (expirationTime !== undefined) lines.push(`Expiration Time: ${expirationTime}`)
  if (notBefore !== undefined) lines.push(`Not Before: ${notBefore}`)
  if (requestId !== undefined) lines.push(`Request ID: ${requestId}`)
  if (resources.length > 0) lines.push('Resources:', ...resources.map((resource) => `- ${resource}`))
  return lines.join('\n')
}
