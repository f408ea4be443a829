/** What is counted, and that what several processes have counted adds up and never falls. */
import t from 'tap'
import { type Attempt, units } from '../../gateway/contract/index.ts'
import type { Figures } from '../../gateway/doors/metrics/figures.ts'
import { Together } from '../../gateway/doors/metrics/together.ts'
import { BUCKETS_MS, CODES, ENDINGS, MEANINGS, sumOf, Tallies } from '../../gateway/engine/tallies.ts'

const search = { api: 'acme', operation: { id: 'search' } }
const attempt = (more: Partial<Attempt>): Attempt => ({ connection: 'c', units: units(1), status: 200, meaning: 'ok', used: 'sold', tookMs: 7, ...more })

t.test('each way to end has a place of its own', async (t) => {
  const tallies = new Tallies()
  for (const [at, { outcome, code }] of ENDINGS.entries())
    for (let count = 0; count <= at; count += 1) tallies.called(search, outcome, code === '' ? undefined : code, 1)
  t.strictSame(
    tallies.counts().calls[0]?.ended,
    [...ENDINGS.keys()].map((at) => at + 1),
  )
  for (const [at, meaning] of MEANINGS.entries()) for (let count = 0; count <= at; count += 1) tallies.attempted(attempt({ meaning }))
  t.strictSame(
    tallies.counts().attempts[0]?.ended,
    [...MEANINGS.keys()].map((at) => at + 1),
  )
  for (const code of CODES) tallies.refused(code)
  t.strictSame(
    tallies.counts().refused,
    CODES.map(() => 1),
  )
})

t.test('whatever an attempt at a provider can mean is counted: every meaning but that of an answer which was kept', async (t) => {
  const meanings: Readonly<Record<Exclude<Attempt['meaning'], 'kept'>, true>> = {
    ...{ ok: true, 'bad-request': true, 'not-found': true, 'rate-limited': true, 'quota-exhausted': true, 'credential-refused': true },
    ...{ 'plan-lacks-it': true, 'provider-down': true, unknown: true, timeout: true, broken: true, 'not-sent': true, 'client-gone': true },
    ...{ shutdown: true, leaked: true, paused: true },
  }
  t.strictSame([...MEANINGS].sort(), Object.keys(meanings).sort())
})

t.test('a duration is in the first bucket that holds it, and what is longer than all in the last', async (t) => {
  const tallies = new Tallies()
  for (const ms of [0, 5, 5.1, 30_000, 30_001]) tallies.called(search, 'charged', undefined, ms)
  for (const kind of ['refused', 'replayed', 'abandoned', 'unknown'] as const) tallies.called(search, kind, kind === 'refused' ? 'sold_out' : undefined, 1)
  const [row] = tallies.counts().calls
  const last = BUCKETS_MS.length
  t.strictSame(row?.durations.counts, [2, 1, ...BUCKETS_MS.slice(3).map(() => 0), 1, 1])
  t.equal(row?.durations.counts.length, last + 1)
  t.equal(row?.durations.sumMs, 60_011.1)
  tallies.attempted(attempt({ status: undefined, meaning: 'timeout' }))
  t.equal(tallies.counts().attempts[0]?.durations.sumMs, 0, 'who did not answer has no duration')
})

t.test('a copy stays as it was', async (t) => {
  const tallies = new Tallies()
  tallies.called(search, 'charged', undefined, 1)
  const before = tallies.counts()
  tallies.called(search, 'charged', undefined, 1)
  t.equal(before.calls[0]?.ended[0], 1)
  t.equal(sumOf([before, tallies.counts()]).calls[0]?.ended[0], 3)
  t.equal(before.calls[0]?.ended[0], 1, 'adding changes nothing of what is added')
})

t.test('the sums of several processes never fall: of one that is gone or silent the last is kept, and its own things now are not', async (t) => {
  const figures = (pid: number, startedAtMs: number, calls: number): Figures => {
    const tallies = new Tallies()
    for (let count = 0; count < calls; count += 1) tallies.called(search, 'charged', undefined, 1)
    const asked = { asked: calls, answered: calls, refused: 0, lost: 0 }
    return {
      ...{ machine: { pid, startedAtMs, cpuSeconds: 0, residentBytes: 0, heapBytes: 0, activeSeconds: 0 }, counts: tallies.counts(), underWay: 1 },
      unsettled: { count: 1, sinceMs: startedAtMs },
      facilitators: [{ name: 'f', open: pid === 1, verify: asked, settle: asked }],
    }
  }
  const together = new Together()
  const told = (answers: readonly Figures[], running: readonly number[]) => {
    const { counts, underWay, unsettled, facilitators } = together.add(answers, new Set(running))
    return [counts.calls[0]?.ended[0], underWay, unsettled.count, unsettled.sinceMs, facilitators[0]?.verify.asked, facilitators[0]?.open]
  }
  t.strictSame(told([figures(1, 10, 3), figures(2, 20, 4)], [1, 2]), [7, 2, 2, 10, 7, true])
  t.strictSame(told([figures(2, 20, 5)], [1, 2]), [8, 2, 2, 10, 8, true], 'silent')
  t.strictSame(told([figures(2, 20, 6)], [2]), [9, 1, 1, 20, 9, false], 'gone')
  t.strictSame(told([figures(2, 20, 6), figures(3, 30, 1)], [2, 3]), [10, 2, 2, 20, 10, false], 'another in its place')
  t.strictSame(told([figures(2, 99, 2), figures(3, 30, 1)], [2, 3]), [12, 2, 2, 30, 12, false], 'another with its number')
  t.strictSame(told([], []), [12, 0, 0, 0, 12, false], 'all gone')
})
