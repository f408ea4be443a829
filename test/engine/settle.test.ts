/** Between a good answer and its first byte stands a durable charge: whatever becomes of that, no free call and no lost charge. */

import t, { type Test } from 'tap'
import type { Store } from '../../gateway/contract/index.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader, walletOf } from '../rig/payments.ts'
import { LOST, REFUSED } from '../rig/scripted.ts'
import { type Move, WatchedStore } from '../rig/watched.ts'

async function open(t: Test): Promise<{ inside: Inside; store: WatchedStore }> {
  const stores: WatchedStore[] = []
  const between = (real: Store): Store => {
    stores.push(new WatchedStore(real))
    return stores[0] as WatchedStore
  }
  const inside = await openInside(t, { between })
  inside.provider.answers = (one) => one.answer(200, '{"a":1}')
  return { inside, store: stores[0] as WatchedStore }
}

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  await inside.flushed()
  return flown
}

const payment = (inside: Inside): Record<string, string> => paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })
const used = async ({ admin }: Inside): Promise<object> => {
  const { sold, own, wasted } = await admin.counters('acme')
  return { sold, own, wasted }
}
const fails =
  (...moves: readonly Move[]) =>
  (move: Move): boolean =>
    moves.includes(move)

t.test('a settlement that is refused: nothing of the answer leaves, the units are wasted, the payment is free', async (t) => {
  const { inside, store } = await open(t)
  inside.facilitator.settles = () => REFUSED
  const flown = await call(inside, payment(inside))
  t.match(flown.sink.answers, [{ status: 402, body: /"code":"payment_invalid"/ }])
  t.notMatch(flown.sink.answers[0]?.body, /"a":1/)
  const headers = flown.sink.answers[0]?.headers ?? []
  t.ok(headers.includes('payment-response') && headers.includes('payment-required'), 'what became of it, and a new offer')
  t.match(inside.outcomes.get(flown.id), [{ kind: 'refused', code: 'payment_invalid', price: 0n, attempts: [{ meaning: 'ok', used: 'wasted' }] }])
  t.match(inside.records, [{ kind: 'refused', attempts: [{ used: 'wasted' }] }])
  t.strictSame(await used(inside), { sold: 0, own: 0, wasted: 1 })
  t.strictSame(
    [...store.held.values()].map(({ ends }) => ends),
    [['not_settled']],
  )
  inside.facilitator.settles = () => ({ kind: 'answer', status: 200, body: { success: true, transaction: `0x${'cd'.repeat(32)}` } })
  t.equal((await call(inside, payment(inside))).sink.answers[0]?.status, 200, 'the same payment pays the next call')
})

t.test('a settlement whose answer is lost is unknown: pending for everybody, and the hold stays until it is known', async (t) => {
  const { inside, store } = await open(t)
  inside.facilitator.settles = () => LOST
  const flown = await call(inside, payment(inside))
  t.match(flown.sink.answers, [{ status: 503, body: /"code":"payment_pending"/ }])
  t.ok(flown.sink.answers[0]?.headers.includes('retry-after'))
  t.match(inside.outcomes.get(flown.id), [{ kind: 'unknown', code: 'payment_pending' }])
  t.equal(inside.unknowns.count, 1)
  t.equal((await inside.admin.counters('acme')).left, 699, 'its unit is sold to nobody else')
  const [unknown] = await inside.store.unknowns()
  t.match(unknown, { price: 150_000n, payment: { payer: walletOf(1) } })
  await store.resolve(unknown?.hold ?? '', { state: 'settled', transaction: `0x${'cd'.repeat(32)}`, headers: { 'payment-response': 'e30=' } })
  const again = await call(inside, payment(inside))
  t.match(again.sink.answers, [{ status: 200, body: '{"a":1}' }], 'once it is known, the same payment gets the stored answer')
  t.ok(again.sink.answers[0]?.headers.includes('x-atlas-replayed'))
  t.equal(inside.provider.tries.length, 1, 'from a provider that was asked once')
  t.equal(inside.facilitator.asked.settle.length, 1)
})

