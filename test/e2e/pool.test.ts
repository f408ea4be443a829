/** Several owners' subscriptions to one API: the cheapest that has units serves, its owner earns, and no price ever rises on the way. */

import t from 'tap'
import { type Answer, BALANCE, bearer, OPEN_RATE, openGateway, type Rig, type Teardown, WALLET } from '../rig/gateway.ts'
import { type Provider, reply, reset, startProvider, UPSTREAM } from '../rig/provider.ts'

interface Subscription {
  readonly name: string
  readonly owner: string
  readonly base: string
  readonly quota: number
  readonly reserved?: number
}

interface Pool extends Rig {
  readonly providers: Readonly<Record<string, Provider>>
  readonly consumer: string
}

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }

/** Each subscription at a provider double of its own, so that it shows which one was called. */
async function openPool(t: Teardown, subscriptions: readonly Subscription[]): Promise<Pool> {
  const doubles = await Promise.all(subscriptions.map(async ({ name }) => [name, await startProvider(t)] as const))
  const providers = Object.fromEntries(doubles)
  const rig = await openGateway(t, {
    ...{ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, upstream: UPSTREAM },
    api_connections: subscriptions.map(({ name, owner, base, quota, reserved = 0 }) => ({
      ...{ name, adapter: 'nansen', owner, base_cost: base, monthly_quota: quota, reserved, api_key: `secret-${name}`, subscription_cost: '$1' },
      base_url: providers[name]?.url,
    })),
    plugins: ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve'],
  })
  return { ...rig, providers, consumer: (await rig.key({ credits: '$100' })).key }
}

const ask = (pool: Pool, headers: Record<string, string> = {}): Promise<Answer> =>
  pool.call('POST', BALANCE, { headers: { ...bearer(pool.consumer), ...headers }, body: WALLET })

/** Status and price or code, in short. */
const short = ({ status, headers, json }: Answer): string => `${status} ${headers['x-atlas-price'] ?? json.code}`
const balance = async (pool: Pool): Promise<unknown> => (await pool.call('GET', '/credits', { headers: bearer(pool.consumer) })).json.balance
const unitsOf = async ({ office }: Rig): Promise<Record<string, unknown>> =>
  Object.fromEntries(
    (await office.marketplace.status()).connections.map(({ name, sold_units, wasted_units, units_left }) => [name, [sold_units, wasted_units, units_left]]),
  )
const callsAt = ({ providers }: Pool): Record<string, number> => Object.fromEntries(Object.entries(providers).map(([name, { seen }]) => [name, seen.length]))

const TWO: readonly Subscription[] = [
  { name: 'nansen', owner: 'alice', base: '$0.05', quota: 8, reserved: 3 },
  { name: 'nansen-2', owner: 'bob', base: '$0.04', quota: 5 },
]

t.test('the cheapest subscription sells first, then the next; each owner earns what his own served', async (t) => {
  const pool = await openPool(t, TWO)
  const seen: string[] = []
  for (let call = 0; call < 11; call += 1) seen.push(short(await ask(pool)))
  t.same(seen, [...Array(5).fill('200 $0.12'), ...Array(5).fill('200 $0.15'), '503 sold_out'])
  t.same(callsAt(pool), { nansen: 5, 'nansen-2': 5 })
  for (const [name, { seen: calls }] of Object.entries(pool.providers))
    t.same([...new Set(calls.map(({ headers }) => headers.apikey))], [`secret-${name}`], `${name} was called with its own credential`)
  const report = await pool.office.report(new Date().toISOString().slice(0, 7), undefined)
  t.match(report.connections, [
    { name: 'nansen', owner: 'alice', calls_sold: 5, revenue: '0.75', owner_share: '0.675', platform_share: '0.075' },
    { name: 'nansen-2', owner: 'bob', calls_sold: 5, revenue: '0.60', owner_share: '0.54', platform_share: '0.06' },
  ])
  t.equal(await balance(pool), '98.65')
})

t.test('a call that allows less than the price is refused with the new price, before anything happens', async (t) => {
  const pool = await openPool(t, TWO)
  t.equal(short(await ask(pool, { 'x-atlas-max-price': '$0.12' })), '200 $0.12')
  t.equal(short(await ask(pool, { 'x-atlas-max-price': '$0.119999' })), '402 price_above_max')
  for (let call = 0; call < 4; call += 1) await ask(pool)
  const [before, calls] = [await balance(pool), callsAt(pool)]
  const refused = await ask(pool, { 'x-atlas-max-price': '$0.12' })
  t.equal(short(refused), '402 price_above_max')
  t.match(refused.json, { x402Version: 1, accepts: [{ maxAmountRequired: '150000' }] }, 'version 1 reads the new price in the body')
  const offer = JSON.parse(Buffer.from(refused.headers['payment-required'] ?? '', 'base64').toString())
  t.match(offer, { x402Version: 2, accepts: [{ amount: '150000' }] }, 'version 2 reads it in the header')
  const unpaid = await pool.call('POST', BALANCE, { headers: { 'x-atlas-max-price': '0.1' }, body: WALLET })
  t.equal(short(unpaid), '402 price_above_max', 'who has not paid yet is not offered what he would refuse')
  t.equal(await balance(pool), before)
  t.same(callsAt(pool), calls)
  t.equal(short(await ask(pool, { 'x-atlas-max-price': '0.15' })), '200 $0.15', 'written without the dollar sign, too')
})

