/** What stands behind a request: trailers, which can change nothing, and the next request, which is carried out in its order or not at all. */

import t from 'tap'
import { GET, head, HOST, KEY, openBattery, POSTED, post, REACHED, type Row, run, SMUGGLED } from '../rig/battery.ts'

const battery = await openBattery(t)

type Short = readonly [why: string, what: string, sent: string]

/** Refused with 400, and nothing behind it is carried out. */
const ambiguous = (rows: readonly Short[]): readonly Row[] =>
  rows.map(([why, what, sent]) => ({ why, what, sent: sent + SMUGGLED, answers: ['400 bad_request'], ends: true, reached: [] }))
/** Carried out, and what stands behind it, too. */
const taken = (rows: readonly Short[]): readonly Row[] =>
  rows.map(([why, what, sent]) => ({ why, what, sent: sent + GET, answers: ['200', '200'], ends: false, reached: [POSTED, REACHED] }))

const TRAILER = 'RFC 9110 6.5.1'
const CHUNKED = 'Transfer-Encoding: chunked'
const chunks = (text: string, ...fields: readonly string[]): string => post(text, CHUNKED, ...fields)

t.test('trailers that would change what a request is are refused, before anything is carried out', async (t) => {
  const forbidden = [
    ...['Content-Length: 5', 'Transfer-Encoding: chunked', 'Host: y', 'Authorization: Bearer x', 'Content-Type: text/plain', 'Content-Encoding: gzip'],
    ...[
      'X-API-Key: x',
      'PAYMENT-SIGNATURE: x',
      'X-PAYMENT: x',
      'Idempotency-Key: x',
      'X-Atlas-Max-Price: 1',
      'Cookie: a=b',
      'Connection: close',
      'TE: trailers',
    ],
    ...['Expect: 100-continue', 'If-None-Match: "1"', 'Range: bytes=0-1', 'Max-Forwards: 1', 'Cache-Control: no-cache', 'Trailer: X', 'Proxy-Authorization: x'],
    ...['X-Forwarded-For: 1.2.3.4', 'Forwarded: for=1.2.3.4', 'X-HTTP-Method-Override: DELETE', 'content-length: 5', 'Upgrade: h2c', 'SIGN-IN-WITH-X: x'],
  ]
  await run(t, battery, [
    ...ambiguous(forbidden.map((field) => [TRAILER, field, chunks(`2\r\n{}\r\n0\r\n${field}\r\n\r\n`)] as const)),
    ...ambiguous([
      [TRAILER, 'announced', chunks('2\r\n{}\r\n0\r\n\r\n', 'Trailer: X-A, Content-Length')],
      ['RFC 9112 7.1.2', 'a trailer that is folded', chunks('2\r\n{}\r\n0\r\nX: a\r\n b\r\n\r\n')],
      ['RFC 9112 7.1.2', 'a trailer without a colon', chunks('2\r\n{}\r\n0\r\nX\r\n\r\n')],
      ['RFC 9112 7.1.2', 'a trailer with a space before the colon', chunks('2\r\n{}\r\n0\r\nX : a\r\n\r\n')],
      ['RFC 9112 7.1.2', 'a trailer that ends in LF', chunks('2\r\n{}\r\n0\r\nX: a\n\r\n')],
    ]),
    ...taken([
      [TRAILER, 'a sum of the content', chunks('2\r\n{}\r\n0\r\nX-Checksum: 1\r\n\r\n', 'Trailer: X-Checksum')],
      [TRAILER, 'two that nobody knows', chunks('2\r\n{}\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n')],
    ]),
    {
      why: 'limits.header_bytes',
      what: 'a trailer over 16 KiB',
      sent: chunks(`2\r\n{}\r\n0\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`),
      answers: ['431 headers_too_large'],
      ends: true,
      reached: [],
    },
  ])
})

t.test('what stands behind a request is another one, in its order, or ends the connection', async (t) => {
  const row = (why: string, what: string, sent: string, answers: readonly string[], ends: boolean, ...reached: readonly string[]): Row => ({
    why,
    what,
    sent,
    answers,
    ends,
    reached,
  })
  const PIPE = 'RFC 9112 9.3.2'
  await run(t, battery, [
    row(PIPE, 'three calls in one packet', GET + GET + GET, ['200', '200', '200'], false, REACHED, REACHED, REACHED),
    row(PIPE, 'a body, then a call', post('{}', 'Content-Length: 2') + GET, ['200', '200'], false, POSTED, REACHED),
    row('RFC 9112 2.2', 'an empty line before a call', `\r\n${GET}`, ['200'], false, REACHED),
    row('RFC 9112 2.2', 'an empty line between calls', `${GET}\r\n${GET}`, ['200', '200'], false, REACHED, REACHED),
    row(PIPE, 'garbage behind a call never overtakes it', `${GET}garbage\r\n\r\n`, ['200', '400 bad_request'], true, REACHED),
    row(PIPE, 'garbage behind two calls', `${GET}${GET}\0\0`, ['200', '200', '400 bad_request'], true, REACHED, REACHED),
    row(PIPE, 'TLS behind a call', `${GET}\x16\x03\x01`, ['200', '400 bad_request'], true, REACHED),
    row(
      PIPE,
      'an ambiguous request behind a call',
      `${GET}${post('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked')}${SMUGGLED}`,
      ['200', '400 bad_request'],
      true,
      REACHED,
    ),
    row(PIPE, 'CONNECT behind a call', `${GET}${head('CONNECT y:443 HTTP/1.1', 'Host: y:443')}${SMUGGLED}`, ['200', '405 method_not_allowed'], true, REACHED),
    row(
      'RFC 9112 9.6',
      'nothing behind Connection: close is carried out',
      head('GET /acme/search?q=1 HTTP/1.1', HOST, KEY, 'Connection: close') + SMUGGLED,
      ['200'],
      true,
      REACHED,
    ),
    row(
      'RFC 9112 9.6',
      'nothing behind a body that is too large is carried out',
      `${post('', 'Content-Length: 99999')}${SMUGGLED}`,
      ['413 body_too_large'],
      true,
    ),
    row(
      'RFC 9112 9.6',
      'nothing behind a refused body of unknown length is carried out',
      `${head('POST /acme/nothing HTTP/1.1', HOST, CHUNKED)}fff\r\n${SMUGGLED}`,
      ['404 unknown_operation'],
      true,
    ),
    row(
      'RFC 9112 6.3',
      'a body that nobody reads is passed over',
      `${head('POST /acme/nothing HTTP/1.1', HOST, 'Content-Length: 4')}GET ${GET}`,
      ['404 unknown_operation', '200'],
      false,
      REACHED,
    ),
    row(
      'RFC 9112 6.3',
      'a body on a page is passed over',
      `${head('GET /healthz HTTP/1.1', HOST, 'Content-Length: 4')}GET ${GET}`,
      ['200', '200'],
      false,
      REACHED,
    ),
    row('RFC 9112 6.3', 'without a length there is no body', `${post('')}${GET}`, ['200', '200'], false, POSTED, REACHED),
    row(
      'RFC 9112 6.3',
      'a body beside GET is part of it',
      `${head('GET /acme/search?q=1 HTTP/1.1', HOST, KEY, 'Content-Length: 7')}{"a":1}${GET}`,
      ['200', '200'],
      false,
      REACHED,
      REACHED,
    ),
  ])
})
