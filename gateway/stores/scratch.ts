/** Memory that is used again: what is made anew for each segment has to be mapped, emptied and collected by somebody. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export class Scratch {
  #bytes = Buffer.alloc(0)

  /** Holds what was there before; good until the next one is taken. */
  take(size: number): Buffer {
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size + (size >>> 2))
    return this.#bytes.subarray(0, size)
  }

  /** A file whole. */
  read(file: string): Buffer {
    const fd = openSync(file, 'r')
    try {
      const bytes = this.take(fstatSync(fd).size)
      for (let at = 0; at < bytes.length; ) {
        const count = readSync(fd, bytes, at, bytes.length - at, at)
        if (count === 0) return bytes.subarray(0, at)
        at += count
      }
      return bytes
    } finally {
      closeSync(fd)
    }
  }
}