t.test('an intent that cannot be written: no facilitator is asked to settle, nothing leaves', async (t) => {
  const { inside, store } = await open(t)
  store.fails = fails('intend')
  const flown = await call(inside, payment(inside))
  t.match(flown.sink.answers, [{ status: 503, body: /"code":"unavailable"/ }])
  t.strictSame(inside.facilitator.asked.settle, [])
})

t.test('an outcome that cannot be written is pending: the payment may have been taken', async (t) => {
  const { inside, store } = await open(t)
  store.fails = fails('resolve')
  const flown = await call(inside, payment(inside))
  t.match(flown.sink.answers, [{ status: 503, body: /"code":"payment_pending"/ }])
  t.match(inside.outcomes.get(flown.id), [{ kind: 'unknown' }])
})

t.test('a charge that cannot be written: the answer does not leave', async (t) => {
  const { inside, store } = await open(t)
  store.fails = fails('commit')
  const flown = await call(inside, await inside.key('k'))
  t.match(flown.sink.answers, [{ status: 503, body: /"code":"unavailable"/ }])
  t.notMatch(flown.sink.answers[0]?.body, /"a":1/)
  t.equal(inside.records.length, 1)
})

t.test("an owner's own call that cannot be written is answered all the same, and the log says so", async (t) => {
  const { inside, store } = await open(t)
  store.fails = fails('commit')
  const flown = await call(inside, await inside.key('o', { role: 'owner', owner: 'alice' }))
  t.match(flown.sink.answers, [{ status: 200, body: '{"a":1}' }])
  await reached('the log says so', () => inside.logged.some(({ message }) => /could not be written/.test(message)))
})

t.test('a reservation, or a second move, that is lost on its way refuses the call and takes nothing', async (t) => {
  for (const move of ['reserve', 'extend'] as const) {
    const { inside, store } = await open(t)
    const headers = { 'idempotency-key': 'the-name-of-a-wallet', ...payment(inside) }
    store.fails = fails(move)
    const flown = await call(inside, headers)
    t.match(flown.sink.answers, [{ status: 503, body: /"code":"unavailable"/ }], move)
    store.fails = () => false
    t.equal((await call(inside, headers)).sink.answers[0]?.status, 200, 'payment and name are free')
    t.strictSame(await used(inside), { sold: 1, own: 0, wasted: 0 })
  }
})

t.test('an answer that cannot be written to the client changes nothing about the charge, and ends nobody else', async (t) => {
  const { inside } = await open(t)
  const key = await inside.key('k')
  const flown = inside.fly('/acme/search', { headers: key })
  flown.sink.answer = () => {
    throw new TypeError('Invalid character in header content')
  }
  await reached('the call is over', () => flown.flight.state === 'over')
  t.match(inside.outcomes.get(flown.id), [{ kind: 'charged', price: 150_000n }])
  t.equal(flown.sink.aborted, 1, 'the client sees that something is wrong')
  t.match(inside.logged, [{ level: 'error', message: 'an answer could not be written' }])
  t.equal((await call(inside, key)).sink.answers[0]?.status, 200)
})

t.test('the first of a name leaves before it is charged: one of those who waited is served and charged, the others get its answer', async (t) => {
  const { inside } = await open(t)
  inside.provider.answers = undefined
  const headers = { 'idempotency-key': 'one-name', ...(await inside.key('k')) }
  const [first, ...others] = [0, 1, 2].map(() => inside.fly('/acme/search', { headers }))
  await reached('the first is at the provider, the others wait', () => others.every(({ flight }) => flight.admission === 'waiting'))
  t.equal(inside.provider.tries.length, 1)
  first?.flight.onClientGone()
  await reached('another is at the provider', () => inside.provider.tries.length === 2)
  inside.provider.tries[1]?.answer(200, '{"a":2}')
  await Promise.all(others.map(({ landed }) => landed))
  t.strictSame(
    others.map(({ sink }) => sink.answers[0]?.body),
    ['{"a":2}', '{"a":2}'],
  )
  t.equal(await inside.admin.balance('key:k'), 9_850_000n, 'charged once')
  t.strictSame(others.map(({ id }) => inside.outcomes.get(id)?.[0]?.kind).sort(), ['charged', 'replayed'])
})
