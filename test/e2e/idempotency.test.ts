/** The same call again: one name is one call, charged once, and its answer can be fetched again. */

import t from 'tap'
import { type Answer, bearer, openGateway, OPEN_RATE, type Rig, type RigOptions, sandbox, type Teardown, until } from '../rig/gateway.ts'
import { customConnection, hang, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search' },
  { id: 'item', method: 'GET', path: '/item/:id' },
  { id: 'write', method: 'POST', path: '/write', body: ['text'] },
].map((operation) => ({ ...operation, resale: 'allowed' }))

async function openShop(
  t: Teardown,
  { timeout = '5s', ...options }: RigOptions & { timeout?: string; provider?: Provider; consumer?: string } = {},
): Promise<Shop> {
  const provider = options.provider ?? (await startProvider(t))
  const config = {
    upstream: { ...UPSTREAM, timeout, buffer: '64KiB' },
    api_connections: [customConnection(provider.url, { operations: OPERATIONS })],
    plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'],
  }
  const rig = await openGateway(t, sandbox(config), options.folder === undefined ? {} : { folder: options.folder })
  return { ...rig, provider, consumer: options.consumer ?? (await rig.key({ credits: '$5' })).key }
}

const named = (shop: Shop, path: string, name = 'one', key = shop.consumer): Promise<Answer> =>
  shop.call('GET', path, { headers: { ...bearer(key), 'idempotency-key': name } })
const write = (shop: Shop, body: object | string, name = 'one'): Promise<Answer> =>
  shop.call('POST', '/acme/write', { headers: { ...bearer(shop.consumer), 'idempotency-key': name, 'content-type': 'application/json' }, body })
