/** Several limits in one move: all or nothing, the longest wait is told, and the pace that is nearest to refusing is shown; on either driver. */
import t, { type Test } from 'tap'
import { type RateClaim, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, drivers } from '../rig/drivers.ts'
import { credits, hold, rate, reserve, share, slot, spend, supply } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(1_000), reserved: units(0) })
const sale = () => supply(credits(), [acme])
const pace = (key: string, count: number, burst: number, more: Partial<RateClaim> = {}): RateClaim =>
  rate(key, burst, { rate: { count, windowSeconds: 60, everyNs: 60e9 / count }, ...more })
const consumer = () => pace('consumer', 60, 20)
const operation = () => pace('operation', 6, 3)

for (const [name, openDriver] of drivers(t)) {
  const open = async (t: Test): Promise<DriverRig> => {
    const rig = await openDriver(t, { connections: [acme] })
    await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$1000') })
    return rig
  }

  t.test(`${name}: the pace nearest to refusing is shown, whichever is named first`, async (t) => {
    for (const claims of [
      [consumer(), operation()],
      [operation(), consumer()],
    ]) {
      const rig = await open(t)
      const shown = { limit: 6, windowSeconds: 60 }
      t.match(await reserve(rig, 'a', sale(), ...claims), { rate: { ...shown, remaining: 2, resetSeconds: 10 } })
      for (const id of ['b', 'c']) await hold(rig, id, sale(), ...claims)
      t.match(await reserve(rig, 'd', sale(), ...claims), { code: 'rate_limited', retryAfterSeconds: 10, rate: { ...shown, remaining: 0, resetSeconds: 30 } })
      // Seventeen other operations later the consumer's own pace is nearer.
      for (let call = 0; call < 16; call += 1) await hold(rig, `other ${call}`, sale(), consumer())
      rig.clock.pass(20_000)
      for (let call = 0; call < 20; call += 1) await hold(rig, `more ${call}`, sale(), consumer())
      t.match(await reserve(rig, 'e', sale(), ...claims), { code: 'rate_limited', retryAfterSeconds: 1, rate: { limit: 60, remaining: 0 } })
    }
  })

  t.test(`${name}: fewer calls left are nearer, however soon the next may come; of as few the one with the longer wait is shown`, async (t) => {
    const [few, many, quick] = [() => pace('few', 6, 3), () => pace('many', 600, 6), () => pace('quick', 600, 3)]
    for (const isFirst of [true, false]) {
      const order = (a: RateClaim, b: RateClaim): RateClaim[] => (isFirst ? [a, b] : [b, a])
      const rig = await open(t)
      t.match(await reserve(rig, 'a', sale(), ...order(few(), many())), { rate: { limit: 6, remaining: 2 } })
      for (const id of ['b', 'c']) await hold(rig, id, sale(), few())
      for (const id of ['d', 'e', 'f']) await hold(rig, id, sale(), quick())
      t.match(await reserve(rig, 'g', sale(), ...order(few(), quick())), { retryAfterSeconds: 10, rate: { limit: 6, remaining: 0 } })
    }
  })

  t.test(`${name}: of two paces that refuse the longer wait is told, and neither has taken anything`, async (t) => {
    const rig = await open(t)
    const [a, b] = [() => pace('a', 60, 1), () => pace('b', 6, 1)]
    await hold(rig, 'first', sale(), a(), b())
    for (let turn = 0; turn < 5; turn += 1)
      t.match(await reserve(rig, `no ${turn}`, sale(), a(), b()), { retryAfterSeconds: 10, detail: 'more than 6 calls in 60 s' })
    rig.clock.pass(1_000)
    t.match(await reserve(rig, 'only b', sale(), a(), b()), { retryAfterSeconds: 9 })
    await hold(rig, 'only a', sale(), a())
    rig.clock.pass(9_000)
    await hold(rig, 'both again', sale(), a(), b())
  })

  t.test(`${name}: paces, slots, caps and shares are judged together: the longest wait of all`, async (t) => {
    const rig = await open(t)
    const all = () => [sale(), pace('p', 6, 1), slot('s', 1), spend('c', '$0.15'), share('a', [acme], { millionths: 1 })] as const
    await hold(rig, 'of b', sale(), share('b', [acme]))
    await hold(rig, 'first', ...all())
    // Noon: the cap is the longest.
    t.match(await reserve(rig, 'no', ...all()), { code: 'rate_limited', retryAfterSeconds: 43_200, detail: /spending cap/, rate: { remaining: 0 } })
    const rest = () => [sale(), pace('p', 6, 1), slot('s', 1), share('a', [acme], { millionths: 1 })] as const
    t.match(await reserve(rig, 'no 2', ...rest()), { detail: /of the units of acme/ })
    t.match(await reserve(rig, 'no 3', sale(), slot('s', 1), pace('p', 6, 1)), { retryAfterSeconds: 10 })
    t.match(await reserve(rig, 'no 4', sale(), slot('s', 1)), { retryAfterSeconds: 1, rate: undefined })
    rig.store.release('first', 'returned')
    await rig.still()
    await hold(rig, 'all are free', ...all())
  })

  t.test(`${name}: an address that is refused by its own pace waits as long as it was told, however often it asks meanwhile`, async (t) => {
    const rig = await open(t)
    const address = () => pace('address', 60, 2, { of: 'address', refusal: 'blocked' })
    for (const id of ['a', 'b']) await hold(rig, id, sale(), address())
    for (let turn = 0; turn < 50; turn += 1) t.match(await reserve(rig, `no ${turn}`, sale(), address()), { code: 'blocked', retryAfterSeconds: 1 })
    rig.clock.pass(1_000)
    t.match(await reserve(rig, 'poor', supply(credits('key:nobody'), [acme]), address()), { code: 'insufficient_credits' })
    t.match(await reserve(rig, 'then', sale(), address()), { code: 'blocked' }, 'a call that is refused for something else counts')
  })

  t.test(`${name}: the slots of a process that died are free`, async (t) => {
    const rig = await open(t)
    for (const id of ['a', 'b']) await hold(rig, id, sale(), slot('consumer', 2))
    t.match(await reserve(rig, 'c', sale(), slot('consumer', 2)), { code: 'rate_limited', detail: 'more than 2 calls at once' })
    const again = await rig.crash()
    for (const id of ['d', 'e']) await hold(again, id, sale(), slot('consumer', 2))
    t.match(await reserve(again, 'f', sale(), slot('consumer', 2)), { code: 'rate_limited' }, 'and none is free twice')
  })
}
