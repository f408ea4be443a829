/** Memory that is used again: what is made anew for each group has to be mapped and collected by somebody. */

export class Scratch {
  #bytes = Buffer.alloc(0)

  /** Holds what was there before; good until the next one is taken. */
  take(size: number): Buffer {
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size + (size >>> 2))
    return this.#bytes.subarray(0, size)
  }
}
