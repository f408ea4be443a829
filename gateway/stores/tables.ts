/** Writes a table from what stood in one before and what stands above it now: what did not change is copied as it is. */
import { hashFrom } from './hashes.ts'
import { writeKey } from './codecs.ts'
import type { Keys } from './keys.ts'
import type { Base, Layered } from './layered.ts'
import { Pen } from './pen.ts'
import { type Index, indexOf, type Table } from './table.ts'

/** What a table is beside its heap, which was handed on while it was written. */
export interface Written {
  readonly starts: Uint32Array
  readonly index: Index
  /** By the further text, where entries have one. */
  readonly further: Index
}

class TableWriter {
  readonly #seed: number
  readonly #pen: Pen
  readonly #starts: Uint32Array
  readonly #hashes: Uint32Array
  readonly #further: Uint32Array
  #count = 0

  /** `most`: no more entries than these are added. */
  constructor(most: number, seed: number, piece: (bytes: Buffer) => void) {
    this.#seed = seed
    this.#pen = new Pen(piece)
    this.#starts = new Uint32Array(most + 1)
    this.#hashes = new Uint32Array(most)
    this.#further = new Uint32Array(most)
  }

  /** What belongs to it is written with the pen next. @param further another text by which it is found */
  add(key: string, further?: string): Pen {
    this.#starts[this.#count] = this.#pen.written
    this.#hashes[this.#count] = hashFrom(this.#seed, key)
    if (further !== undefined) this.#further[this.#count] = hashFrom(this.#seed, further)
    this.#count += 1
    this.#pen.text(key)
    return this.#pen
  }

  /** Entries that follow each other, of a table with the same seed. */
  copy({ heap, starts, index }: Table, from: number, to: number, further?: Index): void {
    if (from === to) return
    const moved = this.#pen.written - (starts[from] as number)
    for (let entry = from, at = this.#count; entry < to; entry += 1, at += 1) this.#starts[at] = (starts[entry] as number) + moved
    this.#hashes.set(index.hashes.subarray(from, to), this.#count)
    if (further !== undefined) this.#further.set(further.hashes.subarray(from, to), this.#count)
    this.#count += to - from
    this.#pen.raw(heap.subarray(starts[from], starts[to]))
  }

  end(hasFurther: boolean): Written {
    this.#starts[this.#count] = this.#pen.written
    this.#pen.end()
    const further = this.#further.slice(0, hasFurther ? this.#count : 0)
    return { starts: this.#starts.slice(0, this.#count + 1), index: indexOf(this.#hashes.slice(0, this.#count)), further: indexOf(further) }
  }
}

/** Copies what is not hidden; `hidden` is told of the others, in their order. */
function copyBase(writer: TableWriter, base: Base, hidden: (entry: number) => void, further?: Index): void {
  let from = 0
  for (let entry = 0; entry < base.table.count; entry += 1) {
    if (!base.isHidden(entry)) continue
    writer.copy(base.table, from, entry, further)
    hidden(entry)
    from = entry + 1
  }
  writer.copy(base.table, from, base.table.count, further)
}

export function writeLayered<V>(layered: Layered<V>, seed: number, piece: (bytes: Buffer) => void): Written {
  const { base, codec } = layered
  const writer = new TableWriter(layered.size, seed, piece)
  const over = new Map(layered.above())
  if (base !== undefined) {
    copyBase(writer, base, (entry) => {
      const key = base.table.keyOf(entry)
      const value = over.get(key)
      if (value !== undefined) codec.write(writer.add(key), value)
      over.delete(key)
    })
  }
  for (const [key, value] of over) codec.write(writer.add(key), value)
  return writer.end(false)
}

export function writeKeys(keys: Keys, seed: number, piece: (bytes: Buffer) => void): Written {
  const writer = new TableWriter(keys.size, seed, piece)
  const add = (key: ReturnType<Keys['get']>): void => {
    if (key !== undefined) writeKey(writer.add(key.id, key.hash), key)
  }
  if (keys.base !== undefined) {
    const { base, byHash } = keys.base
    copyBase(writer, base, (entry) => add(keys.get(base.table.keyOf(entry))), byHash)
  }
  for (const key of keys.above()) add(key)
  return writer.end(true)
}
