/** The moves that take: reserve, a wallet's second move, and the change to another connection. */
import type { Alternative, Begun, HoldRequest, KeyMirror, Payer, PurchaseRequest, Reserved, StoreClaim, SupplyClaim, UnitsFate, Usd } from '#contract'
import { PassingMap } from '#contract'
import { Claims, type ClaimParts } from './claims.ts'
import { freeMoney, freeUnits, type Hold, holdMoney, holdUnits, mostOf, moveHold, newHold, newPurchase } from './holds.ts'
import { lineOf } from './lines.ts'
import type { Journal } from './journal.ts'
import type { Leases } from './leases.ts'
import type { JournalRecord } from './records.ts'
import { leftForSale, type Stock } from './stock.ts'
import { availableTo, choose, refusal } from './supply.ts'

export interface Parts extends ClaimParts {
  readonly journal: Journal
  readonly leases: Leases
}

export class Taking {
  readonly keys: KeyMirror
  readonly stock: Stock
  protected readonly parts: Parts
  protected readonly claims: Claims
  protected readonly holds = new PassingMap<Hold>()

  constructor(parts: Parts) {
    this.parts = parts
    this.claims = new Claims(parts)
    this.stock = parts.stock
    this.keys = { byHash: (hash) => parts.state.keys.byHash(hash), ofAccount: (account) => parts.state.keys.ofAccount(account) }
  }

  purchase({ payment, ...request }: PurchaseRequest): Begun | Promise<Begun> {
    const no = this.#refused(request) ?? this.claims.limited(request.claims, undefined, 0, 0)
    if (no !== undefined) return no
    const hold = newPurchase(request.id, payment)
    this.claims.take(hold, request.claims)
    this.holds.set(request.id, hold)
    return { kind: 'begun' }
  }

  /** What stands against beginning anything, whatever it takes. */
  #refused(request: HoldRequest): ReturnType<Claims['check']> {
    if (request.key !== undefined && !this.#isValid(request.key)) return refusal('unauthenticated', 'the key is not valid')
    if (this.parts.journal.failed !== undefined) return refusal('unavailable', 'the store cannot be written')
    // Nothing new is begun while nobody knows whether what is under way will ever be on disk.
    if (this.parts.journal.isSlow) return refusal('unavailable', 'the store is slow')
    if (this.holds.has(request.id)) throw new Error(`hold ${request.id} was reserved before`)
    return this.claims.check(request.claims)
  }

  reserve(request: HoldRequest): Reserved | Promise<Reserved> {
    const { claims } = request
    const no = this.#refused(request)
    if (no !== undefined) return no
    const supply = claims.find((claim): claim is SupplyClaim => claim.kind === 'supply')
    if (supply === undefined) throw new Error('a reservation without a supply claim')
    const { alternative, refused } = choose(supply, this.parts.state, this.stock, this.parts.clock.nowMs())
    // Limits (429) speak before the price (402) and the stock (503).
    const limited = this.claims.limited(claims, alternative && chargedOf(supply.payer, alternative), alternative?.units ?? 0, 0)
    if (limited !== undefined) return limited
    if (refused !== undefined) return this.claims.refused(claims, refused)
    const { connection, units } = alternative as Alternative
    if (!this.parts.leases.covers(connection, units)) {
      return this.parts.leases.wait(connection, units).then(
        () => this.reserve(request),
        () => refusal('unavailable', 'the store cannot be written'),
      )
    }
    return this.#held(request.id, alternative as Alternative, supply, claims)
  }

