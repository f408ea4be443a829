/** A head that is the same as the one before is not read again: what a reader says of an answer is what another one says that has read nothing before. */
import t from 'tap'
import type { Head } from '../../gateway/engine/upstream/head.ts'
import { AnswerReader } from '../../gateway/engine/upstream/reader.ts'
import { randomFrom, seedOf } from '../rig/random.ts'

const DATE = 'date: Fri, 27 Nov 2026 10:00:0'
const withBody = (head: string, body = 'body'): string => `HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${body}`

/** Each as a whole; some differ in a byte, in a field more, in what follows the same fields. */
const answers = [
  withBody(`${DATE}1 GMT\r\n`),
  withBody(`${DATE}2 GMT\r\n`),
  withBody(`${DATE}1 GMT\r\n`, 'bodies that are longer'),
  withBody(`${DATE}1 GMT\r\nx-more: 1\r\n`),
  withBody(''),
  `HTTP/1.1 200 OK\r\n${DATE}1 GMT\r\n\r\n`,
  'HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-more: 1\r\n\r\nbody',
  'HTTP/1.1 404 OK\r\ncontent-length: 4\r\n\r\nbody',
  'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody',
  withBody(`x-long: ${'x'.repeat(2_000)}\r\n`),
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length : 4\r\n\r\nbody',
  'HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nbody',
]

/** A connection reads all its answers into the same memory. */
const memory = Buffer.alloc(4_096)

/** What it says of an answer that comes in these pieces. */
function said(reader: AnswerReader, pieces: readonly string[]): string[] {
  const heard: string[] = []
  reader.begin('GET')
  const events = {
    head: (head: Head) => heard.push(JSON.stringify({ ...head, bytes: head.bytes.toString('latin1') })) > 0,
    piece: (bytes: Buffer) => heard.push(`piece ${bytes}`) > 0,
    trailers: (bytes: Buffer) => void heard.push(`trailers ${bytes}`),
  }
  try {
    for (const piece of pieces) {
      const bytes = memory.subarray(0, memory.write(piece, 'latin1'))
      const stop = reader.read(bytes, 0, events)
      heard.push(`${stop === bytes.length}`)
    }
  } catch (error) {
    heard.push(String(error))
  }
  return [...heard, `${reader.whole} ${reader.reusable} ${reader.keptMs}`]
}

t.test('one reader for all answers says what a new one says of each, wherever they are cut', async (t) => {
  const random = randomFrom(seedOf(t))
  for (let round = 0; round < 300; round += 1) {
    const reader = new AnswerReader()
    for (let asked = 0; asked < 6; asked += 1) {
      const answer = answers[Math.floor(random() * answers.length)] as string
      const cut = random() < 0.5 ? answer.length : Math.floor(random() * answer.length)
      const pieces = [answer.slice(0, cut), answer.slice(cut)].filter((piece) => piece !== '')
      const found = said(reader, pieces)
      const expected = said(new AnswerReader(), pieces)
      if (found.join('\n') !== expected.join('\n')) t.strictSame(found, expected, JSON.stringify(pieces))
      // A connection whose answer was malformed, or without an end, serves no more.
      if (!reader.whole) break
    }
  }
})
