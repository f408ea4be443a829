/**
 * A market in a few plain rules, written for tests alone and with nothing of the product in it: who is served by whom at what
 * price, by quota with reserve, periods, paces and caps. What it says is what forecasts and simulations are held against.
 */

export interface Seller {
  readonly name: string
  readonly owner: string
  readonly api: string
  readonly quota: number
  readonly reserved: number
  /** Micro-dollars a unit. */
  readonly unitPrice: bigint
  readonly period: 'month' | 'day'
}

export interface Market {
  /** In the order of the file. */
  readonly sellers: readonly Seller[]
  /** Calls a minute, and at once. */
  readonly perMinute: number
  readonly burst: number
  /** Micro-dollars a UTC day. */
  readonly capPerDay: bigint
}

export interface Demand {
  readonly at: number
  readonly api: string
  readonly operation: string
  readonly requested: number
  readonly actual: number
  /** `key:…`, `wallet:…`. */
  readonly consumer: string
  /** Undefined: credits for keys, x402 for wallets. */
  readonly owner: string | undefined
  /** Of the provider: served, its own word, or failed with units that came to nothing. */
  readonly fate: 'ok' | 'passed' | 'failed'
  /** Reversed later. */
  readonly refunded: boolean
}

type Result =
  | { readonly kind: 'sold' | 'own'; readonly seller: Seller; readonly units: number; readonly price: bigint; readonly platform: bigint }
  | { readonly kind: 'refused'; readonly code: 'rate_limited' | 'sold_out' }
  | { readonly kind: 'passed'; readonly seller: Seller }
  | { readonly kind: 'failed'; readonly seller: Seller; readonly wasted: number }

interface Used {
  sold: number
  own: number
  wasted: number
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

const monthStart = (at: number): number => {
  const date = new Date(at)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
}
const periodOf = ({ period }: Seller, at: number): number => (period === 'day' ? at - (at % DAY_MS) : monthStart(at))

class Trading {
  readonly #market: Market
  readonly #used = new Map<string, Used>()
  /** When the next call of a consumer would be due, in milliseconds. */
  readonly #due = new Map<string, number>()
  readonly #spent = new Map<string, bigint>()

  constructor(market: Market) {
    this.#market = market
  }

  /** Units for sale that are left in the period of then. */
  left(seller: Seller, at: number): number {
    const { sold, own, wasted } = this.#usedBy(seller, at)
    const beyond = Math.max(0, own - seller.reserved)
    return Math.max(0, seller.quota - seller.reserved - sold - wasted - beyond)
  }

  used(seller: Seller, at: number): Readonly<Used> {
    return this.#usedBy(seller, at)
  }