  #held(id: string, alternative: Alternative, { payer }: SupplyClaim, claims: readonly StoreClaim[]): Reserved {
    const shelf = this.stock.shelf(alternative.connection)
    if (shelf === undefined) throw new Error(`connection ${alternative.connection} is not configured`)
    const hold = newHold(id, alternative, payer, shelf)
    holdUnits(hold)
    holdMoney(hold, this.parts.state)
    this.claims.take(hold, claims)
    this.holds.set(id, hold)
    const rate = this.claims.rate(claims)
    if (payer.by === 'credits') return { kind: 'held', chosen: alternative, rate, available: availableTo(payer, this.parts.state) }
    if (payer.by === 'x402' && this.parts.state.upfront.has(payer.payment.payer)) return { kind: 'held', chosen: alternative, rate, upfront: true }
    return { kind: 'held', chosen: alternative, rate }
  }

  #isValid(id: string): boolean {
    const key = this.parts.state.keys.get(id)
    if (key === undefined || key.revokedAtMs !== undefined) return false
    return key.expiresAtMs === undefined || key.expiresAtMs > this.parts.clock.nowMs()
  }

  extend(id: string, claims: readonly StoreClaim[]): Reserved | Promise<Reserved> {
    const hold = this.hold(id)
    const no = this.claims.check(claims) ?? this.claims.limited(claims, mostOf(hold), hold.units, hold.units)
    if (no !== undefined) return no
    this.claims.take(hold, claims)
    return { kind: 'held', chosen: hold.alternative as Alternative, rate: this.claims.rate(claims) }
  }

  calling(id: string): void {
    const hold = this.hold(id)
    hold.state = 'calling'
    if (hold.namesDurable) return
    hold.namesDurable = true
    for (const { name, digest, untilMs, durable } of hold.names) {
      if (durable) this.parts.journal.append(JSON.stringify({ t: 'name', name, digest, until: untilMs, receipt: id } satisfies JournalRecord))
    }
  }

  async switch(id: string, to: Alternative, fate: UnitsFate): Promise<boolean> {
    for (;;) {
      const hold = this.holds.get(id)
      if (hold === undefined) return false
      if (hold.connection === to.connection) return true
      if (!this.#mayMove(hold, to)) return false
      if (this.parts.leases.covers(to.connection, to.units)) {
        this.#move(hold, to, fate)
        return true
      }
      await this.parts.leases.wait(to.connection, to.units)
    }
  }

  /** Never dearer, and only where the units are. */
  #mayMove({ payer, alternative, prepaid }: Hold, to: Alternative): boolean {
    const shelf = this.stock.shelf(to.connection)
    if (shelf === undefined) return false
    if (payer.by === 'owner') return this.stock.leftForOwner(to.connection) >= to.units
    const limit = payer.by === 'x402' ? payer.payment.amount : (prepaid ?? alternative?.price)
    if (limit === undefined || to.price > limit) return false
    return this.stock.enabled(to.connection) && leftForSale(shelf.connection, shelf.tally) >= to.units
  }

  #move(hold: Hold, to: Alternative, fate: UnitsFate): void {
    const shelf = this.stock.shelf(to.connection)
    if (shelf === undefined) throw new Error(`connection ${to.connection} is not configured`)
    this.giveUpUnits(hold, fate)
    freeMoney(hold, this.parts.state)
    moveHold(hold, to, shelf)
    holdUnits(hold)
    holdMoney(hold, this.parts.state)
  }

  protected giveUpUnits(hold: Hold, fate: UnitsFate): void {
    freeUnits(hold)
    if (fate === 'returned') return this.parts.leases.trim(hold.connection, hold.tally)
    if (hold.units === 0) return
    const { connection, owner, period, units, id } = hold
    void this.write({ t: 'wasted', connection, owner, period, units, at: this.parts.clock.nowMs(), by: id }).catch(() => undefined)
  }

  /** Posted in memory at once, so that the next call sees it; durable when the promise resolves. */
  protected write(record: JournalRecord): Promise<void> {
    this.parts.state.apply(record)
    return this.parts.journal.durable(lineOf(record))
  }

  protected hold(id: string): Hold {
    const hold = this.holds.get(id)
    if (hold === undefined) throw new Error(`hold ${id} does not exist`)
    return hold
  }
}

/** What the call would be charged: by a payment what it is over. */
const chargedOf = (payer: Payer, { price }: Alternative): Usd => (payer.by === 'x402' ? payer.payment.amount : price)
