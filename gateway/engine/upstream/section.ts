/** Collects a head or the trailers of an answer until their empty line, within a bound. */
import { MalformedAnswer } from './head.ts'

const MOST_HEAD_BYTES = 32 * 1024
const CR = 13
const LF = 10
const NO_BYTES = Buffer.alloc(0)

export class Section {
  /** Of what came in pieces. */
  #kept: Buffer | undefined
  #length = 0
  /** Once it is whole: without the empty line, with the CRLF of the last field. */
  bytes: Buffer | undefined

  begin(): void {
    this.#kept = undefined
    this.#length = 0
    this.bytes = undefined
  }

  /** Returns where the rest of the chunk begins. `mayBeEmpty`: the empty line may be all there is. @throws MalformedAnswer */
  take(chunk: Buffer, from: number, mayBeEmpty: boolean): number {
    if (this.#kept === undefined) {
      if (mayBeEmpty && chunk[from] === CR && chunk[from + 1] === LF) {
        this.bytes = NO_BYTES
        return from + 2
      }
      const end = chunk.indexOf('\r\n\r\n', from, 'latin1')
      if (end !== -1) {
        if (end - from > MOST_HEAD_BYTES) throw tooLong()
        this.bytes = chunk.subarray(from, end + 2)
        return end + 4
      }
      this.#kept = Buffer.allocUnsafe(MOST_HEAD_BYTES)
    }
    return this.#takeMore(this.#kept, chunk, from, mayBeEmpty)
  }

  #takeMore(kept: Buffer, chunk: Buffer, from: number, mayBeEmpty: boolean): number {
    const before = this.#length
    const copied = chunk.copy(kept, before, from)
    this.#length = before + copied
    if (mayBeEmpty && this.#length >= 2 && kept[0] === CR && kept[1] === LF) {
      this.bytes = NO_BYTES
      return from + 2 - before
    }
    const end = kept.subarray(0, this.#length).indexOf('\r\n\r\n', Math.max(0, before - 3), 'latin1')
    if (end === -1) {
      if (this.#length === kept.length) throw tooLong()
      return from + copied
    }
    this.bytes = kept.subarray(0, end + 2)
    return from + end + 4 - before
  }

  /** A piece of it was kept. */
  get hasBegun(): boolean {
    return this.#kept !== undefined
  }

  /** What is there of it so far. */
  get begun(): Buffer {
    return this.#kept?.subarray(0, this.#length) ?? NO_BYTES
  }
}

const tooLong = (): MalformedAnswer => new MalformedAnswer(`the head of the answer is longer than ${MOST_HEAD_BYTES} bytes`)
