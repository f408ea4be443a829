/** Abuse scores: points of the last 60 s by two half-windows that slide, bounded in number. */
import { LRUCache } from 'lru-cache'
import type { Clock, EpochMs, Meters } from '#contract'

const KEYS = 200_000
const WINDOW_MS = 60_000

interface Meter {
  windowStartMs: number
  now: number
  before: number
  blockedUntilMs: number
}

export class MemoryMeters implements Meters {
  readonly #clock: Clock
  readonly #meters = new LRUCache<string, Meter>({ max: KEYS })

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(key: string, points: number): void {
    this.#turned(key).now += points
  }

  perMinute(key: string): number {
    const meter = this.#meters.get(key)
    if (meter === undefined) return 0
    this.#turn(meter)
    const into = (this.#clock.nowMs() - meter.windowStartMs) / WINDOW_MS
    return meter.now + meter.before * (1 - into)
  }

  block(key: string, untilMs: EpochMs): void {
    this.#turned(key).blockedUntilMs = untilMs
  }

  blockedUntilMs(key: string): EpochMs | undefined {
    const until = this.#meters.get(key)?.blockedUntilMs ?? 0
    return until > this.#clock.nowMs() ? (until as EpochMs) : undefined
  }

  #turned(key: string): Meter {
    let meter = this.#meters.get(key)
    if (meter === undefined) {
      meter = { windowStartMs: this.#clock.nowMs(), now: 0, before: 0, blockedUntilMs: 0 }
      this.#meters.set(key, meter)
    }
    this.#turn(meter)
    return meter
  }

  #turn(meter: Meter): void {
    const passed = this.#clock.nowMs() - meter.windowStartMs
    if (passed < WINDOW_MS && passed >= 0) return
    meter.before = passed >= 0 && passed < 2 * WINDOW_MS ? meter.now : 0
    meter.now = 0
    meter.windowStartMs = passed >= 0 && passed < 2 * WINDOW_MS ? meter.windowStartMs + WINDOW_MS : this.#clock.nowMs()
  }
}
