/** An answer that is coded although nobody asked for that comes decoded, whole and within the bound, or not at all. */

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { at, type Heard, send, transportOf } from '../rig/attempts.ts'
import { startRawProvider } from '../rig/raw-provider.ts'

const BODY = Buffer.from(JSON.stringify({ a: 'ä'.repeat(200) }))
const BOUND = 1024

/** What comes of an answer with these fields. */
async function heard(t: Test, fields: string, body: Buffer): Promise<Heard> {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${fields}content-length: ${body.length}\r\n\r\n`
  const provider = await startRawProvider(t, (socket) => socket.write(Buffer.concat([Buffer.from(head), body])))
  const one = send(transportOf(t, { bufferBytes: BOUND }), at(provider.url))
  await one.over
  return one
}

t.test('whatever it is coded by, what was meant arrives, and no field speaks of the coding', async (t) => {
  const cases: readonly [coding: string, body: Buffer][] = [
    ['gzip', gzipSync(BODY)],
    ['X-GZIP', gzipSync(BODY)],
    ['deflate', deflateSync(BODY)],
    ['deflate', deflateRawSync(BODY)],
    ['br', brotliCompressSync(BODY)],
  ]
  for (const [coding, body] of cases) {
    const { events, raw } = await heard(t, `content-encoding: ${coding}\r\ncontent-md5: x\r\nx-kept: 1\r\n`, body)
    t.strictSame(events, ['head 200', `data ${BODY}`, 'end'], coding)
    t.notMatch(raw.join(' ').toLowerCase(), /content-encoding|content-length|content-md5/, coding)
    t.ok(raw.includes('x-kept'), coding)
  }
})

t.test('identity is no coding', async (t) => {
  for (const fields of ['', 'content-encoding: identity\r\n', 'content-encoding: Identity\r\n', 'content-encoding:\r\n']) {
    const { events } = await heard(t, fields, BODY)
    t.strictSame([events[0], events.slice(1, -1).join('').replaceAll('data ', ''), events.at(-1)], ['head 200', `${BODY}`, 'end'], fields)
  }
})

t.test('what is coded twice, in a way that nobody knows, damaged, or beyond the bound is an error, and nothing of it arrives', async (t) => {
  const long = Buffer.alloc(BOUND + 1, 0x20)
  const cases: readonly [fields: string, body: Buffer][] = [
    ['content-encoding: gzip, gzip\r\n', gzipSync(gzipSync(BODY))],
    ['content-encoding: gzip\r\ncontent-encoding: gzip\r\n', gzipSync(gzipSync(BODY))],
    ['content-encoding: zstd\r\n', BODY],
    ['content-encoding: gzip\r\n', BODY],
    ['content-encoding: gzip\r\n', gzipSync(BODY).subarray(0, -9)],
    ['content-encoding: gzip\r\n', gzipSync(long)],
  ]
  for (const [fields, body] of cases) {
    const { events, sent } = await heard(t, fields, body)
    t.match(events, [/^error the answer is coded/], fields)
    t.strictSame([events.length, sent], [1, true])
  }
  t.strictSame((await heard(t, 'content-encoding: gzip\r\n', gzipSync(long.subarray(1)))).events.at(-1), 'end', 'as long as the bound is within it')
})
