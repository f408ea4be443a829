/** A pool of two while one of them is down, on a simulated clock: more than 99.9 % of the calls are served. */

import t from 'tap'
import { always, openOutage, proven, type Way } from '../rig/outage.ts'

const SECONDS = process.env.ATLAS_TEST_LONG === '1' ? 1500 : 150

/** What is billed goes to nobody else: what opens the breaker and each probe is lost, about a dozen calls however many there are. */
const DOWN: readonly (readonly [string, Way, number])[] = [
  ['refuses connections', 'refuses connections', 70],
  ['answers 503, unbilled', { status: 503 }, 70],
  ['answers 500, billed', { status: 500 }, 160],
]

for (const [what, way, perSecond] of DOWN) {
  t.test(`a pool of two is above 99.9 % available while one ${what}`, async (t) => {
    const outage = await openOutage(t)
    outage.providers.behaviours.set('a', always(way))
    await outage.run(SECONDS, perSecond)
    t.ok(outage.answers.good + outage.answers.bad >= 10_000)
    t.ok((await proven(t, outage)) > 0.999)
    t.ok(outage.providers.sent('a') < 25, `the one that is down was asked ${outage.providers.sent('a')} times`)
  })
}
