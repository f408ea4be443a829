/** Another connection is tried only where nothing can be billed twice; it never raises the price, and the one that served is credited. */

import t, { type Test } from 'tap'
import { type Adapter, type Connection, type FailureRule, ratio, units } from '../../gateway/contract/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, type InsideSetup, openInside, reached, turns } from '../rig/inside.ts'
import { until } from '../rig/gateway.ts'
import { lossy } from '../rig/lossy.ts'
import { paymentHeader } from '../rig/payments.ts'
import { startRedis } from '../rig/redis.ts'
import { openRedisStore } from '../rig/redis-store.ts'
import { Gate, type ScriptedTry } from '../rig/scripted.ts'
import { WatchedStore } from '../rig/watched.ts'

/** Cheapest first: a and b at $0.15, c at $0.30. */
const POOL: readonly Connection[] = [
  connectionOf('a', { owner: 'alice', quota: units(2000) }),
  connectionOf('b', { owner: 'bob' }),
  connectionOf('c', { owner: 'carol', markup: ratio(6n, 1n) }),
]

const rule = (means: FailureRule['means'], bills: boolean): FailureRule => ({ status: 429, means, bills })

interface World {
  readonly inside: Inside
  readonly store: WatchedStore
}

async function open(
  t: Test,
  answers: (one: ScriptedTry) => void,
  adapter: Partial<Adapter> = {},
  pool = POOL,
  setup: Pick<InsideSetup, 'real' | 'patienceMs'> = {},
): Promise<World> {
  const stores: WatchedStore[] = []
  const inside = await openInside(t, {
    ...setup,
    adapter: adapterOf([operationOf('search')], adapter),
    apis: new Map([['acme', pool]]),
    between: (real) => {
      stores.push(new WatchedStore(real))
      return stores[0] as WatchedStore
    },
  })
  inside.provider.answers = answers
  return { inside, store: stores[0] as WatchedStore }
}

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  await inside.flushed()
  return flown
}

const asked = ({ provider }: Inside): readonly string[] => provider.tries.map(({ request }) => request.connection.name)
const usedOf = async ({ admin }: Inside): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const { sold, own, wasted, left } = await admin.counters(name)
        return [name, `${sold} sold, ${own} own, ${wasted} wasted, ${left} left`]
      }),
    ),
  )

const UNUSED = { a: '0 sold, 0 own, 0 wasted, 1700 left', b: '0 sold, 0 own, 0 wasted, 700 left', c: '0 sold, 0 own, 0 wasted, 700 left' }
const failing =
  (names: readonly string[], fail: (one: ScriptedTry) => void) =>
  (one: ScriptedTry): void => {
    if (names.includes(one.request.connection.name)) fail(one)
    else one.answer(200, '{}')
  }
const notSent = (one: ScriptedTry): void => one.error(false)

t.test('a request of which no byte left is tried elsewhere: the first gives its unit back, the second is sold and credited', async (t) => {
  const { inside } = await open(t, failing(['a'], notSent))
  const flown = await call(inside, await inside.key('k'))
  t.equal(flown.sink.answers[0]?.status, 200)
  t.strictSame(asked(inside), ['a', 'b'])
  t.strictSame(await usedOf(inside), { ...UNUSED, b: '1 sold, 0 own, 0 wasted, 699 left' })
  t.match(inside.outcomes.get(flown.id), [
    {
      kind: 'charged',
      price: 150_000n,
      chosen: { connection: 'b', owner: 'bob' },
      attempts: [
        { connection: 'a', meaning: 'not-sent', used: 'returned' },
        { connection: 'b', meaning: 'ok', used: 'sold' },
      ],
    },
  ])
  const charge = inside.journal.find((record) => record.t === 'charge')
  t.match(charge, { connection: 'b', owner: 'bob', price: '150000' })
})

t.test('failover never raises the price, also for a payment that would cover it', async (t) => {
  const { inside } = await open(t, failing(['a', 'b'], notSent))
  const payment = paymentHeader({ number: 1, micros: 150_000n, nowMs: inside.clock.nowMs() })
  for (const headers of [await inside.key('k'), payment]) {
    const flown = await call(inside, headers)
    t.match(flown.sink.answers, [{ status: 502, body: /"code":"upstream_error"/ }])
  }
  t.notOk(asked(inside).includes('c'))
  t.strictSame(await usedOf(inside), UNUSED)
  t.equal(await inside.admin.balance('key:k'), 10_000_000n)
})

t.test('one that has no units is passed over for the next of the same price', async (t) => {
  const pool = [...POOL.slice(0, 1), connectionOf('b', { quota: units(300) }), connectionOf('c')]
  const { inside } = await open(t, failing(['a'], notSent), {}, pool)
  const flown = await call(inside, await inside.key('k'))
  t.equal(flown.sink.answers[0]?.status, 200)
  t.strictSame(asked(inside), ['a', 'c'])
})

t.test('what the provider bills is not tried elsewhere, and its unit is wasted; what it does not bill is', async (t) => {
  for (const means of ['rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it'] as const) {
    for (const bills of [true, false]) {
      const { inside } = await open(
        t,
        failing(['a'], (one) => one.answer(429, 'no')),
        { failures: [rule(means, bills)] },
      )
      const flown = await call(inside, await inside.key('k'))
      t.equal(flown.sink.answers[0]?.status, bills ? 502 : 200, `${means}, ${bills ? 'billed' : 'not billed'}`)
      t.equal((await usedOf(inside)).a, bills ? '0 sold, 0 own, 1 wasted, 1699 left' : UNUSED.a)
    }
  }
})

