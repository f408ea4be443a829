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
  spentBefore(spending: Spending | undefined): void {
    for (const { key, day, amount } of spending?.all() ?? []) if (day === dayOf(this.#clock.nowMs())) this.spend(key, amount)
  }
}

/** Of a charge or an intent in the journal. */
interface Spender {
  readonly by: string
  readonly at: number
  readonly price: string
  readonly call: { readonly consumer: string }
}

/** Money by consumer in the last UTC day in which he spent any: caps hold over a restart. An intent counts until it is void. */
export class Spending {
  readonly #spent = new Map<string, { day: number; amount: bigint }>()

  add({ by, at, price, call }: Spender): void {
    if (by !== 'owner') this.set({ key: call.consumer, day: dayOf(at), amount: BigInt(price) })
  }

  takeBack({ by, at, price, call }: Spender): void {
    const spent = this.#spent.get(call.consumer)
    if (by !== 'owner' && spent?.day === dayOf(at)) spent.amount -= BigInt(price)
  }

  set({ key, day, amount }: Spent): void {
    const spent = this.#spent.get(key)
    if (spent === undefined || spent.day < day) this.#spent.set(key, { day, amount })
    else if (spent.day === day) spent.amount += amount
  }

  /** What was spent before the day of `nowMs` caps nothing any more. */
  forgetBefore(nowMs: number): void {
    for (const [key, { day }] of this.#spent) if (day < dayOf(nowMs)) this.#spent.delete(key)
  }

  *all(): Iterable<Spent> {
    for (const [key, { day, amount }] of this.#spent) yield { key, day, amount }
  }
}

const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS)
