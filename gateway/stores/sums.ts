/**
 * What many charges add up to, before it reaches the state: money by account and consumer, units by connection and period. Sums
 * are numbers as long as they are exact, then bigints of the state's. What adds up may come in any order; whatever does not, waits
 * for `flush`.
 */
import { isText, Words } from '#contract'
import { ChargeScan } from './charge-scan.ts'
import type { State } from './state.ts'
import { addSold } from './state-parts.ts'

const DAY_MS = 86_400_000
/** Of accounts and consumers; beyond it they are forgotten, and met anew. */
const MOST = 32_768
const CREDITED = 1
const SPENT = 2

interface Shelf {
  readonly connection: string
  readonly period: number
  units: number
  own: number
  revenue: number
}

export class Sums {
  readonly #state: State
  readonly #scan = new ChargeScan()
  readonly #names = new Words()
  readonly #credit = new Float64Array(MOST)
  readonly #spent = new Float64Array(MOST)
  readonly #flags = new Uint8Array(MOST)
  readonly #touched: number[] = []
  #shelves: Shelf[] = []
  /** All of it together: as long as this is exact, each sum is. */
  #total = 0
  /** The UTC day of what was spent. */
  #day = 0

  constructor(state: State) {
    this.#state = state
  }

  /** Takes the line that begins here; false where it is none of the plain ones. */
  take(bytes: Buffer, start: number): boolean {
    const scan = this.#scan
    if (!scan.read(bytes, start)) return false
    const day = Math.floor(scan.at / DAY_MS)
    if (day !== this.#day || this.#names.texts.length > MOST - 2 || this.#total + scan.price > Number.MAX_SAFE_INTEGER) this.#next(day)
    this.#total += scan.price
    const { price, by } = scan
    if (by === 'credits') {
      const account = this.#touch(bytes, scan.accountFrom, scan.accountTo, CREDITED)
      this.#credit[account] = (this.#credit[account] as number) + price
    }
    if (by !== 'owner') {
      const consumer = this.#touch(bytes, scan.consumerFrom, scan.consumerTo, SPENT)
      this.#spent[consumer] = (this.#spent[consumer] as number) + price
    }
    const shelf = this.#shelfOf(bytes)
    if (by === 'owner') shelf.own += scan.units
    else shelf.units += scan.units
    shelf.revenue += price
    return true
  }

  #next(day: number): void {
    this.flush()
    this.#day = day
    if (this.#names.texts.length > MOST - 2) this.#names.clear()
  }

  #touch(bytes: Buffer, from: number, to: number, flag: number): number {
    const number = this.#names.number(bytes, from, to)
    const flags = this.#flags[number] as number
    if (flags === 0) this.#touched.push(number)
    this.#flags[number] = flags | flag
    return number
  }

  #shelfOf(bytes: Buffer): Shelf {
    const { connectionFrom, connectionTo, period } = this.#scan
    for (const shelf of this.#shelves) if (shelf.period === period && isText(shelf.connection, bytes, connectionFrom, connectionTo)) return shelf
    const shelf = { connection: bytes.toString('latin1', connectionFrom, connectionTo), period, units: 0, own: 0, revenue: 0 }
    this.#shelves.push(shelf)
    return shelf
  }

  flush(): void {
    const at = this.#day * DAY_MS
    for (const number of this.#touched) {
      const name = this.#names.texts[number] as string
      const flags = this.#flags[number] as number
      if ((flags & CREDITED) !== 0) this.#state.credit(name, -BigInt(this.#credit[number] as number))
      if ((flags & SPENT) !== 0) this.#state.spending?.put(this.#state.spender(name), at, BigInt(this.#spent[number] as number))
      this.#credit[number] = 0
      this.#spent[number] = 0
      this.#flags[number] = 0
    }
    for (const shelf of this.#shelves) addSold(this.#state.tally(shelf.connection, shelf.period), shelf)
    this.#touched.length = 0
    this.#shelves = []
    this.#total = 0
  }
}
