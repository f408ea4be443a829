/** How the console answers: what each answer says to the browser, pages, redirects, and the cookie. */
import { gzipSync } from 'node:zlib'
import type { Answer } from '../edge.ts'
import type { Html } from '../discovery/html.ts'
import type { DoorRequest } from '../wire.ts'

const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
].join('; ')

/** A page's own origin has to be told with its forms: without a referrer browsers would send `Origin: null`. */
export const SAFE = [
  ...['content-security-policy', POLICY, 'x-frame-options', 'DENY', 'referrer-policy', 'same-origin', 'x-content-type-options', 'nosniff'],
  ...['cross-origin-opener-policy', 'same-origin', 'cross-origin-resource-policy', 'same-origin'],
]
export const NOT_KEPT = ['cache-control', 'no-store']

/** Shorter ones are one packet anyway. */
const WORTH_BYTES = 1_200

export const takesGzip = ({ headers }: DoorRequest): boolean => /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))

export function pageAnswer(request: DoorRequest, status: number, page: Html, more: readonly string[] = []): Answer {
  const headers = ['content-type', 'text/html; charset=utf-8', ...SAFE, ...NOT_KEPT, 'vary', 'accept-encoding', ...more]
  if (page.text.length < WORTH_BYTES || !takesGzip(request)) return { status, headers, body: page.text }
  return { status, headers: [...headers, 'content-encoding', 'gzip'], body: gzipSync(page.text) }
}

/** After a form, so that going back asks nobody to send it again. */
export const seeOther = (location: string, more: readonly string[] = []): Answer => ({
  status: 303,
  headers: ['location', location, ...SAFE, ...NOT_KEPT, ...more],
  body: '',
})

export const plainAnswer = (status: number, text: string, more: readonly string[] = []): Answer => ({
  status,
  headers: ['content-type', 'text/plain; charset=utf-8', ...SAFE, ...NOT_KEPT, ...more],
  body: `${text}\n`,
})

/** Several gateways of one machine share a host, and cookies know no ports. */
const cookieName = (request: DoorRequest): string => `atlas_console_${request.socket.localPort ?? 0}`

export const cookieOf = (request: DoorRequest): string | undefined =>
  (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim().split('='))
    .find(([name]) => name === cookieName(request))?.[1]

/** Without a value: it is taken back. */
export const setCookie = (request: DoorRequest, scheme: string, id: string | undefined): readonly string[] => [
  'set-cookie',
  `${cookieName(request)}=${id ?? ''}; Path=/console; HttpOnly; SameSite=Strict${scheme === 'https' ? '; Secure' : ''}${id === undefined ? '; Max-Age=0' : ''}`,
]
