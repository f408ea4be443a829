/** The consumer's counters beside paces and shares: calls at once, and money in a UTC day and month. */
import type { Clock, SlotClaim, SpendClaim, Usd } from '#contract'
import { spendings } from './codecs.ts'
import { Layered } from './layered.ts'
import type { SpentSum } from './state-parts.ts'
import { type Per, perOf, turnEndMs, turnOf } from './turns.ts'

/** What one call has counted, when, and in which turn: what is given back later must not be taken off another one. */
export interface Spent {
  readonly key: string
  readonly per: Per
  readonly turn: number
  readonly amount: bigint
  readonly atMs: number
}

/** Of one turn, by key. With the next one all of it is forgotten, at once: memory is bounded by who spends in a turn. */
class Sums {
  readonly per: Per
  turn = -1
  #endMs = 0
  #sums = new Map<string, { amount: bigint }>()

  /** What the journal says of an earlier process: looked up where nothing was spent since. */
  #before: Layered<SpentSum> | undefined

  constructor(per: Per) {
    this.per = per
  }

  begin(nowMs: number, before: Layered<SpentSum>): void {
    this.#turnAt(nowMs)
    this.#before = before
  }

  get(key: string, nowMs: number): bigint {
    this.#turnAt(nowMs)
    const sum = this.#sums.get(key)
    if (sum !== undefined || this.#before === undefined) return sum?.amount ?? 0n
    const before = this.#before.peek(key)
    return before?.turn === this.turn ? before.amount : 0n
  }

  add(key: string, amount: bigint, nowMs: number): void {
    // First: it may begin another turn, with sums of its own.
    this.#turnAt(nowMs)
    const sum = this.#sums.get(key)
    if (sum === undefined) this.#sums.set(key, { amount: this.get(key, nowMs) + amount })
    else sum.amount += amount
  }

  /** A clock that is set back does not begin an old turn anew. */
  #turnAt(nowMs: number): void {
    if (nowMs < this.#endMs) return
    this.turn = turnOf(this.per, nowMs)
    this.#endMs = turnEndMs(this.per, nowMs)
    this.#sums = new Map()
    this.#before = undefined
  }
}

export class Counters {
  readonly #clock: Clock
  readonly #slots = new Map<string, number>()
  readonly #sums = { day: new Sums('day'), month: new Sums('month') }

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

  /** In the turn that is now. */
  spent(claim: Pick<SpendClaim, 'key' | 'per'>): Usd {
    return this.#sums[perOf(claim)].get(claim.key, this.#clock.nowMs()) as Usd
  }

  spend(claim: Pick<SpendClaim, 'key' | 'per'>, amount: bigint): Spent {
    const [key, per] = [claim.key, perOf(claim)]
    const atMs = this.#clock.nowMs()
    this.#sums[per].add(key, amount, atMs)
    return { key, per, turn: this.#sums[per].turn, amount, atMs }
  }

  /** What was spent, whatever the caps say, in the day and the month that are now. */
  count(key: string, amount: bigint): void {
    const atMs = this.#clock.nowMs()
    for (const per of PER) this.#sums[per].add(key, amount, atMs)
  }

  unspend({ key, per, turn }: Spent, amount: bigint): void {
    const nowMs = this.#clock.nowMs()
    this.#sums[per].get(key, nowMs)
    if (this.#sums[per].turn === turn) this.#sums[per].add(key, -amount, nowMs)
  }

  /** What the journal says of an earlier process: only what was spent in the turns that are now still matters. */
  spentBefore(spending: Spending | undefined): void {
    if (spending !== undefined) for (const per of PER) this.#sums[per].begin(this.#clock.nowMs(), spending.sums[per])
  }
}

/** Of a charge or an intent in the journal. */
export interface Spender {
  readonly by: string
  readonly at: number
  /** When it was reserved, where that was in an earlier day: it counts there. */
  readonly since?: number | undefined
  readonly price: string
}

export type Sum = Omit<Spent, 'atMs'>

const PER: readonly Per[] = ['day', 'month']

/** What a charge or an intent counts for its consumer. */
export const spentBy = ({ by, at, since, price }: Spender, key: string): readonly Spent[] =>
  by === 'owner' ? [] : PER.map((per) => ({ key, per, turn: turnOf(per, since ?? at), amount: BigInt(price), atMs: since ?? at }))

/** Money by consumer in the last UTC day and month in which he spent any: caps hold over a restart. An intent counts until it is void. */
export class Spending {
  readonly sums = { day: new Layered<SpentSum>(spendings), month: new Layered<SpentSum>(spendings) }

  add({ by, at, since, price }: Spender, key: string): void {
    if (by === 'owner') return
    this.put(key, since ?? at, BigInt(price))
  }

  put(key: string, atMs: number, amount: bigint): void {
    for (const per of PER) this.set({ key, per, turn: turnOf(per, atMs), amount })
  }

  takeBack(spender: Spender, key: string): void {
    for (const { per, turn, amount } of spentBy(spender, key)) {
      const sum = this.sums[per].get(key)
      if (sum?.turn === turn) sum.amount -= amount
    }
  }

  set({ key, per, turn, amount }: Sum): void {
    const sum = this.sums[per].get(key)
    if (sum === undefined || sum.turn < turn) this.sums[per].set(key, { turn, amount })
    else if (sum.turn === turn) sum.amount += amount
  }

  /** What was spent before the turns of `nowMs` caps nothing any more. */
  forgetBefore(nowMs: number): void {
    for (const per of PER) {
      const now = turnOf(per, nowMs)
      this.sums[per].forget(({ turn }) => turn < now)
    }
  }
}
