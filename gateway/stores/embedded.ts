/**
 * The embedded store: plain maps in memory, the journal on disk. Moves look first and take afterwards, without a pause
 * between, so that each is all or nothing; only what has to be on disk is waited for. A move that was made before is
 * answered when everything it wrote is durable, and changes nothing. Here is how holds end; `taking.ts` has how they begin.
 */
import type { Charge, Named, Payment, Purchase, Refund, Settlement, Store, UnitsFate, UnknownSettlement, Usd } from '#contract'
import { CREDIT, dropUnits, fieldsOf, freeMoney, freeUnits, type Hold, holdMoney, holdOfIntent, intentOf, paymentFields, usedNames } from './holds.ts'
import { intentLine, lineOf } from './lines.ts'
import type { Buying, Intended, JournalRecord } from './records.ts'
import { type Parts, Taking } from './taking.ts'

const SWEEP_EVERY_MS = 60_000

export class EmbeddedStore extends Taking implements Store {
  readonly #sweeper: NodeJS.Timeout

  constructor(parts: Parts) {
    super(parts)
    for (const intent of parts.state.intents.values()) this.#adopt(intent)
    this.#sweeper = setInterval(() => parts.names.sweep(), SWEEP_EVERY_MS)
    this.#sweeper.unref()
  }

  commit(id: string, charge: Charge): Promise<void> {
    const hold = this.holds.get(id)
    if (hold === undefined) return this.parts.journal.flushed()
    this.#end(hold)
    freeUnits(hold)
    freeMoney(hold, this.parts.state)
    this.claims.spent(hold, charge.price)
    this.claims.used(hold, charge.units)
    const written = this.#writeCharge(hold, fieldsOf('charge', hold, charge, this.parts.clock.nowMs()))
    if (charge.units < hold.units) this.parts.leases.trim(hold.connection, hold.tally)
    return written
  }

  intend(id: string, charge: Charge, payment: Payment): Promise<void> {
    const { state, journal, clock } = this.parts
    // One promise, which what is thrown here rejects, too.
    return new Promise((resolve, reject) => {
      const hold = this.hold(id)
      if (hold.intent !== undefined) return void journal.flushed().then(resolve, reject)
      hold.state = 'settling'
      const intent = intentOf(hold, charge, payment, clock.nowMs())
      hold.intent = intent
      state.apply(intent)
      journal.append(intentLine(intent, payment.json), (error, segment, offset, length) => {
        if (error !== undefined) return reject(error)
        if (state.intents.has(id)) state.intentPlaces.set(id, { segment, offset, length })
        resolve()
      })
    })
  }

  async buy(id: string, { account, payment }: Purchase): Promise<void> {
    const hold = this.hold(id)
    if (hold.intent !== undefined) return this.parts.journal.flushed()
    hold.state = 'settling'
    const amount = payment.amount.toString()
    const buying: Buying = { t: 'buy', id, at: this.parts.clock.nowMs(), account, amount, ...usedNames(hold), payment: paymentFields(payment) }
    hold.intent = buying
    return this.write(buying)
  }

  async resolve(id: string, settlement: Settlement): Promise<void> {
    const hold = this.holds.get(id)
    if (hold?.intent === undefined) return this.parts.journal.flushed()
    if (settlement.state === 'unknown') {
      if (hold.intent.t === 'buy') this.#giveUpCall(hold)
      hold.state = 'unknown'
      // Its call is answered: it is not one of those at once any more.
      this.claims.freeSlots(hold)
      this.parts.names.set(hold, 'unknown')
      this.parts.names.wake(hold)
      return
    }
    const at = this.parts.clock.nowMs()
    if (settlement.state === 'not_settled') {
      const { reason, blameless } = settlement
      return this.#void(hold, { t: 'void', id, reason, at, ...(blameless === true ? { blameless } : {}) })
    }
    if (hold.intent.t === 'buy') return this.#bought(hold, hold.intent, { t: 'bought', id, transaction: settlement.transaction, at })
    this.#end(hold)
    freeUnits(hold)
    this.claims.used(hold, hold.intent.units)
    return this.#writeCharge(hold, { t: 'settled', id, transaction: settlement.transaction, headers: settlement.headers, at })
  }

