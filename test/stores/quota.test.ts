/** What may be sold and what may be used: the reserve, the pool, the formula of what is left, and many at once. */
import fc from 'fast-check'
import t from 'tap'
import { type Payer, ratio, type Units, units, usd } from '#contract'
import { leftForSale } from '../../gateway/stores/stock.ts'
import { connectionOf } from '../rig/acme.ts'
import { alternative, charge, credits, fund, hold, openStore, ownerOf, reserve, type StoreRig, supply, x402 } from '../rig/store.ts'
import { seedOf } from '../rig/random.ts'

const nansen = connectionOf('nansen', { quota: units(10_000), reserved: units(3_000) })

/** Reserves and commits single units until a refusal comes; how many it were. */
async function useUp(rig: StoreRig, connection: typeof nansen, payer: Payer, count = 1): Promise<{ used: number; code: string }> {
  for (let used = 0; ; used += count) {
    const id = `${payer.by}-${used}-${(await rig.admin.counters(connection.name)).sold}`
    const reserved = await reserve(rig, id, supply(payer, [connection], count))
    if (reserved.kind !== 'held') return { used, code: reserved.kind === 'refused' ? reserved.code : reserved.kind }
    void rig.store.commit(id, charge(reserved.chosen))
  }
}

t.test('the reserve is never sold: of 10,000 units with 3,000 reserved 7,000 are, and the owner has his 3,000', async (t) => {
  const rig = openStore(t, { connections: [nansen] })
  await fund(rig, '$100000')
  t.strictSame(await useUp(rig, nansen, credits()), { used: 7_000, code: 'sold_out' })
  t.match(await reserve(rig, 'wallet', supply(x402('$1'), [nansen])), { code: 'sold_out' })
  t.match(await rig.admin.counters('nansen'), { sold: 7_000, left: 0, revenue: usd('$1050') })
  t.equal(rig.store.stock.leftForOwner('nansen'), 3_000)
  t.strictSame(await useUp(rig, nansen, ownerOf()), { used: 3_000, code: 'sold_out' })
  t.match(await rig.admin.counters('nansen'), { sold: 7_000, own: 3_000, wasted: 0 }, 'then the quota is gone')
  const again = await rig.reopen()
  t.match(await again.admin.counters('nansen'), { sold: 7_000, own: 3_000, wasted: 0, left: 0 })
  t.match(await reserve(again, 'late', supply(credits(), [nansen])), { code: 'sold_out' })
})

t.test('the owner uses the reserve first, then what is for sale, until the quota is gone', async (t) => {
  const rig = openStore(t, { connections: [nansen] })
  await fund(rig, '$100000')
  await rig.store.commit('warm', charge(await hold(rig, 'warm', supply(ownerOf(), [nansen], 3_000))))
  t.equal(rig.store.stock.left('nansen'), 7_000, 'the reserve is used up, nothing for sale is touched')
  await rig.store.commit('more', charge(await hold(rig, 'more', supply(ownerOf(), [nansen], 1_000))))
  t.equal(rig.store.stock.left('nansen'), 6_000)
  t.strictSame(await useUp(rig, nansen, credits(), 500), { used: 6_000, code: 'sold_out' })
  t.match(await reserve(rig, 'own', supply(ownerOf(), [nansen])), { code: 'sold_out' })
  t.match(await rig.admin.counters('nansen'), { sold: 6_000, own: 4_000, left: 0 })
})

t.test('units left follow the contract’s formula, whatever was used by whom', (t) => {
  const seed = seedOf(t)
  const count = fc.integer({ min: 0, max: 12_000 })
  fc.assert(
    fc.property(fc.record({ quota: count, share: fc.float({ min: 0, max: 1, noNaN: true }), sold: count, own: count, wasted: count, external: count }), (u) => {
      const reserved = Math.floor(u.quota * u.share)
      const { quota, sold, own, wasted, external } = u
      const expected = Math.max(0, quota - reserved - sold - wasted - Math.max(0, own + external - reserved))
      const connection = connectionOf('c', { quota: quota as Units, reserved: reserved as Units })
      const heldSold = Math.floor(sold / 3)
      const heldOwn = Math.floor(own / 2)
      const tally = { sold: sold - heldSold, heldSold, own: own - heldOwn, heldOwn, wasted, external, leasedTo: 0, revenue: usd('$0') }
      return leftForSale(connection, tally) === expected
    }),
    { seed },
  )
  t.pass('what is held counts as used')
  t.end()
})

t.test('400 calls at once with money for 100: exactly 100 are served, and the balance is zero', async (t) => {
  const rig = openStore(t, { connections: [nansen] })
  await fund(rig, '$15')
  const outcomes = await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      const reserved = await reserve(rig, `call-${index}`, supply(credits(), [nansen]))
      if (reserved.kind !== 'held') return reserved.kind === 'refused' ? reserved.code : reserved.kind
      await rig.store.commit(`call-${index}`, charge(reserved.chosen))
      return 'charged'
    }),
  )
  t.equal(outcomes.filter((outcome) => outcome === 'charged').length, 100)
  t.equal(outcomes.filter((outcome) => outcome === 'insufficient_credits').length, 300)
  t.equal(await rig.admin.balance('key:k'), 0n)
  const again = await rig.reopen()
  t.equal(await again.admin.balance('key:k'), 0n)
  t.equal((await again.admin.counters('nansen')).sold, 100)
})

