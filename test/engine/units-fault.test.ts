/** A rule for units that fails when a call comes refuses that call: nobody is asked, nothing is charged, and it is never free. */
import t from 'tap'
import type { UnitsRule } from '#contract'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { openInside, reached } from '../rig/inside.ts'

const thrown = (): number => {
  throw new Error('a rule with a mistake')
}

const FAULTS: Readonly<Record<string, UnitsRule>> = {
  throws: thrown,
  nan: () => Number.NaN,
  negative: () => -1,
  nothing: () => 0,
  half: () => 0.5,
  endless: () => Number.POSITIVE_INFINITY,
  more: () => 8,
  mostthrows: { most: thrown, actual: () => 1 },
}

t.test('for whoever calls', async (t) => {
  const operations = Object.entries(FAULTS).map(([id, units]) => operationOf(id, { units, maxUnits: 7 }))
  const inside = await openInside(t, { adapter: adapterOf(operations) })
  const callers = { credits: await inside.key('k'), owner: await inside.key('o', { role: 'owner', owner: 'alice' }), nobody: {} }
  const before = await inside.admin.balance('key:k')
  for (const id of Object.keys(FAULTS)) {
    for (const [who, headers] of Object.entries(callers)) {
      const flown = inside.fly(`/acme/${id}`, { headers })
      await reached('the call is over', () => flown.flight.state === 'over')
      const [answer] = flown.sink.answers
      t.equal(answer?.status, 503, `${id}, ${who}`)
    }
  }
  t.equal(inside.provider.tries.length, 0, 'the provider is not asked')
  t.equal(await inside.admin.balance('key:k'), before)
  t.match(await inside.admin.counters('acme'), { sold: 0, own: 0, wasted: 0 })
})
