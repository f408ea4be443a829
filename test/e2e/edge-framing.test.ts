/** Where a request ends: lengths, codings and chunks. What is open to two readings is refused and ends the connection. */

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
