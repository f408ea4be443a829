/** Which fields pass: requests by a list of what may, answers by a list of what may not. */
import type { Adapter, StoredAnswer } from '#contract'
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
  /^(access-control-|x-atlas-|x-payment|x-amz|x-amzn|x-envoy|x-b3-|x-forwarded-|x-real-ip|cf-|fly-|x-vercel|x-nextjs)|(payment|rate-?limit|quota|credit|usage|datapoint|billing|balance|-remaining|-limit$)|(request|trace|correlation|transaction|span)-?id/

/** Names as they were sent -> in lower case, or nothing where they are denied: a provider sends the same few in every answer. */
const decided = new Map<string, string>()
const DECIDED = 1000

function passing(name: string): string {
  let found = decided.get(name)
  if (found === undefined) {
    const lower = name.toLowerCase()
    found = DENIED.has(lower) || DENIED_FAMILIES.test(lower) ? '' : lower
    if (decided.size < DECIDED) decided.set(name, found)
  }
  return found
}

export const isDenied = (name: string): boolean => passing(name) === ''

const isConnection = (name: string): boolean => name.length === 10 && name.toLowerCase() === 'connection'

/** What this one provider calls the owner's credential and what is left of his quota, where the name alone does not tell. */
const ownFields = new WeakMap<Adapter, readonly string[]>()

function ownFieldsOf(adapter: Adapter): readonly string[] {
  let names = ownFields.get(adapter)
  if (names === undefined) {
    const { credential, quota } = adapter
    names = [...(credential.in === 'header' ? [credential.name] : []), ...(quota.remaining === undefined ? [] : [quota.remaining.header])]
    names = names.map((name) => name.toLowerCase())
    ownFields.set(adapter, names)
  }
  return names
}

/** From a provider's raw fields (flat list) to those that a consumer may see, names in lower case. */
export function answerHeaders(raw: readonly string[], adapter: Adapter): string[] {
  const own = ownFieldsOf(adapter)
  const headers: string[] = []
  let named: Set<string> | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string
    const passed = passing(name)
    if (passed !== '') {
      if (!own.includes(passed)) headers.push(passed, raw[at + 1] as string)
    } else if (isConnection(name)) {
      const options = (raw[at + 1] as string).toLowerCase()
      if (options === 'keep-alive' || options === 'close') continue
      named ??= new Set()
      for (const option of options.split(',')) named.add(option.trim())
    }
  }
  return named === undefined ? headers : headers.filter((_, at) => !named.has(headers[at - (at % 2)] as string))
}

/** Text of an adapter or a configuration as a field: in UTF-8, whose bytes a raw header list takes as Latin-1. */
export const fieldValue = (value: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /^[\x20-\x7e]*$/.test(value) ? value : Buffer.from(value.replace(/[\u0000-\u001f\u007f]+/g, ' ')).toString('latin1')

/** Of a flat list; undefined when it is not there. */
export function headerOf(raw: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.length === name.length && (raw[at] as string).toLowerCase() === name) return raw[at + 1] as string
  }
  return undefined
}

/** Open-ended whatever the adapter says. */
export const isEventStream = (raw: readonly string[]): boolean => /^text\/event-stream\s*(;|$)/i.test(headerOf(raw, 'content-type') ?? '')

export function storedAnswer(status: number, headers: readonly string[], body: Buffer): StoredAnswer {
  const text = body.toString('utf8')
  const utf8 = Buffer.byteLength(text) === body.length && (!text.includes('\ufffd') || Buffer.from(text).equals(body))
  return { status, headers, body: utf8 ? text : body.toString('base64'), encoding: utf8 ? 'utf8' : 'base64' }
}

export const storedBody = (answer: StoredAnswer): Buffer => Buffer.from(answer.body, answer.encoding)