  /** The payment stays; the call that it was for is not made. */
  #giveUpCall(hold: Hold): void {
    freeUnits(hold)
    this.claims.giveBack(hold)
    this.parts.leases.trim(hold.connection, hold.tally)
    dropUnits(hold)
  }

  /** Credit; where a call is to follow it is held for it in the same breath, so that nothing else can spend it. */
  async #bought(hold: Hold, { account, amount }: Buying, record: JournalRecord): Promise<void> {
    const { state, names } = this.parts
    const written = this.write(record)
    this.claims.usedOnce(hold)
    if (hold.alternative === undefined) {
      names.set(hold, 'settling')
      this.holds.delete(hold.id)
      this.claims.freeSlots(hold)
    } else {
      hold.prepaid = BigInt(amount) as Usd
      Object.assign(hold, { state: 'held', intent: undefined, payer: { by: 'credits', account }, price: hold.prepaid, namesDurable: true })
      for (const [index, name] of hold.names.entries()) hold.names[index] = { ...name, durable: true }
      holdMoney(hold, state)
      names.set(hold, 'waiting')
    }
    try {
      await written
      if (hold.prepaid === undefined) names.set(hold, 'charged')
    } finally {
      if (hold.prepaid === undefined) names.wake(hold)
    }
  }

  /** Whoever asks under this name waits until the charge is on disk: an answer never leaves before it. */
  #writeCharge(hold: Hold, record: JournalRecord): Promise<void> {
    return hold.names.length === 0 ? this.write(record) : this.#writeNamed(hold, record)
  }

  #writeNamed(hold: Hold, record: JournalRecord): Promise<void> {
    const { state, journal, names } = this.parts
    state.apply(record)
    names.set(hold, 'settling')
    return new Promise((resolve, reject) =>
      journal.append(lineOf(record), (error, segment, offset, length) => {
        if (error === undefined) {
          state.answers.placed(hold.id, { segment, offset, length })
          names.set(hold, 'charged')
        }
        names.wake(hold)
        if (error === undefined) resolve()
        else reject(error)
      }),
    )
  }

  /** The name and the nonce are free again only when it is on disk that the intent came to nothing. */
  async #void(hold: Hold, record: JournalRecord): Promise<void> {
    this.holds.delete(hold.id)
    try {
      await this.parts.journal.durable(JSON.stringify(record))
    } catch (error) {
      this.parts.names.wake(hold)
      throw error
    }
    this.claims.ended(hold)
    freeUnits(hold)
    this.claims.giveBack(hold)
    this.parts.names.forget(hold)
    this.parts.state.apply(record)
  }

  release(id: string, fate: UnitsFate): void {
    const hold = this.holds.get(id)
    if (hold === undefined) return
    if (hold.intent !== undefined) throw new Error(`hold ${id} has an intent to settle and may not be released`)
    this.#end(hold)
    this.giveUpUnits(hold, fate)
    freeMoney(hold, this.parts.state)
    this.claims.giveBack(hold)
    for (const { name, durable } of hold.names) {
      if (durable && hold.namesDurable) this.parts.journal.append(JSON.stringify({ t: 'unname', name } satisfies JournalRecord))
    }
    this.parts.names.forget(hold)
  }

  async refund(refund: Refund): Promise<void> {
    const { price, platformShare, ...rest } = refund
    const id = `${refund.receipt}-refund`
    if (this.parts.state.refunds.has(id)) return this.parts.journal.flushed()
    const at = this.parts.clock.nowMs()
    return this.write({ t: 'refund', id, ...rest, price: price.toString(), platform: platformShare.toString(), at })
  }

  // ---------------------------------------------------------------- names, and what is not known

  named(name: string, digest: string): Named | Promise<Named> {
    return this.parts.names.look(name, digest)
  }

  ended(name: string): Promise<void> {
    return this.parts.names.ended(name)
  }

  async unknowns(): Promise<readonly UnknownSettlement[]> {
    const found: UnknownSettlement[] = []
    for (const { id, state, intent, payer } of this.holds.values()) {
      if (state !== 'unknown' || intent === undefined || payer.by !== 'x402') continue
      const [what, price] = intent.t === 'buy' ? [CREDIT, intent.amount] : [{ buys: 'call', connection: intent.connection } as const, intent.price]
      found.push({ hold: id, ...what, payment: payer.payment, sinceMs: intent.at as UnknownSettlement['sinceMs'], price: BigInt(price) as Usd })
    }
    return found
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
    this.parts.leases.close()
    await this.parts.journal.close()
  }

  // ---------------------------------------------------------------- inside

  #end(hold: Hold): void {
    this.holds.delete(hold.id)
    this.claims.ended(hold)
  }

  /** An intent of a process that is gone: nobody knows what became of its settlement. */
  #adopt(intent: Intended | Buying): void {
    const hold = holdOfIntent(intent, this.parts.state)
    hold.tally.heldSold += hold.units
    this.parts.names.set(hold, 'unknown')
    this.claims.adopt(hold)
    this.holds.set(hold.id, hold)
  }
}
