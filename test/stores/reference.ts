/** The store's rules once more, in the plainest words: counters by connection, money by account, what a call has taken, and when. */

const HOUR_MS = 3_600_000
/** Most that one who pays may spend in a UTC day and month, in micro-dollars; and his share of the pool, in hundredths. */
export const CAPS = { day: 900_000n, month: 2_500_000n }
export const SHARE = 30n

export interface Shelf {
  readonly name: string
  readonly quota: number
  readonly reserved: number
  /** Micro-dollars a unit. */
  readonly unitPrice: bigint
  sold: number
  own: number
  wasted: number
  external: number
}

export type Who = 'owner' | 'wallet' | 'k1' | 'k2'

export interface Held {
  readonly who: Who
  /** What a wallet has signed. */
  readonly signed: bigint
  on: Shelf
  units: number
  state: 'held' | 'intended' | 'unknown'
}

/** What a call counts for its consumer. */
interface Taken {
  readonly who: Who
  readonly atMs: number
  units: number
  spent: bigint
  /** Of an earlier process, which kept its shares in memory. */
  forgotten: boolean
}

export class Reference {
  nowMs = 0
  /** Of all calls that were reserved and did not come to nothing, the first first. */
  readonly #taken = new Map<string, Taken>()
  readonly shelves: readonly Shelf[]
  readonly money = new Map<Who, bigint>()
  readonly holds = new Map<string, Held>()

  constructor(shelves: readonly Omit<Shelf, 'sold' | 'own' | 'wasted' | 'external'>[], money: readonly [Who, bigint][]) {
    this.shelves = shelves.map((shelf) => ({ ...shelf, sold: 0, own: 0, wasted: 0, external: 0 }))
    for (const [who, amount] of money) this.money.set(who, amount)
  }

