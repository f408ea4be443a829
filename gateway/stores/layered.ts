/**
 * A map of which most stands in a table that does not change: what is new or was changed stands above it and hides what is below.
 * Nothing of the table becomes an object before somebody asks for it.
 */
import type { Pen } from './pen.ts'
import type { Table } from './table.ts'

/** How what belongs to a text stands in a table. */
export interface Codec<V> {
  write(pen: Pen, value: V): void
  read(bytes: Buffer, at: number): V
}

/** A table, and which of its entries do not count any more. */
export class Base {
  readonly table: Table
  readonly #hidden: Uint8Array
  #hiddenCount = 0

  constructor(table: Table) {
    this.table = table
    this.#hidden = new Uint8Array(Math.ceil(table.count / 8))
  }

  /** How many count. */
  get size(): number {
    return this.table.count - this.#hiddenCount
  }

  isHidden(entry: number): boolean {
    return ((this.#hidden[entry >>> 3] as number) & (1 << (entry & 7))) !== 0
  }

  hide(entry: number): void {
    if (this.isHidden(entry)) return
    this.#hidden[entry >>> 3] = (this.#hidden[entry >>> 3] as number) | (1 << (entry & 7))
    this.#hiddenCount += 1
  }

  /** -1 where there is none that counts. */
  find(key: string): number {
    const entry = this.table.find(key)
    return entry === -1 || this.isHidden(entry) ? -1 : entry
  }
}

export class Layered<V> {
  readonly codec: Codec<V>
  readonly #over = new Map<string, V>()
  #base: Base | undefined

  constructor(codec: Codec<V>) {
    this.codec = codec
  }

  /** Once, before anything stands above. */
  put(table: Table): void {
    this.#base = table.count === 0 ? undefined : new Base(table)
  }

  get base(): Base | undefined {
    return this.#base
  }

  get size(): number {
    return this.#over.size + (this.#base?.size ?? 0)
  }

  /** May be changed by whoever asks: it stands above from here on. */
  get(key: string): V | undefined {
    const found = this.#over.get(key)
    return found === undefined && this.#base !== undefined ? this.#raise(this.#base, key) : found
  }

  #raise(base: Base, key: string): V | undefined {
    const entry = base.find(key)
    if (entry === -1) return undefined
    const value = this.codec.read(base.table.heap, base.table.valueOf(entry))
    base.hide(entry)
    this.#over.set(key, value)
    return value
  }

  /** To look at only. */
  peek(key: string): V | undefined {
    const found = this.#over.get(key)
    if (found !== undefined || this.#base === undefined) return found
    const entry = this.#base.find(key)
    return entry === -1 ? undefined : this.codec.read(this.#base.table.heap, this.#base.table.valueOf(entry))
  }

  set(key: string, value: V): void {
    if (this.#base !== undefined && !this.#over.has(key)) this.#hide(this.#base, key)
    this.#over.set(key, value)
  }

  delete(key: string): boolean {
    const wasOver = this.#over.delete(key)
    return (this.#base !== undefined && this.#hide(this.#base, key)) || wasOver
  }

  #hide(base: Base, key: string): boolean {
    const entry = base.find(key)
    if (entry === -1) return false
    base.hide(entry)
    return true
  }

  /** What is new or was changed, and is there. */
  above(): IterableIterator<[string, V]> {
    return this.#over.entries()
  }

  /** To look at only; those of the table first, in its order. */
  *[Symbol.iterator](): IterableIterator<[string, V]> {
    const base = this.#base
    if (base === undefined) return yield* this.#over
    const { table } = base
    for (let entry = 0; entry < table.count; entry += 1) {
      const key = table.keyOf(entry)
      const value = base.isHidden(entry) ? this.#over.get(key) : this.codec.read(table.heap, table.valueOf(entry))
      if (value !== undefined) yield [key, value]
    }
    for (const found of this.#over) if (table.find(found[0]) === -1) yield found
  }

  /** Leaves out what is over; quicker than looking at each with its text. */
  forget(isOver: (value: V) => boolean): void {
    for (const [key, value] of this.#over) if (isOver(value)) this.#over.delete(key)
    const base = this.#base
    if (base === undefined) return
    const { table } = base
    for (let entry = 0; entry < table.count; entry += 1) {
      if (!base.isHidden(entry) && isOver(this.codec.read(table.heap, table.valueOf(entry)))) base.hide(entry)
    }
  }
}
