/** A soak that could find nothing would be worth nothing: a gateway that keeps now and then what it should give back is found out. */
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { soak } from '../soak/soak.ts'

const HELD = /units are held although nobody is under way/

t.test('a gateway that forgets every third release is found out', { timeout: 110_000 }, async (t) => {
  const seed = seedOf(t)
  const found: string[] = []
  // A kill just before the comparison gives everything back that was held: then another run has to show it.
  for (let turn = 0; turn < 4 && !HELD.test(found.join('\n')); turn += 1) {
    const { wrong } = await soak(t, { driver: 'embedded', seed: seed + turn, ms: 9_000, rate: 60, beatMs: 400, agreeWithinMs: 500, breaks: 'release' })
    found.push(...wrong)
  }
  t.match(found.join('\n'), HELD)
})
