/** What is still to come of a UTC month, when each day goes on as the last ones did and what is for sale lasts. */
import { formatUsd } from '#contract'
import { DAY_MS, type Day } from './uses.ts'

export interface MonthEnd {
  readonly at: string
  /** From now on. */
  readonly revenue: string
  readonly owner_share: string
}

export interface Going {
  /** Those that count, oldest first. */
  readonly days: readonly Day[]
  readonly enabled: boolean
  readonly nowMs: number
  /** When nothing is left of this period; undefined: not before it ends. */
  readonly soldOutMs: number | undefined
  /** When the quota is whole again; undefined: never. */
  readonly resetsMs: number | undefined
}

export function monthEndOf({ days, enabled, nowMs, soldOutMs, resetsMs }: Going): MonthEnd {
  const now = new Date(nowMs)
  const endMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
  const before = Math.min(endMs, soldOutMs ?? endMs) - nowMs
  const after = soldOutMs === undefined || resetsMs === undefined ? 0 : Math.max(0, endMs - Math.max(resetsMs, soldOutMs))
  const sellingMs = BigInt(enabled ? Math.floor(before + after) : 0)
  const sum = (of: (day: Day) => bigint): bigint => days.reduce((total, day) => total + of(day), 0n)
  /** Rounded down. */
  const coming = (total: bigint): string => formatUsd((total * sellingMs) / BigInt(days.length * DAY_MS))
  return { at: new Date(endMs).toISOString(), revenue: coming(sum(({ revenue }) => revenue)), owner_share: coming(sum((day) => day.revenue - day.platform)) }
}
