/** The consumer's limits: paces (GCRA), calls at once, money in a UTC day. */
import t from 'tap'
import { units } from '#contract'
import { Paces } from '../../gateway/stores/paces.ts'
import { connectionOf } from '../rig/acme.ts'
import { ScriptedClock } from '../rig/scripted.ts'
import { charge, credits, fund, hold, openStore, paymentOf, rate, reserve, type StoreRig, slot, spend, supply, x402 } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(100_000) })
const sale = () => supply(credits(), [acme])

async function market(t: Parameters<typeof openStore>[0]): Promise<StoreRig> {
  const rig = openStore(t, { connections: [acme] })
  await fund(rig, '$1000')
  return rig
}

t.test('exactly `burst` calls come at once, then one each 60/60 s', async (t) => {
  const rig = await market(t)
  let count = 0
  const tried = async (): Promise<boolean> => {
    count += 1
    return (await reserve(rig, `c${count}`, sale(), rate('consumer', 20))).kind === 'held'
  }
  const burst = async (): Promise<number> => {
    let held = 0
    while (await tried()) held += 1
    return held
  }
  t.equal(await burst(), 20)
  rig.clock.pass(999)
  t.equal(await burst(), 0, 'a millisecond too early')
  rig.clock.pass(1)
  t.equal(await burst(), 1)
  for (let second = 0; second < 5; second += 1) {
    rig.clock.pass(1_000)
    t.equal(await burst(), 1, 'one a second')
  }
  rig.clock.pass(7_500)
  t.equal(await burst(), 7)
  rig.clock.pass(500)
  t.equal(await burst(), 1, 'half a second was kept')
  rig.clock.pass(3_600_000)
  t.equal(await burst(), 20, 'never more than the burst, however long nobody came')
  t.equal((await reserve(rig, 'other', sale(), rate('another consumer', 20))).kind, 'held', 'each consumer has a pace of his own')
})

t.test('a pace that is no whole number of milliseconds is kept to the nanosecond', (t) => {
  const clock = new ScriptedClock()
  const paces = new Paces(clock)
  // 7 in 3 s: 428,571,428.57… ns apart.
  const claim = rate('k', 1, { rate: { count: 7, windowSeconds: 3, everyNs: 3e9 / 7 } })
  let taken = 0
  for (let ms = 0; ms < 300_000; ms += 1) {
    if (paces.wait(claim) === 0) {
      paces.take(claim)
      taken += 1
    }
    clock.pass(1)
  }
  t.ok(taken >= 699 && taken <= 700, `${taken} of at most 700 in 300 s, though the clock ticks in milliseconds`)
  t.end()
})

t.test('when there are too many consumers those are forgotten of whom nothing is lost', (t) => {
  const clock = new ScriptedClock()
  const paces = new Paces(clock, 100)
  const busy = rate('busy', 1, { rate: { count: 1, windowSeconds: 3_600, everyNs: 3.6e12 } })
  paces.take(busy)
  for (let index = 0; index < 5_000; index += 1) {
    paces.take(rate(`passing ${index}`, 1))
    clock.pass(11)
  }
  t.ok(paces.wait(busy) > 0, 'who has to wait for an hour does so, whoever else comes')
  t.equal(paces.wait(rate('passing 0', 1)), 0)
  t.ok(paces.wait(rate('passing 4999', 1)) > 0)
  for (let index = 0; index < 200; index += 1) paces.take(rate(`at once ${index}`, 1))
  t.equal(paces.wait(rate('at once 0', 1)), 0, 'and where all count, the oldest goes: memory is bounded')
  t.end()
})

t.test('the state for the RateLimit header tells what could come now, and when the burst is whole again', async (t) => {
  const rig = await market(t)
  const states: unknown[] = []
  for (let count = 1; count <= 3; count += 1) {
    const reserved = await reserve(rig, `c${count}`, sale(), rate('consumer', 3))
    states.push('rate' in reserved && reserved.rate)
  }
  t.strictSame(states, [
    { limit: 60, windowSeconds: 60, remaining: 2, resetSeconds: 1 },
    { limit: 60, windowSeconds: 60, remaining: 1, resetSeconds: 2 },
    { limit: 60, windowSeconds: 60, remaining: 0, resetSeconds: 3 },
  ])
  t.match(await reserve(rig, 'refused', sale(), rate('consumer', 3)), {
    code: 'rate_limited',
    retryAfterSeconds: 1,
    rate: { remaining: 0, resetSeconds: 3 },
  })
  rig.clock.pass(1_500)
  t.match(await reserve(rig, 'later', sale(), rate('consumer', 3)), { kind: 'held', rate: { remaining: 0, resetSeconds: 3 } })
  t.match(await reserve(rig, 'soon', sale(), rate('consumer', 3)), { code: 'rate_limited', retryAfterSeconds: 1, rate: { remaining: 0, resetSeconds: 3 } })
  t.match(await reserve(rig, 'none', sale()), { rate: undefined }, 'without a pace there is none')
})

