/**
 * What the journal says: maps, the large ones above a snapshot's tables (layered.ts), changed by `apply` alone, the same function while serving and at replay.
 * What is only held (calls under way) stands beside it in `held…` fields, which start at zero.
 */
import { consumerIn, type KeyRecord, NOTHING, PassingMap, type Payout, type Usd, unreachable } from '#contract'
import { type Answers, type NewAnswer, withHeaders } from './answers.ts'
import { accounts, moments, namedCalls } from './codecs.ts'
import { Spending } from './counters.ts'
import { Keys } from './keys.ts'
import { Layered } from './layered.ts'
import type { SoldFacts } from './lines.ts'
import type { Bought, Buying, Corrected, Intended, JournalRecord, PayoutBegun, PayoutEnded, Refunded, Settled, Voided } from './records.ts'
import type { Enabled, External, Leased, Told, Wasted } from './records.ts'
import type { Place } from './segments.ts'
import { type Account, keyFrom, type NamedCall, noTally, type Sum, type Tally } from './state-parts.ts'

export { type Account, keyFrom, type NamedCall, type Sum, type Tally }

const CREDIT = 'liab:credit:'
const KEY = 'key:'

export class State {
  mode: 'sandbox' | 'live' | undefined
  readonly keys = new Keys()
  readonly accounts = new Layered<Account>(accounts)
  readonly switches = new Map<string, { enabled: boolean; vetted: boolean }>()
  /** Connection -> start of the period -> tally. */
  readonly tallies = new Map<string, Map<number, Tally>>()
  /** One that is over counts as absent, whether it is still here or not; so does what was used once. */
  readonly named = new Layered<NamedCall>(namedCalls)
  readonly once = new Layered<number>(moments)
  /** What periods that ended long ago add up to, by connection: one sum, in a list so that it adds to others. */
  readonly before = new Map<string, readonly [Sum]>()
  readonly intents = new PassingMap<Intended | Buying>()
  /** Where they stand in the journal: their answers are read from there. */
  readonly intentPlaces = new PassingMap<Place>()
  /** Of the durable charges by consumer and day; only while the journal is read, since calls count what they hold, too. */
  spending: Spending | undefined = new Spending()
  /** Wallets whose payment was good when it was verified and could not be settled afterwards: they pay upfront. */
  readonly upfront = new Set<string>()
  /** Ids of those made; a charge is reversed once. */
  readonly refunds = new Set<string>()
  readonly corrections = new Set<string>()
  /** The one under way. */
  payout: Payout | undefined
  /** How many have ever begun. */
  payouts = 0
  readonly answers: Answers

  constructor(answers: Answers) {
    this.answers = answers
  }

  account(id: string): Account {
    let account = this.accounts.get(id)
    if (account === undefined) {
      account = { posted: NOTHING, held: NOTHING }
      this.accounts.set(id, account)
    }
    return account
  }

  /** Under what a consumer's spending counts: the account of a key, which another key may have in its place. */
  spender(consumer: string): string {
    return this.keys.get(consumer.slice(KEY.length))?.account ?? consumer
  }

  tally(connection: string, period: number): Tally {
    const periods = this.tallies.get(connection) ?? new Map<number, Tally>()
    if (periods.size === 0) this.tallies.set(connection, periods)
    const found = periods.get(period)
    const tally = found ?? noTally()
    if (found === undefined) periods.set(period, tally)
    return tally
  }

  /** `place` is known where the record comes from the journal. */
  apply(record: JournalRecord, place?: Place): void {
    switch (record.t) {
      case 'open':
        this.mode = record.mode
        return
      case 'key':
        return this.keys.put(keyFrom(record))
      case 'revoke':
        return this.#revoke(record.id, record.at)
      case 'credit':
        return this.credit(record.account, BigInt(record.amount))
      case 'enable':
      case 'lease':
      case 'wasted':
      case 'external':
      case 'told':
        return this.#noted(record)
      case 'name':
        this.named.set(record.name, { digest: record.digest, receipt: record.receipt, untilMs: record.until, state: 'lost', waiters: [] })
        return
      case 'unname':
        this.named.delete(record.name)
        return
      case 'charge':
        return this.sold(record, place)
      case 'intent':
        return this.#intended(record, place)
      case 'settled':
        return this.#settled(record, place)
      case 'buy':
      case 'bought':
        return this.#buying(record)
      case 'void':
        return this.#voided(record)
      case 'refund':
        return this.#refunded(record)
      case 'rotate':
        this.#revoke(record.from, record.key.createdAtMs)
        return this.keys.put(keyFrom(record))
      case 'correct':
        return this.#corrected(record)
      case 'payout':
      case 'payout-end':
        return this.#paying(record)
      case 'audit':
        return
      default:
        unreachable(record)
    }
  }

