/** Nobody holds a connection for longer than he may: slow heads, slow bodies, readers that do not read, crowds. Who waits for us, or reads slowly, is none of them. */

import { connect, type Socket } from 'node:net'
import t from 'tap'
import { bearer, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown, until } from '../rig/gateway.ts'
import { customConnection, type Provider, reply, startProvider } from '../rig/provider.ts'
import { raw, rawConnection } from '../rig/raw.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

async function openShop(t: Teardown, limits: object, timeout = '10s'): Promise<Shop> {
  const provider = await startProvider(t)
  const operations = [
    { id: 'search', method: 'GET', path: '/search', resale: 'allowed' },
    { id: 'write', method: 'POST', path: '/write', resale: 'allowed' },
    { id: 'feed', method: 'GET', path: '/feed', resale: 'allowed', streaming: true },
  ]
  const plugins = ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve']
  const connection = customConnection(provider.url, { operations })
  const rig = await openGateway(t, sandbox({ upstream: { allow_private: true, timeout }, limits, plugins, api_connections: [connection] }))
  return { ...rig, provider, consumer: (await rig.key({ credits: '$5' })).key }
}

const head = (shop: Shop, line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${shop.consumer}`, ...fields, '', ''].join('\r\n')

const SHORT = { headers_within: '200ms', idle: '1s' }
/** So long a connection on which nothing moves stays open at most, with these limits; and a little for a machine that is busy. */
const STILL_MS = 2_200
const BUSY_MS = 3_000

/** Sends one byte after the other until the other side has had enough. */
async function dribble(shop: Shop, begin: string, one: string): Promise<{ answer: string; tookMs: number }> {
  const connection = await rawConnection(shop.publicUrl)
  const began = performance.now()
  connection.send(begin)
  const timer = setInterval(() => connection.send(one), 50)
  try {
    const { status, text } = await connection.answer()
    await connection.closed()
    return { answer: `${status} ${/"detail":"([^"]*)"/.exec(text)?.[1]}`, tookMs: performance.now() - began }
  } finally {
    clearInterval(timer)
    connection.socket.destroy()
  }
}

const TIMELY = '400 the request did not come to its end in time'

/** Reads what comes for as long as it is told to. */
function reader(shop: Shop, line: string): { socket: Socket; read(): number; closed: Promise<void> } {
  const socket = connect({ port: Number(new URL(shop.publicUrl).port), host: '127.0.0.1' })
  let read = 0
  socket.on('data', (chunk) => {
    read += chunk.length
  })
  socket.on('error', () => undefined)
  socket.write(head(shop, line, 'Connection: close'))
  return { socket, read: () => read, closed: new Promise((resolve) => socket.once('close', () => resolve())) }
}

const MIB = Buffer.alloc(1024 * 1024, 'x')
/** An answer that no buffer on the way takes whole, as fast as it is taken. */
const long =
  (mebibytes: number): Parameters<Provider['always']>[0] =>
  (response) => {
    let sent = 0
    const more = (): void => {
      while (sent < mebibytes) {
        sent += 1
        if (!response.write(MIB)) return void response.once('drain', more)
      }
      response.end()
    }
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    more()
  }

t.test('whoever is slow is let go in time, and whoever waits is not', async (t) => {
  const shop = await openShop(t, { ...SHORT, body: '64KiB' })
  const began = performance.now()
  const silent = await rawConnection(shop.publicUrl)
  const idle = await rawConnection(shop.publicUrl)
  idle.send(head(shop, 'GET /healthz'))
  await idle.answer()
  const [headDribbled, bodyDribbled, chunksDribbled, half] = await Promise.all([
    dribble(shop, 'GET /acme/search HTTP/1.1\r\nHost: x\r\nX: ', 'x'),
    dribble(shop, head(shop, 'POST /acme/write', 'Content-Length: 60000'), 'x'),
    dribble(shop, head(shop, 'POST /acme/write', 'Transfer-Encoding: chunked'), '1\r\nx\r\n'),
    dribble(shop, head(shop, 'POST /acme/write', 'Content-Length: 60000'), ''),
  ])
  t.same([headDribbled?.answer, bodyDribbled?.answer, chunksDribbled?.answer, half?.answer], [TIMELY, TIMELY, TIMELY, TIMELY])
  t.ok((headDribbled?.tookMs ?? 0) < 1_200 + BUSY_MS, `a slow head: ${headDribbled?.tookMs} ms`)
  t.ok((bodyDribbled?.tookMs ?? 0) < 2_200 + BUSY_MS, `a slow body: ${bodyDribbled?.tookMs} ms`)
  t.equal(await idle.closed(), '', 'an idle connection just ends')
  t.equal(await silent.closed(), '', 'so does one on which nothing was ever sent')
  t.ok(performance.now() - began < STILL_MS + BUSY_MS)
  t.equal(shop.provider.seen.length, 0, 'nothing of it was carried out')
})

