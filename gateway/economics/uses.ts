/** What was used of each connection in the last seven days of 24 hours, day by day: what a forecast is made from. */
import type { CallLine } from '#contract'
import { type Said, saidOf } from './said.ts'

export const DAY_MS = 86_400_000
export const FORECAST_DAYS = 7

/** Units and micro-dollars of one day. */
export interface Day {
  sold: number
  own: number
  wasted: number
  revenue: bigint
  platform: bigint
}

export interface Use {
  /** The last one ends now. */
  readonly days: readonly Day[]
  readonly calls: number
  /** Of the first call in these days. */
  readonly firstMs: number | undefined
}

const emptyDays = (): Day[] => Array.from({ length: FORECAST_DAYS }, () => ({ sold: 0, own: 0, wasted: 0, revenue: 0n, platform: 0n }))
const NO_USE: Use = { days: emptyDays(), calls: 0, firstMs: undefined }

/** Lines in any order. */
export class Uses {
  readonly #nowMs: number
  readonly #fromMs: number
  readonly #uses = new Map<string, { days: Day[]; calls: number; firstMs: number | undefined }>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
    this.#fromMs = nowMs - FORECAST_DAYS * DAY_MS
  }

  of(connection: string): Use {
    return this.#uses.get(connection) ?? NO_USE
  }

  take(line: CallLine): void {
    if (line[0] !== 'r' && this.#counts(line[1])) this.add(line[1], saidOf(line))
  }

  add(at: number, said: Said): void {
    if (!this.#counts(at)) return
    if (said.t === 'c') {
      const day = this.#day(said.connection, at, 1)
      if (said.by === 'owner') day.own += said.units
      else day.sold += said.units
      day.revenue += said.price
      day.platform += said.platform
    } else if (said.t === 'w') this.#day(said.connection, at, 0).wasted += said.units
    const wasted = said.t === 'c' || (said.t === 'u' && said.kind !== 'unknown') ? said.wasted : []
    for (const [connection, units] of wasted) this.#day(connection, at, 0).wasted += units
  }

  #counts(at: number): boolean {
    return at >= this.#fromMs && at < this.#nowMs
  }

  /** Of a connection, noting that it was used then. */
  #day(connection: string, at: number, calls: number): Day {
    let use = this.#uses.get(connection)
    if (use === undefined) {
      use = { days: emptyDays(), calls: 0, firstMs: undefined }
      this.#uses.set(connection, use)
    }
    use.calls += calls
    use.firstMs = Math.min(use.firstMs ?? at, at)
    return use.days[Math.floor((at - this.#fromMs) / DAY_MS)] as Day
  }
}
