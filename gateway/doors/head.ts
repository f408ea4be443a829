/**
 * The one judgement of a request's head, for every path of both ports, on the fields as they came: whatever two readers
 * could read differently is refused before anybody has read it. What the parser refuses by itself never comes here.
 */
import type { IncomingMessage } from 'node:http'
import { type Refusal, refuse } from '#contract'

/** `ends`: nobody can be sure where the next request begins, so that there is none. */
export interface Fault {
  readonly refusal: Refusal
  readonly ends: boolean
}

/** Framing, routing, who asks and who pays: each at most once (RFC 9110 section 5.3), never as a trailer (6.5.1), never dropped on the way (7.6.1). */
const DECIDING = [
  ...['host', 'transfer-encoding', 'content-length', 'content-encoding', 'authorization', 'x-api-key', 'payment-signature', 'x-payment'],
  ...['sign-in-with-x', 'idempotency-key', 'x-atlas-max-price'],
]
/** One value each, and nothing but the answer depends on it. */
const SINGLE = ['content-type', 'if-modified-since', 'origin', 'access-control-request-method']
/** Lists are judged here, too. */
const LISTS = ['connection', 'trailer']

/** Name in lower case -> its bit. */
const BITS = new Map([...DECIDING, ...SINGLE, ...LISTS].map((name, at): [string, number] => [name, 1 << at]))
const bit = (...names: readonly string[]): number => names.reduce((sum, name) => sum | (BITS.get(name) ?? 0), 0)
const HOST = bit('host')
const CODING = bit('transfer-encoding')
const CONNECTION = bit('connection')
const TRAILER = bit('trailer')
const MANY = bit(...LISTS)
const FRAMING = bit('host', 'transfer-encoding', 'content-length')

/** Names as they were sent -> their bit: clients spell the same few in every request. */
const spelled = new Map<string, number>()
const SPELLED = 1000

function bitOf(name: string): number {
  let found = spelled.get(name)
  if (found === undefined) {
    found = BITS.get(name.toLowerCase()) ?? 0
    if (spelled.size < SPELLED) spelled.set(name, found)
  }
  return found
}

const bad = (detail: string): Fault => ({ refusal: refuse('bad_request', detail), ends: true })

/** Takes what Connection names out of `request.headers`, and the origin out of its target. */
export function faultOf(request: IncomingMessage, most: number): Fault | undefined {
  const { rawHeaders } = request
  if (rawHeaders.length > most * 2) return { refusal: refuse('headers_too_large', `the request has more than ${most} header fields`), ends: false }
  if (request.httpVersionMajor !== 1) return bad('the request is not HTTP/1.1 or HTTP/1.0')
  let seen = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const found = bitOf(rawHeaders[at] as string)
    if ((seen & found & ~MANY) !== 0) return twice(rawHeaders[at] as string, found)
    seen |= found
  }
  if ((seen & HOST) === 0 ? request.httpVersionMinor !== 0 : !isHost(request.headers.host as string)) return hostFault(request.headers.host)
  if ((seen & CODING) !== 0 && !isChunked(request)) return bad('Transfer-Encoding is not taken but as "chunked" alone, in HTTP/1.1')
  if ((seen & CONNECTION) !== 0) {
    const fault = connectionFault(request)
    if (fault !== undefined) return fault
  }
  if ((seen & TRAILER) !== 0) {
    const forbidden = forbiddenIn((request.headers.trailer ?? '').split(','))
    if (forbidden !== undefined) return bad(`${forbidden} cannot come as a trailer`)
  }
  return request.url?.charCodeAt(0) === 0x2f ? undefined : targetFault(request)
}

const twice = (name: string, found: number): Fault => ({
  refusal: refuse('bad_request', `the request has more than one ${name} field`),
  ends: (found & FRAMING) !== 0,
})

