/**
 * Steady paces by GCRA: one theoretical arrival time a key, in nanoseconds of the monotonic clock.
 * A call conforms when its arrival is not earlier than that time less (burst − 1) intervals.
 */
import { LRUCache } from 'lru-cache'
import type { Clock, RateClaim, RateState } from '#contract'

interface Pace {
  arrivalNs: number
}

/** A key that is pushed out by so many newer ones starts with a full burst again. */
const KEYS = 1_000_000
const NS = 1e9

export class Paces {
  readonly #clock: Clock
  readonly #paces = new LRUCache<string, Pace>({ max: KEYS })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Seconds to wait until the call would conform; 0 when it does now. */
  wait(claim: RateClaim): number {
    const pace = this.#paces.get(claim.key)
    if (pace === undefined) return 0
    const early = pace.arrivalNs - (claim.burst - 1) * claim.rate.everyNs - this.#clock.monotonicNs()
    return early <= 0 ? 0 : early / NS
  }

  take(claim: RateClaim): void {
    const now = this.#clock.monotonicNs()
    const pace = this.#paces.get(claim.key)
    if (pace === undefined) this.#paces.set(claim.key, { arrivalNs: now + claim.rate.everyNs })
    else pace.arrivalNs = Math.max(pace.arrivalNs, now) + claim.rate.everyNs
  }

  /** The call did not happen: the consumer's pace is as if it had not asked. */
  giveBack(claim: RateClaim): void {
    const pace = this.#paces.get(claim.key)
    if (pace !== undefined) pace.arrivalNs -= claim.rate.everyNs
  }

  state(claim: RateClaim): RateState {
    const now = this.#clock.monotonicNs()
    const ahead = Math.max(0, (this.#paces.get(claim.key)?.arrivalNs ?? 0) - now)
    return {
      limit: claim.rate.count,
      windowSeconds: claim.rate.windowSeconds,
      remaining: Math.max(0, Math.floor(claim.burst - ahead / claim.rate.everyNs)),
      resetSeconds: Math.ceil(ahead / NS),
    }
  }
}
