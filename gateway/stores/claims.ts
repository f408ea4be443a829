/** The claims of a reservation beside quota and money: names, used-once keys, paces, slots, spending caps, shares. */
import type { Clock, Named, RateClaim, RateState, Reserved, ShareClaim, StoreClaim, Usd } from '#contract'
import { PassingMap } from '#contract'
import type { Counters } from './counters.ts'
import { type Hold, mostOf } from './holds.ts'
import { isNearer, type LimitClaim, limitRefusal, rateState, SLOT_SECONDS } from './limits.ts'
import type { NamedEnd, Names } from './names.ts'
import type { Paces } from './paces.ts'
import type { Shares } from './shares.ts'
import type { State } from './state.ts'
import type { Stock } from './stock.ts'
import { type Refused, refusal } from './supply.ts'
import { perOf, turnEndMs } from './turns.ts'

const PENDING_RETRY_SECONDS = 2

export type NamedBefore = Extract<Reserved, { kind: 'named' }>

export interface ClaimParts {
  readonly clock: Clock
  readonly state: State
  readonly paces: Paces
  readonly counters: Counters
  readonly shares: Shares
  readonly stock: Stock
  readonly names: Names
}

export class Claims {
  readonly #parts: ClaimParts
  /** Used-once keys of calls that have not ended: whether they are used is not known yet. */
  readonly #open = new PassingMap<true>()

  constructor(parts: ClaimParts) {
    this.#parts = parts
  }

  /** Replay, 409 or a used payment: the first that speaks. Takes nothing. */
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
      if (claim.kind !== 'once' || (this.#parts.state.once.peek(claim.key) ?? 0) <= now) continue
      // A fresh 402 here would be an invitation to pay twice.
      if (this.#open.has(claim.key))
        return refusal('payment_pending', 'the payment is in use by a call that has not ended', { retryAfterSeconds: PENDING_RETRY_SECONDS })
      return refusal('payment_invalid', 'the payment was used before')
    }
    return undefined
  }

  /**
   * 429, with the longest wait of all limits that refuse. Of caps and shares only where it is known what the call would cost
   * and take; `held` units of it are taken already.
   */
  limited(claims: readonly StoreClaim[], price: Usd | undefined, units: number, held: number): Refused | undefined {
    let longest = 0
    let worst: LimitClaim | undefined
    for (const claim of claims) {
      const wait = this.#wait(claim, price, units, held)
      if (wait <= longest) continue
      longest = wait
      worst = claim as LimitClaim
    }
    return worst === undefined ? undefined : this.refused(claims, limitRefusal(worst, longest, this.rate(claims)))
  }

  /** Seconds until the claim would be good; 0 when it is. */
  #wait(claim: StoreClaim, price: Usd | undefined, units: number, held: number): number {
    const { paces, counters, shares, clock } = this.#parts
    switch (claim.kind) {
      case 'rate':
        return paces.wait(claim)
      case 'slot':
        return counters.slotFree(claim) ? 0 : SLOT_SECONDS
      case 'spend':
        if (price === undefined || counters.spent(claim) + price <= claim.limit) return 0
        return (turnEndMs(perOf(claim), clock.nowMs()) - clock.nowMs()) / 1000
      case 'share':
        return price === undefined ? 0 : shares.wait(claim, units, () => this.#left(claim, held))
      default:
        return 0
    }
  }

  #left({ connections }: ShareClaim, held: number): number {
    const { stock } = this.#parts
    return connections.reduce((sum, name) => (stock.enabled(name) ? sum + stock.left(name) : sum), held)
  }

  /** A refused call leaves no trace but in the limits of its address; where these refuse, too, a wait is as long as they said. */
  refused(claims: readonly StoreClaim[], refused: Refused): Refused {
    for (const claim of claims) if (claim.kind === 'rate' && claim.of === 'address') this.#parts.paces.tried(claim)
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
        // Several caps of one key are one count.
        if (hold.spends.some(({ key, per }) => key === claim.key && per === perOf(claim))) continue
        hold.spends.push(this.#parts.counters.spend(claim, mostOf(hold)))
      } else if (claim.kind === 'share') {
        hold.shares.push(this.#parts.shares.take(claim, hold.units))
      } else if (claim.kind === 'once') {
        this.#parts.state.once.set(claim.key, claim.untilMs)
        hold.once.push(claim)
        this.#open.set(claim.key, true)
      } else if (claim.kind === 'name') {
        this.#parts.names.take(hold, claim)
        hold.names.push(claim)
      }
    }
  }

  /** Paces and shares alone, of a call that nobody holds. */
  drawOn(claims: readonly StoreClaim[], units: number): void {
    for (const claim of claims) {
      if (claim.kind === 'rate') this.#parts.paces.take(claim)
      else if (claim.kind === 'share') this.#parts.shares.take(claim, units)
    }
  }

  /** Those of an intent found at start. */
  adopt(hold: Hold): void {
    for (const { key } of hold.once) this.#open.set(key, true)
  }

  /** Charged or given up: what it used once is used or free. */
  ended(hold: Hold): void {
    for (const { key } of hold.once) this.#open.delete(key)
    this.freeSlots(hold)
  }

  /** Settled, with the call still to come: used, whatever becomes of it. */
  usedOnce(hold: Hold): void {
    for (const { key } of hold.once) this.#open.delete(key)
    hold.once = []
  }

  /** The call is over, or nobody waits for it any more. */
  freeSlots(hold: Hold): void {
    for (const slot of hold.slots) this.#parts.counters.freeSlot(slot)
    hold.slots.length = 0
  }

  /** Of what was counted as spent only this much was. */
  spent(hold: Hold, price: bigint): void {
    for (const spent of hold.spends) if (spent.amount !== price) this.#parts.counters.unspend(spent, spent.amount - price)
  }

  /** Of the units that were taken of a share only so many were used. */
  used(hold: Hold, units: number): void {
    for (const shared of hold.shares) if (shared.units !== units) this.#parts.shares.giveBack(shared, shared.units - units)
  }

  /** Not charged: whatever became of the units, the consumer's counters are as before. */
  giveBack(hold: Hold): void {
    for (const claim of hold.rates.splice(0)) if (claim.of === 'consumer') this.#parts.paces.giveBack(claim)
    this.spent(hold, 0n)
    this.used(hold, 0)
    hold.spends.length = 0
    hold.shares.length = 0
  }

  /** Of the pace that is nearest to refusing. */
  rate(claims: readonly StoreClaim[]): RateState | undefined {
    let found: RateClaim | undefined
    let aheadNs = 0
    for (const claim of claims) {
      if (claim.kind !== 'rate') continue
      const ahead = this.#parts.paces.aheadNs(claim)
      if (found !== undefined && !isNearer(claim, ahead, found, aheadNs)) continue
      found = claim
      aheadNs = ahead
    }
    return found === undefined ? undefined : rateState(found, aheadNs)
  }
}
