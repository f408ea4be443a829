/** What is left of each connection in its current period, and the leases that make a crash unable to oversell it. */
import type { Clock, Connection, CounterReading, EpochMs, Period, StockMirror, Units } from '#contract'
import { periodAt } from './periods.ts'
import type { State, Tally } from './state.ts'

/** At most 1 % of what is for sale and at most 100 units, at least 1 (docs/CONSISTENCY.md), taken in two halves. */
const LEASE_UNITS = 100

export interface Shelf {
  readonly connection: Connection
  period: Period
  tally: Tally
}

export class Stock implements StockMirror {
  readonly #state: State
  readonly #clock: Clock
  readonly #enabledByDefault: boolean
  #shelves = new Map<string, Shelf>()

  constructor(state: State, clock: Clock, options: { readonly enabledByDefault: boolean }) {
    this.#state = state
    this.#clock = clock
    this.#enabledByDefault = options.enabledByDefault
  }

  configure(connections: readonly Connection[]): void {
    const shelves = new Map<string, Shelf>()
    for (const connection of connections) {
      const period = periodAt(connection.period, this.#clock.nowMs())
      shelves.set(connection.name, { connection, period, tally: this.#state.tally(connection.name, period.startMs) })
    }
    this.#shelves = shelves
  }

  /** The shelf in its current period; undefined for a connection that is not configured. */
  shelf(name: string): Shelf | undefined {
    const shelf = this.#shelves.get(name)
    if (shelf === undefined) return undefined
    const now = this.#clock.nowMs()
    if ((shelf.period.endMs !== undefined && now >= shelf.period.endMs) || now < shelf.period.startMs) {
      shelf.period = periodAt(shelf.connection.period, now)
      shelf.tally = this.#state.tally(name, shelf.period.startMs)
    }
    return shelf
  }

  shelves(): Iterable<Shelf> {
    return this.#shelves.values()
  }

  enabled(name: string): boolean {
    return this.#state.switches.get(name)?.enabled ?? this.#enabledByDefault
  }

  left(name: string): Units {
    const shelf = this.shelf(name)
    return (shelf === undefined ? 0 : leftForSale(shelf.connection, shelf.tally)) as Units
  }

  leftForOwner(name: string): Units {
    const shelf = this.shelf(name)
    return (shelf === undefined ? 0 : Math.max(0, shelf.connection.quota - usedOf(shelf.tally))) as Units
  }

  resetsAtMs(name: string): EpochMs | undefined {
    return this.shelf(name)?.period.endMs
  }
}

/** Everything that is used or may be, by anybody. */
export const usedOf = (tally: Tally): number => tally.sold + tally.heldSold + tally.own + tally.heldOwn + tally.wasted + tally.external

/** The owner's and external use come out of the reserve first, then out of what is for sale. */
export function leftForSale(connection: Connection, tally: Tally): number {
  const beyondReserve = Math.max(0, tally.own + tally.heldOwn + tally.external - connection.reserved)
  return Math.max(0, connection.quota - connection.reserved - tally.sold - tally.heldSold - tally.wasted - beyondReserve)
}

/** Sold, own and wasted: used up by us. */
export const endedOf = (tally: Tally): number => tally.sold + tally.own + tally.wasted

/**
 * What the provider counts beyond ours. It has counted at least what had ended before it was asked, and at most all that has ended or is
 * under way by now: between those two bounds nobody knows better than before.
 */
export function externalOf(tally: Tally, { used, endedBefore }: Pick<CounterReading, 'used' | 'endedBefore'>): number {
  const least = used - endedOf(tally) - tally.heldSold - tally.heldOwn
  const most = endedBefore === undefined ? used : used - endedBefore
  return Math.max(0, Math.min(Math.max(tally.external, least), most))
}

/** Units under lease that nobody has taken yet. `external` use needs none: we did not cause it. */
export const leaseLeft = (tally: Tally): number => tally.leasedTo - tally.sold - tally.heldSold - tally.own - tally.heldOwn - tally.wasted

/** What may be under lease and not taken. */
export const leaseWhole = ({ quota, reserved }: Connection): number => Math.max(1, Math.min(LEASE_UNITS, Math.floor((quota - reserved) / 100)))

/** One half is used while the next is made durable. */
export const leaseHalf = (connection: Connection): number => Math.max(1, Math.floor(leaseWhole(connection) / 2))
