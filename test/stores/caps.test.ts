/** Caps on money in a UTC day and month: exact at the boundary, over restarts and for whoever dies; on either driver the same. */
import t, { type Test } from 'tap'
import { type EpochMs, type Usd, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, drivers } from '../rig/drivers.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { charge, credits, hold, openStore, paymentOf, reserve, spend, supply } from '../rig/store.ts'

/** For ever, so that no turn of a quota mixes with the turn of a month. */
const acme = connectionOf('acme', { quota: units(100_000), period: { every: 'none', billingDay: 1, zone: 'UTC' } })
const DAY_MS = 86_400_000
const sale = (payer = credits()) => supply(payer, [acme])
const day = (limit = '$0.45', key = 'key:k') => spend(key, limit)
const month = (limit = '$0.75', key = 'key:k') => spend(key, limit, 'month')

let calls = 0
const next = (): string => {
  calls += 1
  return `call-${calls}`
}
/** Charged at once, as consumer `key:k`. */
async function sell(rig: Pick<DriverRig, 'store'>, ...claims: Parameters<typeof hold>[2][]): Promise<void> {
  const id = next()
  await rig.store.commit(id, charge(await hold(rig, id, ...claims)))
}

for (const [name, openDriver] of drivers(t)) {
  const open = async (t: Test): Promise<DriverRig> => {
    const rig = await openDriver(t, { connections: [acme] })
    for (const id of ['k', 'other']) await rig.admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd('$1000') })
    return rig
  }

  t.test(`${name}: a month holds over its days, and the next one begins with nothing`, async (t) => {
    const rig = await open(t)
    for (let call = 0; call < 3; call += 1) await sell(rig, sale(), day(), month())
    // 23 November, 12:00.
    t.match(await reserve(rig, next(), sale(), day(), month()), {
      code: 'rate_limited',
      detail: 'the spending cap of $0.45 for this UTC day is reached',
      retryAfterSeconds: 43_200,
    })
    rig.clock.pass(DAY_MS)
    for (let call = 0; call < 2; call += 1) await sell(rig, sale(), day(), month())
    const refused = await reserve(rig, next(), sale(), day(), month())
    t.match(refused, { code: 'rate_limited', detail: 'the spending cap of $0.75 for this UTC month is reached' })
    const left = (7 * DAY_MS - DAY_MS / 2) / 1000
    t.match(refused, { retryAfterSeconds: left })
    rig.clock.pass(left * 1000 - 1)
    t.match(await reserve(rig, next(), sale(), day(), month()), { code: 'rate_limited', retryAfterSeconds: 1 })
    rig.clock.pass(1)
    await sell(rig, sale(), day(), month())
  })

  t.test(`${name}: where day and month are both reached, the longer wait is told`, async (t) => {
    const rig = await open(t)
    await sell(rig, sale(), day('$0.20'), month('$0.20'))
    t.match(await reserve(rig, next(), sale(), month('$0.20'), day('$0.20')), { retryAfterSeconds: (7.5 * DAY_MS) / 1000 })
    t.match(await reserve(rig, next(), sale(), day('$0.20'), month('$0.20')), { retryAfterSeconds: (7.5 * DAY_MS) / 1000 })
  })

  t.test(`${name}: several caps of one consumer count once, and the tightest holds`, async (t) => {
    const rig = await open(t)
    for (let call = 0; call < 3; call += 1) await sell(rig, sale(), day('$0.45'), day('$100'), month('$100'), month('$90'))
    t.match(await reserve(rig, next(), sale(), day('$100'), day('$0.45')), { code: 'rate_limited' })
    t.match(await reserve(rig, next(), sale(), day('$0.60'), month('$0.60')), { kind: 'held' }, 'three were counted, not six')
  })

  t.test(`${name}: what spans midnight counts, and goes back, where it was counted`, async (t) => {
    const rig = await open(t)
    rig.clock.pass(DAY_MS / 2 - 1)
    const before = await hold(rig, 'before', sale(), day('$0.30'), month('$0.60'))
    await hold(rig, 'given up', sale(), day('$0.30'), month('$0.60'))
    rig.clock.pass(1)
    await hold(rig, 'after', sale(), day('$0.30'), month('$0.60'))
    rig.store.release('given up', 'returned')
    await rig.still()
    await rig.store.commit('before', charge(before))
    await hold(rig, 'second', sale(), day('$0.30'), month('$0.60'))
    t.match(await reserve(rig, next(), sale(), day('$0.30')), { code: 'rate_limited' }, 'two of today')
    await hold(rig, 'fourth', sale(), month('$0.60'))
    t.match(await reserve(rig, next(), sale(), month('$0.60')), { code: 'rate_limited' }, 'three of the month, and the one before midnight')
  })

  t.test(`${name}: a payment counts as what it is over; a cap compares with the same`, async (t) => {
    const rig = await open(t)
    const pay = (amount: string) => sale({ by: 'x402', payment: paymentOf(amount) })
    t.match(await reserve(rig, next(), pay('$0.50'), day('$0.45')), { code: 'rate_limited' }, 'though the call costs $0.15')
    t.match(await reserve(rig, next(), pay('$0.40'), day('$0.45')), { kind: 'held' })
    t.match(await reserve(rig, next(), pay('$0.15'), day('$0.45')), { code: 'rate_limited' })
    await hold(rig, 'wallet', pay('$0.30'))
    t.match(await rig.store.extend('wallet', [day('$0.29', 'wallet:0xb')]), { code: 'rate_limited' })
    t.match(await rig.store.extend('wallet', [day('$0.30', 'wallet:0xb'), month('$0.30', 'wallet:0xb')]), { kind: 'held' })
    await hold(rig, 'wallet again', pay('$0.15'))
    t.match(await rig.store.extend('wallet again', [month('$0.30', 'wallet:0xb')]), { code: 'rate_limited' })
  })

  t.test(`${name}: caps hold over a stop and over a crash, and what came to nothing afterwards does not count`, async (t) => {
    for (const how of ['reopen', 'crash'] as const) {
      const rig = await open(t)
      await sell(rig, sale(), day('$0.60'), month())
      const payment = paymentOf('$0.15')
      const paid = await hold(rig, `paid ${how}`, sale({ by: 'x402', payment }), day('$0.60'), month())
      await rig.store.intend(`paid ${how}`, charge(paid, 1, { price: usd('$0.15') }), payment)
      await hold(rig, `lost ${how}`, sale(), day('$0.60'), month())
      const again = await rig[how]()
      await hold(again, next(), sale(), day('$0.60'), month())
      await hold(again, next(), sale(), day('$0.60'), month())
      t.match(await reserve(again, next(), sale(), day('$0.60')), { code: 'rate_limited' }, `${how}: two before, two now; what was only held is gone`)
      await again.store.resolve(`paid ${how}`, { state: 'not_settled', reason: 'no money' })
      await hold(again, next(), sale(), day('$0.60'), month())
      t.match(await reserve(again, next(), sale(), day('$0.60')), { code: 'rate_limited' }, `${how}: one more for the one that came to nothing`)
      again.clock.pass(DAY_MS)
      await hold(again, next(), sale(), day('$0.60'), month())
      t.match(await reserve(again, next(), sale(), day('$0.60'), month()), { detail: 'the spending cap of $0.75 for this UTC month is reached' })
    }
  })

  t.test(`${name}: a key has caps of a day and a month; the key in its place has them, too, with what was spent`, async (t) => {
    const rig = await openDriver(t, { connections: [acme] })
    const caps = { capPerDay: usd('$5'), capPerMonth: usd('$50') }
    await rig.admin.createKey({ id: 'one', hash: 'hash of one', role: 'consumer', credits: usd('$10'), ...caps })
    t.match(await rig.admin.rotateKey('one', { id: 'two', hash: 'hash of two' }), { account: 'key:one', ...caps })
    const again = await rig.crash()
    await again.still()
    t.match(again.store.keys.byHash('hash of two'), { id: 'two', account: 'key:one', ...caps })
    t.match(
      (await again.admin.listKeys()).map(({ capPerDay, capPerMonth }) => [capPerDay, capPerMonth]),
      [
        [usd('$5'), usd('$50')],
        [usd('$5'), usd('$50')],
      ],
    )
  })

  t.test(`${name}: at any moment of any year the turn of day and month is that of UTC`, async (t) => {
    const chance = randomFrom(seedOf(t))
    const rig = await open(t)
    const from = rig.clock.nowMs()
    let at: number = from
    for (let turn = 0; turn < 40; turn += 1) {
      at += Math.floor(chance() * 90 * DAY_MS)
      // Now and then the last moment of a month, or its first.
      const when = new Date(at)
      const edge = Date.UTC(when.getUTCFullYear(), when.getUTCMonth() + 1)
      if (turn % 4 === 0) at = edge - 1
      else if (turn % 4 === 1) at = edge
      rig.clock.pass(at - rig.clock.nowMs())
      const now = new Date(at)
      const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)
      t.match(await reserve(rig, next(), sale(), month('$0.10')), { retryAfterSeconds: Math.ceil((end - at) / 1000) }, now.toISOString())
      t.match(await reserve(rig, next(), sale(), day('$0.10')), { retryAfterSeconds: Math.ceil((DAY_MS - (at % DAY_MS)) / 1000) })
    }
  })
}

