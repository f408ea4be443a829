/** What may happen to a store, in any order. */
import fc from 'fast-check'
import type { Who } from './reference.ts'

export type Move =
  | { readonly do: 'reserve'; readonly who: Who; readonly units: number; readonly signed: number }
  | { readonly do: 'commit'; readonly of: number; readonly fewer: number }
  | { readonly do: 'release'; readonly of: number; readonly wasted: boolean }
  | { readonly do: 'switch'; readonly of: number; readonly to: number; readonly wasted: boolean }
  | { readonly do: 'resolve'; readonly of: number; readonly state: 'settled' | 'not_settled' | 'unknown' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'counter'; readonly on: number; readonly outside: number; readonly early: boolean }
  | { readonly do: 'reopen' | 'crash' }

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const of = fc.nat(1000)
export const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      who: fc.constantFrom<Who>('owner', 'wallet', 'k1', 'k2'),
      units: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 4 }) }, { weight: 1, arbitrary: fc.constantFrom(0, 9, 15, 60) }),
      signed: fc.constantFrom(0, 100_000, 150_000, 300_000, 1_000_000),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('commit' as const), of, fewer: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), of, wasted: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('switch' as const), of, to: fc.nat(3), wasted: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('resolve' as const), of, state: fc.constantFrom('settled' as const, 'not_settled' as const, 'unknown' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.oneof({ weight: 6, arbitrary: fc.nat(20 * MINUTE_MS) }, { weight: 1, arbitrary: fc.constantFrom(60 * MINUTE_MS, DAY_MS, 10 * DAY_MS) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('counter' as const), on: fc.nat(3), outside: fc.integer({ min: -9, max: 12 }), early: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reopen' as const, 'crash' as const) }) },
)