t.test('no more calls at once than there are slots', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', sale(), slot('consumer', 3))
  for (const id of ['b', 'c']) await hold(rig, id, sale(), slot('consumer', 3))
  t.match(await reserve(rig, 'd', sale(), slot('consumer', 3)), { code: 'rate_limited', retryAfterSeconds: 1 })
  await t.resolves(hold(rig, 'other', sale(), slot('another consumer', 3)))
  await rig.store.commit('a', charge(chosen))
  await t.resolves(hold(rig, 'd', sale(), slot('consumer', 3)), 'a charged call is over')
  rig.store.release('b', 'wasted')
  rig.store.release('b', 'wasted')
  await t.resolves(hold(rig, 'e', sale(), slot('consumer', 3)), 'a given up one, too')
  t.match(await reserve(rig, 'f', sale(), slot('consumer', 3)), { code: 'rate_limited' }, 'and each frees one slot only')
})

t.test('a key spends at most its cap in a UTC day, and the next day as much again', async (t) => {
  const rig = await market(t)
  const day = () => spend('key:k', '$0.45')
  const chosen = await hold(rig, 'a', sale(), day())
  await hold(rig, 'b', sale(), day())
  await rig.store.commit('a', charge(chosen))
  await hold(rig, 'c', sale(), day())
  // 12:00 UTC: twelve hours to go.
  t.match(await reserve(rig, 'd', sale(), day()), { code: 'rate_limited', retryAfterSeconds: 43_200 })
  rig.store.release('b', 'returned')
  await hold(rig, 'd', sale(), day())
  t.match(await reserve(rig, 'e', sale(), day()), { code: 'rate_limited' })
  rig.clock.pass(43_199_999)
  t.match(await reserve(rig, 'e', sale(), day()), { code: 'rate_limited', retryAfterSeconds: 1 })
  rig.clock.pass(1)
  for (const id of ['e', 'f', 'g']) await hold(rig, id, sale(), day())
  t.match(await reserve(rig, 'h', sale(), day()), { code: 'rate_limited' })
})

t.test('what was spent yesterday and is given back today does not raise today’s cap', async (t) => {
  const rig = await market(t)
  const day = () => spend('key:k', '$0.30')
  await hold(rig, 'late', sale(), day())
  rig.clock.pass(43_200_000)
  await hold(rig, 'a', sale(), day())
  rig.store.release('late', 'returned')
  await hold(rig, 'b', sale(), day())
  t.match(await reserve(rig, 'c', sale(), day()), { code: 'rate_limited' })
})

t.test('the cap of a day holds over a restart, for credits and for payments', async (t) => {
  const rig = await market(t)
  const day = () => spend('key:k', '$0.45')
  await rig.store.commit('a', charge(await hold(rig, 'a', sale(), day())))
  const paid = await hold(rig, 'b', supply(x402('$0.15'), [acme]), day())
  const payment = paymentOf('$0.15')
  await rig.store.intend('b', charge(paid), payment)
  await rig.store.resolve('b', { state: 'settled', transaction: '0x', headers: {} })
  const voided = await hold(rig, 'v', supply(x402('$0.15'), [acme]), day())
  await rig.store.intend('v', charge(voided), payment)
  await rig.store.resolve('v', { state: 'not_settled', reason: 'no money' })
  const again = await rig.reopen()
  await hold(again, 'c', sale(), day())
  t.match(await reserve(again, 'd', sale(), day()), { code: 'rate_limited' }, 'two were spent before, one came to nothing')
  again.clock.pass(43_200_000)
  const tomorrow = await again.reopen()
  for (const id of ['e', 'f', 'g']) await hold(tomorrow, id, sale(), day())
  t.match(await reserve(tomorrow, 'h', sale(), day()), { code: 'rate_limited' })
})
