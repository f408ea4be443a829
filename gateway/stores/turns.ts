/** UTC days and months, by number: what caps on money are counted in. */
import type { SpendClaim } from '#contract'

export type Per = NonNullable<SpendClaim['per']>

export const perOf = ({ per = 'day' }: Pick<SpendClaim, 'per'>): Per => per

const DAY_MS = 86_400_000

export function turnOf(per: Per, atMs: number): number {
  if (per === 'day') return Math.floor(atMs / DAY_MS)
  const at = new Date(atMs)
  return at.getUTCFullYear() * 12 + at.getUTCMonth()
}

/** When the next one begins. */
export function turnEndMs(per: Per, atMs: number): number {
  const turn = turnOf(per, atMs) + 1
  return per === 'day' ? turn * DAY_MS : Date.UTC(Math.floor(turn / 12), turn % 12)
}
