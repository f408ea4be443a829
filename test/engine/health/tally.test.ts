/** The last 200 calls are what a connection is judged by, whatever came before; held against a list that forgets nothing. */

import t from 'tap'
import { CALLS, Tally } from '../../../gateway/engine/health/tally.ts'
import { randomFrom, seedOf } from '../../rig/random.ts'

t.test('all, those since a moment, and those without who met most failures are of the last 200 calls', async (t) => {
  const chance = randomFrom(seedOf(t))
  const tally = new Tally()
  const past: { good: boolean; ms: number; consumer: string }[] = []
  const of = (calls: typeof past): object => ({ calls: calls.length, good: calls.filter(({ good }) => good).length })
  for (let ms = 0; ms < 1_000; ms += 1) {
    // Stretches of failures, so that what goes and what comes differ.
    const one = { good: chance() < (Math.floor(ms / 150) % 2 === 0 ? 0.9 : 0.2), ms, consumer: `key:${Math.floor(chance() * 5)}` }
    past.push(one)
    tally.note(one.good, one.ms, one.consumer)
    const last = past.slice(-CALLS)
    const since = ms - Math.floor(chance() * 300)
    const found = [tally.all, tally.since(since)]
    const expected = [of(last), of(last.filter((call) => call.ms >= since))]
    if (JSON.stringify(found) !== JSON.stringify(expected)) return t.strictSame(found, expected, `call ${ms}`)
    const worst = Math.max(...last.map(({ consumer }) => last.filter((call) => call.consumer === consumer && !call.good).length))
    const without = tally.withoutWorst()
    const { calls, good } = tally.all
    if (calls - good - (without.calls - without.good) !== worst) return t.fail(`call ${ms}: not the worst one, ${JSON.stringify(without)}`)
  }
  t.ok(tally.all.calls === CALLS && tally.all.good > 0 && tally.all.good < CALLS)
  tally.clear()
  t.strictSame([tally.all, tally.since(0), tally.withoutWorst()], Array(3).fill({ calls: 0, good: 0 }))
  tally.note(false, 1, 'key:a')
  t.strictSame(
    [tally.all, tally.withoutWorst()],
    [
      { calls: 1, good: 0 },
      { calls: 0, good: 0 },
    ],
  )
  return undefined
})
