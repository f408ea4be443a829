/** What was used of each connection in the last seven days of 24 hours, day by day: what a forecast is made from. */
import type { CallLine } from '#contract'

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
    const at = line[1]
    if (at < this.#fromMs || at >= this.#nowMs) return
    if (line[0] === 'c') {
      const [, , , , , , , , by, connection, , , units, price, platform] = line
      const day = this.#day(connection, at, 1)
      if (by === 'owner') day.own += units
      else day.sold += units
      day.revenue += BigInt(price)
      day.platform += BigInt(platform)
    } else if (line[0] === 'w') this.#day(line[2], at, 0).wasted += line[3]
    const wasted = line[0] === 'c' ? line[15] : line[0] === 'u' && line[5] !== 'unknown' ? line[8] : []
    for (const [connection, units] of wasted) this.#day(connection, at, 0).wasted += units
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