  trade(demand: Demand): Result {
    const { at, owner, fate, requested, actual } = demand
    if (owner !== undefined) return this.#own(demand, owner)
    const onSale = this.#market.sellers.filter(({ api }) => api === demand.api)
    const seller = this.#cheapest(onSale, requested, at)
    const shown = seller ?? [...onSale].sort(byPrice)[0]
    const price = (shown as Seller).unitPrice * BigInt(requested)
    if (!this.#mayCall(demand.consumer, at) || this.#spentBy(demand.consumer, at) + price > this.#market.capPerDay)
      return { kind: 'refused', code: 'rate_limited' }
    if (seller === undefined) return { kind: 'refused', code: 'sold_out' }
    if (fate === 'passed') return { kind: 'passed', seller }
    const used = this.#usedBy(seller, at)
    if (fate === 'failed') {
      used.wasted += requested
      return { kind: 'failed', seller, wasted: requested }
    }
    // A payment is over what was quoted; credits pay what was used.
    const charged = demand.consumer.startsWith('wallet:') ? price : seller.unitPrice * BigInt(actual)
    used.sold += actual
    this.#call(demand.consumer, at)
    this.#spend(demand.consumer, at, charged)
    return { kind: 'sold', seller, units: actual, price: charged, platform: charged / 10n }
  }

  /** What happened, whatever the rules would say. */
  happened({ at, consumer }: Demand, result: Result, paces: boolean): void {
    if (result.kind === 'refused' || result.kind === 'passed') return
    const seller = this.#market.sellers.find(({ name }) => name === result.seller.name)
    const used = seller === undefined ? { sold: 0, own: 0, wasted: 0 } : this.#usedBy(seller, at)
    if (result.kind === 'failed') used.wasted += result.wasted
    else used[result.kind] += result.units
    if (result.kind !== 'sold') return
    this.#spend(consumer, at, result.price)
    if (paces) this.#call(consumer, at)
  }

  #own({ at, api, requested, actual, fate }: Demand, owner: string): Result {
    const left = (seller: Seller): number => {
      const { sold, own, wasted } = this.#usedBy(seller, at)
      return Math.max(0, seller.quota - sold - own - wasted)
    }
    let best: Seller | undefined
    for (const seller of this.#market.sellers.filter((one) => one.api === api && one.owner === owner).sort(byPrice))
      if (left(seller) >= requested && (best === undefined || left(seller) > left(best))) best = seller
    if (best === undefined) return { kind: 'refused', code: 'sold_out' }
    if (fate === 'passed') return { kind: 'passed', seller: best }
    if (fate === 'failed') {
      this.#usedBy(best, at).wasted += requested
      return { kind: 'failed', seller: best, wasted: requested }
    }
    this.#usedBy(best, at).own += actual
    return { kind: 'own', seller: best, units: actual, price: 0n, platform: 0n }
  }

  #cheapest(sellers: readonly Seller[], units: number, at: number): Seller | undefined {
    const able = sellers.filter((seller) => this.left(seller, at) >= units && this.left(seller, at) > 0).sort(byPrice)
    let best = able[0]
    for (const seller of able) {
      if (best === undefined || seller.unitPrice > best.unitPrice) break
      if (this.left(seller, at) > this.left(best, at)) best = seller
    }
    return best
  }

  #usedBy(seller: Seller, at: number): Used {
    const key = `${seller.name} ${periodOf(seller, at)}`
    let used = this.#used.get(key)
    if (used === undefined) {
      used = { sold: 0, own: 0, wasted: 0 }
      this.#used.set(key, used)
    }
    return used
  }

  get #everyMs(): number {
    return 60_000 / this.#market.perMinute
  }

  #mayCall(consumer: string, at: number): boolean {
    return (this.#due.get(consumer) ?? 0) - (this.#market.burst - 1) * this.#everyMs <= at
  }

  #call(consumer: string, at: number): void {
    this.#due.set(consumer, Math.max(this.#due.get(consumer) ?? 0, at) + this.#everyMs)
  }

  #spentBy(consumer: string, at: number): bigint {
    return this.#spent.get(`${consumer} ${Math.floor(at / DAY_MS)}`) ?? 0n
  }

  #spend(consumer: string, at: number, amount: bigint): void {
    this.#spent.set(`${consumer} ${Math.floor(at / DAY_MS)}`, this.#spentBy(consumer, at) + amount)
  }
}

const byPrice = (a: Seller, b: Seller): number => (a.unitPrice < b.unitPrice ? -1 : a.unitPrice > b.unitPrice ? 1 : 0)

export interface Traded {
  readonly demand: Demand
  readonly result: Result
}

export const tradeAll = (market: Market, demands: readonly Demand[]): readonly Traded[] => {
  const trading = new Trading(market)
  return demands.map((demand) => ({ demand, result: trading.trade(demand) }))
}

/** The same calls under another market from `sinceMs` on; before, what happened stands. Whoever was refused before is served if he may be. */
export function tradeAgain(
  market: Market,
  before: readonly Traded[],
  sinceMs: number,
  endMs: number,
): { readonly traded: readonly Traded[]; left(name: string): number } {
  const trading = new Trading(market)
  const traded: Traded[] = []
  for (const { demand, result } of before) {
    if (demand.at < sinceMs) trading.happened(demand, result, demand.at >= sinceMs - HOUR_MS)
    else {
      const asked: Demand = result.kind === 'refused' ? { ...demand, actual: demand.requested, fate: 'ok', refunded: false } : demand
      traded.push({ demand: asked, result: trading.trade(asked) })
    }
  }
  return { traded, left: (name) => trading.left(market.sellers.find((seller) => seller.name === name) as Seller, endMs) }
}
