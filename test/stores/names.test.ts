/** The same call again: waiting, stored, conflict, unknown, gone; a replay never precedes its charge. */
import t from 'tap'
import type { EpochMs } from '#contract'
import { Answers } from '../../gateway/stores/answers.ts'
import { Names } from '../../gateway/stores/names.ts'
import { State } from '../../gateway/stores/state.ts'
import { connectionOf } from '../rig/acme.ts'
import { ScriptedClock } from '../rig/scripted.ts'
import { ANSWER, charge, credits, fund, hold, isPending, named, once, openStore, recordsOf, reserve, type StoreRig, settled, supply } from '../rig/store.ts'

const acme = connectionOf('acme')
const sale = () => supply(credits(), [acme])
const answered = { answer: ANSWER }

async function market(t: Parameters<typeof openStore>[0], more: Parameters<typeof openStore>[1] = {}): Promise<StoreRig> {
  const rig = openStore(t, { connections: [acme], ...more })
  await fund(rig, '$10')
  return rig
}

t.test('a name is free, then waiting, then stored; another request under it is a conflict, then and afterwards', async (t) => {
  const rig = await market(t)
  t.strictSame(await rig.store.named('n', 'd'), { state: 'absent' })
  const chosen = await hold(rig, 'a', named('n'), sale())
  t.strictSame(await rig.store.named('n', 'd'), { state: 'waiting' })
  t.strictSame(await rig.store.named('n', 'other'), { state: 'conflict' })
  t.match(await reserve(rig, 'b', named('n'), sale()), { kind: 'named', named: { state: 'waiting' }, name: 'n' })
  const ended = rig.store.ended('n')
  t.ok(await isPending(ended))
  await rig.store.commit('a', charge(chosen, 1, answered))
  await ended
  t.strictSame(await rig.store.named('n', 'd'), { state: 'stored', answer: ANSWER, receipt: 'a' })
  t.strictSame(await rig.store.named('n', 'other'), { state: 'conflict' })
  t.match(await reserve(rig, 'b', named('n'), sale()), { kind: 'named', named: { state: 'stored', receipt: 'a' } })
  t.equal((await rig.admin.counters('acme')).sold, 1, 'a repeat takes nothing')
  await rig.store.ended('n')
  await rig.store.ended('never heard of')
  const again = await rig.reopen()
  t.strictSame(await again.store.named('n', 'd'), { state: 'stored', answer: ANSWER, receipt: 'a' }, 'also after a restart')
  t.strictSame(await again.store.named('n', 'other'), { state: 'conflict' })
})

t.test('an answer is never replayed before its charge is durable', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', named('n'), sale())
  const ended = rig.store.ended('n')
  const committed = rig.store.commit('a', charge(chosen, 1, answered))
  const onDisk = (): boolean => recordsOf(rig).some(({ t }) => t === 'charge')
  // Asked at every turn until the charge is done: stored only when the record is there.
  let asked = 0
  let done = false
  void committed.then(() => {
    done = true
  })
  for (; !done; asked += 1) {
    const { state } = await rig.store.named('n', 'd')
    if (state === 'stored' && !onDisk()) t.fail('the answer could be had before its charge was on disk')
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.ok(asked > 0)
  await ended
  t.ok(onDisk(), 'whoever waited is woken when it is on disk')
  t.match(await rig.store.named('n', 'd'), { state: 'stored' })
})

t.test('a failure that was not charged frees the name and wakes who waits', async (t) => {
  for (const fate of ['returned', 'wasted'] as const) {
    const rig = await market(t)
    await hold(rig, 'a', named('n'), once('nonce'), sale())
    const ended = rig.store.ended('n')
    rig.store.calling('a')
    rig.store.release('a', fate)
    await ended
    t.strictSame(await rig.store.named('n', 'd'), { state: 'absent' })
    await t.resolves(hold(rig, 'b', named('n', 'another request'), once('nonce'), sale()), 'for whatever request, with the same payment')
  }
})

t.test('a payment is used once: while it is held, and when it was charged, until it is forgotten', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', once('nonce'), sale())
  const pending = await reserve(rig, 'b', once('nonce'), sale())
  t.match(pending, { kind: 'refused', code: 'payment_pending', retryAfterSeconds: 2 }, 'a fresh 402 would invite to pay twice')
  await rig.store.commit('a', charge(chosen))
  t.match(await reserve(rig, 'b', once('nonce'), sale()), { kind: 'refused', code: 'payment_invalid' })
  const again = await rig.reopen()
  t.match(await reserve(again, 'b', once('nonce'), sale()), { kind: 'refused', code: 'payment_invalid' }, 'also after a restart')
  again.clock.pass(2 * 3_600_000)
  await t.resolves(hold(again, 'b', once('nonce'), sale()), 'two hours later nobody could settle it any more')
})

