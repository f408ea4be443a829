/** The head before on one connection. One that is the same byte for byte is not read again: but for the date, which changes once a second, a server writes the same few. */
import { type Head, readHead } from './head.ts'

/** Longer ones are read each time. */
const MOST_BYTES = 1024
const CR = 13
const LF = 10
const NO_FIELDS: readonly string[] = []

export class KnownHead {
  #head: Head | undefined
  /** Its bytes: those that came stand in memory that is used again. */
  #bytes: Buffer | undefined
  /** Of the head before, known or not: what is written the same way needs no second look. */
  #fields = NO_FIELDS

  /** The same head, if it stands here as a whole with its empty line. */
  at(chunk: Buffer, from: number): Head | undefined {
    const head = this.#head
    if (head === undefined) return undefined
    const { bytes } = head
    const end = from + bytes.length
    if (chunk.length < end + 2 || chunk[end] !== CR || chunk[end + 1] !== LF) return undefined
    return chunk.compare(bytes, 0, bytes.length, from, end) === 0 ? head : undefined
  }

  /** @param bytes as `readHead` takes them @throws MalformedAnswer */
  read(bytes: Buffer): Head {
    this.#head = undefined
    const isShort = bytes.length <= MOST_BYTES
    const head = readHead(isShort ? this.#copied(bytes) : bytes, this.#fields)
    this.#fields = head.fields
    if (isShort) this.#head = head
    return head
  }

  #copied(bytes: Buffer): Buffer {
    this.#bytes ??= Buffer.allocUnsafeSlow(MOST_BYTES)
    return this.#bytes.subarray(0, bytes.copy(this.#bytes))
  }
}
