/**
 * Steady paces by GCRA: one theoretical arrival time a key, in nanoseconds of the monotonic clock.
 * A call conforms when its arrival is not earlier than that time less (burst − 1) intervals.
 */
import type { Clock, LocalPaces, Pace as Claim } from '#contract'

interface Pace {
  arrivalNs: number
}

/** Beyond so many the oldest go, first of all those whose burst is whole again, of which nothing is lost. */
const KEYS = 1_000_000
const LOOK_AT = 16
const NS = 1e9

export class Paces implements LocalPaces {
  readonly #clock: Clock
  /** A plain map: a cache of this size would take its memory, and a third of a second, before the first call. */
  readonly #paces = new Map<string, Pace>()
  readonly #most: number

  constructor(clock: Clock, most = KEYS) {
    this.#clock = clock
    this.#most = most
  }

  /** Seconds to wait until the call would conform; 0 when it does now. */
  wait(claim: Claim): number {
    const pace = this.#paces.get(claim.key)
    if (pace === undefined) return 0
    const early = pace.arrivalNs - (claim.burst - 1) * claim.rate.everyNs - this.#clock.monotonicNs()
    return early <= 0 ? 0 : early / NS
  }

  take(claim: Claim): void {
    const now = this.#clock.monotonicNs()
    const pace = this.#paces.get(claim.key)
    if (pace !== undefined) {
      pace.arrivalNs = Math.max(pace.arrivalNs, now) + claim.rate.everyNs
      return
    }
    if (this.#paces.size >= this.#most) this.#makeRoom(now)
    this.#paces.set(claim.key, { arrivalNs: now + claim.rate.everyNs })
  }

  #makeRoom(now: number): void {
    let looked = 0
    for (const [key, pace] of this.#paces) {
      this.#paces.delete(key)
      looked += 1
      if (pace.arrivalNs <= now || looked === LOOK_AT) return
      // It still counts: as good as new.
      this.#paces.set(key, pace)
    }
  }

  /** The call did not happen: the consumer's pace is as if it had not asked. */
  giveBack(claim: Claim): void {
    const pace = this.#paces.get(claim.key)
    if (pace !== undefined) pace.arrivalNs -= claim.rate.everyNs
  }

  /** How far the theoretical arrival is ahead of now. */
  aheadNs({ key }: Claim): number {
    const pace = this.#paces.get(key)
    return pace === undefined ? 0 : Math.max(0, pace.arrivalNs - this.#clock.monotonicNs())
  }

  tried(claim: Claim): number {
    const wait = this.wait(claim)
    if (wait === 0) this.take(claim)
    return wait
  }
}
