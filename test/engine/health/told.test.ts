/** Limits are read in every form in which providers tell them, and nothing that they might send instead does harm. */

import fc from 'fast-check'
import t from 'tap'
import { retryAfterMs, toldBy } from '../../../gateway/engine/health/told.ts'
import { seedOf } from '../../rig/random.ts'

const NOW = Date.UTC(2026, 10, 23, 12, 0, 30)
const raw = (...fields: readonly string[]): readonly string[] => fields

t.test('each family says what is left, of how much, and when there is more', async (t) => {
  const cases: readonly (readonly [readonly string[], object])[] = [
    [['RateLimit-Policy', '"default";q=100;w=60', 'RateLimit', '"default";r=50;t=30'], { remaining: 50, limit: 100, resetMs: 30_000 }],
    [['RateLimit-Policy', '"b";q=10;w=1, "d";q=1000;w=60', 'RateLimit', '"b";r=9;t=1, "d";r=3;t=40'], { remaining: 3, limit: 1000, resetMs: 40_000 }],
    [['RateLimit', 'limit=100, remaining=50, reset=5'], { remaining: 50, limit: 100, resetMs: 5_000 }],
    [['RateLimit-Limit', '100, 100;w=60', 'RateLimit-Remaining', '0', 'RateLimit-Reset', '7'], { remaining: 0, limit: 100, resetMs: 7_000 }],
    [['x-rate-limit-limit', '600', 'x-rate-limit-remaining', '599', 'x-rate-limit-reset', '12'], { remaining: 599, limit: 600, resetMs: 12_000 }],
    [['X-RateLimit-Limit', '60', 'X-RateLimit-Remaining', '1', 'X-RateLimit-Reset', String(NOW / 1000 + 9)], { remaining: 1, limit: 60, resetMs: 9_000 }],
    [['X-RateLimit-Remaining', '1', 'X-RateLimit-Reset', String(NOW + 1500)], { remaining: 1, limit: undefined, resetMs: 1_500 }],
    [
      ['X-RateLimit-Limit-Second', '20', 'X-RateLimit-Remaining-Second', '19', 'X-RateLimit-Limit-Minute', '300', 'X-RateLimit-Remaining-Minute', '4'],
      { remaining: 4, limit: 300, resetMs: 30_000 },
    ],
  ]
  for (const [fields, told] of cases) t.strictSame(toldBy(raw(...fields), NOW), told, fields.join(' '))
  t.strictSame(toldBy(raw('calls-left', '3', 'calls-in', '4'), NOW, { remaining: 'Calls-Left', reset: 'Calls-In' }), {
    ...{ remaining: 3, limit: undefined, resetMs: 4_000 },
  })
})

t.test('what cannot be read says nothing', async (t) => {
  for (const fields of [
    [],
    ['content-type', 'application/json'],
    ['RateLimit-Remaining', '5'],
    ['RateLimit-Remaining', '-5', 'RateLimit-Reset', '1'],
    ['RateLimit', 'soon'],
    ['X-RateLimit-Remaining', 'none', 'X-RateLimit-Reset', '1e9'],
  ])
    t.equal(toldBy(raw(...fields), NOW), undefined, fields.join(' '))
})

t.test('Retry-After is seconds or a date', async (t) => {
  t.equal(retryAfterMs(raw('Retry-After', '30'), NOW), 30_000)
  t.equal(retryAfterMs(raw('a', 'b', 'retry-after', new Date(NOW + 5_000).toUTCString()), NOW), 5_000)
  t.equal(retryAfterMs(raw('retry-after', new Date(NOW - 5_000).toUTCString()), NOW), 0)
  for (const nonsense of ['', '-1', 'soon', '1.5', '2026-11-23', 'Mon, 99 Nov']) t.equal(retryAfterMs(raw('retry-after', nonsense), NOW), undefined, nonsense)
  t.equal(retryAfterMs([], NOW), undefined)
})

t.test('whatever comes, nothing throws and no figure is less than nothing', async (t) => {
  const names = ['RateLimit', 'RateLimit-Policy', 'RateLimit-Remaining', 'RateLimit-Reset', 'X-RateLimit-Remaining-Minute', 'x-rate-limit-reset', 'Retry-After']
  const field = fc.tuple(
    fc.oneof(fc.constantFrom(...names), fc.string()),
    fc.oneof(fc.string(), fc.integer().map(String), fc.constantFrom('"a";r=1;t=1', 'limit=1')),
  )
  fc.assert(
    fc.property(fc.array(field, { maxLength: 8 }), (fields) => {
      const all = raw(...fields.flat())
      const told = toldBy(all, NOW)
      return (told === undefined || (told.remaining >= 0 && told.resetMs >= 0)) && (retryAfterMs(all, NOW) ?? 0) >= 0
    }),
    { numRuns: 10_000, seed: seedOf(t) },
  )
})
