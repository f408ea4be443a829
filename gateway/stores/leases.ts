/**
 * Leases: before units are used, a record that says so is durable, in chunks. After a crash the unaccounted rest of a lease
 * counts as wasted, so that a dead process can never have used units that are then sold again.
 */
import type { Journal } from './journal.ts'
import type { Leased } from './records.ts'
import type { State, Tally } from './state.ts'
import { leaseHalf, leaseLeft, type Stock } from './stock.ts'

interface Waiting {
  units: number
  callers: { ok: () => void; no: (error: Error) => void }[]
}

export class Leases {
  readonly #journal: Journal
  readonly #state: State
  readonly #stock: Stock
  readonly #running = new Set<Tally>()
  readonly #waiting = new Map<Tally, Waiting>()

  constructor(journal: Journal, state: State, stock: Stock) {
    this.#journal = journal
    this.#state = state
    this.#stock = stock
  }

  /** True when the units are under lease now; then the next lease is asked for ahead of need. */
  covers(connection: string, units: number): boolean {
    const shelf = this.#stock.shelf(connection)
    if (shelf === undefined) return false
    const left = leaseLeft(shelf.tally)
    if (left - units < leaseHalf(shelf.connection)) this.#extend(connection, shelf.tally, 0)
    return left >= units
  }

  /** Resolves when more units are under lease; the caller then asks `covers` again. */
  wait(connection: string, units: number): Promise<void> {
    const shelf = this.#stock.shelf(connection)
    if (shelf === undefined) return Promise.reject(new Error(`connection ${connection} is not configured`))
    const { tally } = shelf
    return new Promise((ok, no) => {
      const waiting = this.#waiting.get(tally) ?? { units: 0, callers: [] }
      waiting.units += units
      waiting.callers.push({ ok, no })
      this.#waiting.set(tally, waiting)
      this.#extend(connection, tally, units)
    })
  }

  /** A clean stop gives back what nobody took. */
  giveBackAll(): void {
    for (const [connection, periods] of this.#state.tallies) {
      for (const [period, tally] of periods) {
        if (leaseLeft(tally) <= 0) continue
        const record: Leased = { t: 'lease', connection, period, to: tally.leasedTo - leaseLeft(tally) }
        this.#state.apply(record)
        this.#journal.append(JSON.stringify(record))
      }
    }
  }

  #extend(connection: string, tally: Tally, atLeast: number): void {
    const shelf = this.#stock.shelf(connection)
    if (this.#running.has(tally) || shelf === undefined || shelf.tally !== tally) {
      if (shelf !== undefined && shelf.tally !== tally) this.#wake(tally)
      return
    }
    const wanted = Math.max(leaseHalf(shelf.connection), atLeast, this.#waiting.get(tally)?.units ?? 0)
    const to = Math.min(tally.leasedTo + wanted, Math.max(shelf.connection.quota, tally.leasedTo + atLeast))
    if (to <= tally.leasedTo) return this.#wake(tally)
    const callers = this.#take(tally)
    this.#running.add(tally)
    const record: Leased = { t: 'lease', connection, period: shelf.period.startMs, to }
    this.#journal.append(JSON.stringify(record), (error) => {
      this.#running.delete(tally)
      if (error === undefined) this.#state.apply(record)
      for (const caller of callers) error === undefined ? caller.ok() : caller.no(error)
      if (error === undefined && this.#waiting.has(tally)) this.#extend(connection, tally, 0)
    })
  }

  #take(tally: Tally): Waiting['callers'] {
    const callers = this.#waiting.get(tally)?.callers ?? []
    this.#waiting.delete(tally)
    return callers
  }

  #wake(tally: Tally): void {
    for (const caller of this.#take(tally)) caller.ok()
  }
}
