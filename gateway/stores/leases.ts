/**
 * Leases: before units are used, a record that says so is durable, in chunks. After a crash the unaccounted rest of a lease
 * counts as wasted, so that a dead process can never have used units that are then sold again.
 */
import type { Journal } from './journal.ts'
import type { Leased } from './records.ts'
import type { State, Tally } from './state.ts'
import { leaseHalf, leaseLeft, leaseWhole, type Stock } from './stock.ts'

const CLOSED = new Error('the store is closed')

interface Caller {
  readonly units: number
  readonly ok: () => void
  readonly no: (error: Error) => void
}

export class Leases {
  readonly #journal: Journal
  readonly #state: State
  readonly #stock: Stock
  readonly #running = new Set<Tally>()
  /** First come, first served. */
  readonly #waiting = new Map<Tally, Caller[]>()
  #closed = false

  constructor(journal: Journal, state: State, stock: Stock) {
    this.#journal = journal
    this.#state = state
    this.#stock = stock
  }

  /** True when the units are under lease now, for the caller to take; then the next lease is asked for ahead of need. */
  covers(connection: string, units: number): boolean {
    const shelf = this.#stock.shelf(connection)
    if (shelf === undefined || this.#closed) return false
    const left = leaseLeft(shelf.tally) - units
    if (left >= 0 && left < leaseHalf(shelf.connection)) this.#extend(connection, shelf.tally, left)
    return left >= 0
  }

  /** Resolves when more units may be under lease; the caller then asks `covers` again. */
  wait(connection: string, units: number): Promise<void> {
    const shelf = this.#stock.shelf(connection)
    if (shelf === undefined) return Promise.reject(new Error(`connection ${connection} is not configured`))
    if (this.#closed) return Promise.reject(CLOSED)
    const { tally } = shelf
    return new Promise((ok, no) => {
      const waiting = this.#waiting.get(tally) ?? []
      waiting.push({ units, ok, no })
      this.#waiting.set(tally, waiting)
      this.#extend(connection, tally, leaseLeft(tally))
    })
  }

  /** Units came back to the lease: what is more than may be outstanding is not kept. */
  trim(connection: string, tally: Tally): void {
    const shelf = this.#stock.shelf(connection)
    // While a larger lease is on its way to the disk a smaller one must not follow it there.
    if (shelf === undefined || shelf.tally !== tally || this.#running.has(tally) || this.#closed) return
    const more = leaseLeft(tally) - leaseWhole(shelf.connection)
    if (more <= 0) return
    const record: Leased = { t: 'lease', connection, period: shelf.period.startMs, to: tally.leasedTo - more }
    this.#state.apply(record)
    this.#journal.append(JSON.stringify(record))
  }

  /** A clean stop gives back what nobody took, also of a lease that is still on its way to the disk; from now on nobody takes any. */
  close(): void {
    this.#closed = true
    for (const waiting of this.#waiting.values()) for (const { no } of waiting.splice(0)) no(CLOSED)
    for (const [connection, periods] of this.#state.tallies) {
      for (const [period, tally] of periods) {
        if (leaseLeft(tally) <= 0 && !this.#running.has(tally)) continue
        const record: Leased = { t: 'lease', connection, period, to: tally.leasedTo - leaseLeft(tally) }
        this.#state.apply(record)
        this.#journal.append(JSON.stringify(record))
      }
    }
  }

  /** `free`: what of the lease nobody has taken, less what a caller is about to take. */
  #extend(connection: string, tally: Tally, free: number): void {
    if (this.#running.has(tally) || this.#closed) return
    const shelf = this.#stock.shelf(connection)
    // The period has turned: whoever waits asks again, in the new one.
    if (shelf === undefined || shelf.tally !== tally) return this.#wake(this.#waiting.get(tally)?.splice(0) ?? [], connection, tally)
    const whole = leaseWhole(shelf.connection)
    const callers = this.#next(tally, whole)
    const needed = callers.reduce((sum, { units }) => sum + units, 0)
    const wanted = Math.max(needed, Math.min(free + leaseHalf(shelf.connection), whole))
    const to = Math.min(tally.leasedTo - free + wanted, shelf.connection.quota)
    if (to <= tally.leasedTo) return this.#wake(callers, connection, tally)
    this.#lease({ t: 'lease', connection, period: shelf.period.startMs, to }, tally, callers)
  }

  #lease(record: Leased, tally: Tally, callers: readonly Caller[]): void {
    this.#running.add(tally)
    this.#journal.append(JSON.stringify(record), (error) => {
      this.#running.delete(tally)
      if (this.#closed) {
        for (const { no } of callers) no(CLOSED)
        return
      }
      if (error === undefined) {
        this.#state.apply(record)
        this.#wake(callers, record.connection, tally)
        setImmediate(() => this.trim(record.connection, tally))
        return
      }
      for (const { no } of [...callers, ...(this.#waiting.get(tally) ?? [])]) no(error)
      this.#waiting.delete(tally)
    })
  }

  /** The others' turn comes when these have taken theirs, or have found that they may not: nothing is leased on a guess. */
  #wake(callers: readonly Caller[], connection: string, tally: Tally): void {
    for (const { ok } of callers) ok()
    if (this.#waiting.get(tally)?.length === 0) this.#waiting.delete(tally)
    else if (this.#waiting.has(tally)) setImmediate(() => this.#extend(connection, tally, leaseLeft(tally)))
  }

  /** Those whom one lease serves: as many as fit into what may be outstanding, at least one, however much it needs. */
  #next(tally: Tally, whole: number): readonly Caller[] {
    const waiting = this.#waiting.get(tally) ?? []
    let count = 0
    for (let sum = 0; count < waiting.length; count += 1) {
      sum += (waiting[count] as Caller).units
      if (count > 0 && sum > whole) break
    }
    return waiting.splice(0, count)
  }
}
