/** The client of the benchmark counts every answer, and hides no stall of a server. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Answer } from '../../bench/answer.ts'
import { Latencies } from '../../bench/latencies.ts'
import type { Order, Result } from '../../bench/load.ts'
import type { Teardown } from '../rig/folder.ts'

const STALL_MS = 400

async function loaded(t: Teardown, listener: RequestListener, order: Partial<Order>): Promise<Result> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = fork(new URL('../../bench/load.js', import.meta.url), { execArgv: [] })
  t.teardown(() => {
    client.disconnect()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
  client.send({ id: 1, port, connections: 1, seconds: 0.5, requests: [request], ...order } satisfies Order)
  const [result] = (await once(client, 'message')) as [Result]
  return result
}

t.test('every answer is counted by its status', async (t) => {
  let asked = 0
  const result = await loaded(t, (_, response) => response.writeHead(++asked % 2 === 0 ? 200 : 503).end('x'.repeat(3_000)), { connections: 4 })
  t.equal((result.statuses['200'] ?? 0) + (result.statuses['503'] ?? 0), asked)
  t.ok(Math.abs((result.statuses['200'] ?? 0) - (result.statuses['503'] ?? 0)) <= 1)
  t.equal(result.statuses.broken, undefined)
})

t.test('on a timetable as many requests are sent as were due', async (t) => {
  const result = await loaded(t, (_, response) => response.end('ok'), { rate: 200, connections: 8 })
  t.strictSame(result.statuses, { 200: 100 })
})

t.test('a server that stalls is charged with every request that it kept waiting', async (t) => {
  let isFirst = true
  const answer: RequestListener = (_, response) => {
    setTimeout(() => response.end('ok'), isFirst ? STALL_MS : 0)
    isFirst = false
  }
  const result = await loaded(t, answer, { rate: 100 })
  t.strictSame(result.statuses, { 200: 50 })
  // Those due in the first 250 ms have all waited for at least 150 more; asked one after another only one would have waited.
  t.ok(result.p50Ms >= 150, `p50 is ${result.p50Ms} ms`)
})

t.test('a connection that breaks is counted', async (t) => {
  const result = await loaded(t, (request) => request.socket.destroy(), { seconds: 0.1, rate: 100 })
  t.equal(result.statuses.broken, 1)
})

t.test('an answer is read whatever its pieces', async (t) => {
  const text = 'HTTP/1.1 402 Payment Required\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'
  const second = text.indexOf('HTTP', 1)
  for (let cut = 1; cut < second; cut += 1) {
    const answer = new Answer()
    const take = (part: string): boolean => answer.take(Buffer.from(part, 'latin1'), part.length)
    t.notOk(take(text.slice(0, cut)), `after ${cut} bytes`)
    t.ok(take(text.slice(cut, second)))
    t.equal(answer.status, '402')
    t.ok(take(text.slice(second)))
    t.equal(answer.status, '200')
  }
})

t.test('a percentile is that of what was counted', async (t) => {
  const latencies = new Latencies()
  t.equal(latencies.percentile(0.5), Number.POSITIVE_INFINITY)
  for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms - 0.005)
  t.equal(Math.round(latencies.percentile(0.5)), 500)
  t.equal(Math.round(latencies.percentile(0.999)), 999)
})