t.test('a provider that is down, an answer that is unknown, and a broken connection are tried nowhere else', async (t) => {
  const failures: readonly ((one: ScriptedTry) => void)[] = [(one) => one.answer(500, ''), (one) => one.answer(301, ''), (one) => one.error(true)]
  for (const fail of failures) {
    const { inside } = await open(t, failing(['a'], fail))
    t.match((await call(inside, await inside.key('k'))).sink.answers, [{ status: 502 }])
    t.strictSame(asked(inside), ['a'])
  }
})

t.test("an owner's call goes to no other owner's connection", async (t) => {
  const { inside } = await open(t, failing(['a'], notSent))
  const flown = await call(inside, await inside.key('o', { role: 'owner', owner: 'alice' }))
  t.match(flown.sink.answers, [{ status: 502 }])
  t.strictSame(asked(inside), ['a'])
  t.strictSame(await usedOf(inside), UNUSED)
})

t.test('a client that leaves while another connection is being found takes nothing, also where none is found', async (t) => {
  for (const end of ['found', 'lost'] as const) {
    const { inside, store } = await open(t, failing(['a'], notSent))
    const gate = new Gate()
    store.waits = (move) => (move === 'switch' ? gate : undefined)
    const flown = inside.fly('/acme/search', { headers: await inside.key('k') })
    await reached('the first has failed', () => inside.provider.tries[0]?.over === true)
    flown.sink.gone = true
    flown.flight.onClientGone()
    if (end === 'found') gate.open()
    else gate.fail(new Error('the store is lost'))
    await flown.landed
    await turns()
    await inside.flushed()
    t.strictSame(asked(inside), ['a'])
    t.strictSame(await usedOf(inside), UNUSED)
    t.match(inside.outcomes.get(flown.id), [{ kind: 'abandoned' }])
    t.equal(inside.outcomes.get(flown.id)?.length, 1, end)
  }
})

/** Nobody was asked but the first, which bills nothing: no unit is used up, in no account. */
async function unused(t: Test, { inside, store }: World, { flight, sink, id }: Flown): Promise<void> {
  t.equal(flight.state, 'over')
  t.match(sink.answers, [{ status: 503, body: /"code":"unavailable"/ }])
  t.equal([...store.held.values()][0]?.ends.length, 1, 'the hold ended once')
  t.strictSame(asked(inside), ['a'])
  t.strictSame(await usedOf(inside), UNUSED)
  t.strictSame(
    inside.outcomes.get(id)?.[0]?.attempts.map(({ connection, used }) => `${connection} ${used}`),
    ['a returned'],
  )
}

t.test('a store that is lost while another connection is being found refuses the call, and the unit comes back, wherever it was', async (t) => {
  // On its way there, on its way back, and too late.
  for (const way of ['there', 'back', 'late'] as const) {
    const world = await open(t, failing(['a'], notSent), {}, POOL, { patienceMs: way === 'late' ? 50 : 60_000 })
    const { inside, store } = world
    const gate = new Gate()
    store.fails = (move) => way === 'there' && move === 'switch'
    store.waits = (move) => (move === 'switch' ? gate : undefined)
    const flown = inside.fly('/acme/search', { headers: await inside.key('k') })
    await reached('the first has failed', () => inside.provider.tries[0]?.over === true)
    if (way === 'back') gate.fail(new Error('the answer is lost'))
    await reached('the call is over', () => flown.flight.state === 'over')
    gate.open()
    await turns()
    await inside.flushed()
    await unused(t, world, flown)
    t.strictSame(
      inside.journal.filter(({ t }) => t === 'wasted'),
      [],
      way,
    )
  }
})

t.test('the same with Redis, which has moved the call, has not, or does it when the way is open again', async (t) => {
  const redis = await startRedis(t)
  for (const way of ['there', 'back'] as const) {
    const proxy = await lossy(t, redis)
    const rig = await openRedisStore(t, { ...redis, url: proxy.url }, { connections: POOL })
    const fail = (one: ScriptedTry): void => {
      if (way === 'back') proxy.lose(true)
      one.error(false)
    }
    const world = await open(t, failing(['a'], fail), {}, POOL, { real: rig, patienceMs: 150 })
    const { inside, store } = world
    const headers = await inside.key('k')
    store.fails = (move) => way === 'there' && move === 'switch'
    const flown = inside.fly('/acme/search', { headers })
    await until('the call is over', () => flown.flight.state === 'over')
    proxy.lose(false)
    await inside.flushed()
    await until('the way is open again', () => rig.lost() === undefined)
    await unused(t, world, flown)
    const lines = await rig.raw(async (client, prefix) => (await client.xrange(`${prefix}out`, '-', '+')).flatMap(([, fields]) => fields))
    t.notMatch(lines.join('\n'), /"t":"(wasted|charge)"/, way)
    t.strictSame(await rig.raw((client, prefix) => client.keys(`${prefix}holds:*`)), [], 'nothing is held')
  }
})

t.test('a call that is given up before a byte of it has left gives its unit back', async (t) => {
  const { inside } = await open(t, () => undefined)
  for (const [at, give] of (['onClientGone', 'onDeadline', 'onShutdown'] as const).entries()) {
    const flown = inside.fly('/acme/search', { headers: await inside.key(`k${at}`) })
    await reached('it waits for a connection', () => inside.provider.tries.length === at + 1)
    const one = inside.provider.tries[at] as ScriptedTry
    one.sent = false
    flown.flight[give]()
    t.match(inside.outcomes.get(flown.id), [{ attempts: [{ used: 'returned' }] }], give)
    t.ok(one.aborted)
  }
  await inside.flushed()
  t.strictSame(await usedOf(inside), UNUSED)
})
