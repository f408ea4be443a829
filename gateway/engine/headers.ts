/** Which fields pass: requests by a list of what may, answers by a list of what may not. */
import type { StoredAnswer } from '#contract'
import type { Incoming } from './resolve.ts'

/** What a consumer may say to a provider. Everything else (credentials, cookies, payments, claims about addresses) stays here. */
const REQUEST_MAY = ['accept', 'accept-language', 'content-type', 'if-none-match', 'if-modified-since'] as const

export function requestHeaders(incoming: Incoming, body: Uint8Array): string[] {
  const headers = ['accept-encoding', 'identity', 'user-agent', 'atlas-gateway']
  for (const name of REQUEST_MAY) {
    const value = incoming.header(name)
    if (value !== undefined && !(name === 'content-type' && body.length === 0)) headers.push(name, value)
  }
  return headers
}

/** Asked on a condition, so that a 304 is an answer to it. */
export const isConditional = (incoming: Incoming): boolean =>
  incoming.header('if-none-match') !== undefined || incoming.header('if-modified-since') !== undefined

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'date',
  'proxy-authenticate',
]
const PROVIDERS_OWN = [
  ...[
    'set-cookie',
    'set-cookie2',
    'server',
    'via',
    'x-powered-by',
    'www-authenticate',
    'authentication-info',
    'retry-after',
    'alt-svc',
    'location',
    'content-location',
  ],
  ...[
    'refresh',
    'link',
    'cache-control',
    'expires',
    'age',
    'pragma',
    'strict-transport-security',
    'server-timing',
    'nel',
    'report-to',
    'reporting-endpoints',
    'clear-site-data',
  ],
  ...[
    'payment-required',
    'payment-response',
    'extension-responses',
    'settlement-overrides',
    'cf-ray',
    'traceparent',
    'tracestate',
    'b3',
    'request-id',
    'x-cache',
    'x-served-by',
    'x-timer',
  ],
]
const DENIED = new Set([...HOP_BY_HOP, ...PROVIDERS_OWN])
/** Families that tell about the owner's account, or pretend to be ours. */
const DENIED_FAMILIES =
  /^(access-control-|x-atlas-|x-payment|x-amz|x-amzn|x-envoy|x-b3-|x-forwarded-|x-real-ip|cf-|fly-|x-vercel|x-nextjs)|(rate-?limit|quota|credit|usage|datapoint|billing|balance|-remaining|-limit$)|(request|trace|correlation|transaction|span)-?id/

/** Decisions about names seen before: a provider sends the same few in every answer. */
const decided = new Map<string, boolean>()
const DECIDED = 1000

export function isDenied(name: string): boolean {
  let denied = decided.get(name)
  if (denied === undefined) {
    denied = DENIED.has(name) || DENIED_FAMILIES.test(name)
    if (decided.size < DECIDED) decided.set(name, denied)
  }
  return denied
}

/** From a provider's raw fields (flat list) to those that a consumer may see, names in lower case. */
export function answerHeaders(raw: readonly (Buffer | string)[]): string[] {
  const headers: string[] = []
  let named: Set<string> | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = String(raw[at]).toLowerCase()
    if (name === 'connection') {
      named ??= new Set()
      for (const option of String(raw[at + 1])
        .toLowerCase()
        .split(','))
        named.add(option.trim())
    }
    if (!isDenied(name)) headers.push(name, String(raw[at + 1]))
  }
  return named === undefined ? headers : headers.filter((_, at) => !named.has(headers[at - (at % 2)] as string))
}

/** Of a flat list; undefined when it is not there. */
export function headerOf(headers: readonly (Buffer | string)[], name: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) if (String(headers[at]).toLowerCase() === name) return String(headers[at + 1])
  return undefined
}

export function storedAnswer(status: number, headers: readonly string[], body: Buffer): StoredAnswer {
  const text = body.toString('utf8')
  const utf8 = Buffer.byteLength(text) === body.length && (!text.includes('\ufffd') || Buffer.from(text).equals(body))
  return { status, headers, body: utf8 ? text : body.toString('base64'), encoding: utf8 ? 'utf8' : 'base64' }
}

export const storedBody = (answer: StoredAnswer): Buffer => Buffer.from(answer.body, answer.encoding)
