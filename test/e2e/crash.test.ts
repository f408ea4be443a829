/** The whole gateway killed again and again under load: what was answered is charged, once, and to the micro-dollar; no unit is lost. The long run is `npm run torture`. */
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { tortureEmbedded } from '../torture/embedded.ts'

t.test('killed under load, with and without a power cut, the gateway charges what it answered, and once', { timeout: 120_000 }, async (t) => {
  const { wrong, ...figures } = await tortureEmbedded(t, { kills: 4, seed: seedOf(t) })
  t.comment(JSON.stringify(figures))
  t.strictSame(wrong, [])
  t.ok(figures.answered > 100, `${figures.answered} calls were answered`)
})

t.test('a gateway that answers before the charge is durable is found out', { timeout: 120_000 }, async (t) => {
  const { wrong } = await tortureEmbedded(t, { kills: 2, seed: seedOf(t), preload: './early.js' })
  t.ok(wrong.length > 0, wrong[0] ?? 'nothing was noticed')
})
