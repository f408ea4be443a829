/**
 * Reads one answer after the other from the bytes of a connection (RFC 9112): where each begins and ends is decided here and
 * nowhere else. Strict: what can be read in two ways is malformed.
 */
import { type Head, MalformedAnswer, readFields } from './head.ts'
import { KnownHead } from './known-head.ts'
import { Section } from './section.ts'

/** Who hears of it; false pauses until the reader is asked to go on. */
export interface AnswerEvents {
  /** Also of 1xx, which are followed by another. */
  head(head: Head): boolean
  /** `last`: the body is known to end with this piece. */
  piece(bytes: Buffer, last: boolean): boolean
  trailers(bytes: Buffer): void
}

const MOST_INTERIM = 16
const MOST_EXTENSION_BYTES = 1024
const MOST_SIZE_DIGITS = 11
const [CR, LF, SEMICOLON, SPACE, TAB] = [13, 10, 0x3b, 0x20, 9]
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n')
const BEGINNING = Buffer.from('HTTP/1.')

type State =
  /** `sized` and `open`: a body with a stated length, and one that ends with the connection; the rest are parts of a chunked one. */
  'idle' | 'head' | 'sized' | 'open' | 'size' | 'extension' | 'size-lf' | 'chunk' | 'chunk-cr' | 'chunk-lf' | 'trailers' | 'whole'

export class AnswerReader {
  #state: State = 'idle'
  #toHead = false
  #interim = 0
  readonly #known = new KnownHead()
  readonly #section = new Section()
  /** Bytes of the body, or of the chunk, that are to come. */
  #left = 0
  #digits = 0
  #extension = 0
  /** Somebody said false. */
  paused = false
  /** Whether the connection may serve another request, once the answer is whole. */
  reusable = false
  keptMs: number | undefined

  /** An answer is expected from here on. */
  begin(method: string): void {
    this.#state = 'head'
    this.#toHead = method === 'HEAD'
    this.#interim = 0
    this.#section.begin()
    this.reusable = false
    this.keptMs = undefined
  }

  get whole(): boolean {
    return this.#state === 'whole'
  }

  /** The connection ended: true where that is the end of the answer. */
  finish(): boolean {
    if (this.#state === 'open') this.#state = 'whole'
    return this.#state === 'whole'
  }

  /** Reads until the answer is whole, somebody pauses, or the bytes end; returns where it stopped. @throws MalformedAnswer */
  read(bytes: Buffer, from: number, to: AnswerEvents): number {
    this.paused = false
    let at = from
    while (at < bytes.length && !this.paused && this.#state !== 'whole') {
      switch (this.#state) {
        case 'head':
          at = this.#readHead(bytes, at, to)
          break
        case 'trailers':
          at = this.#readTrailers(bytes, at, to)
          break
        case 'sized':
        case 'chunk':
          at = this.#readPiece(bytes, at, to)
          break
        case 'open':
          this.paused = !to.piece(at === 0 ? bytes : bytes.subarray(at), false)
          at = bytes.length
          break
        default:
          this.#step(bytes[at] as number)
          at += 1
      }
    }
    return at
  }

  #readHead(bytes: Buffer, at: number, to: AnswerEvents): number {
    const known = this.#section.hasBegun ? undefined : this.#known.at(bytes, at)
    if (known !== undefined) {
      this.#begun(known, to)
      return at + known.bytes.length + 2
    }
    const next = this.#section.take(bytes, at, false)
    if (this.#section.bytes === undefined) {
      // What will never be one is not waited for.
      const { begun } = this.#section
      const length = Math.min(begun.length, BEGINNING.length)
      if (begun.compare(BEGINNING, 0, length, 0, length) !== 0) throw new MalformedAnswer('the provider does not answer in HTTP/1')
      return next
    }
    const head = this.#known.read(this.#section.bytes)
    this.#section.begin()
    this.#begun(head, to)
    return next
  }

  #begun(head: Head, to: AnswerEvents): void {
    if (head.status < 200) this.#noteInterim(head)
    else this.#frame(head)
    this.paused = !to.head(head)
  }

  #noteInterim({ status }: Head): void {
    this.#interim += 1
    if (status === 101) throw new MalformedAnswer('the provider changed to a protocol that nobody asked for')
    if (this.#interim > MOST_INTERIM) throw new MalformedAnswer(`more than ${MOST_INTERIM} interim answers came before the answer`)
  }

  /** RFC 9112, 6.3 */
  #frame({ status, length, chunked, persistent, keptMs }: Head): void {
    this.keptMs = keptMs
    this.reusable = persistent
    if (this.#toHead || status === 204 || status === 304) {
      // Whoever announces a body may well send it.
      this.reusable &&= !this.#toHead && !chunked && (length ?? 0) === 0
      this.#state = 'whole'
    } else if (chunked) this.#beginSize()
    else if (length !== undefined) {
      this.#left = length
      this.#state = length === 0 ? 'whole' : 'sized'
    } else {
      this.reusable = false
      this.#state = 'open'
    }
  }

  #beginSize(): void {
    this.#state = 'size'
    this.#left = 0
    this.#digits = 0
    this.#extension = 0
  }

  #readPiece(bytes: Buffer, at: number, to: AnswerEvents): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    let last = false
    if (this.#left === 0) {
      if (this.#state === 'sized') {
        last = true
        this.#state = 'whole'
      } else {
        // Often the end is there already: then nothing has to be held back for what may come.
        last = bytes.length - end === LAST_CHUNK.length && bytes.compare(LAST_CHUNK, 0, LAST_CHUNK.length, end) === 0
        this.#state = 'chunk-cr'
      }
    }
    this.paused = !to.piece(bytes.subarray(at, end), last)
    return end
  }

  #readTrailers(bytes: Buffer, at: number, to: AnswerEvents): number {
    const next = this.#section.take(bytes, at, true)
    const trailers = this.#section.bytes
    if (trailers === undefined) return next
    readFields(trailers.toString('latin1'), 0)
    this.#state = 'whole'
    if (trailers.length > 0) to.trailers(trailers)
    return next
  }

  /** One byte between the chunks. */
  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        return this.#size(byte)
      case 'extension':
        this.#extension += 1
        if (byte === CR) this.#state = 'size-lf'
        else if (byte === LF || this.#extension > MOST_EXTENSION_BYTES) throw badChunk()
        return
      case 'size-lf':
        if (byte !== LF) throw badChunk()
        if (this.#left > 0) this.#state = 'chunk'
        else {
          this.#section.begin()
          this.#state = 'trailers'
        }
        return
      case 'chunk-cr':
        if (byte !== CR) throw badChunk()
        this.#state = 'chunk-lf'
        return
      case 'chunk-lf':
        if (byte !== LF) throw badChunk()
        return this.#beginSize()
      default:
        throw new MalformedAnswer('the provider sent what nobody asked for')
    }
  }

  #size(byte: number): void {
    const lower = byte | 0x20
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
    if (digit !== -1) {
      this.#digits += 1
      if (this.#digits > MOST_SIZE_DIGITS) throw badChunk()
      this.#left = this.#left * 16 + digit
      return
    }
    if (this.#digits === 0) throw badChunk()
    if (byte === CR) this.#state = 'size-lf'
    else if (byte === SEMICOLON || byte === SPACE || byte === TAB) this.#state = 'extension'
    else throw badChunk()
  }
}

const badChunk = (): MalformedAnswer => new MalformedAnswer('a chunk of the answer is malformed')