  #noted(record: Enabled | Leased | Wasted | External | Told): void {
    if (record.t === 'enable') return void this.switches.set(record.connection, { enabled: record.enabled, vetted: record.vetted })
    if (record.t === 'told') return void this.once.set(record.key, record.until)
    const tally = this.tally(record.connection, record.period)
    if (record.t === 'lease') tally.leasedTo = record.to
    else if (record.t === 'wasted') tally.wasted += record.units
    else tally.external = record.units
  }

  /** Credit is a liability: a debit lowers it. */
  #corrected({ id, postings }: Corrected): void {
    if (this.corrections.has(id)) return
    this.corrections.add(id)
    for (const { account, amount } of postings) if (account.startsWith(CREDIT)) this.credit(account.slice(CREDIT.length), -BigInt(amount))
  }

  #refunded({ id, account, price }: Refunded): void {
    this.refunds.add(id)
    this.credit(account, BigInt(price))
  }

  #paying(record: PayoutBegun | PayoutEnded): void {
    if (record.t === 'payout') {
      this.payout = { ...record.payout, amount: BigInt(record.payout.amount) as Usd }
      this.payouts += 1
    } else if (this.payout?.id === record.id) this.payout = undefined
  }

  #revoke(id: string, at: number): void {
    const key = this.keys.get(id)
    if (key !== undefined) this.keys.put({ ...key, revokedAtMs: at as KeyRecord['createdAtMs'] })
  }

  credit(id: string, amount: bigint): void {
    const account = this.account(id)
    account.posted = (account.posted + amount) as Usd
  }

  /** Ends the names of a call in `state`, keeping who waits; creates them at replay. */
  #name(charge: Pick<SoldFacts, 'id' | 'names' | 'once'>, state: NamedCall['state']): void {
    for (const { name, digest, until } of charge.names) {
      const found = this.named.get(name)
      if (found !== undefined && found.receipt === charge.id) found.state = state
      else this.named.set(name, { digest, receipt: charge.id, untilMs: until, state, waiters: [] })
    }
    for (const { key, until } of charge.once) this.once.set(key, until)
  }

  sold(record: SoldFacts, place?: Place): void {
    const price = BigInt(record.price)
    if (record.by === 'credits') this.credit(record.account, -price)
    this.spending?.add(record, this.spender(consumerIn(record)))
    this.#charged(record, price)
    if (record.answer !== undefined) this.#keep(record, { answer: record.answer, record: place })
  }

  #charged(charge: SoldFacts, price: bigint): void {
    const tally = this.tally(charge.connection, charge.period)
    if (charge.by === 'owner') tally.own += charge.units
    else tally.sold += charge.units
    tally.revenue = (tally.revenue + price) as Usd
    if (charge.names.length > 0 || charge.once.length > 0) this.#name(charge, 'charged')
  }

  #intended(record: Intended, place: Place | undefined): void {
    this.spending?.add(record, this.spender(consumerIn(record)))
    this.intents.set(record.id, record)
    if (place !== undefined) this.intentPlaces.set(record.id, place)
    this.#name(record, 'settling')
  }

  #settled({ id, headers }: Settled, place: Place | undefined): void {
    const intent = this.intents.get(id)
    if (intent === undefined || intent.t === 'buy') return
    const record = this.intentPlaces.get(id)
    this.#forget(id)
    this.#charged(intent, BigInt(intent.price))
    if (intent.answer === undefined) return
    this.#keep(intent, { answer: withHeaders(intent.answer, headers), record, settled: place, isSettled: true })
  }

  /** As long as its last name; without one nobody can ask for it. */
  #keep({ id, names }: SoldFacts, answer: Omit<NewAnswer, 'until'>): void {
    if (names.length > 0) this.answers.put(id, { ...answer, until: names.reduce((latest, { until }) => Math.max(latest, until), 0) })
  }

  #buying(record: Buying | Bought): void {
    if (record.t === 'buy') {
      this.intents.set(record.id, record)
      return this.#name(record, 'settling')
    }
    const buying = this.intents.get(record.id)
    if (buying?.t !== 'buy') return
    this.#forget(record.id)
    this.credit(buying.account, BigInt(buying.amount))
    this.#name(buying, 'charged')
  }

  #voided({ id, blameless }: Voided): void {
    const intent = this.intents.get(id)
    if (intent === undefined) return
    this.#forget(id)
    if (intent.t === 'intent') {
      this.spending?.takeBack(intent, this.spender(consumerIn(intent)))
      this.tally(intent.connection, intent.period).wasted += intent.units
      if (blameless !== true) this.upfront.add(intent.payment.payer)
    }
    for (const { name } of intent.names) this.named.delete(name)
    for (const { key } of intent.once) this.once.delete(key)
  }

  #forget(id: string): void {
    this.intents.delete(id)
    this.intentPlaces.delete(id)
  }
}
