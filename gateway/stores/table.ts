/**
 * Texts and what belongs to each, as they stand in a file: found through a table of hashes that stands there, too, so that a million
 * of them are neither read nor made into objects before somebody asks. Nothing in it ever changes.
 */
import { hashFrom } from './hashes.ts'
import { isTextAt, textAt, textEnd } from './pen.ts'

/** Entries by the hash of some text of theirs: slots hold the number of an entry, counted from 1, and go on to the next that is free. */
export interface Index {
  readonly hashes: Uint32Array
  /** A power of two of them, at least twice as many as entries. */
  readonly slots: Uint32Array
}

export function indexOf(hashes: Uint32Array): Index {
  let size = 2
  while (size < hashes.length * 2) size *= 2
  const slots = new Uint32Array(size)
  for (let entry = 0; entry < hashes.length; entry += 1) {
    let slot = (hashes[entry] as number) & (size - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (size - 1)
    slots[slot] = entry + 1
  }
  return { hashes, slots }
}

export interface TableParts {
  readonly seed: number
  /** Of each entry its text, then what belongs to it. */
  readonly heap: Buffer
  /** Where each entry begins, and where the last one ends. */
  readonly starts: Uint32Array
  readonly index: Index
}

export class Table {
  readonly heap: Buffer
  readonly starts: Uint32Array
  readonly index: Index
  readonly seed: number

  constructor({ heap, starts, index, seed }: TableParts) {
    this.heap = heap
    this.starts = starts
    this.index = index
    this.seed = seed
  }

  get count(): number {
    return this.index.hashes.length
  }

  /** Number of the entry; -1 where there is none. */
  find(key: string): number {
    return this.findBy(this.index, key, this.#isKey)
  }

  readonly #isKey = (entry: number, key: string): boolean => isTextAt(this.heap, this.starts[entry] as number, key)

  /** By another text of the entries than their own. */
  findBy({ hashes, slots }: Index, text: string, is: (entry: number, text: string) => boolean): number {
    const hash = hashFrom(this.seed, text)
    for (let slot = hash & (slots.length - 1); ; slot = (slot + 1) & (slots.length - 1)) {
      const entry = (slots[slot] as number) - 1
      if (entry === -1 || (hashes[entry] === hash && is(entry, text))) return entry
    }
  }

  keyOf(entry: number): string {
    return textAt(this.heap, this.starts[entry] as number)
  }

  /** Where what belongs to an entry begins. */
  valueOf(entry: number): number {
    return textEnd(this.heap, this.starts[entry] as number)
  }
}