t.test('who waits for an answer of ours is not idle, however long it takes', async (t) => {
  const shop = await openShop(t, SHORT)
  shop.provider.always((response, seen) => void setTimeout(() => reply(200, { late: true })(response, seen), STILL_MS + 1_000))
  const connection = await rawConnection(shop.publicUrl)
  connection.send(head(shop, 'GET /acme/search'))
  t.same((await connection.answer()).json, { late: true })
  connection.socket.destroy()
})

/** Resolves when it has not changed for a while. */
async function standsStill(count: () => number): Promise<void> {
  let [last, sinceMs] = [count(), performance.now()]
  await until('it stands still', () => {
    if (count() !== last) [last, sinceMs] = [count(), performance.now()]
    return last > 0 && performance.now() - sinceMs > 300
  })
}

t.test('a reader that takes nothing is cut off and its provider call ends; one that reads slowly gets everything', async (t) => {
  const shop = await openShop(t, SHORT)
  // More than the system takes for a reader that takes nothing: up to 4 MiB here and 6 MiB there.
  const [MEBIBYTES, CALLS, BYTES] = [64, 100, 250_000]
  const feed = long(MEBIBYTES)
  shop.provider.always((response, seen) => (seen.url === '/v1/feed' ? feed(response, seen) : reply(200, 'x'.repeat(BYTES))(response, seen)))
  const piling = await rawConnection(shop.publicUrl)
  piling.socket.pause()
  for (let turn = 0; turn < CALLS; turn += 1) piling.send(head(shop, 'GET /acme/search'))
  await standsStill(() => shop.provider.seen.length)
  const deaf = reader(shop, 'GET /acme/feed')
  deaf.socket.pause()
  const slow = reader(shop, 'GET /acme/feed')
  const began = performance.now()
  await readSlowly(slow, STILL_MS + 2_000)
  await Promise.race(shop.provider.seen.filter(({ url }) => url === '/v1/feed').map(({ gone }) => gone))
  t.ok(performance.now() - began < STILL_MS + 2_000 + BUSY_MS)
  slow.socket.resume()
  await slow.closed
  t.ok(slow.read() > MEBIBYTES * MIB.length, `${slow.read()} bytes`)
  deaf.socket.resume()
  await deaf.closed
  t.ok(deaf.read() < MEBIBYTES * MIB.length, 'and the answer that was cut off does not look whole')
  piling.socket.resume()
  const piled = (await piling.closed()).length
  t.ok(piled < CALLS * BYTES, `short answers that nobody takes do not hold a connection, either: ${piled} bytes`)
})

/** A little now and then, for longer than a connection may be still. */
async function readSlowly({ socket, read }: ReturnType<typeof reader>, forMs: number): Promise<void> {
  const end = performance.now() + forMs
  while (performance.now() < end && !socket.destroyed) {
    const before = read()
    socket.resume()
    await until('some came', () => read() > before + MIB.length || socket.destroyed)
    socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

t.test('over the limit a connection is refused, the others go on, and a place that is left is free', async (t) => {
  const shop = await openShop(t, { connections: 5 })
  const held = await Promise.all(Array.from({ length: 5 }, () => rawConnection(shop.publicUrl)))
  for (const one of held) one.send(head(shop, 'GET /healthz'))
  for (const one of held) t.equal((await one.answer()).status, 200)
  const sixth = await rawConnection(shop.publicUrl)
  sixth.send(head(shop, 'GET /healthz'))
  t.equal(await sixth.closed(), '')
  held[0]?.send(head(shop, 'GET /healthz'))
  t.equal((await held[0]?.answer())?.status, 200)
  held[1]?.socket.destroy()
  await until('a place is free', () =>
    raw(shop.publicUrl, head(shop, 'GET /healthz', 'Connection: close')).then(
      ({ status }) => status === 200,
      () => false,
    ),
  )
  for (const one of held) one.socket.destroy()
})

t.test('a client that leaves cancels its provider call within 100 ms, and one that leaves with half a body never made one', async (t) => {
  const shop = await openShop(t, {})
  const took: number[] = []
  for (let turn = 0; turn < 5; turn += 1) {
    shop.provider.next(() => undefined)
    const connection = await rawConnection(shop.publicUrl)
    connection.send(head(shop, 'GET /acme/search'))
    await shop.provider.asked(turn + 1)
    const left = performance.now()
    connection.socket.destroy()
    took.push((await (shop.provider.seen[turn]?.gone ?? Promise.reject(new Error('no call')))) - left)
  }
  // A machine with other work to do may be late now and then; a timer would be late each time.
  t.ok(took.filter((ms) => ms < 100).length >= 3, took.map((ms) => Math.round(ms)).join())
  const uploading = await rawConnection(shop.publicUrl)
  uploading.send(`${head(shop, 'POST /acme/write', 'Content-Length: 1000')}half`)
  const reading = await rawConnection(shop.publicUrl)
  reading.send(head(shop, 'GET /healthz'))
  await reading.answer()
  uploading.socket.destroy()
  reading.socket.destroy()
  t.equal((await shop.call('GET', '/acme/search', { headers: bearer(shop.consumer) })).status, 200)
  t.same(
    shop.provider.seen.slice(5).map(({ method }) => method),
    ['GET'],
  )
  t.match((await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json, { balance: '4.98' })
})
