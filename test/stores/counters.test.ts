/** What is spent counts in its own UTC day and month, from the very first amount on. */
import t from 'tap'
import type { EpochMs } from '#contract'
import { Counters } from '../../gateway/stores/counters.ts'

t.test('the first amount that is spent in a new day or month counts, whoever asks before', async (t) => {
  let nowMs = Date.UTC(2026, 9, 31, 23, 59) as EpochMs
  const counters = new Counters({ nowMs: () => nowMs, monotonicNs: () => 0 })
  for (const per of ['day', 'month'] as const) counters.spend({ key: 'k', per }, 5n)
  nowMs = Date.UTC(2026, 10, 1) as EpochMs
  for (const per of ['day', 'month'] as const) {
    counters.spend({ key: 'k', per }, 7n)
    t.equal(counters.spent({ key: 'k', per }), 7n, per)
  }
})
