/**
 * The embedded store: plain maps in memory, the journal on disk. Moves look first and take afterwards, without a pause
 * between, so that each is all or nothing; only what has to be on disk is waited for.
 */
import {
  type Alternative,
  type Charge,
  type Clock,
  type HoldRequest,
  type KeyMirror,
  type Named,
  type Payment,
  type RateClaim,
  type RateState,
  type Refund,
  type Reserved,
  type Settlement,
  type Store,
  type StoreClaim,
  type UnitsFate,
  type UnknownSettlement,
  NOTHING,
  type Usd,
} from '#contract'
import type { Answers } from './answers.ts'
import type { Counters } from './counters.ts'
import {
  forgetNames,
  freeMoney,
  freeUnits,
  giveBackCounters,
  type Hold,
  holdMoney,
  holdOfIntent,
  holdUnits,
  namesOf,
  payerAccount,
  wakeNames,
} from './holds.ts'
import type { Journal } from './journal.ts'
import type { Leases } from './leases.ts'
import type { Paces } from './paces.ts'
import type { ChargeFields, Intended, JournalRecord } from './records.ts'
import type { NamedCall, State } from './state.ts'
import { leftForSale, type Stock } from './stock.ts'
import { choose } from './supply.ts'

export interface Parts {
  readonly clock: Clock
  readonly journal: Journal
  readonly state: State
  readonly stock: Stock
  readonly leases: Leases
  readonly paces: Paces
  readonly counters: Counters
  readonly answers: Answers
}

type Refused = Extract<Reserved, { kind: 'refused' }>

const refusedBy = (code: Refused['code'], detail: string, rate: RateState | undefined, retryAfterSeconds?: number): Refused => ({
  kind: 'refused',
  code,
  detail,
  retryAfterSeconds,
  price: undefined,
  rate,
})

export class EmbeddedStore implements Store {
  readonly keys: KeyMirror
  readonly stock: Stock
  readonly #parts: Parts
  readonly #holds = new Map<string, Hold>()
  readonly #sweeper: NodeJS.Timeout

  constructor(parts: Parts) {
    this.#parts = parts
    this.stock = parts.stock
    this.keys = { byHash: (hash) => parts.state.keysByHash.get(hash) }
    for (const intent of parts.state.intents.values()) this.#adopt(intent)
    this.#sweeper = setInterval(() => this.#sweep(), 60_000)
    this.#sweeper.unref()
  }

  // ---------------------------------------------------------------- taking