t.test('an answer is stored until its time is over; a call under way keeps its name beyond it', async (t) => {
  const rig = await market(t)
  const until = { untilMs: (rig.clock.nowMs() + 1_000) as EpochMs }
  await rig.store.commit('a', charge(await hold(rig, 'a', named('n', 'd', until), sale()), 1, answered))
  const slow = await hold(rig, 'slow', named('slow', 'd', until), sale())
  const ended = rig.store.ended('slow')
  rig.clock.pass(1_000)
  t.strictSame(await rig.store.named('n', 'd'), { state: 'absent' })
  t.strictSame(await rig.store.named('slow', 'd'), { state: 'waiting' }, 'a second one of it would be charged, too')
  t.match(await reserve(rig, 'twice', named('slow', 'd', until), sale()), { kind: 'named', named: { state: 'waiting' } })
  await rig.store.commit('slow', charge(slow, 1, answered))
  await ended
  t.strictSame(await rig.store.named('slow', 'd'), { state: 'absent' })
})

t.test('the oldest stored answers go when there is no room; their calls are gone, not free', async (t) => {
  const rig = await market(t, { replayBytes: 3_000 })
  for (let index = 0; index < 5; index += 1) {
    const chosen = await hold(rig, `a${index}`, named(`n${index}`), sale())
    await rig.store.commit(`a${index}`, charge(chosen, 1, { answer: { ...ANSWER, body: 'x'.repeat(400) } }))
  }
  t.strictSame(await rig.store.named('n0', 'd'), { state: 'gone', receipt: 'a0' })
  t.strictSame(await rig.store.named('n0', 'other'), { state: 'conflict' })
  t.match(await rig.store.named('n4', 'd'), { state: 'stored' })
  t.match(await reserve(rig, 'b', named('n0'), sale()), { kind: 'named', named: { state: 'gone' } })
  const long = await hold(rig, 'long', named('long'), sale())
  await rig.store.commit('long', charge(long))
  t.strictSame(await rig.store.named('long', 'd'), { state: 'gone', receipt: 'long' }, 'an answer that is not stored is gone at once')
})

t.test('after a crash a call that only reads may be repeated; of any other nobody knows', async (t) => {
  const rig = await market(t)
  await hold(rig, 'reads', named('reads'), sale())
  await hold(rig, 'writes', named('writes', 'd', { durable: true }), sale())
  await hold(rig, 'not called', named('not called', 'd', { durable: true }), sale())
  await hold(rig, 'failed', named('failed', 'd', { durable: true }), sale())
  rig.store.calling('reads')
  rig.store.calling('writes')
  rig.store.calling('writes')
  rig.store.calling('failed')
  rig.store.release('failed', 'wasted')
  await rig.flushed()
  t.equal(recordsOf(rig).filter(({ t }) => t === 'name').length, 2, 'written once, when the provider is about to be asked')
  const crashed = rig.crash()
  t.strictSame(await crashed.store.named('reads', 'd'), { state: 'absent' })
  t.strictSame(await crashed.store.named('not called', 'd'), { state: 'absent' })
  t.strictSame(await crashed.store.named('failed', 'd'), { state: 'absent' })
  t.strictSame(await crashed.store.named('writes', 'd'), { state: 'gone', receipt: 'writes' })
  t.strictSame(await crashed.store.named('writes', 'other'), { state: 'conflict' })
  crashed.clock.pass(86_400_000)
  t.strictSame(await crashed.store.named('writes', 'd'), { state: 'absent' }, 'for as long as its answer would have been kept')
})

t.test('a name that waits for a charge which can never be written is woken, and served to nobody', async (t) => {
  const rig = await market(t)
  const chosen = await hold(rig, 'a', named('n'), sale())
  const ended = rig.store.ended('n')
  await rig.store.close()
  await t.rejects(rig.store.commit('a', charge(chosen, 1, answered)), /closed/)
  await ended
  t.match(await reserve(rig, 'b', named('n'), sale()), { code: 'unavailable' })
  t.not((await rig.store.named('n', 'd')).state, 'stored')
  await settled()
})

t.test('what is over is forgotten without being asked for; a call that has not ended keeps its name however long it takes', async (t) => {
  const clock = new ScriptedClock()
  const state = new State(new Answers(1_000_000))
  const names = new Names(clock, state, state.answers)
  const nowMs = clock.nowMs()
  const states = ['waiting', 'settling', 'unknown', 'charged', 'lost'] as const
  for (const one of states) {
    for (const more of [0, 1]) state.named.set(`${one} ${more}`, { digest: 'd', receipt: 'r', untilMs: nowMs + more, state: one, waiters: [] })
  }
  for (const more of [0, 1]) state.once.set(`once ${more}`, nowMs + more)
  names.sweep()
  t.strictSame(
    [...state.named.above()].map(([name]) => name),
    ['waiting 0', 'waiting 1', 'settling 0', 'settling 1', 'unknown 0', 'unknown 1', 'charged 1', 'lost 1'],
  )
  t.strictSame([...state.once.above()], [['once 1', nowMs + 1]])
  clock.pass(1)
  t.match(names.look('charged 1', 'd'), { state: 'absent' }, 'nor does it answer until then')
  t.match(names.look('unknown 1', 'd'), { state: 'unknown' })
})
