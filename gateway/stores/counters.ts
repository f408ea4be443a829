/** The consumer's counters beside paces: money in a UTC day and calls at once. */
import type { Clock, SlotClaim, Usd } from '#contract'
import { NOTHING } from '#contract'

const DAY_MS = 86_400_000

/** What one call has counted, and in which day: what is given back later must not be taken off another day's. */
export interface Spent {
  readonly key: string
  readonly day: number
  readonly amount: bigint
}

export class Counters {
  readonly #clock: Clock
  readonly #slots = new Map<string, number>()
  readonly #spent = new Map<string, { day: number; amount: bigint }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  slotFree(claim: SlotClaim): boolean {
    return (this.#slots.get(claim.key) ?? 0) < claim.limit
  }

  takeSlot(claim: SlotClaim): void {
    this.#slots.set(claim.key, (this.#slots.get(claim.key) ?? 0) + 1)
  }

  freeSlot(claim: SlotClaim): void {
    const left = (this.#slots.get(claim.key) ?? 1) - 1
    if (left > 0) this.#slots.set(claim.key, left)
    else this.#slots.delete(claim.key)
  }

  spentToday(key: string): Usd {
    const spent = this.#spent.get(key)
    return (spent !== undefined && spent.day === dayOf(this.#clock.nowMs()) ? spent.amount : NOTHING) as Usd
  }

  spend(key: string, amount: bigint): Spent {
    const day = dayOf(this.#clock.nowMs())
    const spent = this.#spent.get(key)
    if (spent === undefined || spent.day !== day) this.#spent.set(key, { day, amount })
    else spent.amount += amount
    return { key, day, amount }
  }

  unspend({ key, day }: Spent, amount: bigint): void {
    const spent = this.#spent.get(key)
    if (spent !== undefined && spent.day === day) spent.amount -= amount
  }

  /** What the journal says of an earlier process: only today's still matters. */
  spentBefore(key: string, amount: bigint, atMs: number): void {
    if (dayOf(atMs) === dayOf(this.#clock.nowMs())) this.spend(key, amount)
  }
}

const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS)