t.test('a limit that is no amount is a bad request', async (t) => {
  const pool = await openPool(t, TWO)
  for (const text of ['', 'free', '-$1', '-1', '0.1234567', '$', '1e2', '$0.20, $0.30', '١', '0x10'].map((value) => Buffer.from(value).toString('latin1')))
    t.match((await ask(pool, { 'x-atlas-max-price': text })).json, { status: 400, code: 'bad_request' }, JSON.stringify(text))
  t.same(callsAt(pool), { nansen: 0, 'nansen-2': 0 })
})

const THREE: readonly Subscription[] = [
  { name: 'a', owner: 'alice', base: '$0.04', quota: 100 },
  { name: 'b', owner: 'bob', base: '$0.04', quota: 50 },
  { name: 'c', owner: 'carol', base: '$0.05', quota: 1000 },
]
const LIMITED = reply(429, { error: 'Too many requests' })

t.test('a provider that limits hands the call to another connection at the same price, and its units return', async (t) => {
  const pool = await openPool(t, THREE)
  pool.providers.a?.always(LIMITED)
  t.equal(short(await ask(pool)), '200 $0.12')
  t.same(callsAt(pool), { a: 1, b: 1, c: 0 }, 'of one price the one with most units left is asked first')
  t.same(await unitsOf(pool), { a: [0, 0, 100], b: [1, 0, 49], c: [0, 0, 1000] })
  t.match((await pool.office.report(new Date().toISOString().slice(0, 7), 'bob')).total, { calls_sold: 1, revenue: '0.12', owner_share: '0.108' })
})

t.test('failover never raises the price', async (t) => {
  const pool = await openPool(t, THREE)
  for (const name of ['a', 'b']) pool.providers[name]?.always(LIMITED)
  t.equal(short(await ask(pool)), '502 upstream_error')
  t.same(callsAt(pool), { a: 1, b: 1, c: 0 })
  t.same(await unitsOf(pool), { a: [0, 0, 100], b: [0, 0, 50], c: [0, 0, 1000] })
  t.equal(await balance(pool), '100.00')
  t.equal(short(await ask(pool, { 'x-atlas-max-price': '$9' })), '502 upstream_error', 'nor where the caller would allow it')
})

t.test('a provider that limits and bills it all the same is not asked for a second unit elsewhere', async (t) => {
  const [first, second] = [await startProvider(t), await startProvider(t)]
  first.always(LIMITED)
  const common = { adapter: 'kaito', monthly_quota: 10, reserved: 0, base_cost: '$0.04', resale_terms: 'confirmed' }
  const rig = await openGateway(t, {
    ...{ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, upstream: UPSTREAM },
    api_connections: [
      { name: 'one', base_url: first.url, ...common, monthly_quota: 11 },
      { name: 'two', base_url: second.url, ...common },
    ],
  })
  const { key } = await rig.key({ credits: '$1' })
  t.equal(short(await rig.call('GET', '/kaito/yaps?username=someone', { headers: bearer(key) })), '502 upstream_error')
  t.same([first.seen.length, second.seen.length], [1, 0])
  t.same(await unitsOf(rig), { one: [0, 1, 10], two: [0, 0, 10] })
})

t.test('a provider that cannot be reached hands the call on; one that broke off may have billed and does not', async (t) => {
  const pool = await openPool(t, THREE)
  await pool.providers.a?.close()
  t.equal(short(await ask(pool)), '200 $0.12')
  t.same(await unitsOf(pool), { a: [0, 0, 100], b: [1, 0, 49], c: [0, 0, 1000] })
  pool.providers.b?.next(reset)
  t.equal(short(await ask(pool)), '502 upstream_error')
  t.same(await unitsOf(pool), { a: [0, 0, 100], b: [1, 1, 48], c: [0, 0, 1000] })
})

t.test('a connection without units does not stand in the way of the next one', async (t) => {
  const pool = await openPool(t, [{ name: 'empty', owner: 'eve', base: '$0.03', quota: 1 }, ...THREE])
  t.equal(short(await ask(pool)), '200 $0.09')
  pool.providers.a?.always(LIMITED)
  t.equal(short(await ask(pool)), '200 $0.12')
  t.same(callsAt(pool), { empty: 1, a: 1, b: 1, c: 0 })
})

t.test('an owner’s key draws on his own connections only', async (t) => {
  const pool = await openPool(t, TWO)
  const alice = (await pool.key({ owner: 'alice' })).key
  const seen: string[] = []
  for (let call = 0; call < 9; call += 1) seen.push(String((await pool.call('POST', BALANCE, { headers: bearer(alice), body: WALLET })).status))
  t.same(seen, [...Array(8).fill('200'), '503'])
  t.same(callsAt(pool), { nansen: 8, 'nansen-2': 0 })
  t.equal(short(await ask(pool)), '200 $0.12', 'bob goes on selling')
})
