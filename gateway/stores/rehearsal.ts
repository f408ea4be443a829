/**
 * The store's rules without a journal, for calls that are played again: the same choice of a connection, quota with reserve and
 * periods, paces, caps and shares as when they are served. Payers have money for everything: whether they would have had it is
 * not known. One call is over before the next begins.
 */
import {
  type Alternative,
  type Clock,
  type Connection,
  type EpochMs,
  NOTHING,
  type Payer,
  type StockMirror,
  type StoreClaim,
  type SupplyClaim,
  type Usd,
} from '#contract'
import { Answers } from './answers.ts'
import { Claims } from './claims.ts'
import { Counters } from './counters.ts'
import { type Hold, moveHold, newHold } from './holds.ts'
import { Names } from './names.ts'
import { Paces } from './paces.ts'
import { Shares } from './shares.ts'
import { State, type Tally } from './state.ts'
import { type Shelf, Stock } from './stock.ts'
import { choose, type Refused } from './supply.ts'

/** What a call has taken, until the next one takes something. */
export interface Taken {
  readonly kind: 'taken'
  readonly alternative: Alternative
  readonly hold: Hold
}

/** Claims of a call, looked through once for all that claim the same. */
export interface Plan {
  readonly claims: readonly StoreClaim[]
  readonly supply: SupplyClaim
  /** What is drawn on by a call that was let through. */
  readonly limits: readonly StoreClaim[]
}

export function planOf(claims: readonly StoreClaim[]): Plan {
  const supply = claims.find((claim): claim is SupplyClaim => claim.kind === 'supply')
  if (supply === undefined) throw new Error('a reservation without a supply claim')
  return { claims, supply: { ...supply, payer: richly(supply.payer) }, limits: claims.filter(({ kind }) => kind === 'rate' || kind === 'share') }
}

export interface RehearsalOptions {
  readonly connections: readonly Connection[]
  /** What is not named is on sale. */
  readonly offSale: ReadonlySet<string>
  readonly startMs: EpochMs
}

const RICH = { by: 'credits', account: 'whoever pays' } as const
const EVERYTHING = (1n << 60n) as Usd

/** Time stands still until it is moved on. */
class StageClock implements Clock {
  readonly #startMs: number
  #nowMs: EpochMs

  constructor(startMs: EpochMs) {
    this.#startMs = startMs
    this.#nowMs = startMs
  }

  nowMs(): EpochMs {
    return this.#nowMs
  }

  /** From the start on: nanoseconds of an epoch are no safe integers. */
  monotonicNs(): number {
    return (this.#nowMs - this.#startMs) * 1e6
  }

  at(ms: number): void {
    if (ms > this.#nowMs) this.#nowMs = ms as EpochMs
  }
}

export class Rehearsal {
  #hold: Hold | undefined
  readonly #clock: StageClock
  readonly #state = new State(new Answers(0))
  readonly #stock: Stock
  readonly #counters: Counters
  readonly #claims: Claims

  constructor({ connections, offSale, startMs }: RehearsalOptions) {
    const clock = new StageClock(startMs)
    const state = this.#state
    this.#clock = clock
    this.#stock = new Stock(state, clock, { enabledByDefault: true })
    this.#stock.configure(connections)
    for (const name of offSale) state.switches.set(name, { enabled: false, vetted: false })
    state.account(RICH.account).posted = EVERYTHING
    this.#counters = new Counters(clock)
    const names = new Names(clock, state, state.answers)
    this.#claims = new Claims({ clock, state, names, stock: this.#stock, counters: this.#counters, paces: new Paces(clock), shares: new Shares(clock) })
  }

  get clock(): Clock {
    return this.#clock
  }

  get stock(): StockMirror {
    return this.#stock
  }

  /** Never back. */
  at(ms: number): void {
    this.#clock.at(ms)
  }

  /** All claims or none, in the order of the store: limits, then stock. Names and payments that are used once are not looked at. */
  take({ claims, supply }: Plan): Taken | Refused {
    const { alternative, refused } = choose(supply, this.#state, this.#stock, this.#clock.nowMs())
    const limited = this.#claims.limited(claims, alternative?.price, alternative?.units ?? 0, 0)
    if (limited !== undefined) return limited
    if (refused !== undefined || alternative === undefined) return refused as Refused
    return this.#take(alternative, supply.payer, claims)
  }

  #take(alternative: Alternative, payer: Payer, claims: readonly StoreClaim[]): Taken {
    const shelf = this.#stock.shelf(alternative.connection)
    if (shelf === undefined) throw new Error(`connection ${alternative.connection} is not configured`)
    const hold = this.#holdOf(alternative, payer, shelf)
    this.#claims.take(hold, claims)
    return { kind: 'taken', alternative, hold }
  }

  /** The same one again and again: one call is over before the next begins, and there are as many as a month has. */
  #holdOf(alternative: Alternative, payer: Payer, shelf: Shelf): Hold {
    this.#hold ??= newHold('', alternative, payer, shelf)
    const hold = this.#hold
    hold.payer = payer
    hold.price = NOTHING
    moveHold(hold, alternative, shelf)
    for (const taken of [hold.rates, hold.spends, hold.shares]) while (taken.length > 0) taken.pop()
    return hold
  }

  /** Served and charged. */
  charge({ hold }: Taken, units: number, price: Usd): void {
    if (hold.payer.by === 'owner') hold.tally.own += units
    else hold.tally.sold += units
    this.#claims.spent(hold, price)
    this.#claims.used(hold, units)
  }

  /** Not served: the consumer's counters are as before, and so are the units but for those that came to nothing. */
  giveBack({ hold }: Taken, wastedUnits: number): void {
    hold.tally.wasted += wastedUnits
    this.#claims.giveBack(hold)
  }

  /** What happened before, as it was recorded: units of a connection that is not configured count nowhere. */
  used(connection: string, of: 'sold' | 'own' | 'wasted', units: number): void {
    const tally = this.tally(connection)
    if (tally !== undefined) tally[of] += units
  }

  /** All of a period so far; of another period than that of now it counts nowhere. */
  external(connection: string, periodMs: number, units: number): void {
    const shelf = this.#stock.shelf(connection)
    if (shelf?.period.startMs === periodMs) shelf.tally.external = units
  }

  /** Counts towards the caps of a payer. */
  spent(key: string, amount: bigint): void {
    this.#counters.count(key, amount)
  }

  /** Paces and shares are drawn on, whatever they say: the call was let through. */
  passed({ supply, limits }: Plan): void {
    const alternative = supply.alternatives[0]
    if (alternative !== undefined && this.#stock.shelf(alternative.connection) !== undefined) this.#claims.drawOn(limits, alternative.units)
  }

  /** Of the period that is now. */
  tally(connection: string): Tally | undefined {
    return this.#stock.shelf(connection)?.tally
  }
}

const richly = (payer: Payer): Payer => (payer.by === 'owner' ? payer : RICH)
