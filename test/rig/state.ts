/** The many of a state, as lines: what its tables hold. */
import { linesOf } from '../../gateway/stores/image.ts'
import type { State } from '../../gateway/stores/state.ts'
import { storedKey } from '../../gateway/stores/state-parts.ts'

/** In the form in which the first snapshots had them. */
export const manyOf = (state: State): readonly (readonly unknown[])[] => [
  ...[...state.keys.values()].map((key) => ['key', storedKey(key)]),
  ...[...state.accounts].map(([id, { posted }]) => ['account', id, posted.toString()]),
  ...[...state.named].map(([name, { waiters: _, ...call }]) => ['name', name, call]),
  ...[...state.once].map(([name, until]) => ['once', name, until]),
  ...[...(state.spending?.sums.day ?? [])].map(([name, { turn, amount }]) => ['spent', name, turn, `${amount}`]),
  ...[...(state.spending?.sums.month ?? [])].map(([name, { turn, amount }]) => ['spent', name, turn, `${amount}`, 'month']),
]

/** All of it, in no order. */
export const imageOf = (state: State): string[] => [...linesOf(state), ...manyOf(state)].map((line) => JSON.stringify(line)).sort()