const balance = async (shop: Shop): Promise<unknown> => (await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json.balance
const code = ({ status, text }: Answer): string => `${status} ${status === 200 ? '' : JSON.parse(text).code}`.trim()
const replayed = ({ headers }: Answer): boolean => headers['x-atlas-replayed'] === 'true'

t.test('50 calls under one name at once are one call, with 50 equal answers', async (t) => {
  const shop = await openShop(t)
  let answer = (): void => undefined
  shop.provider.always((response, { url }) => {
    answer = () => reply(200, { url, once: Math.random() }, ['x-data-version', '7'])(response, {} as never)
  })
  const calls = Array.from({ length: 50 }, () => named(shop, '/acme/search?q=1'))
  await shop.provider.asked(1)
  // All that come while the first is under way wait for it, without a turn or a place of their own.
  const late = named(shop, '/acme/search?q=1')
  t.equal(code(await named(shop, '/acme/search?q=2')), '409 idempotency_conflict', 'another request is refused at once')
  answer()
  const answers = await Promise.all([...calls, late])
  t.equal(shop.provider.seen.length, 1)
  const told = answers.map(({ status, text, headers }) =>
    [status, text, headers['x-atlas-price'], headers['x-atlas-receipt'], headers['x-data-version']].join(' '),
  )
  t.equal(new Set(told).size, 1)
  t.equal(answers.filter(replayed).length, 50)
  t.equal(new Set(answers.map(({ headers }) => headers['x-request-id'])).size, 51, 'each with a request id of its own')
  t.equal(await balance(shop), '4.98')
})

t.test('a name stands for its request: method, path, query and body, however they are written', async (t) => {
  const shop = await openShop(t)
  t.equal(code(await named(shop, '/acme/item/a%20b?q=x%20y')), '200')
  for (const same of ['/acme/item/a%20b?q=x+y', '/acme/item/%61%20b?q=%78%20y']) t.ok(replayed(await named(shop, same)), same)
  for (const other of ['/acme/item/a%20b', '/acme/item/a%20b?q=x%20y&q=', '/acme/item/a?q=x%20y', '/acme/search?q=x%20y'])
    t.equal(code(await named(shop, other)), '409 idempotency_conflict', other)
  t.equal(code(await write(shop, { text: 'a' }, 'two')), '200')
  t.ok(replayed(await write(shop, { text: 'a' }, 'two')))
  for (const other of [{ text: 'b' }, {}, '{"text": "a"}']) t.equal(code(await write(shop, other, 'two')), '409 idempotency_conflict', JSON.stringify(other))
  t.equal(shop.provider.seen.length, 2)
  t.equal(await balance(shop), '4.96')
})

t.test('a name belongs to its consumer, and no name makes a call of its own', async (t) => {
  const shop = await openShop(t)
  const other = (await shop.key({ credits: '$5' })).key
  t.notOk(replayed(await named(shop, '/acme/search')))
  t.notOk(replayed(await named(shop, '/acme/search', 'one', other)))
  for (let time = 0; time < 2; time += 1) t.notOk(replayed(await shop.call('GET', '/acme/search', { headers: bearer(shop.consumer) })))
  t.equal(code(await shop.call('GET', '/acme/search', { headers: { 'idempotency-key': 'one' } })), '402 payment_required')
  t.equal(shop.provider.seen.length, 4)
})

t.test('a failure that was not charged uses no name up', async (t) => {
  const shop = await openShop(t)
  shop.provider.next(reply(500, {}), reply(404, { theirs: true }), (response) => response.socket?.destroy())
  const seen = []
  for (let time = 0; time < 5; time += 1)
    seen.push(code(await named(shop, '/acme/search').then((answer) => (answer.status === 404 ? { ...answer, text: '{"code":"theirs"}' } : answer))))
  t.same(seen, ['502 upstream_error', '404 theirs', '502 upstream_error', '200', '200'])
  t.equal(shop.provider.seen.length, 4)
  t.equal(await balance(shop), '4.98')
})

t.test('when the first fails, one of those who wait takes its place', async (t) => {
  const shop = await openShop(t)
  const fail: { now: () => void } = { now: () => undefined }
  shop.provider.next((response, seen) => {
    fail.now = () => reply(500, {})(response, seen)
  })
  const calls = Array.from({ length: 10 }, () => named(shop, '/acme/search'))
  await shop.provider.asked(1)
  fail.now()
  const codes = (await Promise.all(calls)).map(code)
  t.same(codes.sort(), [...Array(9).fill('200'), '502 upstream_error'])
  t.equal(shop.provider.seen.length, 2)
  t.equal(await balance(shop), '4.98')
})

t.test('who waits for the first waits no longer than a call may take', async (t) => {
  const shop = await openShop(t, { timeout: '400ms' })
  shop.provider.always(hang)
  const begun = performance.now()
  const codes = (await Promise.all([named(shop, '/acme/search'), named(shop, '/acme/search'), named(shop, '/acme/search')])).map(code)
  // Who waits is told to ask again under the same name; or, where the first gave up just before, has asked by himself.
  for (const one of codes) t.match(one, /^(504 upstream_timeout|503 payment_pending)$/)
  t.ok(performance.now() - begun < 1500, `all had an answer after ${Math.round(performance.now() - begun)} ms`)
  t.equal(await balance(shop), '5.00')
})

t.test('a charged answer outlives the gateway; one that was too long to keep is named by its receipt', async (t) => {
  const shop = await openShop(t)
  shop.provider.next(reply(200, { kept: true }), reply(200, 'x'.repeat(100_000)))
  const first = await named(shop, '/acme/search')
  const long = await named(shop, '/acme/search', 'two')
  t.equal(long.text.length, 100_000)
  await shop.close(0)
  const { folder, provider, consumer } = shop
  const again = await openShop(t, { folder, provider, consumer })
  const replay = await named(again, '/acme/search')
  t.ok(replayed(replay))
  t.same([replay.status, replay.json, replay.headers['x-atlas-receipt']], [200, { kept: true }, first.headers['x-atlas-receipt']])
  const gone = await named(again, '/acme/search', 'two')
  t.equal(code(gone), '409 replay_unavailable')
  t.equal(gone.json.receipt, long.headers['x-atlas-receipt'])
  t.equal(provider.seen.length, 2)
  t.equal(await balance(again), '4.96')
})

t.test('a replay needs neither units nor money, but a key that is still good', async (t) => {
  const shop = await openShop(t)
  const { id, key } = await shop.key({ credits: '$0.02' })
  t.equal(code(await named(shop, '/acme/search', 'one', key)), '200')
  t.equal(code(await named(shop, '/acme/search', 'two', key)), '402 insufficient_credits')
  await shop.office.marketplace.disable(['acme'])
  t.ok(replayed(await named(shop, '/acme/search', 'one', key)))
  await shop.office.keys.revoke(id)
  t.equal(code(await named(shop, '/acme/search', 'one', key)), '401 unauthenticated')
})

t.test('a client that leaves while it waits takes nothing along', async (t) => {
  const shop = await openShop(t)
  let answer = (): void => undefined
  shop.provider.always((response, seen) => {
    answer = () => reply(200, {})(response, seen)
  })
  const first = named(shop, '/acme/search')
  await shop.provider.asked(1)
  const leaving = new AbortController()
  const second = shop.call('GET', '/acme/search', { headers: { ...bearer(shop.consumer), 'idempotency-key': 'one' }, signal: leaving.signal })
  leaving.abort()
  await t.rejects(second)
  answer()
  t.equal(code(await first), '200')
  await until('the first is charged', async () => (await balance(shop)) === '4.98')
})
