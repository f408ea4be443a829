/** What a first refusal makes of what was seen and declared, to the call a second. */

import t from 'tap'
import { type DeclaredRate, Pace } from '../../../gateway/engine/health/pace.ts'

const SECOND_NS = 1e9
/** Long after the clock's start, and at no whole second. */
const START_NS = 3_600.25 * SECOND_NS

/** So many calls in each of these seconds, then a refusal in the last. */
function refusedAfter(calls: readonly number[], declared: DeclaredRate = {}): Pace {
  const pace = new Pace()
  let nowNs = START_NS
  for (const [second, count] of calls.entries()) {
    nowNs = START_NS + second * SECOND_NS
    for (let call = 0; call < count; call += 1) pace.go(nowNs + call)
  }
  pace.refused(nowNs + 500, { sentNs: nowNs + 1, retryAfterMs: undefined, isExplained: false, declared })
  return pace
}

t.test('where nothing is declared: half of what went within a second, of this one or the one before', async (t) => {
  t.equal(refusedAfter([40]).perSecond, 20)
  t.equal(refusedAfter([10, 40]).perSecond, 20)
  t.equal(refusedAfter([40, 6]).perSecond, 20)
  t.equal(refusedAfter([40, 0, 6]).perSecond, 3, 'not of two before')
  t.equal(refusedAfter([2]).perSecond, 1)
  t.equal(refusedAfter([1]).perSecond, 1, 'never less than one')
})

t.test('where it is: just under the limit that was met, that of the second where it was nearly reached, else that of the minute', async (t) => {
  const declared = { perSecond: 20, perMinute: 300 }
  t.equal(refusedAfter([14], declared).perSecond, 19)
  t.equal(refusedAfter([13], declared).perSecond, 4.75)
  t.equal(refusedAfter([2], { perSecond: 20 }).perSecond, 19)
  t.equal(refusedAfter([2], { perMinute: 300 }).perSecond, 4.75)
  t.equal(refusedAfter([2], { perMinute: 60 }).perSecond, 0.95, 'of a slow provider as slow as it says')
})

t.test('a refusal of a call that was sent before the pace was lowered, or that its fields explain, lowers nothing', async (t) => {
  const pace = refusedAfter([40])
  const later = START_NS + 10 * SECOND_NS
  const refused = { sentNs: START_NS, retryAfterMs: undefined, isExplained: false, declared: {} }
  pace.refused(later, refused)
  t.equal(pace.perSecond, 20)
  pace.refused(later, { ...refused, sentNs: later - 1, isExplained: true })
  t.equal(pace.perSecond, 20)
  pace.refused(later, { ...refused, sentNs: later - 1 })
  t.equal(pace.perSecond, 19)
})

t.test('without a pace nothing waits, whatever went before', async (t) => {
  const pace = new Pace()
  for (let call = 0; call < 1_000; call += 1) pace.go(START_NS + call)
  t.strictSame([pace.waitNs(START_NS + 1_000), pace.everyNs, pace.isFree], [0, 0, true])
})
