/** Intents of which no end has been read yet, with their lines: nearly all end soon after they began, and then few facts of them matter. */
import type { PaidFacts } from './paid-scan.ts'
import type { Place } from './segments.ts'

const FIRST_BYTES = 256 * 1024

export interface Begun {
  readonly facts: PaidFacts
  readonly place: Place
  /** Where its line is kept. */
  at: number
}

export class BegunIntents {
  readonly #begun = new Map<string, Begun>()
  /** Lines in the order in which they came; memory that is used again. */
  #bytes = Buffer.alloc(0)
  #used = 0

  add(facts: PaidFacts, place: Place, line: Buffer, from: number): void {
    const { length } = place
    if (this.#used + length > this.#bytes.length) this.#makeRoom(length)
    line.copy(this.#bytes, this.#used, from, from + length)
    this.#begun.delete(facts.sold.id)
    this.#begun.set(facts.sold.id, { facts, place, at: this.#used })
    this.#used += length
  }

  /** Its line is good until the next one is added. */
  take(id: string): Begun | undefined {
    const begun = this.#begun.get(id)
    if (begun !== undefined) this.#begun.delete(id)
    return begun
  }

  lineOf({ at, place }: Begun): string {
    return this.#bytes.toString('utf8', at, at + place.length)
  }

  ids(): string[] {
    return [...this.#begun.keys()]
  }

  /** Moves together those that are left, which never overtake each other. */
  #makeRoom(length: number): void {
    const all = [...this.#begun.values()]
    const needed = all.reduce((sum, { place }) => sum + place.length, length)
    const old = this.#bytes
    if (needed * 2 > old.length) this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed * 4))
    this.#used = 0
    for (const begun of all) {
      const end = begun.at + begun.place.length
      old.copy(this.#bytes, this.#used, begun.at, end)
      begun.at = this.#used
      this.#used += begun.place.length
    }
  }
}