t.test('many at once for the last units: never one too many, whoever asks', async (t) => {
  const small = connectionOf('small', { quota: units(150), reserved: units(30) })
  const rig = openStore(t, { connections: [small] })
  await fund(rig, '$1000')
  const payers = [credits(), x402('$1'), ownerOf()]
  const outcomes = await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const reserved = await reserve(rig, `call-${index}`, supply(payers[index % 3] as Payer, [small]))
      return reserved.kind
    }),
  )
  t.equal(outcomes.filter((kind) => kind === 'held').length, 150, 'the quota is used to the last unit')
  t.equal(rig.store.stock.left('small'), 0)
  t.equal(rig.store.stock.leftForOwner('small'), 0)
})

t.test('of a pool the cheapest serves, of one price the one with most left', async (t) => {
  const a = connectionOf('a', { quota: units(10), reserved: units(0) })
  const b = connectionOf('b', { quota: units(12), reserved: units(0), owner: 'bob' })
  const cheap = connectionOf('cheap', { quota: units(1), reserved: units(0), markup: ratio(2n, 1n) })
  const dear = connectionOf('dear', { quota: units(100), reserved: units(0), markup: ratio(4n, 1n) })
  const rig = openStore(t, { connections: [a, b, cheap, dear] })
  await fund(rig, '$1000')
  const served: string[] = []
  for (let index = 0; index < 25; index += 1) served.push((await hold(rig, `call-${index}`, supply(credits(), [dear, a, cheap, b]))).connection)
  t.equal(served[0], 'cheap', 'the cheapest first, as long as it has any')
  t.strictSame(served.slice(1, 4), ['b', 'b', 'a'], 'then the one with most left; of two alike the first')
  t.equal(served.slice(1, 23).filter((name) => name === 'b').length, 12, 'until both are empty')
  t.strictSame(served.slice(23), ['dear', 'dear'], 'the dear one last')
  await rig.admin.setEnabled('dear', false, false)
  const refused = await reserve(rig, 'off', supply(credits(), [dear, a]))
  t.match(refused, { code: 'sold_out' }, 'what is not enabled is not sold')
})

t.test('a call that needs more units than the cheapest has is served by the next that has them', async (t) => {
  const few = connectionOf('few', { quota: units(4), reserved: units(0), markup: ratio(2n, 1n) })
  const many = connectionOf('many', { quota: units(100), reserved: units(0) })
  const rig = openStore(t, { connections: [few, many] })
  await fund(rig, '$1000')
  t.equal((await hold(rig, 'big', supply(credits(), [few, many], 5))).connection, 'many')
  t.equal((await hold(rig, 'small', supply(credits(), [few, many], 4))).connection, 'few')
})

t.test('sold out says when the next period begins, where there is one and anything is on sale', async (t) => {
  const one = { quota: units(1), reserved: units(0) }
  const monthly = connectionOf('monthly', one)
  const daily = connectionOf('daily', { ...one, period: { every: 'day', billingDay: 1, zone: 'UTC' } })
  const grant = connectionOf('grant', { ...one, period: { every: 'none', billingDay: 1, zone: 'UTC' } })
  const rig = openStore(t, { connections: [monthly, daily, grant] })
  await fund(rig, '$1000')
  for (const connection of [monthly, daily, grant]) await hold(rig, `all of ${connection.name}`, supply(credits(), [connection]))
  const secondsOf = async (...connections: (typeof monthly)[]): Promise<unknown> => {
    const reserved = await reserve(rig, `ask ${connections.length} ${connections[0]?.name}`, supply(credits(), connections))
    return reserved.kind === 'refused' && reserved.code === 'sold_out' ? reserved.retryAfterSeconds : reserved
  }
  // The clock stands at 2026-11-23 12:00 UTC.
  t.equal(await secondsOf(monthly), 7.5 * 86_400)
  t.equal(await secondsOf(monthly, daily, grant), 43_200, 'the soonest of the pool')
  t.equal(await secondsOf(grant), undefined, 'a grant never renews')
  await rig.admin.setEnabled('daily', false, false)
  t.equal(await secondsOf(monthly, daily), 7.5 * 86_400, 'what is off sale promises nothing')
  t.equal(await secondsOf(daily), undefined)
  await hold(rig, 'own of the dailies', supply(ownerOf(), [connectionOf('daily', one)])).catch(() => undefined)
  t.match(await reserve(rig, 'own', supply(ownerOf(), [daily])), { code: 'sold_out', retryAfterSeconds: 43_200 }, 'an owner is told also off sale')
})

t.test('an owner draws on his connection with most left, on sale or not', async (t) => {
  const a = connectionOf('a', { quota: units(10), reserved: units(0), markup: ratio(2n, 1n) })
  const b = connectionOf('b', { quota: units(12), reserved: units(12) })
  const rig = openStore(t, { connections: [a, b], mode: 'live' })
  t.match(await reserve(rig, 'sale', supply(x402('$1'), [a, b])), { code: 'sold_out' }, 'live: nothing is on sale before it is enabled')
  const served: string[] = []
  for (let index = 0; index < 4; index += 1) served.push((await hold(rig, `own-${index}`, supply(ownerOf(), [a, b]))).connection)
  t.strictSame(served, ['b', 'b', 'a', 'b'])
  t.equal(alternative(a).price, usd('$0.10'), 'whatever they would cost others')
})
