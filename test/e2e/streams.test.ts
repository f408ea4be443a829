/** Long and open-ended answers: charged before their first byte leaves, at the reader's pace, and credited where the provider breaks them off. */

import { request } from 'node:http'
import t from 'tap'
import { bearer, openGateway, type Rig, sandbox, type Teardown, until } from '../rig/gateway.ts'
import { customConnection, type Provider, type Reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search', resale: 'allowed' },
  { id: 'feed', method: 'GET', path: '/feed', resale: 'allowed', streaming: true },
]

interface Shop extends Rig {
  readonly provider: Provider
  readonly id: string
  readonly key: Rig['key']
  readonly consumer: string
}

async function openShop(t: Teardown, upstream: object = {}): Promise<Shop> {
  const provider = await startProvider(t)
  const rig = await openGateway(
    t,
    sandbox({
      upstream: { ...UPSTREAM, buffer: '64KiB', ...upstream },
      api_connections: [customConnection(provider.url, { operations: OPERATIONS, reserved: 0 })],
    }),
  )
  const { id, key } = await rig.key({ credits: '$1' })
  return { ...rig, provider, id, consumer: key }
}

interface Stream {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly got: () => string
  readonly bytes: () => number
  pause(): void
  resume(): void
  leave(): void
  /** How it ended. */
  readonly end: Promise<'whole' | 'cut'>
}

/** A consumer that reads as it likes. Resolves with the head. */
function open(shop: Shop, path: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const asked = request(shop.publicUrl + path, { headers: bearer(shop.consumer), agent: false })
    asked.once('error', reject)
    asked.once('response', (response) => {
      asked.on('error', () => undefined)
      const chunks: string[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (chunk.length < 1000) chunks.push(chunk.toString())
      })
      const end = new Promise<'whole' | 'cut'>((done) => response.on('error', () => undefined).on('close', () => done(response.complete ? 'whole' : 'cut')))
      resolve({
        ...{ status: response.statusCode ?? 0, headers: response.headers, got: () => chunks.join(''), bytes: () => bytes, end },
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        leave: () => void asked.destroy(),
      })
    })
    asked.end()
  })
}

/** An answer in the hands of the test. */
function scripted(): { reply: Reply; say(text: string): void; end(): void; cut(): void } {
  let response: Parameters<Reply>[0] | undefined
  return {
    reply: (to) => {
      response = to
      to.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
      to.flushHeaders()
    },
    say: (text) => void response?.write(text),
    end: () => void response?.end(),
    cut: () => void response?.socket?.destroy(),
  }
}

