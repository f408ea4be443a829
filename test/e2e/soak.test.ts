/** A few seconds of what `npm run soak` does for half an hour, on the embedded store: load, moods of providers, reloads, a kill; everything agrees, nothing grows. */
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { soak } from '../soak/soak.ts'
import { tableOf } from '../soak/verdict.ts'

t.test('under everything at once, clients, store, books and the provider agree to the unit and the micro-dollar', { timeout: 110_000 }, async (t) => {
  const verdict = await soak(t, { driver: 'embedded', seed: seedOf(t), ms: 12_000, rate: 50, beatMs: 400 })
  t.comment(tableOf(verdict))
  t.strictSame(verdict.wrong, [])
  t.ok(verdict.charged > 100, `${verdict.charged} calls were charged`)
})