/** A name or an address, with or without a port (RFC 9112 section 3.2); of what RFC 3986 lets a name hold only what names of hosts do. */
const NAMED = /^(?:(?:[A-Za-z0-9_~-]+\.)*[A-Za-z0-9_~-]+\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{0,5}))?$/

export function isHost(host: string): boolean {
  const found = NAMED.exec(host)
  return found !== null && (found[1] === undefined || Number(found[1]) <= 65_535)
}

const hostFault = (host: string | undefined): Fault =>
  bad(host === undefined ? 'the request has no Host field' : 'Host is no name of a host, with or without a port')

/** A coding before it would change the length (RFC 9112 section 6.1), and HTTP/1.0 has none. */
const isChunked = ({ headers, httpVersionMinor }: IncomingMessage): boolean =>
  httpVersionMinor === 1 && headers['transfer-encoding']?.toLowerCase() === 'chunked'

/** Besides what decides: without the address that a proxy names, its client would be somebody else. */
const KEPT = new Set([...DECIDING, 'x-forwarded-for', 'connection', 'content-range', 'cookie', 'proxy-authorization'])
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** What is named is for this connection alone (RFC 9110 section 7.6.1): nobody behind it sees it. */
function connectionFault(request: IncomingMessage): Fault | undefined {
  const options = request.headers.connection as string
  if (options === 'keep-alive' || options === 'close') return undefined
  for (const part of options.split(',')) {
    const option = part.trim().toLowerCase()
    if (option === '' || option === 'keep-alive' || option === 'close') continue
    if (!TOKEN.test(option)) return bad('Connection is no list of names')
    if (KEPT.has(option)) return bad(`Connection names ${option}, which is not for this connection alone`)
    delete request.headers[option]
  }
  return undefined
}

/** What RFC 9110 section 6.5.1 keeps out of trailers, beside what decides: other framing, routing, conditions, how content is read. */
const NO_TRAILERS = new Set([
  ...[...BITS.keys(), 'te', 'upgrade', 'keep-alive', 'expect', 'max-forwards', 'range', 'cache-control', 'pragma', 'content-range', 'cookie', 'set-cookie'],
  ...['if-match', 'if-none-match', 'if-unmodified-since', 'if-range', 'accept', 'accept-encoding', 'accept-language', 'forwarded', 'via', 'x-original-url'],
  ...['x-rewrite-url', 'x-http-method-override', 'x-method-override', 'true-client-ip', 'cf-connecting-ip', 'x-real-ip', 'proxy', 'age', 'date', 'vary'],
  ...['location', 'retry-after', 'warning', 'www-authenticate'],
])
const NO_TRAILER_FAMILY = /^(proxy-|x-forwarded-|x-atlas-)/

function forbiddenIn(names: readonly string[]): string | undefined {
  return names.map((name) => name.trim().toLowerCase()).find((name) => NO_TRAILERS.has(name) || NO_TRAILER_FAMILY.test(name))
}

/** Once the body is there; undefined for almost every request. */
export function trailerFault({ rawTrailers }: IncomingMessage): Fault | undefined {
  if (rawTrailers.length === 0) return undefined
  const forbidden = forbiddenIn(rawTrailers.filter((_, at) => at % 2 === 0))
  return forbidden === undefined ? undefined : bad(`${forbidden} cannot come as a trailer`)
}

const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)$/i

/** A whole URL is taken where it says the same as Host (RFC 9112 section 3.2.2); `*` is for OPTIONS alone (3.2.4). */
function targetFault(request: IncomingMessage): Fault | undefined {
  const { method, url = '', headers } = request
  if (method === 'CONNECT' || url === '*') return undefined
  const [, authority = '', rest = ''] = ABSOLUTE.exec(url) ?? []
  const host = headers.host ?? authority
  if (!isHost(authority) || authority.toLowerCase() !== host.toLowerCase()) return bad('the request target is no path, and no URL of the host that Host names')
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  return undefined
}
