/**
 * The pace at which a provider takes calls of one kind through one connection: unlimited until the provider says something.
 * It says so by its fields, which are believed, or by a refusal: then the pace is what its adapter declares, else half of what
 * was seen, found out from below and held just under what was too much (additive increase, multiplicative decrease).
 * Algorithm of the pace: GCRA in nanoseconds of the monotonic clock.
 */
import type { Told } from './told.ts'

const SECOND_NS = 1e9
/** Late turns are made up for by at most this much. */
const CATCH_UP_NS = 50e6
/** A provider that names a longer wait is asked again after this. */
const LONGEST_BLOCK_NS = 3_600 * SECOND_NS
/** Held after a pace was found to be too high, twice as long each time, and after a guess. */
const HOLD_NS = 30 * SECOND_NS
const LONGEST_HOLD_NS = 600 * SECOND_NS
const GUESS_HOLD_NS = 5 * SECOND_NS
/** Rise a second while calls wait: of a guess, and of a pace whose ceiling is known. */
const CLIMB = { guess: 0.03, known: 0.01 }
/** Just under what was too much; more where that was too much as well. */
const CUTS = [0.95, 0.8, 0.5] as const
/** After so long without a refusal nothing is assumed any more. */
const CALM_NS = 600 * SECOND_NS
const BREATH_NS = 0.25 * SECOND_NS
/** Never less, or half of what is declared: nobody can stop an owner's sales by asking for refusals. */
const SLOWEST_PER_SECOND = 1

/** What an adapter says of its provider: a hint, used only once the provider has refused. */
export interface DeclaredRate {
  readonly perSecond?: number | undefined
  readonly perMinute?: number | undefined
}

export interface Refused {
  readonly sentNs: number
  readonly retryAfterMs: number | undefined
  /** The answer's own fields say that nothing was left. */
  readonly isExplained: boolean
  readonly declared: DeclaredRate
}

export class Pace {
  #inFlight = 0
  /** 0: unlimited. */
  #everyNs = 0
  #dueNs = 0
  #blockedUntilNs = 0
  #told: { room: number; readonly limit: number | undefined; untilNs: number; readonly spanNs: number } | undefined
  #changedNs = 0
  #refusedNs = 0
  #holdUntilNs = 0
  #holds = 0
  #strikes = 0
  #isCeilingKnown = false
  /** Since the last change some call had to wait: only then is it known that more is wanted. */
  #wanted = false
  // Calls of this second, of the one before, and of this minute.
  #secondNs = 0
  #sent = 0
  #sentBefore = 0
  #minuteNs = 0
  #sentInMinute = 0

  /** Nothing limits it. */
  get isFree(): boolean {
    return this.#everyNs === 0 && this.#blockedUntilNs === 0 && this.#told === undefined
  }

  /** Calls a second; undefined: unlimited. */
  get perSecond(): number | undefined {
    return this.#everyNs === 0 ? undefined : SECOND_NS / this.#everyNs
  }

  /** Between two calls; 0: unlimited. */
  get everyNs(): number {
    return this.#everyNs
  }

