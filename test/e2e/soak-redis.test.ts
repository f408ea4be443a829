/** A few seconds of `npm run soak -- --driver redis`: Redis stands still or dies, PostgreSQL goes away, the gateway is killed; everything agrees, nothing grows. */
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { soak } from '../soak/soak.ts'
import { tableOf } from '../soak/verdict.ts'

t.test('with Redis and PostgreSQL that come and go, clients, store, books and the provider agree', { timeout: 110_000 }, async (t) => {
  const verdict = await soak(t, { driver: 'redis', seed: seedOf(t), ms: 12_000, rate: 40, beatMs: 400 })
  t.comment(tableOf(verdict))
  t.strictSame(verdict.wrong, [])
  t.ok(verdict.charged > 50, `${verdict.charged} calls were charged`)
})
