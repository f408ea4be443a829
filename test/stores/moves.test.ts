/** Ending a hold and changing its connection: each move once, whatever is repeated; what is not used goes back. */
import t, { type Test } from 'tap'
import { ratio, units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import {
  alternative,
  charge,
  credits,
  fund,
  hold,
  openStore,
  ownerOf,
  rate,
  recordsOf,
  reserve,
  type StoreRig,
  slot,
  spend,
  supply,
  x402,
} from '../rig/store.ts'

const acme = connectionOf('acme')
const cheap = connectionOf('cheap', { markup: ratio(2n, 1n) })
const dear = connectionOf('dear', { markup: ratio(4n, 1n) })

async function market(t: Test): Promise<StoreRig> {
  const rig = openStore(t, { connections: [acme, cheap, dear] })
  await fund(rig, '$10')
  return rig
}

const unitsOf = async ({ admin }: StoreRig, name = 'acme'): Promise<unknown> => {
  const { sold, own, wasted, left } = await admin.counters(name)
  return { sold, own, wasted, left }
}

t.test('a commit charges once, however often it is repeated, and says so only when it is durable', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', supply(credits(), [acme], 2))
  t.match(await unitsOf(rig), { sold: 0, left: 698 }, 'held units are not for sale')
  const first = rig.store.commit('a', charge(chosen))
  const second = rig.store.commit('a', charge(chosen, 1))
  t.equal(recordsOf(rig).filter(({ t }) => t === 'charge').length, 0, 'nothing is on disk yet')
  await second
  t.equal(recordsOf(rig).filter(({ t }) => t === 'charge').length, 1, 'a repeated commit waits for the first one’s record')
  await first
  await rig.store.commit('a', charge(chosen))
  rig.store.release('a', 'wasted')
  t.equal(await rig.store.switch('a', alternative(cheap), 'wasted'), false)
  t.strictSame(await unitsOf(rig), { sold: 2, own: 0, wasted: 0, left: 698 })
  t.equal(await rig.admin.balance('key:k'), usd('$9.70'))
  const again = await rig.reopen()
  t.strictSame(await unitsOf(again), { sold: 2, own: 0, wasted: 0, left: 698 })
  t.equal(await again.admin.balance('key:k'), usd('$9.70'))
})

t.test('a commit of fewer units gives the rest of units and money back', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'rows', supply(credits(), [acme], 60), spend('key:k', '$9'))
  t.equal(chosen.price, usd('$9'))
  t.match(await reserve(rig, 'poor', supply(credits(), [acme], 7)), { code: 'insufficient_credits' }, 'the most is held of the money')
  await rig.store.commit('rows', charge(chosen, 20))
  t.strictSame(await unitsOf(rig), { sold: 20, own: 0, wasted: 0, left: 680 })
  t.equal(await rig.admin.balance('key:k'), usd('$7'))
  t.match(await reserve(rig, 'over', supply(credits(), [acme], 41), spend('key:k', '$9')), { code: 'rate_limited' }, '$3 of the cap are spent')
  await t.resolves(hold(rig, 'under', supply(credits(), [acme], 40), spend('key:k', '$9')))
})

t.test('a release gives money, slots and the day’s spending back, and units as it is told', async (t) => {
  for (const fate of ['returned', 'wasted'] as const) {
    const rig = await market(t)
    const claims = [supply(credits(), [acme], 3), slot('consumer', 1), spend('key:k', '$0.45')]
    await hold(rig, 'a', ...claims)
    rig.store.release('a', fate)
    rig.store.release('a', 'wasted')
    await rig.store.commit('a', charge(alternative(acme, 3)))
    const wasted = fate === 'wasted' ? 3 : 0
    t.strictSame(await unitsOf(rig), { sold: 0, own: 0, wasted, left: 700 - wasted }, fate)
    t.equal(await rig.admin.balance('key:k'), usd('$10'))
    await t.resolves(hold(rig, 'b', ...claims), 'slot and cap are free again')
    rig.store.release('b', 'returned')
    const again = await rig.reopen()
    t.strictSame(await unitsOf(again), { sold: 0, own: 0, wasted, left: 700 - wasted }, `${fate}: also after a restart`)
  }
})

t.test('the pace forgets a call that was not charged, whatever became of its units', async (t) => {
  const rig = await market(t)
  for (let i = 0; i < 3; i += 1) {
    await hold(rig, `returned-${i}`, supply(credits(), [acme]), rate('consumer', 2))
    rig.store.release(`returned-${i}`, 'returned')
  }
  for (let i = 0; i < 2; i += 1) {
    await hold(rig, `wasted-${i}`, supply(credits(), [acme]), rate('consumer', 2))
    rig.store.release(`wasted-${i}`, 'wasted')
  }
  t.match(await reserve(rig, 'then', supply(credits(), [acme]), rate('consumer', 2)), { kind: 'held' })
})

