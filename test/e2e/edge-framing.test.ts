/** Where a request ends: lengths, codings, chunks, trailers, and what stands behind it. What is open to two readings is refused and ends the connection. */

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

const CL = 'RFC 9112 6.3'
const TE = 'RFC 9112 6.1'
const CHUNK = 'RFC 9112 7.1'
const EXT = 'RFC 9112 7.1.1'
const TRAILER = 'RFC 9110 6.5.1'
const CHUNKED = 'Transfer-Encoding: chunked'
const chunks = (text: string, ...fields: readonly string[]): string => post(text, CHUNKED, ...fields)

t.test('a length that is open to two readings is refused', async (t) => {
  const lengths = [
    '+2',
    '-2',
    '2 2',
    '2,2',
    '2, 2',
    '2,3',
    '0x2',
    '2.0',
    '2e0',
    '',
    ' ',
    '2;',
    '"2"',
    '２',
    '99999999999999999999',
    '18446744073709551618',
    '2\x0b',
    'two',
    '2\t2',
  ]
  await run(t, battery, [
    ...ambiguous(lengths.map((length) => [CL, `Content-Length: ${JSON.stringify(length)}`, post('{}', `Content-Length: ${length}`)] as const)),
    ...ambiguous([
      [CL, 'two lengths', post('{}', 'Content-Length: 2', 'Content-Length: 3')],
      [CL, 'two equal lengths', post('{}', 'Content-Length: 2', 'Content-Length: 2')],
      [CL, 'two lengths, spelled differently', post('{}', 'Content-Length: 2', 'content-length: 0')],
      [CL, 'a length and chunks', post('0\r\n\r\n', 'Content-Length: 5', CHUNKED)],
      [CL, 'chunks and a length', post('0\r\n\r\n', CHUNKED, 'Content-Length: 5')],
      [CL, 'chunks and a length of 0', post('0\r\n\r\n', CHUNKED, 'Content-Length: 0')],
      [CL, 'a length before a colon with a space', post('{}', 'Content-Length : 2')],
      [CL, 'a folded length', post('{}', 'Content-Length:\r\n 2')],
      [CL, 'a length on a page', head('GET /healthz HTTP/1.1', HOST, 'Content-Length: 1', 'Content-Length: 2')],
    ]),
  ])
})

