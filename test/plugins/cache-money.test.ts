/** What is charged for an answer that was kept, and what happens where a hook fails: durable before the first byte, and no unit of the owner's. */
import t from 'tap'
import type { Alternative, Call, Hooks, Operation, Store } from '#contract'
import { Stage } from '../../gateway/kit/index.ts'
import cache from '../../plugins/cache.ts'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { linkOf, realChain, withHooks } from '../rig/chains.ts'
import { bearer, openGateway } from '../rig/gateway.ts'
import { openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { customConnection, reply, startProvider, UPSTREAM } from '../rig/provider.ts'
import { STRICT, startRedis } from '../rig/redis.ts'
import { REFUSED } from '../rig/scripted.ts'

const MAY = { seconds: 60, source: 'acme.example/terms', checked: '2026-11-26' }
const search = (more: Partial<Operation> = {}): Operation => operationOf('search', { caching: MAY, ...more })

const chain = () => [linkOf(cache), ...realChain()]
const adapter = adapterOf([search()])

t.test('an answer that was kept leaves only when its charge is durable; one that cannot be written charges nothing and lets nothing out', async (t) => {
  let failing = false
  let release = (): void => undefined
  let held: Promise<void> | undefined
  const between = (store: Store): Store => ({
    ...store,
    ...Object.fromEntries(
      ['named', 'reserve', 'extend', 'calling', 'release', 'switch', 'intend', 'resolve', 'refund', 'ended', 'close', 'unknown', 'buy', 'begin'].flatMap(
        (name) => {
          const move = (store as unknown as Record<string, unknown>)[name]
          return typeof move === 'function' ? [[name, move.bind(store)]] : []
        },
      ),
    ),
    ...{ keys: store.keys, stock: store.stock },
    commit: async (id, charge) => {
      if (failing) throw new Error('the disk is full')
      await store.commit(id, charge)
      await held
    },
  })
  const inside = await openInside(t, { chain: chain(), adapter, between })
  const headers = await inside.key('k')
  inside.provider.answers = (one) => one.answer(200, '{}')
  await inside.fly('/acme/search', { headers }).landed
  held = new Promise((resolve) => {
    release = resolve
  })
  const second = inside.fly('/acme/search', { headers })
  await reached('the charge is being written', () => second.flight.state === 'settling')
  t.equal(second.sink.seen, 'nothing', 'nothing has left')
  release()
  await second.landed
  t.equal(second.sink.answers[0]?.status, 200)
  failing = true
  const third = inside.fly('/acme/search', { headers })
  await third.landed
  t.equal(third.sink.answers[0]?.status, 503)
  t.equal(inside.provider.tries.length, 1)
})

t.test('a payment pays the quote for a kept answer; one that does not settle wastes no unit', async (t) => {
  const inside = await openInside(t, { chain: chain(), adapter })
  inside.provider.answers = (one) => one.answer(200, '{}')
  const pay = (number: number) => inside.fly('/acme/search', { headers: paymentHeader({ number, nowMs: inside.clock.nowMs() }) })
  for (const number of [1, 2]) {
    const { landed, sink } = pay(number)
    await landed
    t.equal(sink.answers[0]?.status, 200)
  }
  inside.facilitator.settles = () => REFUSED
  const unpaid = pay(3)
  await unpaid.landed
  t.equal(unpaid.sink.answers[0]?.status, 402)
  t.equal(inside.provider.tries.length, 1)
  const { sold, wasted, revenue, left } = await inside.admin.counters('acme')
  t.same([sold, wasted, revenue, left], [1, 0, 300_000n, 699])
})

t.test('the owner and the platform share a kept answer as they share a new one', async (t) => {
  const inside = await openInside(t, { chain: [linkOf(cache), ...realChain({ 'markup-billing': 'platform_share_of: markup' })], adapter })
  inside.provider.answers = (one) => one.answer(200, '{}')
  const headers = await inside.key('k')
  for (let count = 0; count < 2; count += 1) await inside.fly('/acme/search', { headers }).landed
  await inside.flushed()
  const shares = inside.journal.flatMap((record) => (record.t === 'charge' ? [[record.price, record.platform]] : []))
  t.equal(shares.length, 2)
  t.same(shares[0], shares[1])
})

// ------------------------------------------------------------------ hooks that fail

const failing = (hooks: Hooks): typeof cache => ({ ...cache, create: () => hooks }) as typeof cache

t.test('a hook that fails where an answer is looked for refuses the call and gives everything back', async (t) => {
  const wrong: readonly ((call: Call, chosen: Alternative) => never)[] = [
    () => {
      throw new Error('no memory')
    },
    () => Promise.reject(new Error('no memory')) as never,
  ]
  for (const answer of wrong) {
    const stage = await Stage.open(failing({ answer }), { operations: [search()] })
    const { status, body } = await stage.call({ headers: await stage.key('k') })
    t.same([status, JSON.parse(body).code], [503, 'unavailable'])
    t.equal(stage.sent.length, 0)
    const { sold, wasted, left } = await stage.admin.counters('acme')
    t.same([sold, wasted, left, await stage.admin.balance('key:k')], [0, 0, 700, 10_000_000n])
    await stage.close()
  }
  const deaf = await Stage.open(
    failing({
      answered: () => {
        throw new Error('deaf')
      },
    }),
    { operations: [search()] },
  )
  t.equal((await deaf.call({ headers: await deaf.key('k') })).status, 200, 'who only listens refuses nothing')
  t.match(JSON.stringify(deaf.logged), /deaf/)
  await deaf.close()
})

// ------------------------------------------------------------------ through the doors

const CHAIN = ['cache', 'auth', 'markup-billing', 'quota-reserve']

for (const driver of ['embedded', 'redis'] as const) {
  t.test(`${driver}: a connection in YAML says how long its contract lets answers be kept; books and store agree on what was sold of them`, async (t) => {
    const provider = await startProvider(t)
    provider.always(reply(200, { rows: [1] }))
    const operations = [
      { id: 'kept', method: 'GET', path: '/kept', units: 2, cache: '60s', resale: 'allowed' },
      { id: 'new', method: 'GET', path: '/new', units: 2, resale: 'allowed' },
    ]
    const store = driver === 'embedded' ? {} : { store: { driver, url: (await startRedis(t, STRICT)).url, name: 'cache' } }
    const api_connections = [customConnection(provider.url, { operations })]
    const gateway = await openGateway(t, {
      listen: '127.0.0.1:0',
      admin: { listen: '127.0.0.1:0' },
      upstream: UPSTREAM,
      ...store,
      api_connections,
      plugins: CHAIN,
    })
    const keys = await Promise.all(Array.from({ length: 5 }, () => gateway.key({ credits: '$5' })))
    const ask = (path: string) => Promise.all(keys.map(({ key }) => gateway.call('GET', path, { headers: bearer(key) })))
    const kept = await ask('/acme/kept')
    t.same(
      kept.map(({ status, headers }) => [status, headers['x-atlas-price']]),
      Array.from({ length: 5 }, () => [200, '$0.04']),
    )
    t.equal(provider.seen.length, 1)
    await ask('/acme/new')
    t.equal(provider.seen.length, 6)
    const { ok, checks } = await gateway.office.verify()
    t.ok(ok, JSON.stringify(checks))
    const { connections } = (await gateway.office.marketplace.status()) as { connections: object[] }
    t.match(connections, [{ sold_units: 12, wasted_units: 0, units_left: 788, revenue: '0.40' }])
    const receipt = kept.find(({ headers }) => headers['x-atlas-units'] === '0')?.headers['x-atlas-receipt']
    t.equal((await gateway.call('GET', `/receipts/${receipt}`)).status, 200, 'a receipt like any other')
  })
}

// ------------------------------------------------------------------ who leaves, and what fails

t.test('who leaves while he waits for the answer of another gets everything back; the other is served', async (t) => {
  const inside = await openInside(t, { chain: chain(), adapter })
  const headers = await inside.key('k')
  const other = await inside.key('other')
  const first = inside.fly('/acme/search', { headers })
  const second = inside.fly('/acme/search', { headers: other })
  await reached('both are under way', () => first.flight.state === 'calling' && second.flight.state === 'calling')
  t.equal(inside.provider.tries.length, 1)
  second.flight.onClientGone()
  await second.landed
  inside.provider.tries[0]?.answer(200, '{}')
  await first.landed
  t.equal(first.sink.answers[0]?.status, 200)
  const { sold, wasted, left } = await inside.admin.counters('acme')
  t.same([sold, wasted, left, await inside.admin.balance('key:other')], [1, 0, 699, 10_000_000n])
})

t.test('a kept answer whose split cannot be computed is refused, and its units return', async (t) => {
  let throws = false
  const broken = withHooks(chain(), 'markup-billing', (hooks) => ({
    ...hooks,
    facts: {
      price: (call) => {
        const alternatives = (hooks.facts?.price?.(call).alternatives ?? []).map((one) => ({
          ...one,
          platformShare: (...args: Parameters<typeof one.platformShare>) => {
            if (throws) throw new Error('no split')
            return one.platformShare(...args)
          },
        }))
        return { alternatives }
      },
    },
  }))
  const inside = await openInside(t, { chain: broken, adapter })
  inside.provider.answers = (one) => one.answer(200, '{}')
  const headers = await inside.key('k')
  await inside.fly('/acme/search', { headers }).landed
  throws = true
  const second = inside.fly('/acme/search', { headers })
  await second.landed
  t.equal(second.sink.answers[0]?.status, 503)
  const { sold, wasted, left } = await inside.admin.counters('acme')
  t.same([sold, wasted, left], [1, 0, 699])
})
