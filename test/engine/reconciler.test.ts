/** Settlements whose outcome is unknown are asked for again and again, until it is known; a refusal of a repeat proves nothing. */

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import type { FacilitatorAnswer } from '../../gateway/contract/index.ts'
import { Reconciler, type ReconcilerPorts } from '../../gateway/engine/reconciler.ts'
import { type Inside, openInside, reached, turns } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { LOST, REFUSED, SETTLED } from '../rig/scripted.ts'

/** A gateway with so many unknown settlements, and a clock of the timers that stands still. */
async function open(t: Test, count: number): Promise<Inside> {
  const inside = await openInside(t)
  inside.provider.answers = (one) => one.answer(200, '{}')
  inside.facilitator.settles = () => LOST
  const calls = Array.from({ length: count }, (_, number) => inside.fly('/acme/search', { headers: paymentHeader({ number, nowMs: inside.clock.nowMs() }) }))
  await reached('all are over', () => calls.every(({ flight }) => flight.state === 'over'))
  t.equal((await inside.store.unknowns()).length, count)
  inside.facilitator.asked.settle.length = 0
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  return inside
}

async function reconciling(t: Test, { store, log, clock, generation }: Inside, late: ReconcilerPorts['late'] = () => undefined): Promise<Reconciler> {
  const reconciler = new Reconciler({ store, log, clock, settlers: () => generation.chains, late })
  t.teardown(() => reconciler.close())
  reconciler.wake()
  await turns(1)
  return reconciler
}

const tick = async (ms: number): Promise<void> => {
  mock.timers.tick(ms)
  await turns(4)
}

t.test('tried again within 2 s, then at growing intervals up to 30 s', async (t) => {
  const inside = await open(t, 1)
  await reconciling(t, inside)
  const at: number[] = []
  for (let second = 0.5; second <= 160; second += 0.5) {
    const before = inside.facilitator.asked.settle.length
    await tick(500)
    if (inside.facilitator.asked.settle.length > before) at.push(second)
  }
  const waits = at.map((second, index) => second - (at[index - 1] ?? 0))
  t.ok((waits[0] ?? 99) <= 2, `the first after ${waits[0]} s`)
  for (const [index, wait] of waits.entries()) t.ok(wait <= 30 && wait >= (waits[index - 1] ?? 0), `then ${wait} s`)
  t.equal(waits.at(-1), 30)
})

t.test('only a settlement ends it: what is refused, lost or pending is asked for again', async (t) => {
  const inside = await open(t, 1)
  await reconciling(t, inside)
  const answers: FacilitatorAnswer[] = [REFUSED, { kind: 'answer', status: 503, body: {} }, LOST]
  for (const answer of answers) {
    inside.facilitator.settles = () => answer
    await tick(30_000)
    t.equal((await inside.store.unknowns()).length, 1)
  }
  inside.facilitator.settles = () => SETTLED
  await tick(30_000)
  await inside.flushed()
  t.strictSame(await inside.store.unknowns(), [])
  t.equal((await inside.admin.counters('acme')).sold, 1, 'it is sold')
  const asked = inside.facilitator.asked.settle.length
  await tick(120_000)
  t.equal(inside.facilitator.asked.settle.length, asked, 'and never asked for again')
})

t.test('one that hangs delays no other, and a new one waits for nobody', async (t) => {
  const inside = await open(t, 2)
  const reconciler = await reconciling(t, inside)
  const [hanging] = await inside.store.unknowns()
  inside.facilitator.settles = (payer) => (payer === hanging?.payment.payer ? new Promise<never>(() => undefined) : SETTLED)
  // Others that become unknown meanwhile begin nothing anew.
  for (let count = 0; count < 4; count += 1) {
    await tick(500)
    reconciler.wake()
  }
  t.strictSame(
    (await inside.store.unknowns()).map(({ hold }) => hold),
    [hanging?.hold],
  )
})

t.test('a settler or a store that throws is tried again later', async (t) => {
  const inside = await open(t, 1)
  let lost = true
  const store = Object.create(inside.store, {
    resolve: {
      value: async (...args: Parameters<typeof inside.store.resolve>) => {
        if (lost) throw new Error('the store is lost')
        return inside.store.resolve(...args)
      },
    },
    unknowns: { value: () => inside.store.unknowns() },
  }) as typeof inside.store
  await reconciling(t, { ...inside, store })
  inside.facilitator.settles = () => SETTLED
  await tick(2_000)
  t.match(inside.logged.at(-1), { level: 'error', message: 'a settlement could not be reconciled' })
  lost = false
  await tick(30_000)
  await inside.flushed()
  t.strictSame(await inside.store.unknowns(), [])
})

t.test('what has been unknown for ten minutes is told once, and the sums say how many and since when', async (t) => {
  const inside = await open(t, 2)
  const sinceMs = inside.clock.nowMs()
  const late: string[] = []
  const reconciler = await reconciling(t, inside, ({ hold, connection }) => late.push(`${hold} ${connection}`))
  t.strictSame(reconciler.unsettled, { count: 2, sinceMs })
  const look = async (): Promise<void> => {
    reconciler.wake()
    await turns(2)
  }
  inside.clock.pass(599_999)
  await look()
  t.strictSame(late, [], 'not before')
  inside.clock.pass(1)
  await look()
  await look()
  const holds = (await inside.store.unknowns()).map(({ hold }) => `${hold} acme`)
  t.strictSame([...late].sort(), holds.sort())
  inside.facilitator.settles = () => SETTLED
  await tick(2_000)
  await inside.flushed()
  await look()
  t.strictSame(reconciler.unsettled, { count: 0, sinceMs: 0 })
  t.equal(late.length, 2)
})

t.test('after close nothing is asked for any more', async (t) => {
  const inside = await open(t, 3)
  const reconciler = await reconciling(t, inside)
  reconciler.close()
  await tick(120_000)
  t.strictSame(inside.facilitator.asked.settle, [])
})