t.test('a coding other than chunked, alone and once, is refused', async (t) => {
  const codings = [
    ...['gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'identity', 'identity, chunked', 'gzip', 'xchunked', 'chunkedx', 'chunked;q=1', '"chunked"'],
    ...[
      'chunked,',
      ',chunked',
      'chunked;',
      'deflate',
      '',
      'chunked identity',
      '\x0bchunked',
      'chunked\x0b',
      "'chunked'",
      'cow',
      'chunked, cow',
      'cow, chunked',
    ],
  ]
  await run(t, battery, [
    ...ambiguous(codings.map((coding) => [TE, `Transfer-Encoding: ${JSON.stringify(coding)}`, post('0\r\n\r\n', `Transfer-Encoding: ${coding}`)] as const)),
    ...ambiguous([
      [TE, 'twice chunked', post('0\r\n\r\n', CHUNKED, CHUNKED)],
      [TE, 'identity, then chunked', post('0\r\n\r\n', 'Transfer-Encoding: identity', CHUNKED)],
      [TE, 'chunked, then identity', post('0\r\n\r\n', CHUNKED, 'Transfer-Encoding: identity')],
      [TE, 'a space before the colon', post('0\r\n\r\n', 'Transfer-Encoding : chunked')],
      [TE, 'a tab before the colon', post('0\r\n\r\n', 'Transfer-Encoding\t: chunked')],
      [TE, 'a folded coding', post('0\r\n\r\n', 'Transfer-Encoding:\r\n chunked')],
      [TE, 'a space before the name', post('0\r\n\r\n', ` ${CHUNKED}`)],
      [TE, 'a bare LF in it', post('0\r\n\r\n', 'Transfer-Encoding: chunked\nX: 1')],
      [TE, 'a bare CR in it', post('0\r\n\r\n', 'Transfer-Encoding: chunked\rX: 1')],
      [TE, 'NUL in it', post('0\r\n\r\n', 'Transfer-Encoding: chunked\0')],
      [TE, 'on a page', head('GET /catalog HTTP/1.1', HOST, 'Transfer-Encoding: gzip, chunked')],
      [TE, 'in HTTP/1.0', `${head('POST /acme/raw HTTP/1.0', HOST, KEY, 'Connection: keep-alive', CHUNKED)}0\r\n\r\n`],
      [TE, 'in HTTP/1.0, with a length', `${head('POST /acme/raw HTTP/1.0', HOST, KEY, 'Connection: keep-alive', CHUNKED, 'Content-Length: 5')}0\r\n\r\n`],
    ]),
    ...taken([
      [TE, 'chunked', chunks('2\r\n{}\r\n0\r\n\r\n')],
      [TE, 'Chunked', post('2\r\n{}\r\n0\r\n\r\n', 'Transfer-Encoding: Chunked')],
      [TE, 'transfer-encoding', post('2\r\n{}\r\n0\r\n\r\n', 'transfer-encoding: chunked')],
      [TE, 'with spaces around it', post('2\r\n{}\r\n0\r\n\r\n', 'Transfer-Encoding:  \t chunked  ')],
      ['RFC 9110 10.1.4', 'TE says what is taken back', chunks('2\r\n{}\r\n0\r\n\r\n', 'TE: trailers, deflate')],
    ]),
  ])
})

t.test('a chunk that is open to two readings is refused', async (t) => {
  const sizes = ['0x2', ' 2', '+2', '-2', '', 'g', '2 ', '2\t', '2,', '2\x0b', '1ffffffffffffffff', '2 2', '２', '_2', '2.0']
  await run(t, battery, [
    ...ambiguous(sizes.map((size) => [CHUNK, `a size ${JSON.stringify(size)}`, chunks(`${size}\r\n{}\r\n0\r\n\r\n`)] as const)),
    ...ambiguous([
      [CHUNK, 'a size that ends in LF', chunks('2\n{}\r\n0\r\n\r\n')],
      [CHUNK, 'a size that ends in CR', chunks('2\r{}\r\n0\r\n\r\n')],
      [CHUNK, 'data that ends in LF', chunks('2\r\n{}\n0\r\n\r\n')],
      [CHUNK, 'data that is longer than its size', chunks('2\r\n{}x\r\n0\r\n\r\n')],
      [CHUNK, 'data that is shorter than its size', chunks('3\r\n{}\r\n0\r\n\r\n')],
      [CHUNK, 'data without an end', chunks('2\r\n{}0\r\n\r\n')],
      [CHUNK, 'a last chunk that ends in LF', chunks('2\r\n{}\r\n0\n\r\n')],
      [CHUNK, 'an end in LF', chunks('2\r\n{}\r\n0\r\n\n')],
      [EXT, 'an extension with LF', chunks('2;a=1\n{}\r\n0\r\n\r\n')],
      [EXT, 'an extension with NUL', chunks('2;a=\0\r\n{}\r\n0\r\n\r\n')],
      [EXT, 'an extension with CR', chunks('2;a\rb\r\n{}\r\n0\r\n\r\n')],
    ]),
    ...taken([
      [CHUNK, 'zeros before the size', chunks('0002\r\n{}\r\n0\r\n\r\n')],
      [CHUNK, 'several zeros at the end', chunks('2\r\n{}\r\n000\r\n\r\n')],
      [CHUNK, 'hexadecimal in both cases', chunks(`A\r\n${'x'.repeat(10)}\r\na\r\n${'y'.repeat(10)}\r\n0\r\n\r\n`)],
      [CHUNK, 'no data at all', chunks('0\r\n\r\n')],
      [EXT, 'a name', chunks('2;a\r\n{}\r\n0\r\n\r\n')],
      [EXT, 'a name and a value', chunks('2;a=1;b="x y"\r\n{}\r\n0;c\r\n\r\n')],
    ]),
    {
      why: EXT,
      what: 'more of them than data',
      sent: chunks(`2;a=${'x'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
      answers: ['413 body_too_large'],
      ends: true,
      reached: [],
    },
    {
      why: EXT,
      what: 'a little beside every byte',
      sent: chunks(`${`1;${'x'.repeat(99)}\r\nx\r\n`.repeat(2000)}0\r\n\r\n`),
      answers: ['413 body_too_large'],
      ends: true,
      reached: [],
    },
  ])
})

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
