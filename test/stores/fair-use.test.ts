/** Fair use: while several draw on a pool nobody takes more than a share of it; who is alone takes all; on either driver the same. */
import t, { type Test } from 'tap'
import { type Reserved, ratio, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, type DriverWish, drivers } from '../rig/drivers.ts'
import { openRedisStore } from '../rig/redis-store.ts'
import { startRedis } from '../rig/redis.ts'
import { charge, credits, hold, ownerOf, paymentOf, reserve, share, supply, x402 } from '../rig/store.ts'

/** 100 units for sale; a month long of one period. */
const pool = connectionOf('acme', { quota: units(130), reserved: units(30) })
const HOUR_MS = 3_600_000
const TENTH_MS = 360_000

let calls = 0
const next = (): string => {
  calls += 1
  return `call-${calls}`
}

for (const [name, openDriver] of drivers(t)) {
  const open = async (t: Test, wish: DriverWish = { connections: [pool] }): Promise<DriverRig> => {
    const rig = await openDriver(t, wish)
    await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$100000') })
    // At the beginning of a tenth, so that the figures below are round.
    rig.clock.pass(TENTH_MS - (rig.clock.nowMs() % TENTH_MS))
    return rig
  }
  const ask = (rig: DriverRig, who: string, count = 1, connections = [pool]): Promise<Reserved> =>
    reserve(rig, next(), share(who, connections), supply(credits(), connections, count))
  /** Calls of one unit until one is refused. */
  const take = async (rig: DriverRig, who: string, most = 1_000): Promise<number> => {
    for (let taken = 0; taken < most; taken += 1) if ((await ask(rig, who)).kind !== 'held') return taken
    return most
  }

  t.test(`${name}: who is alone takes all; of several none takes more than a share, and what is left is for others`, async (t) => {
    const alone = await open(t)
    t.equal(await take(alone, 'a'), 100)
    t.match(await ask(alone, 'a'), { code: 'sold_out' })
    const rig = await open(t)
    t.equal((await ask(rig, 'a')).kind, 'held')
    t.strictSame([await take(rig, 'b'), await take(rig, 'a'), await take(rig, 'c'), await take(rig, 'd')], [30, 29, 30, 10])
    t.match(await ask(rig, 'e'), { code: 'sold_out' })
    t.match(await ask(rig, 'a'), { code: 'rate_limited', detail: 'more than 30% of the units of acme within 3600 s, while others draw on them, too' })
  })

  t.test(`${name}: taken in turns or all at once, the shares are the same`, async (t) => {
    const rig = await open(t)
    const found = await Promise.all(Array.from({ length: 300 }, (_, index) => ask(rig, ['a', 'b', 'c', 'd'][index % 4] as string)))
    const held = (who: number): number => found.filter(({ kind }, index) => kind === 'held' && index % 4 === who).length
    // All four come in turns, so that nobody is alone but for the first call.
    t.strictSame([held(0), held(1), held(2), held(3)], [25, 25, 25, 25])
    const two = await open(t)
    const turns = await Promise.all(Array.from({ length: 200 }, (_, index) => ask(two, index % 2 === 0 ? 'a' : 'b')))
    t.equal(turns.filter(({ kind }) => kind === 'held').length, 60, 'two of thirty each')
  })

  t.test(`${name}: who took much while he was alone waits until it is his share again, as long as he is told`, async (t) => {
    const rig = await open(t)
    t.equal(await take(rig, 'a', 50), 50)
    rig.clock.pass(2 * TENTH_MS)
    t.equal(await take(rig, 'a', 20), 20)
    t.equal((await ask(rig, 'b')).kind, 'held', 'another one comes')
    const refused = await ask(rig, 'a')
    t.match(refused, { code: 'rate_limited' })
    // The first fifty go with their tenth; then 20 of his 20 + 1 + 29 left are more than 15: the others, too, and he is alone with the one of b.
    const wait = refused.kind === 'refused' ? (refused.retryAfterSeconds ?? 0) : 0
    t.equal(wait, (11 * TENTH_MS) / 1000, 'until his second tenth goes, and that of b with it')
    rig.clock.pass(wait * 1000 - 1)
    t.match(await ask(rig, 'a'), { code: 'rate_limited', retryAfterSeconds: 1 })
    rig.clock.pass(1)
    t.equal((await ask(rig, 'a')).kind, 'held')
  })

  t.test(`${name}: Retry-After is right at any moment: not a millisecond before, and then it is good`, async (t) => {
    const rig = await open(t)
    for (let tenth = 0; tenth < 10; tenth += 1) {
      t.equal(await take(rig, 'a', 4), 4)
      rig.clock.pass(TENTH_MS)
    }
    rig.clock.pass(-1_234)
    t.equal(await take(rig, 'b', 2), 2)
    const refused = await ask(rig, 'a')
    const wait = refused.kind === 'refused' ? (refused.retryAfterSeconds ?? 0) : 0
    t.ok(wait > 0, `${wait} s`)
    // Seconds are rounded up: a whole one earlier it is refused.
    rig.clock.pass((wait - 1) * 1000)
    t.equal((await ask(rig, 'a')).kind, 'refused')
    rig.clock.pass(1000)
    t.equal((await ask(rig, 'a')).kind, 'held')
  })

  t.test(`${name}: a call that fails gives its units back, and one that took fewer the rest`, async (t) => {
    const rig = await open(t)
    t.equal((await ask(rig, 'b')).kind, 'held')
    const whole = () => [share('a', [pool]), supply(credits(), [pool], 30)] as const
    await hold(rig, 'failed', ...whole())
    t.match(await ask(rig, 'a'), { code: 'rate_limited' })
    rig.store.release('failed', 'returned')
    await rig.still()
    const fewer = await hold(rig, 'fewer', ...whole())
    await rig.store.commit('fewer', charge(fewer, 10))
    t.equal(await take(rig, 'a'), 20)
    const other = await open(t)
    t.equal((await ask(other, 'b')).kind, 'held')
    await hold(other, 'wasted', ...whole())
    other.store.release('wasted', 'wasted')
    await other.still()
    t.equal(await take(other, 'a'), 21, 'a share of the seventy that are left')
  })

  t.test(`${name}: a wallet's share is judged in its second move; an intent counts until it is void`, async (t) => {
    const rig = await open(t)
    t.equal((await ask(rig, 'b')).kind, 'held')
    const pay = async (id: string, count: number): Promise<Reserved> => {
      const payment = paymentOf('$100', { payer: '0xa' })
      await hold(rig, id, supply({ by: 'x402', payment }, [pool], count))
      return rig.store.extend(id, [share('wallet:0xa', [pool])])
    }
    t.match(await pay('much', 31), { code: 'rate_limited' })
    rig.store.release('much', 'returned')
    await rig.still()
    t.match(await pay('good', 30), { kind: 'held' })
    const payment = paymentOf('$100', { payer: '0xa' })
    await rig.store.intend('good', charge(supply(x402('$100'), [pool], 30).alternatives[0] as never, 30, { price: usd('$100') }), payment)
    t.match(await pay('more', 1), { code: 'rate_limited' })
    rig.store.release('more', 'returned')
    await rig.still()
    await rig.store.resolve('good', { state: 'not_settled', reason: 'no money' })
    t.match(await pay('again', 21), { kind: 'held' }, 'of seventy, since thirty were wasted')
  })

  t.test(`${name}: the pool is all its connections on sale, and owners take no part`, async (t) => {
    const [first, second, off] = [pool, connectionOf('second', { quota: units(100), reserved: units(0) }), connectionOf('off', { quota: units(1_000) })]
    const all = [first, second, off]
    const rig = await open(t, { connections: all })
    await rig.admin.setEnabled('off', false, false)
    await hold(rig, next(), supply(ownerOf(), [first], 20))
    t.equal((await ask(rig, 'b', 1, all)).kind, 'held')
    let taken = 0
    while ((await ask(rig, 'a', 1, all)).kind === 'held') taken += 1
    t.equal(taken, 60, '30 % of 200')
  })

  t.test(`${name}: pools and windows count for themselves; a call of no units is never refused; a share is rounded up to a unit`, async (t) => {
    const rig = await open(t)
    t.equal((await ask(rig, 'b')).kind, 'held')
    t.equal(await take(rig, 'a'), 30)
    const other = await reserve(rig, next(), share('a', [pool], { pool: 'other' }), supply(credits(), [pool]))
    t.equal(other.kind, 'held', 'another pool')
    const short = await reserve(rig, next(), share('a', [pool], { windowMs: 60_000 }), supply(credits(), [pool]))
    t.equal(short.kind, 'held', 'another window')
    t.equal((await ask(rig, 'a', 0)).kind, 'held')
    const tiny = await open(t, { connections: [connectionOf('acme', { quota: units(2), reserved: units(0) })] })
    t.equal((await ask(tiny, 'a')).kind, 'held')
    t.equal((await ask(tiny, 'b')).kind, 'held', 'nobody is kept from the last unit by a share below one')
  })

  t.test(`${name}: a share that is no whole number of units is kept exactly`, async (t) => {
    const rig = await open(t, { connections: [connectionOf('acme', { quota: units(1_000), reserved: units(0), markup: ratio(1n, 1n) })] })
    const third = (who: string) => reserve(rig, next(), share(who, [pool], { millionths: 333_333 }), supply(credits(), [pool]))
    t.equal((await third('b')).kind, 'held')
    let taken = 0
    while ((await third('a')).kind === 'held') taken += 1
    t.equal(taken, 334, '333.333 of 1000, rounded up')
  })

  t.test(`${name}: after the window everything is as before anybody came`, async (t) => {
    const rig = await open(t, { connections: [connectionOf('acme', { quota: units(400), reserved: units(0) })] })
    t.equal((await ask(rig, 'b')).kind, 'held')
    t.equal(await take(rig, 'a'), 120)
    rig.clock.pass(HOUR_MS - 1)
    t.match(await ask(rig, 'a'), { code: 'rate_limited' }, 'the hour is not over')
    rig.clock.pass(TENTH_MS + 1)
    t.equal((await ask(rig, 'a')).kind, 'held', 'a tenth later at the latest it is')
  })
}

t.test('redis: what a process that died had only held of a share is given back by who sweeps it', async (t) => {
  const redis = await startRedis(t)
  const rig = await openRedisStore(t, redis, { connections: [pool] })
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1000') })
  const other = await rig.again()
  await hold(other, 'of b', share('b', [pool]), supply(credits(), [pool]))
  await hold(rig, 'of a', share('a', [pool]), supply(credits(), [pool], 20))
  t.match(await reserve(other, 'more', share('a', [pool]), supply(credits(), [pool], 11)), { code: 'rate_limited' }, 'both processes count as one')
  await rig.store.close()
  await other.sweep()
  t.match(await reserve(other, 'then', share('a', [pool]), supply(credits(), [pool], 24)), { kind: 'held' }, '30 % of the 80 that are left')
  t.equal(await rig.raw((client, prefix) => client.exists(`${prefix}s:a`)), 0)
})