  #held(shelf: Shelf, own: boolean): number {
    let sum = 0
    for (const hold of this.holds.values()) if (hold.on === shelf && (hold.who === 'owner') === own) sum += hold.units
    return sum
  }

  left(shelf: Shelf): number {
    const own = shelf.own + this.#held(shelf, true) + shelf.external
    return Math.max(0, shelf.quota - shelf.reserved - shelf.sold - this.#held(shelf, false) - shelf.wasted - Math.max(0, own - shelf.reserved))
  }

  leftForOwner(shelf: Shelf): number {
    return Math.max(0, shelf.quota - shelf.sold - shelf.own - shelf.wasted - shelf.external - this.#held(shelf, true) - this.#held(shelf, false))
  }

  available(who: Who): bigint {
    let sum = this.money.get(who) ?? 0n
    for (const hold of this.holds.values()) if (hold.who === who) sum -= hold.on.unitPrice * BigInt(hold.units)
    return sum
  }

  /** Under contention nobody takes more than his share of what is left and what was taken in the window, rounded up to a unit. */
  #exceedsShare(who: Who, units: number): boolean {
    const tenth = (atMs: number): number => Math.floor(atMs / (HOUR_MS / 10))
    const recent = [...this.#taken.values()].filter((one) => !one.forgotten && tenth(one.atMs) >= tenth(this.nowMs) - 10)
    const sum = (of: readonly Taken[]): number => of.reduce((all, one) => all + one.units, 0)
    const mine = sum(recent.filter((one) => one.who === who))
    const all = sum(recent)
    if (all === mine || units === 0) return false
    const pool = BigInt(this.shelves.reduce((left, shelf) => left + this.left(shelf), all))
    return BigInt(mine + units) > (pool * SHARE + 99n) / 100n
  }

  #exceedsCap(who: Who, price: bigint): boolean {
    const spent = (length: number): bigint => {
      const mine = [...this.#taken.values()].filter(
        (one) => one.who === who && new Date(one.atMs).toISOString().startsWith(new Date(this.nowMs).toISOString().slice(0, length)),
      )
      return mine.reduce((all, one) => all + one.spent, 0n)
    }
    return spent('2026-11-23'.length) + price > CAPS.day || spent('2026-11'.length) + price > CAPS.month
  }

  #exceeds(who: Who, units: number, price: bigint): boolean {
    return this.#exceedsShare(who, units) || this.#exceedsCap(who, price)
  }

  /** The name of the shelf that serves, or the refusal's code. */
  reserve(id: string, who: Who, units: number, signed: bigint): string {
    if (who === 'owner') {
      const best = this.#most(this.shelves.filter((shelf) => this.leftForOwner(shelf) >= units).map((shelf) => [shelf, this.leftForOwner(shelf)]))
      return best === undefined ? 'sold_out' : this.#hold(id, who, best, units, 0n)
    }
    const priceOf = ({ unitPrice }: Shelf): bigint => unitPrice * BigInt(units)
    const prices = [...new Set(this.shelves.map(priceOf))].sort((a, b) => (a < b ? -1 : 1))
    for (const price of prices) {
      const having = this.shelves.filter((shelf) => priceOf(shelf) === price && this.left(shelf) >= units)
      const best = this.#most(having.map((shelf) => [shelf, this.left(shelf)]))
      if (best === undefined) continue
      if (this.#exceeds(who, units, who === 'wallet' ? signed : price)) return 'rate_limited'
      return this.#tooDear(who, price, signed) ?? this.#hold(id, who, best, units, signed)
    }
    const cheapest = prices[0] as bigint
    if (this.#exceeds(who, units, who === 'wallet' ? signed : cheapest)) return 'rate_limited'
    return this.#tooDear(who, cheapest, signed) ?? 'sold_out'
  }

  #tooDear(who: Who, price: bigint, signed: bigint): string | undefined {
    if (who === 'wallet') return price > signed ? 'payment_invalid' : undefined
    return price > this.available(who) ? 'insufficient_credits' : undefined
  }

  #most(candidates: readonly [Shelf, number][]): Shelf | undefined {
    let best: [Shelf, number] | undefined
    for (const candidate of candidates) if (best === undefined || candidate[1] > best[1]) best = candidate
    return best?.[0]
  }

  #hold(id: string, who: Who, on: Shelf, units: number, signed: bigint): string {
    this.holds.set(id, { who, on, units, signed, state: 'held' })
    const spent = who === 'wallet' ? signed : on.unitPrice * BigInt(units)
    if (who !== 'owner') this.#taken.set(id, { who, atMs: this.nowMs, units, spent, forgotten: false })
    return on.name
  }

  charge(id: string, units: number): void {
    const { who, on } = this.#end(id)
    if (who === 'owner') on.own += units
    else on.sold += units
    const taken = this.#taken.get(id)
    if (taken !== undefined) taken.units = units
    if (taken !== undefined && who !== 'wallet') taken.spent = on.unitPrice * BigInt(units)
    const money = this.money.get(who)
    if (money !== undefined) this.money.set(who, money - on.unitPrice * BigInt(units))
  }

  release(id: string, wasted: boolean): void {
    const { on, units } = this.#end(id)
    this.#taken.delete(id)
    if (wasted) on.wasted += units
  }

  switch(id: string, to: Shelf, wasted: boolean): boolean {
    const hold = this.holds.get(id)
    if (hold === undefined) return false
    if (hold.on === to) return true
    const price = to.unitPrice * BigInt(hold.units)
    const limit = hold.who === 'wallet' ? hold.signed : hold.on.unitPrice * BigInt(hold.units)
    if (hold.who === 'owner' ? this.leftForOwner(to) < hold.units : price > limit || this.left(to) < hold.units) return false
    if (wasted) hold.on.wasted += hold.units
    hold.on = to
    return true
  }

  /** The provider says that so many are used; `before` of ours had ended when it was asked. */
  counted(shelf: Shelf, used: number, before: number | undefined): void {
    const ended = shelf.sold + shelf.own + shelf.wasted
    const underWay = this.#held(shelf, true) + this.#held(shelf, false)
    if (shelf.external < used - ended - underWay) shelf.external = used - ended - underWay
    if (before !== undefined && shelf.external > used - before) shelf.external = Math.max(0, used - before)
    shelf.external = Math.min(shelf.external, used)
  }

  /** Calls under way are gone; whether the provider was asked for their units nobody knows. `forgets`: shares were in memory. */
  die(forgets: boolean): void {
    if (forgets) for (const one of this.#taken.values()) one.forgotten = true
    for (const [id, hold] of this.holds) {
      if (hold.state === 'held') this.release(id, true)
      else hold.state = 'unknown'
    }
  }

  #end(id: string): Held {
    const hold = this.holds.get(id)
    if (hold === undefined) throw new Error(`the reference has no hold ${id}`)
    this.holds.delete(id)
    return hold
  }
}
