/** A soak that could find nothing would be worth nothing: a gateway that keeps now and then what it should give back is found out. */
import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { soak } from '../soak/soak.ts'

t.test('a gateway that forgets every tenth release is found out', { timeout: 110_000 }, async (t) => {
  const { wrong } = await soak(t, { driver: 'embedded', seed: seedOf(t), ms: 1_000, rate: 60, beatMs: 200, agreeWithinMs: 500, breaks: 'release' })
  t.match(wrong.join('\n'), /units are held although nobody is under way/)
})
