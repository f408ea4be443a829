/** Recorded calls that say the same: what is found out of them once, and how many of them went which way. */
import { type Alternative, priceOfUnits, type Units } from '#contract'
import type { Plan, Taken } from '../stores/index.ts'
import type { Payer } from './payers.ts'
import type { Called, SoldSaid, UnchargedSaid } from './said.ts'

/** Calls that one alternative has served after the change, at one price. */
export interface Sale {
  readonly alternative: Alternative
  readonly units: Units
  readonly price: bigint
  readonly isOwn: boolean
  calls: number
  /** Of them, whose charge was reversed: they bring nothing. */
  reversed: number
}

/** What `Stage.plan` has said for good; undefined: it is asked each time, or was not asked yet. */
type Known = Plan | string | undefined

export class Alike<S extends Called = Called> {
  readonly said: S
  /** Undefined where nobody paid, or it is not known who. */
  readonly payer: Payer | undefined
  /** It has a pace to be known on the present stage, too. */
  readonly isWatched: boolean
  /** The operation takes what it took. */
  readonly takesAsRecorded: boolean
  present: Known
  next: Known
  /** Of those that count. */
  calls = 0
  reversed = 0
  /** Sold before, refused after. */
  lost = 0
  lostReversed = 0
  unexplained = 0
  readonly #sales = new Map<Alternative, Sale>()
  #last: Sale | undefined

  constructor(said: S, of: { readonly payer: Payer | undefined; readonly isWatched: boolean; readonly takesAsRecorded: boolean }) {
    this.said = said
    this.payer = of.payer
    this.isWatched = of.isWatched
    this.takesAsRecorded = of.takesAsRecorded
  }

  get sales(): Iterable<Sale> {
    return this.#sales.values()
  }

  saleOf({ alternative, hold }: Taken): Sale {
    if (this.#last?.alternative === alternative) return this.#last
    const sale = this.#sales.get(alternative) ?? this.#saleBy(alternative, hold.payer.by === 'owner')
    this.#sales.set(alternative, sale)
    this.#last = sale
    return sale
  }

  /** Credits pay what was used, payments what was quoted, owners nothing. */
  #saleBy(alternative: Alternative, isOwn: boolean): Sale {
    const { said } = this
    const units = this.#unitsOf(alternative)
    const isWhole = said.t === 'c' && (said.by === 'x402' || wasKept(said))
    const price = isOwn ? 0n : isWhole ? alternative.price : priceOfUnits(alternative, units)
    return { alternative, units, price, isOwn, calls: 0, reversed: 0 }
  }

  /** Where the operation has one number of units, it takes these; else what was charged of what was asked for. */
  #unitsOf({ units }: Alternative): Units {
    const { said } = this
    if (said.t !== 'c') return units
    if (wasKept(said)) return 0 as Units
    return this.takesAsRecorded ? (Math.min(said.units, units) as Units) : units
  }
}

/** Answered from what was kept of another call: paid for as if it were new, without a unit. */
const wasKept = ({ units, price }: SoldSaid): boolean => units === 0 && price !== 0n

export const isSold = (call: Alike): call is Alike<SoldSaid> => call.said.t === 'c'
export const isUncharged = (call: Alike): call is Alike<UnchargedSaid> => call.said.t === 'u'