const balance = async (shop: Shop): Promise<unknown> => (await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json.balance
const kinds = async (shop: Shop): Promise<unknown[]> =>
  ((await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json.entries as { kind: string }[]).map(({ kind }) => kind)
const revenue = async (shop: Shop): Promise<unknown> => (await shop.office.report(new Date().toISOString().slice(0, 7), undefined)).total.revenue

const MIB = 1024 * 1024

/** So many bytes as fast as they are taken, and how many were handed over so far. */
function flood(total: number): { reply: Reply; sent: () => number } {
  const chunk = Buffer.alloc(64 * 1024, 'a')
  let sent = 0
  const reply: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': total })
    const more = (): void => {
      while (sent < total) {
        sent += chunk.length
        if (!response.write(chunk)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  }
  return { reply, sent: () => sent }
}

t.test('an answer longer than the buffer is charged before its first byte, and comes at the reader’s pace', async (t) => {
  const shop = await openShop(t)
  const { reply, sent } = flood(96 * MIB)
  shop.provider.next(reply)
  const stream = await open(shop, '/acme/search')
  stream.pause()
  t.equal(stream.status, 200)
  t.match(stream.headers, { 'x-atlas-price': '$0.02', 'x-atlas-units': '1', 'x-atlas-receipt': /^rc_/, 'content-type': 'application/octet-stream' })
  t.equal(await balance(shop), '0.98')
  // What the sockets between can hold is taken; then the provider waits.
  let before = -1
  await until('the provider waits for the reader', async () => {
    const same = sent() === before
    before = sent()
    if (!same) await new Promise((resolve) => setTimeout(resolve, 100))
    return same
  })
  t.ok(sent() < 48 * MIB, `${(sent() / MIB).toFixed(1)} MiB of 96 were handed over while nobody read`)
  stream.resume()
  t.equal(await stream.end, 'whole')
  t.equal(stream.bytes(), 96 * MIB)
  t.equal(await balance(shop), '0.98', 'charged once')
})

t.test('a reader that waits longer than the timeout is no silence of the provider', async (t) => {
  const shop = await openShop(t, { timeout: '300ms' })
  const { reply } = flood(32 * MIB)
  shop.provider.next(reply)
  const stream = await open(shop, '/acme/search')
  stream.pause()
  // Time itself is what is tried here, and below.
  await new Promise((resolve) => setTimeout(resolve, 700))
  stream.resume()
  t.equal(await stream.end, 'whole')
  t.equal(await balance(shop), '0.98')
})

t.test('events of an open-ended operation arrive one by one, the charge before the first', async (t) => {
  const shop = await openShop(t)
  const feed = scripted()
  shop.provider.next(feed.reply)
  const stream = await open(shop, '/acme/feed')
  t.match(stream.headers, { 'content-type': 'text/event-stream', 'x-atlas-price': '$0.02', 'x-atlas-receipt': /^rc_/, 'x-request-id': /./ })
  t.equal(await balance(shop), '0.98')
  let expected = ''
  for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
    feed.say(event)
    expected += event
    await until(`${JSON.stringify(event)} is there`, () => stream.got() === expected)
  }
  feed.end()
  t.equal(await stream.end, 'whole')
  t.same(await kinds(shop), ['charge', 'credit'])
})

t.test('an event stream is open-ended, whatever its operation says', async (t) => {
  const shop = await openShop(t)
  const feed = scripted()
  shop.provider.next(feed.reply)
  const stream = await open(shop, '/acme/search')
  t.match(stream.headers, { 'content-type': 'text/event-stream', 'x-atlas-price': '$0.02' })
  feed.say('data: 1\n\n')
  await until('the event is there', () => stream.got() === 'data: 1\n\n')
  feed.end()
  t.equal(await stream.end, 'whole')
})

t.test('a stream that the provider breaks off never looks whole, and its charge becomes credit', async (t) => {
  const shop = await openShop(t)
  const feed = scripted()
  shop.provider.next(feed.reply)
  const stream = await open(shop, '/acme/feed')
  feed.say('data: 1\n\n')
  await until('the first event is there', () => stream.got() !== '')
  t.equal(await balance(shop), '0.98')
  feed.cut()
  t.equal(await stream.end, 'cut')
  await until('the charge is credited', async () => (await balance(shop)) === '1.00')
  t.same(await kinds(shop), ['refund', 'charge', 'credit'])
  t.equal(await revenue(shop), '0.00', 'nobody earned by it')
  t.match((await shop.office.marketplace.status()).connections[0], { sold_units: 1, units_left: 999 }, 'its unit is gone all the same')
})

t.test('a long answer that breaks off becomes credit, too', async (t) => {
  const shop = await openShop(t)
  shop.provider.next((response) => {
    response.writeHead(200, { 'content-length': MIB })
    response.write(Buffer.alloc(MIB / 2), () => response.socket?.destroy())
  })
  const stream = await open(shop, '/acme/search')
  t.equal(await stream.end, 'cut')
  await until('the charge is credited', async () => (await balance(shop)) === '1.00')
})

t.test('a stream whose provider falls silent is cut after the timeout and credited', async (t) => {
  const shop = await openShop(t, { timeout: '300ms' })
  const feed = scripted()
  shop.provider.next(feed.reply)
  const stream = await open(shop, '/acme/feed')
  for (const event of ['1', '2', '3', '4']) {
    feed.say(event)
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  t.equal(stream.got(), '1234', 'as long as something comes, it goes on')
  t.equal(await stream.end, 'cut')
  await until('the charge is credited', async () => (await balance(shop)) === '1.00')
  t.ok(await shop.provider.seen[0]?.gone, 'the provider is let go')
})

t.test('a reader who leaves a stream has had what it paid for, and the provider is let go', async (t) => {
  const shop = await openShop(t)
  const feed = scripted()
  shop.provider.next(feed.reply)
  const stream = await open(shop, '/acme/feed')
  const leftAt = performance.now()
  stream.leave()
  const tookMs = ((await shop.provider.seen[0]?.gone) ?? 0) - leftAt
  t.ok(tookMs < 1000, `cancelled after ${tookMs.toFixed(1)} ms`)
  t.equal(await balance(shop), '0.98')
  t.same(await kinds(shop), ['charge', 'credit'])
})

t.test('an open-ended operation that fails is charged no more than any other', async (t) => {
  const shop = await openShop(t)
  shop.provider.next((response) => response.writeHead(500).end('no'))
  t.match((await shop.call('GET', '/acme/feed', { headers: bearer(shop.consumer) })).json, { status: 502, code: 'upstream_error' })
  t.equal(await balance(shop), '1.00')
})