  reserve(request: HoldRequest): Reserved | Promise<Reserved> {
    if (this.#parts.journal.failed !== undefined) return refusedBy('unavailable', 'the store cannot be written', undefined)
    if (this.#holds.has(request.id)) throw new Error(`hold ${request.id} was reserved before`)
    const no = this.#check(request.claims)
    if (no !== undefined) return no
    const supply = request.claims.find((claim) => claim.kind === 'supply')
    if (supply === undefined) throw new Error('a reservation without a supply claim')
    const chosen = choose(supply, this.#parts.state, this.stock, this.#parts.clock.nowMs())
    if (chosen.refused !== undefined) return this.#countRefused(request.claims, chosen.refused)
    const { connection, units } = chosen.alternative
    const capped = this.#overCap(request.claims, chosen.alternative.price)
    if (capped !== undefined) return this.#countRefused(request.claims, capped)
    if (!this.#parts.leases.covers(connection, units)) {
      return this.#parts.leases.wait(connection, units).then(
        () => this.reserve(request),
        () => refusedBy('unavailable', 'the store cannot be written', undefined),
      )
    }
    const hold = this.#newHold(request.id, chosen.alternative, supply.payer)
    holdUnits(hold)
    holdMoney(hold, this.#parts.state)
    this.#take(hold, request.claims)
    this.#holds.set(hold.id, hold)
    return { kind: 'held', chosen: chosen.alternative, rate: this.#rate(hold.rates[0]) }
  }

  extend(id: string, claims: readonly StoreClaim[]): Reserved {
    const hold = this.#hold(id)
    const no = this.#check(claims) ?? this.#overCap(claims, hold.payer.by === 'x402' ? hold.payer.payment.amount : hold.price)
    if (no !== undefined) return no
    this.#take(hold, claims)
    return { kind: 'held', chosen: hold.alternative as Alternative, rate: this.#rate(hold.rates[0]) }
  }

  /** Replay or 409 first, then 429; 402 and 503 come from the supply. */
  #check(claims: readonly StoreClaim[]): Reserved | undefined {
    for (const claim of claims) {
      if (claim.kind !== 'name') continue
      const named = this.named(claim.name, claim.digest)
      if (named.state !== 'absent') return { kind: 'named', named, name: claim.name }
    }
    for (const claim of claims) {
      if (claim.kind === 'once' && (this.#parts.state.once.get(claim.key) ?? 0) > this.#parts.clock.nowMs()) {
        return refusedBy('payment_invalid', 'the payment was used before', undefined)
      }
    }
    for (const claim of claims) {
      if (claim.kind === 'rate') {
        const wait = this.#parts.paces.wait(claim)
        if (wait > 0)
          return this.#countRefused(
            claims,
            refusedBy(claim.refusal, `more than ${claim.rate.count} calls in ${claim.rate.windowSeconds} s`, this.#rate(claim), Math.ceil(wait)),
          )
      } else if (claim.kind === 'slot' && !this.#parts.counters.slotFree(claim)) {
        return this.#countRefused(claims, refusedBy('rate_limited', `more than ${claim.limit} calls at once`, undefined, 1))
      }
    }
    return undefined
  }

  #overCap(claims: readonly StoreClaim[], price: Usd): Refused | undefined {
    for (const claim of claims) {
      if (claim.kind !== 'spend' || this.#parts.counters.spentToday(claim.key) + price <= claim.limit) continue
      const tomorrow = Math.ceil((86_400_000 - (this.#parts.clock.nowMs() % 86_400_000)) / 1000)
      return refusedBy('rate_limited', "the key's spending cap for this UTC day is reached", undefined, tomorrow)
    }
    return undefined
  }

  /** A refused call leaves no trace but in the limits of its address. */
  #countRefused(claims: readonly StoreClaim[], refused: Refused): Refused {
    for (const claim of claims) if (claim.kind === 'rate' && claim.of === 'address') this.#parts.paces.take(claim)
    return refused
  }

  #take(hold: Hold, claims: readonly StoreClaim[]): void {
    for (const claim of claims) {
      if (claim.kind === 'rate') {
        this.#parts.paces.take(claim)
        hold.rates.push(claim)
      } else if (claim.kind === 'slot') {
        this.#parts.counters.takeSlot(claim)
        hold.slots.push(claim)
      } else if (claim.kind === 'spend') {
        this.#parts.counters.spend(claim.key, hold.payer.by === 'x402' ? hold.payer.payment.amount : hold.price)
        hold.spends.push(claim)
      } else if (claim.kind === 'once') {
        this.#parts.state.once.set(claim.key, claim.untilMs)
        hold.once.push(claim)
      } else if (claim.kind === 'name') {
        this.#parts.state.named.set(claim.name, { digest: claim.digest, receipt: hold.id, untilMs: claim.untilMs, state: 'waiting', waiters: [] })
        hold.names.push(claim)
      }
    }
  }

  #newHold(id: string, alternative: Alternative, payer: Hold['payer']): Hold {
    const shelf = this.stock.shelf(alternative.connection)
    if (shelf === undefined) throw new Error(`connection ${alternative.connection} is not configured`)
    return {
      id,
      state: 'held',
      alternative,
      connection: alternative.connection,
      owner: alternative.owner,
      units: alternative.units,
      period: shelf.period.startMs,
      tally: shelf.tally,
      payer,
      price: payer.by === 'credits' ? alternative.price : NOTHING,
      names: [],
      once: [],
      rates: [],
      slots: [],
      spends: [],
      namesDurable: false,
      intent: undefined,
    }
  }

  calling(id: string): void {
    const hold = this.#hold(id)
    hold.state = 'calling'
    if (hold.namesDurable) return
    hold.namesDurable = true
    for (const { name, digest, untilMs, durable } of hold.names) {
      if (durable) this.#parts.journal.append(JSON.stringify({ t: 'name', name, digest, until: untilMs, receipt: id } satisfies JournalRecord))
    }
  }

  async switch(id: string, to: Alternative, fate: UnitsFate): Promise<boolean> {
    const hold = this.#holds.get(id)
    if (hold === undefined) return false
    const limit = hold.payer.by === 'x402' ? hold.payer.payment.amount : hold.alternative?.price
    if (hold.payer.by !== 'owner' && (limit === undefined || to.price > limit)) return false
    while (!this.#parts.leases.covers(to.connection, to.units)) await this.#parts.leases.wait(to.connection, to.units)
    if (this.#holds.get(id) !== hold) return false
    const shelf = this.stock.shelf(to.connection)
    if (shelf === undefined) return false
    const left = hold.payer.by === 'owner' ? this.stock.leftForOwner(to.connection) : leftForSale(shelf.connection, shelf.tally)
    if (left < to.units || (hold.payer.by !== 'owner' && !this.stock.enabled(to.connection))) return false
    this.#giveUpUnits(hold, fate)
    freeMoney(hold, this.#parts.state)
    Object.assign(hold, { alternative: to, connection: to.connection, owner: to.owner, units: to.units, period: shelf.period.startMs, tally: shelf.tally })
    if (hold.payer.by === 'credits') hold.price = to.price
    holdUnits(hold)
    holdMoney(hold, this.#parts.state)
    return true
  }

  // ---------------------------------------------------------------- ending

  commit(id: string, charge: Charge): Promise<void> {
    const hold = this.#holds.get(id)
    if (hold === undefined) return Promise.resolve()
    hold.state = 'settling'
    const record = { t: 'charge' as const, ...this.#fields(hold, charge) }
    this.#end(hold)
    freeUnits(hold)
    freeMoney(hold, this.#parts.state)
    for (const spend of hold.spends) this.#parts.counters.unspend(spend, hold.price - charge.price)
    const written = this.#write(record)
    // Whoever asks under this name waits until the charge is on disk: an answer never leaves before it.
    for (const { name } of hold.names) this.#setNamed(name, 'settling')
    return written.then(() => this.#chargedNames(hold))
  }

  async intend(id: string, charge: Charge, payment: Payment): Promise<void> {
    const hold = this.#hold(id)
    hold.state = 'settling'
    const record: Intended = { t: 'intent', ...this.#fields(hold, charge), payment: { ...payment, amount: payment.amount.toString() } }
    hold.intent = record
    await this.#write(record)
  }

  async resolve(id: string, settlement: Settlement): Promise<void> {
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    const at = this.#parts.clock.nowMs()
    if (settlement.state === 'unknown') {
      hold.state = 'unknown'
      for (const { name } of hold.names) this.#setNamed(name, 'unknown')
      wakeNames(hold, this.#parts.state)
      return
    }
    this.#end(hold)
    freeUnits(hold)
    if (settlement.state === 'settled') {
      const written = this.#write({ t: 'settled', id, transaction: settlement.transaction, headers: settlement.headers, at })
      for (const { name } of hold.names) this.#setNamed(name, 'settling')
      await written
      return this.#chargedNames(hold)
    }
    giveBackCounters(hold, this.#parts.paces)
    for (const spend of hold.spends) this.#parts.counters.unspend(spend, BigInt(hold.intent?.price ?? '0'))
    wakeNames(hold, this.#parts.state)
    await this.#write({ t: 'void', id, reason: settlement.reason, at })
  }

  release(id: string, fate: UnitsFate): void {
    const hold = this.#holds.get(id)
    if (hold === undefined) return
    if (hold.intent !== undefined) throw new Error(`hold ${id} has an intent to settle and may not be released`)
    this.#end(hold)
    this.#giveUpUnits(hold, fate)
    freeMoney(hold, this.#parts.state)
    giveBackCounters(hold, this.#parts.paces)
    for (const spend of hold.spends) this.#parts.counters.unspend(spend, hold.payer.by === 'x402' ? hold.payer.payment.amount : hold.price)
    if (hold.namesDurable)
      for (const { name, durable } of hold.names) if (durable) this.#parts.journal.append(JSON.stringify({ t: 'unname', name } satisfies JournalRecord))
    forgetNames(hold, this.#parts.state)
  }

  async refund(refund: Refund): Promise<void> {
    const { price, platformShare, ...rest } = refund
    await this.#write({
      t: 'refund',
      id: `${refund.receipt}-refund`,
      ...rest,
      price: price.toString(),
      platform: platformShare.toString(),
      at: this.#parts.clock.nowMs(),
    })
  }

  #giveUpUnits(hold: Hold, fate: UnitsFate): void {
    freeUnits(hold)
    if (fate === 'returned' || hold.units === 0) return
    const { connection, owner, period, units, id } = hold
    void this.#write({ t: 'wasted', connection, owner, period, units, at: this.#parts.clock.nowMs(), by: id }).catch(() => undefined)
  }

  #end(hold: Hold): void {
    this.#holds.delete(hold.id)
    for (const slot of hold.slots) this.#parts.counters.freeSlot(slot)
  }

  /** Posted in memory at once, so that the next call sees it; durable when the promise resolves. */
  #write(record: JournalRecord): Promise<void> {
    this.#parts.state.apply(record)
    return this.#parts.journal.durable(JSON.stringify(record))
  }

  #fields(hold: Hold, charge: Charge): ChargeFields {
    return {
      id: hold.id,
      at: this.#parts.clock.nowMs(),
      connection: hold.connection,
      owner: hold.owner,
      period: hold.period,
      units: charge.units,
      price: charge.price.toString(),
      platform: charge.platformShare.toString(),
      by: hold.payer.by as ChargeFields['by'],
      account: payerAccount(hold.payer),
      api: charge.api,
      operation: charge.operation,
      subject: charge.subject,
      ...namesOf(hold),
      ...(charge.answer === undefined ? {} : { answer: charge.answer }),
      call: charge.call,
    }
  }

  // ---------------------------------------------------------------- names

  named(name: string, digest: string): Named {
    const found = this.#parts.state.named.get(name)
    if (found === undefined || found.untilMs <= this.#parts.clock.nowMs()) return { state: 'absent' }
    if (found.digest !== digest) return { state: 'conflict' }
    if (found.state === 'waiting' || found.state === 'settling') return { state: 'waiting' }
    if (found.state === 'unknown') return { state: 'unknown' }
    const answer = found.state === 'charged' ? this.#parts.answers.get(found.receipt) : undefined
    return answer === undefined ? { state: 'gone', receipt: found.receipt } : { state: 'stored', answer, receipt: found.receipt }
  }

  ended(name: string): Promise<void> {
    const found = this.#parts.state.named.get(name)
    if (found === undefined || (found.state !== 'waiting' && found.state !== 'settling')) return Promise.resolve()
    return new Promise((resolve) => found.waiters.push(resolve))
  }

  unknowns(): readonly UnknownSettlement[] {
    const found: UnknownSettlement[] = []
    for (const hold of this.#holds.values()) {
      if (hold.state !== 'unknown' || hold.intent === undefined || hold.payer.by !== 'x402') continue
      found.push({
        hold: hold.id,
        payment: hold.payer.payment,
        sinceMs: hold.intent.at as UnknownSettlement['sinceMs'],
        price: BigInt(hold.intent.price) as Usd,
      })
    }
    return found
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    this.#parts.leases.giveBackAll()
    await this.#parts.journal.close()
  }

  // ---------------------------------------------------------------- inside

  #adopt(intent: Intended): void {
    const hold = holdOfIntent(intent, this.#parts.state)
    hold.tally.heldSold += hold.units
    for (const { name } of hold.names) this.#setNamed(name, 'unknown')
    this.#holds.set(hold.id, hold)
  }

  #chargedNames(hold: Hold): void {
    for (const { name } of hold.names) this.#setNamed(name, 'charged')
    wakeNames(hold, this.#parts.state)
  }

  #setNamed(name: string, state: NamedCall['state']): void {
    const named = this.#parts.state.named.get(name)
    if (named !== undefined) named.state = state
  }

  #rate(claim: RateClaim | undefined): RateState | undefined {
    return claim === undefined ? undefined : this.#parts.paces.state(claim)
  }

  #hold(id: string): Hold {
    const hold = this.#holds.get(id)
    if (hold === undefined) throw new Error(`hold ${id} does not exist`)
    return hold
  }

  #sweep(): void {
    const now = this.#parts.clock.nowMs()
    for (const [name, named] of this.#parts.state.named) if (named.untilMs <= now && named.waiters.length === 0) this.#parts.state.named.delete(name)
    for (const [key, until] of this.#parts.state.once) if (until <= now) this.#parts.state.once.delete(key)
  }
}
