/**
 * An answer of any length passes through a gateway whose memory stays as it was, charged once, at the pace of its reader.
 * ATLAS_TEST_LONG=1: a whole gibibyte.
 */
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import t from 'tap'
import { startChild } from '../rig/child.ts'
import { startProvider } from '../rig/provider.ts'

const MIB = 1024 * 1024
const SIZE = (process.env.ATLAS_TEST_LONG === '1' ? 1024 : 192) * MIB
/** Buffers of sockets on both sides, young garbage, and code that is compiled meanwhile. */
const ROOM = 96 * MIB

const residentBytes = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024

t.test(`${SIZE / MIB} MiB pass in constant memory`, { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const block = Buffer.alloc(MIB / 4, 'x')
  const provider = await startProvider(t)
  provider.always((response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    let sent = 0
    const more = (): void => {
      while (sent < SIZE) {
        sent += block.length
        if (!response.write(block)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  const gateway = startChild(t, './edge-gateway-child.js', [provider.url, '{}'])
  await gateway.said(1)
  const { url, key } = JSON.parse(gateway.lines[0] ?? '') as { url: string; key: string }
  const pid = gateway.process.pid as number
  const before = residentBytes(pid)
  const asked = request(`${url}/acme/feed`, { headers: { authorization: `Bearer ${key}` } }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  t.equal(answer.statusCode, 200)
  let [read, peak, looked] = [0, before, 0]
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    read += chunk.length
    if (read - looked < 4 * MIB) continue
    looked = read
    peak = Math.max(peak, residentBytes(pid))
  }
  t.equal(read, SIZE, 'all of it came')
  t.comment(`${Math.round(before / MIB)} MiB before, at most ${Math.round(peak / MIB)} while ${SIZE / MIB} MiB passed`)
  t.ok(peak - before < ROOM, `${Math.round((peak - before) / MIB)} MiB more`)
  gateway.process.stdin?.end()
  await gateway.ended
})