t.test('a start counts a call that spans midnight in the day and month in which it was reserved, as the running gateway did', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1000') })
  rig.clock.pass(7.5 * DAY_MS - 1)
  const spans = await hold(rig, 'spans', sale(), day(), month())
  rig.clock.pass(1)
  await rig.store.commit('spans', charge(spans))
  await sell(rig, sale(), day(), month())
  for (const opened of [rig, await rig.reopen()]) {
    t.match(await reserve(opened, `probe of ${opened === rig}`, sale(), day('$0.30'), month('$0.30')), { kind: opened === rig ? 'refused' : 'held' })
  }
})

t.test('what a key spent counts for the key in its place after a start, too', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await rig.admin.createKey({ id: 'one', hash: 'h', role: 'consumer', credits: usd('$1000') })
  const sold = await hold(rig, 'sold', sale(credits('key:one')), day('$0.30', 'key:one'))
  await rig.store.commit('sold', charge(sold, 1, { consumer: 'key:one' }))
  await rig.admin.rotateKey('one', { id: 'two', hash: 'h2' })
  const second = await hold(rig, 'second', sale(credits('key:one')), day('$0.30', 'key:one'))
  await rig.store.commit('second', charge(second, 1, { consumer: 'key:two' }))
  const again = await rig.reopen()
  t.match(await reserve(again, 'third', sale(credits('key:one')), day('$0.30', 'key:one')), { code: 'rate_limited' })
})

t.test('caps count a hundred thousand consumers of a month that is over for nothing', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1000000') as Usd })
  await sell(rig, sale(), month('$100', 'wallet:0x1'))
  rig.clock.pass(-DAY_MS)
  t.match(await reserve(rig, next(), sale(), month('$0.15', 'wallet:0x1')), { code: 'rate_limited' }, 'a clock that is set back forgives nothing')
  rig.clock.pass((31 * DAY_MS) as EpochMs)
  t.match(await reserve(rig, next(), sale(), month('$0.15', 'wallet:0x1')), { kind: 'held' })
})
