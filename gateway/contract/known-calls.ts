/**
 * What nearly all records say again: connection, price, who paid and what was called, how it was served; and what the line of a recorded
 * call says of it. Found by its bytes. Once its room is used up all of it is forgotten, and met anew.
 */
import { copyText, isSame } from './text-bytes.ts'

const ENTRIES = 16_384
const ROOM_BYTES = 8 * 1024 * 1024
const NONE = -1

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
  readonly view = new DataView(new ArrayBuffer(ROOM_BYTES))
  /** Entries by their hash: where they collide, in the next place that is free. */
  readonly #slots = new Int32Array(ENTRIES * 2).fill(NONE)
  readonly #hashes = new Int32Array(ENTRIES)
  /** Where the terms of each begin; call, rest and tail follow them. */
  readonly #places = new Int32Array(ENTRIES)
  readonly #terms = new Int32Array(ENTRIES)
  readonly #calls = new Int32Array(ENTRIES)
  readonly #rests = new Int32Array(ENTRIES)
  readonly #tails = new Int32Array(ENTRIES)
  #count = 0
  #end = 0

  /** The entry with these terms; -1 where there is none. */
  find(hash: number, view: DataView, from: number, to: number): number {
    return this.#slots[this.#slotOf(hash, view, from, to)] as number
  }

  isCall(entry: number, view: DataView, from: number): boolean {
    return isSame(this.view, (this.#places[entry] as number) + (this.#terms[entry] as number), view, from, this.#calls[entry] as number)
  }

  isRest(entry: number, view: DataView, from: number): boolean {
    return isSame(this.view, this.tailFrom(entry) - (this.#rests[entry] as number), view, from, this.#rests[entry] as number)
  }

  callBytes(entry: number): number {
    return this.#calls[entry] as number
  }

  restBytes(entry: number): number {
    return this.#rests[entry] as number
  }

  tailFrom(entry: number): number {
    return (this.#places[entry] as number) + (this.#terms[entry] as number) + (this.#calls[entry] as number) + (this.#rests[entry] as number)
  }

  tailBytes(entry: number): number {
    return this.#tails[entry] as number
  }

  /** In place of what was known of these terms. */
  keep(hash: number, view: DataView, { terms, call, rest }: Said, tails: DataView, tail: Stretch): void {
    const bytes = bytesOf(terms) + bytesOf(call) + bytesOf(rest) + bytesOf(tail)
    if (bytes > ROOM_BYTES) return
    if (this.#end + bytes > ROOM_BYTES || this.#count === ENTRIES) this.#forget()
    const slot = this.#slotOf(hash, view, terms.from, terms.to)
    const known = this.#slots[slot] as number
    const entry = known === NONE ? this.#count : known
    this.#count = Math.max(this.#count, entry + 1)
    this.#slots[slot] = entry
    this.#hashes[entry] = hash
    this.#places[entry] = this.#end
    this.#terms[entry] = this.#copy(view, terms)
    this.#calls[entry] = this.#copy(view, call)
    this.#rests[entry] = this.#copy(view, rest)
    this.#tails[entry] = this.#copy(tails, tail)
  }

  /** Where it stands, or would. */
  #slotOf(hash: number, view: DataView, from: number, to: number): number {
    for (let slot = (hash ^ (hash >>> 15)) & (this.#slots.length - 1); ; slot = (slot + 1) & (this.#slots.length - 1)) {
      const entry = this.#slots[slot] as number
      if (entry === NONE) return slot
      if (this.#hashes[entry] !== hash || this.#terms[entry] !== to - from) continue
      if (isSame(this.view, this.#places[entry] as number, view, from, to - from)) return slot
    }
  }

  #copy(from: DataView, stretch: Stretch): number {
    const bytes = bytesOf(stretch)
    copyText(from, stretch.from, this.view, this.#end, bytes)
    this.#end += bytes
    return bytes
  }

  #forget(): void {
    this.#slots.fill(NONE)
    this.#count = 0
    this.#end = 0
  }
}