t.test('a switch moves units and money to another connection, once', async (t) => {
  const rig = await market(t)
  await hold(rig, 'a', supply(credits(), [acme], 2), spend('key:k', '$0.45'))
  const to = alternative(cheap, 2)
  t.equal(await rig.store.switch('a', to, 'wasted'), true)
  t.equal(await rig.store.switch('a', to, 'wasted'), true, 'the same again is answered, not repeated')
  t.strictSame(await unitsOf(rig), { sold: 0, own: 0, wasted: 2, left: 698 })
  t.strictSame(await unitsOf(rig, 'cheap'), { sold: 0, own: 0, wasted: 0, left: 698 })
  t.match(await reserve(rig, 'poor', supply(credits(), [acme], 66)), { code: 'insufficient_credits' }, 'the lower price is held: $0.20 of $10')
  await rig.store.commit('a', charge(to))
  t.equal(await rig.admin.balance('key:k'), usd('$9.80'))
  t.match(await rig.admin.counters('cheap'), { sold: 2, revenue: usd('$0.20') }, 'the connection that served is credited')
  t.match(await rig.admin.counters('acme'), { sold: 0, revenue: 0n })
  t.match(await reserve(rig, 'cap', supply(credits(), [acme], 2), spend('key:k', '$0.45')), { code: 'rate_limited' })
  await t.resolves(hold(rig, 'cap too', supply(credits(), [acme], 1), spend('key:k', '$0.45')), 'the cap counts what was paid in the end')
})

t.test('a switch that is given up leaves nothing of the first price in the cap', async (t) => {
  const rig = await market(t)
  await hold(rig, 'a', supply(credits(), [acme], 2), spend('key:k', '$0.30'))
  t.equal(await rig.store.switch('a', alternative(cheap, 2), 'returned'), true)
  rig.store.release('a', 'returned')
  await t.resolves(hold(rig, 'b', supply(credits(), [acme], 2), spend('key:k', '$0.30')))
})

t.test('a switch is never dearer, and never to a connection without units or off sale', async (t) => {
  const rig = openStore(t, { connections: [acme, cheap, dear, connectionOf('small', { quota: units(301) }), connectionOf('off')] })
  await fund(rig, '$10')
  await rig.admin.setEnabled('off', false, false)
  await hold(rig, 'a', supply(credits(), [acme], 2))
  const before = [await unitsOf(rig), await rig.admin.balance('key:k')]
  t.equal(await rig.store.switch('a', alternative(dear, 2), 'wasted'), false, 'dearer')
  t.equal(await rig.store.switch('a', alternative(connectionOf('small'), 2), 'wasted'), false, 'no units')
  t.equal(await rig.store.switch('a', alternative(connectionOf('off'), 2), 'wasted'), false, 'off sale')
  t.equal(await rig.store.switch('a', alternative(connectionOf('removed'), 2), 'wasted'), false, 'not configured')
  t.strictSame([await unitsOf(rig), await rig.admin.balance('key:k')], before, 'a refused switch changes nothing')
  await hold(rig, 'wallet', supply(x402('$0.35'), [acme], 2))
  t.equal(await rig.store.switch('wallet', alternative(dear, 2), 'returned'), false, 'above what was signed')
  t.equal(await rig.store.switch('wallet', alternative(dear, 1), 'returned'), true, 'within what was signed')
  await hold(rig, 'own', supply(ownerOf(), [acme], 2))
  t.equal(await rig.store.switch('own', alternative(connectionOf('off'), 2), 'returned'), true, 'an owner’s key works off sale')
})

t.test('a hold that was given up while its switch waited takes nothing', async (t) => {
  const rig = await market(t)
  await hold(rig, 'a', supply(credits(), [acme], 2))
  const switching = rig.store.switch('a', alternative(cheap, 2), 'returned')
  rig.store.release('a', 'returned')
  t.equal(await switching, false, 'it had waited for a lease on the other connection')
  t.match(await unitsOf(rig, 'cheap'), { left: 700 })
  t.match(await unitsOf(rig), { left: 700 })
})

t.test('a refund turns a charge into credit of its payer, once', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', supply(credits(), [acme]))
  await rig.store.commit('a', charge(chosen))
  const refund = { receipt: 'a', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') }
  await rig.store.refund(refund)
  await rig.store.refund(refund)
  t.equal(await rig.admin.balance('key:k'), usd('$10'))
  t.match(await unitsOf(rig), { sold: 1 }, 'units do not come back')
  const again = await rig.reopen()
  await again.store.refund(refund)
  t.equal(await again.admin.balance('key:k'), usd('$10'))
})

t.test('an owner’s call costs nothing and counts as his own', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'own', supply(ownerOf(), [acme], 2))
  await rig.store.commit('own', charge(chosen, 2, { price: usd('$0'), platformShare: usd('$0') }))
  t.strictSame(await unitsOf(rig), { sold: 0, own: 2, wasted: 0, left: 700 }, 'out of the reserve')
})
