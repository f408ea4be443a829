/** A short run of `npm run torture -- --driver x402`: paid calls and purchases killed at their steps, on a real chain. */

import t from 'tap'
import { seedOf } from '../rig/random.ts'
import { torturePaid } from '../torture/x402.ts'

t.test('killed at any step of a payment: paid once, and what was paid for is there', async (t) => {
  const { wrong, paid, kills } = await torturePaid(t, { kills: 2, seed: seedOf(t) })
  t.comment(JSON.stringify(kills))
  t.same(wrong, [])
  t.equal(paid, 8)
})
