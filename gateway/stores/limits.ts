/** What refuses with 429, in the sentences of both drivers. */
import { dollars, type RateClaim, type RateState, type ShareClaim, type SlotClaim, type SpendClaim } from '#contract'
import { perOf } from './turns.ts'
import { type Refused, refusal } from './supply.ts'

/** Claims that are given back, or free again after a time. */
export type LimitClaim = RateClaim | SlotClaim | SpendClaim | ShareClaim

/** Whoever has too many calls at once comes again when one has ended. */
export const SLOT_SECONDS = 1

export function limitRefusal(claim: LimitClaim, waitSeconds: number, rate: RateState | undefined): Refused {
  return refusal(claim.kind === 'rate' ? claim.refusal : 'rate_limited', sentence(claim), { rate, retryAfterSeconds: Math.max(1, Math.ceil(waitSeconds)) })
}

function sentence(claim: LimitClaim): string {
  switch (claim.kind) {
    case 'rate':
      return `more than ${claim.rate.count} calls in ${claim.rate.windowSeconds} s`
    case 'slot':
      return `more than ${claim.limit} calls at once`
    case 'spend':
      return `the spending cap of ${dollars(claim.limit)} for this UTC ${perOf(claim)} is reached`
    default:
      return `more than ${claim.millionths / 10_000}% of the units of ${claim.pool} within ${claim.windowMs / 1000} s, while others draw on them, too`
  }
}

const leftOf = (claim: RateClaim, aheadNs: number): number => Math.max(0, Math.floor(claim.burst - aheadNs / claim.rate.everyNs))
const nextNs = (claim: RateClaim, aheadNs: number): number => aheadNs - (claim.burst - 1) * claim.rate.everyNs

/** Of two paces: whether `a` has fewer calls left, or as few and the longer wait for the next. */
export function isNearer(a: RateClaim, aNs: number, b: RateClaim, bNs: number): boolean {
  const [left, other] = [leftOf(a, aNs), leftOf(b, bNs)]
  return left < other || (left === other && nextNs(a, aNs) > nextNs(b, bNs))
}

export function rateState(claim: RateClaim, aheadNs: number): RateState {
  const { count, windowSeconds } = claim.rate
  return { limit: count, windowSeconds, remaining: leftOf(claim, aheadNs), resetSeconds: Math.ceil(aheadNs / 1e9) }
}
