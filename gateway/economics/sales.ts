/**
 * Sums over recorded calls, line by line, without keeping any: by UTC day, by whoever paid in a month, and by connection in
 * steps of its period. Money counts when it was charged, as in the report; what was refused or failed, when it was received.
 */
import type { CallLine, RefusalCode, SoldLine, UnchargedLine } from '#contract'
import { DAY_MS } from './uses.ts'

export interface SalesDay {
  readonly startMs: number
  /** Sold. */
  calls: number
  own: number
  revenue: bigint
  platform: bigint
  /** By the gateway, with a reason that lies with the consumer or the quota. */
  refused: number
  /** The provider, the payment or the gateway itself did not do what it should. */
  failed: number
}

export interface Spend {
  calls: number
  amount: bigint
}

/** What left the quota of one connection in one step of its period. */
export interface Step {
  sold: number
  own: number
}

export interface Window {
  readonly startMs: number
  readonly stepMs: number
}

export interface SalesOf {
  /** The first day. */
  readonly fromMs: number
  /** Spending counts in [fromMs, toMs): a month. */
  readonly month: { readonly fromMs: number; readonly toMs: number }
  /** By connection. */
  readonly windows: ReadonlyMap<string, Window>
  readonly nowMs: number
}

/** Beyond so many who paid in a month the others are one. */
const ACCOUNTS = 20_000
export const OTHERS = 'others'
const FAILURES: ReadonlySet<RefusalCode | ''> = new Set(['upstream_error', 'upstream_timeout', 'unavailable', 'payment_pending'])

export class Sales {
  readonly #of: SalesOf
  readonly #days = new Map<number, SalesDay>()
  readonly #spends = new Map<string, Spend>()
  readonly #steps = new Map<string, Step[]>()

  constructor(of: SalesOf) {
    this.#of = of
  }

  take(line: CallLine): void {
    if (line[0] === 'c') this.#sold(line)
    else if (line[0] === 'u') this.#uncharged(line)
    else if (line[0] === 'w') this.#used(line[2], line[1], 'sold', line[3])
    else if (line[0] === 'r') this.#reversed(line[1], { price: BigInt(line[3]), platform: BigInt(line[4]), account: line[5] })
  }

  /** Oldest first, each day up to now. */
  days(): readonly SalesDay[] {
    const { fromMs, nowMs } = this.#of
    return Array.from({ length: Math.floor((nowMs - fromMs) / DAY_MS) + 1 }, (_, at) => this.#day(fromMs + at * DAY_MS))
  }

  /** By account. */
  get spends(): ReadonlyMap<string, Spend> {
    return this.#spends
  }

  steps(connection: string): readonly Step[] {
    return this.#steps.get(connection) ?? []
  }

  #sold([, received, chargedAt, , , , , account, by, connection, , , units, price, platform, wasted]: SoldLine): void {
    const day = this.#day(chargedAt)
    if (by === 'owner') day.own += 1
    else {
      day.calls += 1
      day.revenue += BigInt(price)
      day.platform += BigInt(platform)
      if (this.#inMonth(chargedAt)) this.#spent(account, BigInt(price), 1)
    }
    this.#used(connection, received, by === 'owner' ? 'own' : 'sold', units)
    for (const [name, count] of wasted) this.#used(name, received, 'sold', count)
  }

  #uncharged([, at, , , , kind, code, , wasted]: UnchargedLine): void {
    const day = this.#day(at)
    if (kind === 'unknown' || FAILURES.has(code as RefusalCode)) day.failed += 1
    else if (kind === 'refused') day.refused += 1
    if (kind !== 'unknown') for (const [name, count] of wasted) this.#used(name, at, 'sold', count)
  }

  #reversed(at: number, { price, platform, account }: { readonly price: bigint; readonly platform: bigint; readonly account: string }): void {
    const day = this.#day(at)
    day.revenue -= price
    day.platform -= platform
    if (this.#inMonth(at)) this.#spent(account, -price, 0)
  }

  #inMonth(at: number): boolean {
    const { fromMs, toMs } = this.#of.month
    return at >= fromMs && at < toMs
  }

  #spent(account: string, amount: bigint, calls: number): void {
    const name = this.#spends.has(account) || this.#spends.size < ACCOUNTS ? account : OTHERS
    const spend = this.#spends.get(name) ?? { calls: 0, amount: 0n }
    this.#spends.set(name, { calls: spend.calls + calls, amount: spend.amount + amount })
  }

  #used(connection: string, at: number, of: keyof Step, units: number): void {
    const window = this.#of.windows.get(connection)
    if (window === undefined || at < window.startMs || at >= this.#of.nowMs) return
    let steps = this.#steps.get(connection)
    if (steps === undefined) {
      const count = Math.floor((this.#of.nowMs - window.startMs) / window.stepMs) + 1
      steps = Array.from({ length: count }, () => ({ sold: 0, own: 0 }))
      this.#steps.set(connection, steps)
    }
    const step = steps[Math.floor((at - window.startMs) / window.stepMs)] as Step
    step[of] += units
  }

  #day(at: number): SalesDay {
    const startMs = at - (at % DAY_MS)
    let day = this.#days.get(startMs)
    if (day === undefined) {
      day = { startMs, calls: 0, own: 0, revenue: 0n, platform: 0n, refused: 0, failed: 0 }
      this.#days.set(startMs, day)
    }
    return day
  }
}
