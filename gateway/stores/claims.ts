/** The claims of a reservation beside quota and money: names, used-once keys, paces, slots, spending caps. */
import type { Clock, Named, RateState, Reserved, StoreClaim, Usd } from '#contract'
import type { Counters } from './counters.ts'
import type { Hold } from './holds.ts'
import type { NamedEnd, Names } from './names.ts'
import type { Paces } from './paces.ts'
import type { State } from './state.ts'
import { type Refused, refusal } from './supply.ts'

const DAY_MS = 86_400_000
const PENDING_RETRY_SECONDS = 2

export type NamedBefore = Extract<Reserved, { kind: 'named' }>

export interface ClaimParts {
  readonly clock: Clock
  readonly state: State
  readonly paces: Paces
  readonly counters: Counters
  readonly names: Names
}

export class Claims {
  readonly #parts: ClaimParts
  /** Used-once keys of calls that have not ended: whether they are used is not known yet. */
  readonly #open = new Set<string>()

  constructor(parts: ClaimParts) {
    this.#parts = parts
  }

  /** Replay or 409 first, then 429; 402 and 503 come from the supply. Takes nothing but what `refused` does. */
  check(claims: readonly StoreClaim[]): Refused | NamedBefore | Promise<NamedBefore> | undefined {
    for (const claim of claims) {
      if (claim.kind !== 'name') continue
      const { name } = claim
      const named: Named | Promise<NamedEnd> = this.#parts.names.look(name, claim.digest)
      if (named instanceof Promise) return named.then((end) => ({ kind: 'named', named: end, name }))
      if (named.state !== 'absent') return { kind: 'named', named, name }
    }
    const now = this.#parts.clock.nowMs()
    for (const claim of claims) {
      if (claim.kind !== 'once' || (this.#parts.state.once.get(claim.key) ?? 0) <= now) continue
      // A fresh 402 here would be an invitation to pay twice.
      if (this.#open.has(claim.key))
        return refusal('payment_pending', 'the payment is in use by a call that has not ended', { retryAfterSeconds: PENDING_RETRY_SECONDS })
      return refusal('payment_invalid', 'the payment was used before')
    }
    for (const claim of claims) {
      if (claim.kind === 'rate') {
        const wait = this.#parts.paces.wait(claim)
        if (wait <= 0) continue
        const more = { rate: this.#parts.paces.state(claim), retryAfterSeconds: Math.ceil(wait) }
        return this.refused(claims, refusal(claim.refusal, `more than ${claim.rate.count} calls in ${claim.rate.windowSeconds} s`, more))
      }
      if (claim.kind === 'slot' && !this.#parts.counters.slotFree(claim)) {
        return this.refused(claims, refusal('rate_limited', `more than ${claim.limit} calls at once`, { retryAfterSeconds: 1 }))
      }
    }
    return undefined
  }

  overCap(claims: readonly StoreClaim[], price: Usd): Refused | undefined {
    for (const claim of claims) {
      if (claim.kind !== 'spend' || this.#parts.counters.spentToday(claim.key) + price <= claim.limit) continue
      const tomorrow = Math.ceil((DAY_MS - (this.#parts.clock.nowMs() % DAY_MS)) / 1000)
      return refusal('rate_limited', "the key's spending cap for this UTC day is reached", { retryAfterSeconds: tomorrow })
    }
    return undefined
  }

  /** A refused call leaves no trace but in the limits of its address. */
  refused(claims: readonly StoreClaim[], refused: Refused): Refused {
    for (const claim of claims) if (claim.kind === 'rate' && claim.of === 'address') this.#parts.paces.take(claim)
    return refused
  }

  take(hold: Hold, claims: readonly StoreClaim[]): void {
    for (const claim of claims) {
      if (claim.kind === 'rate') {
        this.#parts.paces.take(claim)
        hold.rates.push(claim)
      } else if (claim.kind === 'slot') {
        this.#parts.counters.takeSlot(claim)
        hold.slots.push(claim)
      } else if (claim.kind === 'spend') {
        hold.spends.push(this.#parts.counters.spend(claim.key, hold.payer.by === 'x402' ? hold.payer.payment.amount : hold.price))
      } else if (claim.kind === 'once') {
        this.#parts.state.once.set(claim.key, claim.untilMs)
        hold.once.push(claim)
        this.#open.add(claim.key)
      } else if (claim.kind === 'name') {
        this.#parts.names.take(hold, claim)
        hold.names.push(claim)
      }
    }
  }

  /** Those of an intent found at start. */
  adopt(hold: Hold): void {
    for (const { key } of hold.once) this.#open.add(key)
  }

  /** Charged or given up: what it used once is used or free. */
  ended(hold: Hold): void {
    for (const { key } of hold.once) this.#open.delete(key)
    this.freeSlots(hold)
  }

  /** Settled, with the call still to come: used, whatever becomes of it. */
  used(hold: Hold): void {
    for (const { key } of hold.once) this.#open.delete(key)
    hold.once = []
  }

  /** The call is over, or nobody waits for it any more. */
  freeSlots(hold: Hold): void {
    for (const slot of hold.slots.splice(0)) this.#parts.counters.freeSlot(slot)
  }

  /** Of what was counted as spent only this much was. */
  spent(hold: Hold, price: bigint): void {
    for (const spent of hold.spends) this.#parts.counters.unspend(spent, spent.amount - price)
  }

  /** Not charged: whatever became of the units, the consumer's counters are as before. */
  giveBack(hold: Hold): void {
    for (const claim of hold.rates) if (claim.of === 'consumer') this.#parts.paces.giveBack(claim)
    this.spent(hold, 0n)
  }

  rate(hold: Hold): RateState | undefined {
    const claim = hold.rates[0]
    return claim === undefined ? undefined : this.#parts.paces.state(claim)
  }
}
