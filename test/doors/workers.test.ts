/** Answers of several workers as one: the worst is shown, sums are sums, and nobody stands twice. */
import t from 'tap'
import { ABUSES, type EpochMs, type Suspect } from '#contract'
import { healthOfAll, qualityOfAll, suspectsOfAll } from '../../gateway/doors/workers/live.ts'
import { Repeated } from '../../gateway/doors/workers/repeated.ts'

const at = (ms: number): EpochMs => ms as EpochMs
const health = (word: string, more: object = {}) => ({ health: word, lastFailure: undefined, ...more })

t.test('the worst word of all workers is shown, with its reason, and paces add up', async (t) => {
  t.strictSame(healthOfAll([]), { health: 'unknown', lastFailure: undefined })
  t.match(healthOfAll([health('unknown'), health('ok')]), { health: 'ok' })
  const paused = health('paused', { pausedBecause: 'its credential is refused', pausedUntilMs: at(5) })
  t.match(healthOfAll([health('ok', { lastFailure: 'unknown' }), paused]), { ...paused, lastFailure: 'unknown' })
  t.match(healthOfAll([health('paced'), health('open'), health('failing')]), { health: 'open' })
  const paces = [{ reads: { per_second: 2.5, waiting: 1 } }, { reads: { per_second: 3, waiting: 0 }, writes: { per_second: 1, waiting: 0 } }]
  t.strictSame(healthOfAll(paces.map((pace) => health('paced', { pace }))).pace, {
    reads: { per_second: 5.5, waiting: 1 },
    writes: { per_second: 1, waiting: 0 },
  })
  const unknown = { reads: { per_second: null, waiting: 2 } }
  t.strictSame(healthOfAll([...paces, unknown].map((pace) => health('paced', { pace }))).pace?.reads, { per_second: null, waiting: 3 })
})

t.test('a worker that had more calls has more to say of how they went', async (t) => {
  const standing = (calls: number, successRate?: number, latencyMs?: number) => ({ health: health('ok'), calls, successRate, latencyMs })
  t.strictSame(qualityOfAll([standing(300, 1, 10), standing(100, 0.5, 50)]), { successRate: 0.875, latencyMs: 20 })
  t.strictSame(qualityOfAll([standing(300, 1, 10), standing(0)]), { successRate: 1, latencyMs: 10 })
  t.strictSame(qualityOfAll([standing(0), standing(0)]), { successRate: undefined, latencyMs: undefined })
})

t.test('a suspect of several workers stands in one row: sums, the worst state, the latest end of a block', async (t) => {
  const none = Object.fromEntries(ABUSES.map((abuse) => [abuse, 0])) as Suspect['calls']
  const suspect = (subject: string, more: Partial<Suspect>): Suspect => ({
    ...{ subject, state: 'watched', score: 0, calls: none, refused: 0, blocks: 0, shadow: false, sinceMs: at(100), untilMs: undefined },
    ...more,
  })
  const all = suspectsOfAll([
    suspect('key:a', { state: 'throttled', score: 700, calls: { ...none, sweep: 5 }, refused: 3, sinceMs: at(50) }),
    suspect('key:b', { score: 900 }),
    suspect('key:a', { state: 'blocked', score: 100, calls: { ...none, sweep: 1 }, refused: 2, blocks: 2, untilMs: at(500) }),
  ])
  t.strictSame(all, [
    suspect('key:a', { state: 'blocked', score: 800, calls: { ...none, sweep: 6 }, refused: 5, blocks: 2, sinceMs: at(50), untilMs: at(500) }),
    suspect('key:b', { score: 900 }),
  ])
})

t.test('a pause that the next worker finds out, too, is told once; another one is told', async (t) => {
  const repeated = new Repeated()
  const tell = (worker: number, kind: 'connection-paused' | 'connection-resumed' | 'operation-paused'): boolean =>
    repeated.isNew(worker, { kind, owner: 'alice', connection: 'acme', detail: '' })
  t.strictSame(
    [tell(1, 'connection-paused'), tell(2, 'connection-paused'), tell(2, 'connection-resumed'), tell(1, 'connection-resumed')],
    [true, false, true, false],
  )
  t.strictSame([tell(1, 'connection-paused'), tell(1, 'connection-paused')], [true, true], 'the same worker means it again')
  t.strictSame([tell(1, 'operation-paused'), tell(2, 'operation-paused')], [true, true], 'of other kinds nothing follows')
  repeated.forget(1)
  t.ok(tell(2, 'connection-paused'), 'who is gone has told nothing')
})
