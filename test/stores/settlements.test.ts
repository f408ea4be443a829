/** x402 in the store: intent, then settled, not settled or unknown; an intent without an outcome survives the process as unknown. */
import t, { type Test } from 'tap'
import { type Settlement, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import {
  ANSWER,
  charge,
  hold,
  isPending,
  named,
  once,
  openStore,
  paymentOf,
  rate,
  recordsOf,
  reserve,
  type StoreRig,
  slot,
  supply,
  x402,
} from '../rig/store.ts'

const acme = connectionOf('acme')
const payment = paymentOf('$0.30')
const SETTLED: Settlement = { state: 'settled', transaction: '0xabc', headers: { 'PAYMENT-RESPONSE': 'paid' } }
const NOT_SETTLED: Settlement = { state: 'not_settled', reason: 'insufficient_funds' }
const UNKNOWN: Settlement = { state: 'unknown', cause: new Error('no answer') }
const nonce = () => once('nonce')
const header = () => named('p:header', 'd', { of: 'payment' })
const sale = () => supply(x402('$0.30'), [acme], 2)

/** A call that the provider has answered well; its intent to settle is durable. */
async function intended(t: Test): Promise<StoreRig> {
  const rig = openStore(t, { connections: [acme] })
  const chosen = await hold(rig, 'p', header(), nonce(), sale())
  rig.store.extend('p', [named('k', 'd'), rate('wallet', 1), slot('wallet', 1)])
  rig.store.calling('p')
  await rig.store.intend('p', charge(chosen, 2, { answer: ANSWER }), payment)
  return rig
}

const unitsOf = async ({ admin }: StoreRig): Promise<unknown> => {
  const { sold, wasted, left, revenue } = await admin.counters('acme')
  return { sold, wasted, left, revenue }
}
const states = async ({ store }: StoreRig): Promise<unknown> => [(await store.named('p:header', 'd')).state, (await store.named('k', 'd')).state]

t.test('an intent holds the units and may not be given up; made twice it is written once', async (t) => {
  const rig = await intended(t)
  t.strictSame(await unitsOf(rig), { sold: 0, wasted: 0, left: 698, revenue: 0n })
  t.strictSame(await states(rig), ['waiting', 'waiting'])
  t.strictSame(await rig.store.unknowns(), [], 'it is being settled')
  t.throws(() => rig.store.release('p', 'wasted'), /intent to settle/)
  const chosen = sale().alternatives[0]
  if (chosen !== undefined) await rig.store.intend('p', charge(chosen), payment)
  t.equal(recordsOf(rig).filter(({ t }) => t === 'intent').length, 1)
})

t.test('settled: charged once, and the stored answer says how it was paid', async (t) => {
  const rig = await intended(t)
  const ended = rig.store.ended('k')
  const resolved = rig.store.resolve('p', SETTLED)
  t.strictSame(await states(rig), ['waiting', 'waiting'], 'not before it is on disk')
  await resolved
  await ended
  await rig.store.resolve('p', SETTLED)
  await rig.store.resolve('p', NOT_SETTLED)
  const answer = { ...ANSWER, headers: [...ANSWER.headers, 'PAYMENT-RESPONSE', 'paid'] }
  for (let life = rig, round = 0; round < 2; round += 1) {
    t.strictSame(await unitsOf(life), { sold: 2, wasted: 0, left: 698, revenue: usd('$0.30') })
    t.strictSame(await life.store.named('p:header', 'd'), { state: 'stored', answer, receipt: 'p' })
    t.strictSame(await life.store.named('k', 'd'), { state: 'stored', answer, receipt: 'p' })
    t.match(await reserve(life, 'again', nonce(), sale()), { code: 'payment_invalid' }, 'the nonce is used')
    life = await life.reopen()
  }
})

t.test('not settled: nobody is charged, the units are wasted, and name and nonce are free once that is on disk', async (t) => {
  const rig = await intended(t)
  const ended = rig.store.ended('k')
  const resolved = rig.store.resolve('p', NOT_SETTLED)
  t.strictSame(await states(rig), ['waiting', 'waiting'])
  t.match(await reserve(rig, 'early', nonce(), sale()), { code: 'payment_pending' }, 'a crash now would find the intent without its end')
  await ended
  t.ok(
    recordsOf(rig).some(({ t }) => t === 'void'),
    'who waited is woken when it is on disk',
  )
  await resolved
  await rig.store.resolve('p', SETTLED)
  t.strictSame(await unitsOf(rig), { sold: 0, wasted: 2, left: 698, revenue: 0n })
  t.strictSame(await states(rig), ['absent', 'absent'])
  const again = await rig.reopen()
  t.strictSame(await unitsOf(again), { sold: 0, wasted: 2, left: 698, revenue: 0n })
  await t.resolves(hold(again, 'again', header(), nonce(), sale()), 'the same payment may be tried again')
})

t.test('unknown: the hold stays, its slot does not, and the reconciler ends it', async (t) => {
  for (const [end, after] of [
    [SETTLED, { sold: 2, wasted: 0, left: 698, revenue: usd('$0.30') }],
    [NOT_SETTLED, { sold: 0, wasted: 2, left: 698, revenue: 0n }],
  ] as const) {
    const rig = await intended(t)
    const ended = rig.store.ended('k')
    await rig.store.resolve('p', UNKNOWN)
    await ended
    await rig.store.resolve('p', UNKNOWN)
    t.strictSame(await states(rig), ['unknown', 'unknown'])
    t.notOk(await isPending(rig.store.ended('k')), 'nobody waits for what may take hours')
    t.match(await reserve(rig, 'same', header(), nonce(), sale()), { kind: 'named', named: { state: 'unknown' } })
    t.match(await reserve(rig, 'other', named('k', 'other'), sale()), { kind: 'named', named: { state: 'conflict' } })
    t.strictSame(await unitsOf(rig), { sold: 0, wasted: 0, left: 698, revenue: 0n })
    t.strictSame(await rig.store.unknowns(), [{ hold: 'p', buys: 'call', connection: 'acme', payment, sinceMs: rig.clock.nowMs(), price: usd('$0.30') }])
    t.match(await reserve(rig, 'next', slot('wallet', 1), sale()), { kind: 'held' }, 'the call was answered, so it is not one of those at once')
    rig.store.release('next', 'returned')
    rig.clock.pass(30 * 86_400_000)
    t.strictSame(await states(rig), ['unknown', 'unknown'], 'without any deadline')
    rig.clock.pass(-30 * 86_400_000)
    await rig.store.resolve('p', end)
    t.strictSame(await rig.store.unknowns(), [])
    t.strictSame(await unitsOf(rig), after)
    t.strictSame(await unitsOf(await rig.reopen()), after)
  }
})

t.test('after a crash an intent without an outcome is unknown, and its units, name and nonce stay held', async (t) => {
  const rig = await intended(t)
  let life = rig
  for (const how of ['a crash', 'a second crash', 'a clean stop']) {
    life = how === 'a clean stop' ? await life.reopen() : life.crash()
    t.strictSame(await life.store.unknowns(), [{ hold: 'p', buys: 'call', connection: 'acme', payment, sinceMs: rig.clock.nowMs(), price: usd('$0.30') }], how)
    t.strictSame(await states(life), ['unknown', 'unknown'], how)
    t.match(await reserve(life, 'again', nonce(), sale()), { code: 'payment_pending' }, how)
    t.throws(() => life.store.release('p', 'wasted'), /intent to settle/)
  }
  const { wasted } = await life.admin.counters('acme')
  t.match(await unitsOf(life), { sold: 0, left: 700 - wasted - 2 }, 'its units are held, not wasted: only the rest of the lease is')
  t.ok(wasted <= 7)
  const ended = life.store.ended('k')
  await life.store.resolve('p', SETTLED)
  await ended
  t.match(await unitsOf(life), { sold: 2, left: 700 - wasted - 2, revenue: usd('$0.30') })
  t.match(await life.store.named('k', 'd'), { state: 'stored', receipt: 'p' }, 'the answer had been kept with the intent')
})

t.test('a crash before the intent is durable leaves a payment that was never used', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await hold(rig, 'p', header(), nonce(), sale())
  rig.store.calling('p')
  await rig.flushed()
  const crashed = rig.crash()
  t.strictSame(await crashed.store.unknowns(), [])
  await t.resolves(hold(crashed, 'p', header(), nonce(), sale()))
})
