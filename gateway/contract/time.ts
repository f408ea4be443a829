/** Time: instants are EpochMs; the name of a duration ends in its unit. */

declare const instant: unique symbol

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number & { readonly [instant]: 'epoch ms' }

/** Where a quota starts again: the provider's own period, anchored as the owner's contract is. */
export interface PeriodRule {
  readonly every: 'month' | 'day' | 'none'
  /** 1 to 31; 29–31 mean the last day of shorter months. */
  readonly billingDay: number
  /** IANA name. */
  readonly zone: string
}

/** One turn of a quota: [startMs, endMs); endMs is undefined for a grant that never renews. */
export interface Period {
  readonly startMs: EpochMs
  readonly endMs: EpochMs | undefined
}

/** `2026-11`, the UTC month in which money is counted. */
export type Month = string

const DAY_MS = 86_400_000
let knownDay = Number.NaN
let knownMonth: Month = ''

/** The last day asked for is remembered: most instants lie in the same one. */
export function monthOf(atMs: number): Month {
  const day = Math.floor(atMs / DAY_MS)
  if (day !== knownDay) {
    knownMonth = new Date(atMs).toISOString().slice(0, 7)
    knownDay = day
  }
  return knownMonth
}
