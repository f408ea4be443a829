/** Memory in which groups go to the thread of the books: filled, lent, and filled again when it has come back. */
import type { Block, FedGroup } from './thread.ts'

/** Most groups have some ten kB; a larger one than this has memory of its own, which is not used again. */
const BLOCK_BYTES = 1024 * 1024
/** Kept for later; the thread takes some milliseconds for one. */
const SPARE = 4

export class Blocks {
  readonly #spare: ArrayBuffer[] = []
  #memory: Uint8Array<ArrayBuffer> | undefined
  #first = 0
  #hashes: string[] = []
  #ends: number[] = []
  /** What is in the block that is being filled. */
  bytes = 0

  /** Copies the group behind the one before it. False where it has to be the first of another block. */
  add({ sequence, hash, bytes }: FedGroup): boolean {
    if (this.#memory === undefined) {
      this.#memory = new Uint8Array((bytes.length <= BLOCK_BYTES ? this.#spare.pop() : undefined) ?? new ArrayBuffer(Math.max(BLOCK_BYTES, bytes.length)))
      this.#first = sequence
    } else if (this.bytes + bytes.length > this.#memory.length) return false
    this.#memory.set(bytes, this.bytes)
    this.bytes += bytes.length
    this.#hashes.push(hash)
    this.#ends.push(this.bytes)
    return true
  }

  /** What was added; the next group is the first of another block. */
  end(): Block | undefined {
    if (this.#memory === undefined) return undefined
    const block = { memory: this.#memory.buffer, first: this.#first, hashes: this.#hashes, ends: this.#ends }
    this.#memory = undefined
    this.#hashes = []
    this.#ends = []
    this.bytes = 0
    return block
  }

  /** Memory that was lent. */
  back(memory: ArrayBuffer): void {
    if (memory.byteLength === BLOCK_BYTES && this.#spare.length < SPARE) this.#spare.push(memory)
  }
}
