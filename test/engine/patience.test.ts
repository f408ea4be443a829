/** A store that is slow counts as gone: the call is refused in time, and what the store does too late is undone. */

import t, { type Test } from 'tap'
import { type Store, usd } from '../../gateway/contract/index.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader, walletOf } from '../rig/payments.ts'
import { Gate } from '../rig/scripted.ts'
import { type Move, WatchedStore } from '../rig/watched.ts'

/** A gateway that gives up on its store after 150 ms; the store's answer to `slow` comes when the gate is opened. */
async function open(t: Test, slow: Move): Promise<{ inside: Inside; store: WatchedStore; gate: Gate }> {
  const stores: WatchedStore[] = []
  const between = (real: Store): Store => {
    stores.push(new WatchedStore(real))
    return stores[0] as WatchedStore
  }
  const inside = await openInside(t, { between, patienceMs: 150 })
  inside.provider.answers = (one) => one.answer(200, '{"a":1}')
  const store = stores[0] as WatchedStore
  const gate = new Gate()
  store.waits = (move) => (move === slow ? gate : undefined)
  return { inside, store, gate }
}

async function refused({ inside }: { inside: Inside }, headers: Readonly<Record<string, string>>, t: Test, code = 'unavailable'): Promise<Flown> {
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  t.match(flown.sink.answers, [{ status: 503, body: new RegExp(`"code":"${code}"`) }])
  t.notMatch(flown.sink.answers[0]?.body, /"a":1/, 'no free answer')
  return flown
}

const balance = ({ admin }: Inside, account = 'key:k'): Promise<bigint> => admin.balance(account)
const payment = (inside: Inside): Record<string, string> => paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })

t.test('a reservation that comes too late is given back', async (t) => {
  const opened = await open(t, 'reserve')
  const key = await opened.inside.key('k')
  await refused(opened, key, t)
  opened.gate.open()
  await reached('it was reserved after all', () => opened.store.held.size === 1)
  await reached('and released', () => [...opened.store.held.values()].every(({ ends }) => ends.length === 1))
  t.match(await opened.inside.admin.counters('acme'), { sold: 0, wasted: 0, left: 700 })
})

t.test('a charge that comes too late goes back to the key, as credit', async (t) => {
  const opened = await open(t, 'commit')
  const { inside } = opened
  await refused(opened, await inside.key('k'), t)
  opened.gate.open()
  await reached('it is refunded', () => inside.journal.some(({ t }) => t === 'refund'))
  t.equal(await balance(inside), usd('$10'))
  t.match(
    inside.journal.filter(({ t }) => t === 'charge' || t === 'refund').map(({ t }) => t),
    ['charge', 'refund'],
  )
})

t.test('a named charge that comes too late stands, and the same call gets its answer', async (t) => {
  const opened = await open(t, 'commit')
  const { inside } = opened
  const headers = { ...(await inside.key('k')), 'idempotency-key': 'once' }
  await refused(opened, headers, t)
  opened.store.waits = () => undefined
  opened.gate.open()
  await inside.flushed()
  const again = inside.fly('/acme/search', { headers })
  await reached('the second is over', () => again.flight.state === 'over')
  t.match(again.sink.answers, [{ status: 200, body: '{"a":1}' }])
  t.equal(inside.provider.tries.length, 1, 'the provider was asked once')
  t.equal(await balance(inside), usd('$9.85'), 'and the call charged once')
})

t.test('an intent that comes too late is ended: nothing was settled, and the payment pays another call', async (t) => {
  const opened = await open(t, 'intend')
  const { inside } = opened
  await refused(opened, payment(inside), t)
  opened.gate.open()
  await reached('it is void', () => inside.journal.some(({ t }) => t === 'void'))
  t.equal(inside.facilitator.asked.settle.length, 0, 'the facilitator was not asked')
  await inside.flushed()
  opened.store.waits = () => undefined
  const again = inside.fly('/acme/search', { headers: payment(inside) })
  await reached('the second is over', () => again.flight.state === 'over')
  t.match(again.sink.answers, [{ status: 200 }])
})

t.test('a settlement that is written too late is pending, and then the stored answer', async (t) => {
  const opened = await open(t, 'resolve')
  const { inside } = opened
  await refused(opened, payment(inside), t, 'payment_pending')
  opened.gate.open()
  await inside.flushed()
  opened.store.waits = () => undefined
  const again = inside.fly('/acme/search', { headers: payment(inside) })
  await reached('the second is over', () => again.flight.state === 'over')
  t.match(again.sink.answers, [{ status: 200, body: '{"a":1}' }])
  t.strictSame(inside.facilitator.asked.settle, [walletOf(1)], 'settled once')
})