  /** How long a call would wait if it came now and were the next; 0: it may go. */
  waitNs(nowNs: number): number {
    if (this.isFree) return 0
    if (this.#blockedUntilNs !== 0 && nowNs >= this.#blockedUntilNs) this.#blockedUntilNs = 0
    return Math.max(0, this.#dueNs - nowNs, this.#blockedUntilNs - nowNs, this.#roomNs(nowNs))
  }

  #roomNs(nowNs: number): number {
    const told = this.#told
    if (told === undefined) return 0
    if (nowNs >= told.untilNs) {
      // A new window, of the same size as far as is known.
      this.#told = told.limit === undefined ? undefined : { ...told, room: told.limit - this.#inFlight, untilNs: nowNs + told.spanNs }
      return 0
    }
    return told.room > 0 ? 0 : told.untilNs - nowNs
  }

  /** A call goes. */
  go(nowNs: number): void {
    this.#inFlight += 1
    this.#count(nowNs)
    if (this.#told !== undefined) this.#told.room -= 1
    if (this.#everyNs === 0) return
    this.#rise(nowNs)
    this.#dueNs = Math.max(this.#dueNs, nowNs - CATCH_UP_NS) + this.#everyNs
  }

  /** A call that went has ended. */
  ended(): void {
    if (this.#inFlight > 0) this.#inFlight -= 1
  }

  /** More is wanted than goes. */
  waits(): void {
    this.#wanted = true
  }

  #count(nowNs: number): void {
    const seconds = (nowNs - this.#secondNs) / SECOND_NS
    if (seconds >= 1) {
      this.#sentBefore = seconds < 2 ? this.#sent : 0
      this.#sent = 0
      this.#secondNs = nowNs
    }
    if (nowNs - this.#minuteNs >= 60 * SECOND_NS) {
      this.#sentInMinute = 0
      this.#minuteNs = nowNs
    }
    this.#sent += 1
    this.#sentInMinute += 1
  }

  #rise(nowNs: number): void {
    if (nowNs - this.#refusedNs > CALM_NS && !this.#wanted) return this.#lift()
    const seconds = (nowNs - Math.max(this.#changedNs, this.#holdUntilNs)) / SECOND_NS
    if (seconds < 1) return
    if (this.#wanted) this.#everyNs /= 1 + Math.min(seconds, 10) * (this.#isCeilingKnown ? CLIMB.known : CLIMB.guess)
    this.#changedNs = nowNs
    this.#wanted = false
    this.#strikes = 0
  }

  #lift(): void {
    this.#everyNs = 0
    this.#strikes = 0
    this.#holds = 0
    this.#isCeilingKnown = false
  }

  /** What an answer said of the limits. Calls under way may be counted in it or not: they are taken off. */
  told({ remaining, limit, resetMs }: Told, nowNs: number): void {
    const spanNs = Math.min(resetMs * 1e6, LONGEST_BLOCK_NS)
    this.#told = spanNs <= 0 ? undefined : { room: remaining - this.#inFlight, limit, untilNs: nowNs + spanNs, spanNs: Math.max(spanNs, SECOND_NS) }
  }

  /** The provider refused a call that was sent at `sentNs`. */
  refused(nowNs: number, { sentNs, retryAfterMs, isExplained, declared }: Refused): void {
    this.#refusedNs = nowNs
    if (retryAfterMs !== undefined) this.#blockedUntilNs = Math.max(this.#blockedUntilNs, nowNs + Math.min(retryAfterMs * 1e6, LONGEST_BLOCK_NS))
    // Sent before the pace was last lowered: it has nothing to say of the pace of now.
    if (sentNs <= this.#changedNs && this.#everyNs !== 0) return
    if (isExplained) return
    if (this.#everyNs === 0) this.#guess(nowNs, declared)
    else this.#lower(nowNs, declared)
    this.#changedNs = nowNs
    this.#wanted = false
    this.#dueNs = nowNs + Math.max(this.#everyNs, BREATH_NS)
  }

  /** The first refusal: what the adapter declares, else half of what was seen. */
  #guess(nowNs: number, { perSecond, perMinute }: DeclaredRate): void {
    const seen = Math.max(this.#sent, this.#sentBefore)
    const declared =
      perSecond !== undefined && (perMinute === undefined || seen >= perSecond * 0.7) ? perSecond : perMinute === undefined ? undefined : perMinute / 60
    const perSecondNow = declared === undefined ? (seen > 1 ? seen : this.#sentInMinute / 60) / 2 : declared * CUTS[0]
    this.#everyNs = Math.min(SECOND_NS / perSecondNow, slowestNs({ perSecond, perMinute }))
    this.#isCeilingKnown = declared !== undefined
    this.#holdUntilNs = nowNs + (declared === undefined ? GUESS_HOLD_NS : HOLD_NS)
    this.#strikes = 1
  }

  /** The first refusal after a rise has found the ceiling; one that comes sooner says that the pace is still too high. */
  #lower(nowNs: number, declared: DeclaredRate): void {
    this.#strikes = nowNs < this.#holdUntilNs ? Math.min(this.#strikes + 1, CUTS.length) : 1
    this.#everyNs = Math.min(this.#everyNs / (CUTS[this.#strikes - 1] as number), Math.max(this.#everyNs, slowestNs(declared)))
    this.#isCeilingKnown = this.#strikes === 1
    if (this.#isCeilingKnown) this.#holds += 1
    this.#holdUntilNs = nowNs + (this.#isCeilingKnown ? Math.min(LONGEST_HOLD_NS, HOLD_NS * 2 ** (this.#holds - 1)) : GUESS_HOLD_NS)
  }
}

function slowestNs({ perSecond = Number.POSITIVE_INFINITY, perMinute = Number.POSITIVE_INFINITY }: DeclaredRate): number {
  return SECOND_NS / Math.min(SLOWEST_PER_SECOND, perSecond / 2, perMinute / 120)
}
