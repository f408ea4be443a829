/** Stretches of text by their bytes, each with a number: one that was met before is found without being made a text. */
import { copyText, isSame } from './text-bytes.ts'

const FIRST_ENTRIES = 1024
const FIRST_BYTES = 64 * 1024
const NONE = -1

/** Numbers count from 0 in the order in which stretches are met. Hashes are the caller's: equal stretches have equal ones. */
export class ByteTable {
  #view = new DataView(new ArrayBuffer(FIRST_BYTES))
  #end = 0
  #count = 0
  #hashes = new Int32Array(FIRST_ENTRIES)
  #places = new Int32Array(FIRST_ENTRIES)
  #lengths = new Int32Array(FIRST_ENTRIES)
  /** Where they collide, in the next place that is free; one of two is. */
  #slots = new Int32Array(FIRST_ENTRIES * 2).fill(NONE)

  get count(): number {
    return this.#count
  }

  /** Of all stretches together. */
  get bytes(): number {
    return this.#end
  }

  /** -1 where it was not met. */
  find(hash: number, view: DataView, from: number, to: number): number {
    return this.#slots[this.#slotOf(hash, view, from, to)] as number
  }

  /** One that was not met. */
  add(hash: number, view: DataView, from: number, to: number): number {
    const number = this.#count
    if (number === this.#hashes.length) this.#grow()
    const length = to - from
    if (this.#end + length > this.#view.byteLength) this.#view = grown(this.#view, this.#end + length)
    copyText(view, from, this.#view, this.#end, length)
    this.#hashes[number] = hash
    this.#places[number] = this.#end
    this.#lengths[number] = length
    this.#slots[this.#slotOf(hash, view, from, to)] = number
    this.#end += length
    this.#count += 1
    return number
  }

  clear(): void {
    this.#slots.fill(NONE)
    this.#count = 0
    this.#end = 0
  }

  /** Where it stands, or would. */
  #slotOf(hash: number, view: DataView, from: number, to: number): number {
    const last = this.#slots.length - 1
    for (let slot = firstOf(hash) & last; ; slot = (slot + 1) & last) {
      const number = this.#slots[slot] as number
      if (number === NONE) return slot
      if (this.#hashes[number] !== hash || this.#lengths[number] !== to - from) continue
      if (isSame(this.#view, this.#places[number] as number, view, from, to - from)) return slot
    }
  }

  #grow(): void {
    const more = (of: Int32Array): Int32Array<ArrayBuffer> => {
      const all = new Int32Array(of.length * 2)
      all.set(of)
      return all
    }
    this.#hashes = more(this.#hashes)
    this.#places = more(this.#places)
    this.#lengths = more(this.#lengths)
    this.#slots = new Int32Array(this.#hashes.length * 2).fill(NONE)
    const last = this.#slots.length - 1
    for (let number = 0; number < this.#count; number += 1) {
      let slot = firstOf(this.#hashes[number] as number) & last
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & last
      this.#slots[slot] = number
    }
  }
}

const firstOf = (hash: number): number => hash ^ (hash >>> 15)

/** The same with room for so much, and for as much again. */
export function grown(view: DataView, bytes: number): DataView<ArrayBuffer> {
  const all = new Uint8Array(bytes * 2)
  all.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  return new DataView(all.buffer)
}
