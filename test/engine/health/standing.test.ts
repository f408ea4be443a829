/** For how long a connection is taken to be used up, and an operation to be outside of its plan. */

import t from 'tap'
import { Pace } from '../../../gateway/engine/health/pace.ts'
import { Standing } from '../../../gateway/engine/health/standing.ts'
import { connectionOf, operationOf } from '../../rig/acme.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const RESETS = 10 * DAY_MS
const standing = (): Standing => new Standing(connectionOf('a'), {} as never, {} as never)
const at = (ms: number): { ms: number; ns: number } => ({ ms, ns: ms * 1e6 })
const who = { consumer: 'key:k', operation: 'search' }

t.test('used up means until its period ends; within a day of a renewal the provider may only be late, and is asked again in an hour', async (t) => {
  const until = (renewedAtMs: number | undefined, nowMs: number, resets: number | undefined = RESETS): number | undefined => {
    const one = standing()
    one.renewedAtMs = renewedAtMs
    t.ok(one.exhaust(resets as never, at(nowMs), who), 'it is new')
    return one.exhausted?.untilMs
  }
  t.equal(until(undefined, 5), RESETS)
  t.equal(until(1_000, 1_000), 1_000 + HOUR_MS)
  t.equal(until(1_000, DAY_MS + 999), DAY_MS + 999 + HOUR_MS)
  t.equal(until(1_000, DAY_MS + 1_000), RESETS, 'a day later it is used up indeed')
  t.equal(until(1_000, 1_000, 2_000), 2_000, 'no longer than its period')
  const never = standing()
  never.exhaust(undefined, at(5), who)
  t.match(never.exhausted, { untilMs: undefined }, 'where it never renews, for good')
})

t.test('who says it again is noted beside the first, and it is no longer new', async (t) => {
  const one = standing()
  t.strictSame(
    ['key:a', 'key:b'].map((consumer, index) => one.exhaust(RESETS as never, at(index), { ...who, consumer })),
    [true, false],
  )
  t.equal(one.exhausted?.sinceNs, 0, 'since the first')
})

t.test('outside of the plan: an hour, then twice as long each time, at most a day; served once, it begins anew', async (t) => {
  const one = standing()
  const operation = operationOf('search')
  // Two callers, so that nobody is spared any more.
  const lacks = (nowMs: number): void => {
    for (const consumer of ['key:a', 'key:b', 'key:c']) one.lacks(operation, consumer, nowMs)
  }
  let nowMs = 0
  for (const hours of [1, 2, 4, 8, 16, 24, 24]) {
    lacks(nowMs)
    nowMs += hours * HOUR_MS
    t.match(one.lastingly(operation, 'key:d', nowMs - 1), { why: 'plan', untilMs: nowMs }, `${hours} hours`)
    t.equal(one.lastingly(operation, 'key:d', nowMs), undefined)
  }
  one.has(operation)
  lacks(nowMs)
  t.match(one.lastingly(operation, 'key:d', nowMs), { untilMs: nowMs + HOUR_MS })
})

t.test('whatever stands against it alone makes its pool look at it, and nothing does once it is over', async (t) => {
  const paces = { plain: new Pace(), heavy: new Pace() }
  const pool = { troubled: new Set<unknown>() }
  const one = new Standing(connectionOf('a'), pool as never, { plain: { pace: paces.plain }, heavy: { pace: paces.heavy } } as never)
  t.equal(one.connection.name, 'a')
  const operation = operationOf('search')
  const refusal = { sentNs: 1, retryAfterMs: undefined, isExplained: false, declared: { perSecond: 5 } }
  const troubles: Readonly<Record<string, readonly [begin: () => unknown, end: () => unknown]>> = {
    'used up': [() => one.exhaust(RESETS as never, at(5), who), () => Object.assign(one, { exhausted: undefined })],
    paused: [() => Object.assign(one, { paused: { why: 'credential', because: 'x' } }), () => Object.assign(one, { paused: undefined })],
    ejected: [() => Object.assign(one, { isEjected: true }), () => Object.assign(one, { isEjected: false })],
    'outside of the plan': [() => one.lacks(operation, 'key:a', 5), () => one.forgetPlan()],
    'its breaker': [() => openBreaker(one), () => one.breaker.reset()],
    'a pace': [() => paces.plain.refused(5, refusal), () => Object.assign(one.lanes.plain, { pace: new Pace() })],
    'a pace of heavy ones': [() => paces.heavy.refused(5, refusal), () => Object.assign(one.lanes.heavy, { pace: new Pace() })],
  }
  for (const [what, [begin, end]] of Object.entries(troubles)) {
    begin()
    one.mark()
    t.strictSame([one.isCalm, pool.troubled.has(one)], [false, true], what)
    end()
    one.mark()
    t.strictSame([one.isCalm, pool.troubled.has(one)], [true, false], `${what} is over`)
  }
})

/** As many failures of as many callers as it takes. */
function openBreaker({ breaker }: Standing): void {
  for (let call = 0; call < 100 && !breaker.isOpen; call += 1) breaker.bad(breaker.enter(), call, `key:${call}`, 'search')
}
