/**
 * Abuse scores: points of the last 60 s by two half-windows that slide. Whoever is found stands in a list of his own, so that
 * asking about everybody else is one look-up, and many new names do not push him out.
 */
import { LRUCache } from 'lru-cache'
import { type Abuse, type AbuseRules, ABUSES, type Clock, type EpochMs, type Meters, type Standing, type Suspect } from '#contract'
import { blocksAt, type Meter, meterOf, remember, scoreOf, turn } from './meter.ts'
import { Walks } from './walks.ts'

/** After a block the score stands at so many times the limit: not forgotten, and half of it gone after 30 s. */
const PROBATION = 2
/** Of found ones, looked after in passing, so that nobody needs a timer. */
const TIDIED_AT_ONCE = 64
const TIDY_EVERY_MS = 1_000
/** Found ones that are passed over, where room is needed, because they are blocked. */
const SPARED = 64

export interface MetersOptions {
  /** Most with a score, and most that were found. */
  readonly most?: number
  readonly mostFound?: number
}

export class MemoryMeters implements Meters {
  readonly #clock: Clock
  readonly #meters: LRUCache<string, Meter>
  readonly #found = new Map<string, Meter>()
  readonly #mostFound: number
  readonly #walks = new Walks()
  #tidying = this.#found.values()
  #tidiedMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, { most = 100_000, mostFound = 20_000 }: MetersOptions = {}) {
    this.#clock = clock
    this.#meters = new LRUCache<string, Meter>({ maxSize: most, sizeCalculation: () => 1 })
    this.#mostFound = mostFound
  }

  get sizes(): { readonly scored: number; readonly found: number } {
    return { scored: this.#meters.size, found: this.#found.size }
  }

  get quiet(): boolean {
    return this.#found.size === 0
  }

  standing(subject: string): Standing | undefined {
    const meter = this.#found.get(subject)
    if (meter === undefined) return undefined
    const nowMs = this.#nowMs()
    this.#settle(meter, nowMs)
    const blockedSeconds = meter.state === 'blocked' ? Math.ceil((meter.untilMs - nowMs) / 1000) : 0
    return { score: scoreOf(meter, nowMs), blockedSeconds }
  }

  add(subject: string, abuse: Abuse, points: number, rules: AbuseRules): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#tidiedMs >= TIDY_EVERY_MS) this.#tidy(nowMs)
    const meter = this.#turned(subject, nowMs)
    if (meter.state === 'blocked') return
    const at = ABUSES.indexOf(abuse)
    meter.calls[at] = (meter.calls[at] ?? 0) + 1
    meter.now += points
    meter.inARow += 1
    const score = scoreOf(meter, nowMs)
    if (score >= rules.blockAbove) this.#block(meter, rules, nowMs)
    else if (score >= rules.throttleAbove && meter.state === 'watched') this.#mark(meter, 'throttled', rules, nowMs)
  }

  takeBack(subject: string, abuse: Abuse, points: number): void {
    const meter = this.#find(subject)
    if (meter === undefined) return
    const nowMs = this.#nowMs()
    this.#settle(meter, nowMs)
    if (meter.state === 'blocked') return
    const at = ABUSES.indexOf(abuse)
    meter.calls[at] = Math.max(0, (meter.calls[at] ?? 0) - 1)
    const fromNow = Math.min(points, meter.now)
    meter.now -= fromNow
    meter.before = Math.max(0, meter.before - (points - fromNow))
  }

  perMinute(subject: string): number {
    const meter = this.#find(subject)
    if (meter === undefined) return 0
    const nowMs = this.#nowMs()
    this.#settle(meter, nowMs)
    return scoreOf(meter, nowMs)
  }

  refused(subject: string): void {
    const meter = this.#found.get(subject)
    if (meter !== undefined) meter.refused += 1
  }

  inARow(subject: string): number {
    return this.#find(subject)?.inARow ?? 0
  }

  ended(subject: string): void {
    const meter = this.#find(subject)
    if (meter !== undefined) meter.inARow = 0
  }

  different(subject: string, asked: string): number {
    const meter = this.#turned(subject, this.#nowMs())
    remember(meter, asked)
    return meter.different
  }

  walked(who: string, asked: string): number {
    return this.#walks.walked(who, asked)
  }

  suspects(leastScore: number): readonly Suspect[] {
    const nowMs = this.#nowMs()
    for (const meter of [...this.#found.values()]) this.#settle(meter, nowMs)
    const shown = [...this.#found.values()]
    for (const meter of this.#meters.values()) {
      turn(meter, nowMs)
      if (scoreOf(meter, nowMs) >= leastScore) shown.push(meter)
    }
    const rank = ({ state }: Meter): number => ({ watched: 0, throttled: 1, blocked: 2 })[state]
    return shown.sort((a, b) => rank(b) - rank(a) || scoreOf(b, nowMs) - scoreOf(a, nowMs)).map((meter) => this.#shown(meter, nowMs))
  }

  forget(subject: string): boolean {
    this.#walks.forget(subject)
    const found = this.#found.delete(subject)
    return this.#meters.delete(subject) || found
  }

  #nowMs(): number {
    return this.#clock.monotonicNs() / 1e6
  }

  #find(subject: string): Meter | undefined {
    return (this.#found.size === 0 ? undefined : this.#found.get(subject)) ?? this.#meters.get(subject)
  }

  #turned(subject: string, nowMs: number): Meter {
    let meter = this.#find(subject)
    if (meter === undefined) {
      meter = meterOf(subject, this.#clock.nowMs(), nowMs)
      this.#meters.set(subject, meter)
    }
    this.#settle(meter, nowMs)
    return meter
  }

  /** What time has changed. */
  #settle(meter: Meter, nowMs: number): void {
    if (meter.state === 'blocked') {
      if (nowMs < meter.untilMs) return
      meter.state = 'throttled'
    }
    turn(meter, nowMs)
    if (meter.windowStartMs === nowMs && meter.before === 0 && meter.now === 0 && meter.rules === undefined) this.#begin(meter)
    const { rules } = meter
    if (rules === undefined) return
    if (meter.state === 'throttled' && scoreOf(meter, nowMs) * 2 < rules.throttleAbove) {
      meter.state = 'watched'
      rules.changed(this.#shown(meter, nowMs))
    }
    if (meter.state === 'watched' && blocksAt(meter, rules, nowMs) === 0) this.#release(meter)
  }

  /** He had no score any more: what he did before is not held against him. */
  #begin(meter: Meter): void {
    meter.calls.fill(0)
    meter.sinceMs = this.#clock.nowMs()
  }

  #block(meter: Meter, rules: AbuseRules, nowMs: number): void {
    const before = blocksAt(meter, rules, nowMs)
    const forMs = Math.min(rules.blockAtMostMs, rules.blockForMs * 2 ** Math.min(before, 30))
    meter.untilMs = nowMs + forMs
    // Fewer blocks than the longest needs: the way back begins at once.
    meter.blocks = rules.blockForMs * 2 ** before >= rules.blockAtMostMs ? Math.max(1, before) : before + 1
    meter.windowStartMs = meter.untilMs
    meter.now = 0
    meter.before = Math.min(PROBATION * rules.throttleAbove, rules.blockAbove / 2)
    this.#mark(meter, 'blocked', rules, nowMs)
  }

  #mark(meter: Meter, state: 'throttled' | 'blocked', rules: AbuseRules, nowMs: number): void {
    meter.state = state
    meter.rules = rules
    if (!this.#found.has(meter.subject)) {
      this.#meters.delete(meter.subject)
      this.#makeRoom()
      this.#found.set(meter.subject, meter)
    }
    rules.changed(this.#shown(meter, nowMs))
  }

  /** Who is not blocked goes before who is, the oldest first. */
  #makeRoom(): void {
    if (this.#found.size < this.#mostFound) return
    let oldest: string | undefined
    let looked = 0
    for (const [subject, { state }] of this.#found) {
      oldest ??= subject
      if (state !== 'blocked') {
        oldest = subject
        break
      }
      looked += 1
      if (looked >= SPARED) break
    }
    if (oldest !== undefined) this.#found.delete(oldest)
  }

  #release(meter: Meter): void {
    this.#found.delete(meter.subject)
    meter.rules = undefined
    meter.blocks = 0
    meter.refused = 0
    this.#meters.set(meter.subject, meter)
  }

  #tidy(nowMs: number): void {
    this.#tidiedMs = nowMs
    for (let count = 0; count < TIDIED_AT_ONCE; count += 1) {
      const next = this.#tidying.next()
      if (next.done === true) {
        this.#tidying = this.#found.values()
        return
      }
      this.#settle(next.value, nowMs)
    }
  }

  #shown(meter: Meter, nowMs: number): Suspect {
    const { subject, state, calls, refused, rules, sinceMs, untilMs } = meter
    const counts = Object.fromEntries(ABUSES.map((abuse, at) => [abuse, calls[at] ?? 0])) as Record<Abuse, number>
    return {
      ...{ subject, state, calls: counts, refused, sinceMs, score: Math.round(scoreOf(meter, nowMs)), shadow: rules?.shadow === true },
      blocks: rules === undefined ? 0 : blocksAt(meter, rules, nowMs),
      untilMs: state === 'blocked' ? (Math.ceil(this.#clock.nowMs() + untilMs - nowMs) as EpochMs) : undefined,
    }
  }
}
