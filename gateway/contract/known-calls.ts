/**
 * What nearly all records say again: connection, price, who paid and what was called, how it was served; and what the line of a recorded
 * call says of it. Found by its bytes. Once there is too much of it all is forgotten, and met anew.
 */
import { ByteTable, grown } from './byte-table.ts'
import { copyText, isSame } from './text-bytes.ts'

const ENTRIES = 16_384
const ROOM_BYTES = 8 * 1024 * 1024
const FIRST_BYTES = 64 * 1024

interface Stretch {
  readonly from: number
  readonly to: number
}

interface Said {
  readonly terms: Stretch
  readonly call: Stretch
  /** Empty: `call` is all of it. */
  readonly rest: Stretch
}

const bytesOf = ({ from, to }: Stretch): number => Math.max(0, to - from)

export class KnownCalls {
  /** Tails, beside all else. */
  view = new DataView(new ArrayBuffer(FIRST_BYTES))
  readonly #terms = new ByteTable()
  /** Where the call of each entry begins; rest and tail follow it. */
  readonly #places = new Int32Array(ENTRIES)
  readonly #calls = new Int32Array(ENTRIES)
  readonly #rests = new Int32Array(ENTRIES)
  readonly #tails = new Int32Array(ENTRIES)
  #end = 0

  /** The entry with these terms; -1 where there is none. */
  find(hash: number, view: DataView, from: number, to: number): number {
    return this.#terms.find(hash, view, from, to)
  }

  isCall(entry: number, view: DataView, from: number): boolean {
    return isSame(this.view, this.#places[entry] as number, view, from, this.#calls[entry] as number)
  }

  isRest(entry: number, view: DataView, from: number): boolean {
    return isSame(this.view, (this.#places[entry] as number) + (this.#calls[entry] as number), view, from, this.#rests[entry] as number)
  }

  callBytes(entry: number): number {
    return this.#calls[entry] as number
  }

  restBytes(entry: number): number {
    return this.#rests[entry] as number
  }

  tailFrom(entry: number): number {
    return (this.#places[entry] as number) + (this.#calls[entry] as number) + (this.#rests[entry] as number)
  }

  tailTo(entry: number): number {
    return this.tailFrom(entry) + (this.#tails[entry] as number)
  }

  /** In place of what was known of these terms. */
  keep(hash: number, view: DataView, { terms, call, rest }: Said, tails: DataView, tail: Stretch): void {
    const bytes = bytesOf(call) + bytesOf(rest) + bytesOf(tail)
    const table = this.#terms
    if (bytes + bytesOf(terms) > ROOM_BYTES) return
    if (this.#end + table.bytes + bytes + bytesOf(terms) > ROOM_BYTES || table.count === ENTRIES) {
      table.clear()
      this.#end = 0
    }
    if (this.#end + bytes > this.view.byteLength) this.view = grown(this.view, this.#end + bytes)
    const known = table.find(hash, view, terms.from, terms.to)
    const entry = known === -1 ? table.add(hash, view, terms.from, terms.to) : known
    this.#places[entry] = this.#end
    this.#calls[entry] = this.#copy(view, call)
    this.#rests[entry] = this.#copy(view, rest)
    this.#tails[entry] = this.#copy(tails, tail)
  }

  #copy(from: DataView, stretch: Stretch): number {
    const bytes = bytesOf(stretch)
    copyText(from, stretch.from, this.view, this.#end, bytes)
    this.#end += bytes
    return bytes
  }
}
