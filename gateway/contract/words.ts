/** Texts by their bytes, each with a number: one that was met before is found without being made again. */

const FIRST_SLOTS = 1024
const NOBODY = -1
/** FNV-1a. */
const SEED = 0x811c9dc5
const FNV = 0x01000193

/** Numbers count from 0 in the order in which texts are met. */
export class Words {
  readonly texts: string[] = []
  #hashes = new Int32Array(FIRST_SLOTS)
  #slots = new Int32Array(FIRST_SLOTS).fill(NOBODY)

  /** Bytes of characters of one byte each. */
  number(bytes: Buffer, from: number, to: number): number {
    let hash = SEED
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), FNV)
    for (let slot = this.#first(hash); ; slot = (slot + 1) & (this.#slots.length - 1)) {
      const found = this.#slots[slot] as number
      if (found === NOBODY) return this.#add(bytes.toString('latin1', from, to), hash)
      if (this.#hashes[found] === hash && isText(this.texts[found] as string, bytes, from, to)) return found
    }
  }

  /** The same for any text. */
  numberOf(text: string): number {
    let hash = SEED
    for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), FNV)
    for (let slot = this.#first(hash); ; slot = (slot + 1) & (this.#slots.length - 1)) {
      const found = this.#slots[slot] as number
      if (found === NOBODY) return this.#add(text, hash)
      if (this.texts[found] === text) return found
    }
  }

  clear(): void {
    this.texts.length = 0
    this.#slots.fill(NOBODY)
  }

  #first(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1)
  }

  #add(text: string, hash: number): number {
    const number = this.texts.push(text) - 1
    this.#hashes[number] = hash
    if (this.texts.length * 2 > this.#slots.length) this.#grow()
    else this.#put(number)
    return number
  }

  #put(number: number): void {
    let slot = this.#first(this.#hashes[number] as number)
    while (this.#slots[slot] !== NOBODY) slot = (slot + 1) & (this.#slots.length - 1)
    this.#slots[slot] = number
  }

  #grow(): void {
    const hashes = new Int32Array(this.#slots.length * 2)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.#slots = new Int32Array(hashes.length).fill(NOBODY)
    for (let number = 0; number < this.texts.length; number += 1) this.#put(number)
  }
}

/** Whether these bytes spell this text; of characters of one byte each. */
export function isText(text: string, bytes: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) !== bytes[from + index]) return false
  return true
}
