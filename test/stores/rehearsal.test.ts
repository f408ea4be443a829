/** Calls that are played again meet the store's rules: its choice, its stock, its paces and caps; and whoever pays has money. */
import t from 'tap'
import { type StoreClaim, type Units, units, usd } from '#contract'
import { planOf, Rehearsal } from '../../gateway/stores/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { credits, ownerOf, rate, spend, supply, x402 } from '../rig/store.ts'

const START = Date.UTC(2026, 10, 23, 12)
const DAY_MS = 86_400_000
const acme = connectionOf('acme', { quota: units(10), reserved: units(4) })
const other = connectionOf('other', { quota: units(100), reserved: units(0) })
const both = [acme, other]
const opened = (offSale: readonly string[] = []): Rehearsal => new Rehearsal({ connections: both, offSale: new Set(offSale), startMs: START as never })
const played = (rehearsal: Rehearsal, ...claims: readonly StoreClaim[]): string => {
  const taken = rehearsal.take(planOf(claims))
  if (taken.kind !== 'taken') return taken.code
  rehearsal.charge(taken, taken.alternative.units, taken.alternative.price)
  return taken.alternative.connection
}

t.test('whoever pays has money, an owner draws on what is his, and what is sold out is sold out', async (t) => {
  const rehearsal = opened()
  t.equal(played(rehearsal, supply(credits('key:poor'), [acme], 5)), 'acme')
  t.equal(played(rehearsal, supply(x402('$0.000001'), [acme], 1)), 'acme', 'nor is a payment too small')
  t.equal(played(rehearsal, supply(credits(), [acme], 1)), 'sold_out', 'the reserve is the owner’s')
  t.equal(played(rehearsal, supply(ownerOf(), [acme], 4)), 'acme')
  t.match(rehearsal.tally('acme'), { sold: 6, own: 4, wasted: 0, heldSold: 0, heldOwn: 0 })
  t.equal(played(rehearsal, supply(ownerOf(), [acme], 1)), 'sold_out')
  t.equal(rehearsal.tally('nobody'), undefined)
})

t.test('what is off sale serves its owner alone', async (t) => {
  const rehearsal = opened(['acme'])
  t.strictSame([rehearsal.stock.enabled('acme'), rehearsal.stock.enabled('other')], [false, true])
  t.equal(played(rehearsal, supply(credits(), both)), 'other')
  t.equal(played(rehearsal, supply(ownerOf(), [acme])), 'acme')
})

t.test('what happened before counts: units of a configured connection, external ones of this period, money towards caps', async (t) => {
  const rehearsal = opened()
  rehearsal.used('acme', 'sold', 2)
  rehearsal.used('acme', 'own', 3)
  rehearsal.used('nobody', 'sold', 9)
  const period = Date.UTC(2026, 10, 1)
  rehearsal.external('acme', period - 1, 4)
  t.match(rehearsal.tally('acme'), { sold: 2, own: 3, external: 0 })
  rehearsal.external('acme', period, 1)
  t.match(rehearsal.tally('acme'), { sold: 2, own: 3, external: 1 })
  t.equal(rehearsal.stock.left('acme'), 4 as Units)
  rehearsal.spent('key:k', usd('$4'))
  const claims = [spend('key:k', '$4.15'), spend('key:k', '$4.30', 'month'), supply(credits(), [other])]
  t.strictSame([played(rehearsal, ...claims), played(rehearsal, ...claims)], ['other', 'rate_limited'])
  rehearsal.at(START + DAY_MS)
  t.strictSame([played(rehearsal, ...claims), played(rehearsal, ...claims)], ['other', 'rate_limited'], 'a new day pays for many, its month for one more')
})

t.test('what was not served is back, but for the units that came to nothing; time goes on and never back', async (t) => {
  const rehearsal = opened()
  const taken = rehearsal.take(planOf([spend('key:k', '$0.30'), supply(credits(), [acme], 2)]))
  if (taken.kind !== 'taken') throw new Error('it was not taken')
  rehearsal.giveBack(taken, 1)
  t.match(rehearsal.tally('acme'), { sold: 0, wasted: 1 })
  t.equal(played(rehearsal, spend('key:k', '$0.30'), supply(credits(), [acme], 2)), 'acme', 'and its money with it')
  rehearsal.at(START + 5)
  rehearsal.at(START - 5)
  t.strictSame([rehearsal.clock.nowMs(), rehearsal.clock.monotonicNs()], [START + 5, 5e6])
})

t.test('a call that was let through draws on paces, and on nothing else', async (t) => {
  const rehearsal = opened()
  const pace = rate('key:k', 1)
  rehearsal.passed(planOf([pace, supply(credits(), [other])]))
  t.match(rehearsal.tally('other'), { sold: 0, heldSold: 0 })
  t.equal(played(rehearsal, pace, supply(credits(), [other])), 'rate_limited')
  rehearsal.at(START + 1_000)
  t.equal(played(rehearsal, pace, supply(credits(), [other])), 'other')
})
