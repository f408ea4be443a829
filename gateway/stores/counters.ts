/** The consumer's counters beside paces: money in a UTC day and calls at once. */
import type { Clock, SlotClaim, SpendClaim, Usd } from '#contract'
import { NOTHING } from '#contract'

const DAY_MS = 86_400_000

interface Spent {
  day: number
  amount: Usd
}

export class Counters {
  readonly #clock: Clock
  readonly #slots = new Map<string, number>()
  readonly #spent = new Map<string, Spent>()

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
    return spent !== undefined && spent.day === this.#today() ? spent.amount : NOTHING
  }

  spend(key: string, amount: bigint, atMs: number = this.#clock.nowMs()): void {
    const day = Math.floor(atMs / DAY_MS)
    const spent = this.#spent.get(key)
    if (spent === undefined || spent.day < day) this.#spent.set(key, { day, amount: amount as Usd })
    else if (spent.day === day) spent.amount = (spent.amount + amount) as Usd
  }

  unspend(claim: SpendClaim, amount: bigint): void {
    const spent = this.#spent.get(claim.key)
    if (spent !== undefined && spent.day === this.#today()) spent.amount = (spent.amount - amount) as Usd
  }

  #today(): number {
    return Math.floor(this.#clock.nowMs() / DAY_MS)
  }
}
