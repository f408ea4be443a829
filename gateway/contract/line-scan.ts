/**
 * Reads a line of JSON where its bytes stand: a reader expects what has to come next, and asks at the end whether all of it did. Nothing
 * is made of what is read, neither text nor object; whatever is written otherwise is left to whoever parses.
 */
import { hashed } from './text-bytes.ts'

/** A text to be compared with bytes, four of them at a time; the last four overlap those before. */
export interface Literal {
  readonly bytes: Buffer
  readonly length: number
  /** Little endian. */
  readonly words: Int32Array
  readonly lastWord: number
}

export function literal(text: string): Literal {
  const bytes = Buffer.from(text, 'latin1')
  const words = Int32Array.from({ length: Math.floor(bytes.length / WORD) }, (_, index) => bytes.readInt32LE(index * WORD))
  return { bytes, length: bytes.length, words, lastWord: bytes.length < WORD ? 0 : bytes.readInt32LE(bytes.length - WORD) }
}

const WORD = 4

const QUOTE = 0x22
const DIGEST_BYTES = 64
const DIGIT = 0x30
/** More digits could be more than a number holds exactly. */
const MOST_DIGITS = 15

/** Bytes that stand for themselves in JSON, and that names are made of. */
const PLAIN = new Uint8Array(256)
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .:/-') PLAIN[char.charCodeAt(0)] = 1

const ONES = 0x01010101
const HIGH_BITS = 0x80808080 | 0
const HIGH_HALVES = 0xf0f0f0f0 | 0
const DIGIT_HALVES = 0x30303030
const BEYOND_NINE = 0x06060606
const ESCAPE = 0x5c
const QUOTES = QUOTE * ONES
const ESCAPES = ESCAPE * ONES

const NOTHING = Buffer.alloc(0)
const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** Places are bytes. */
export class LineScan {
  protected bytes: Buffer = NOTHING
  view = viewOf(NOTHING)
  /** What is read next. */
  protected place = 0
  protected ok = false

  protected begin(bytes: Buffer, start: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes
      this.view = viewOf(bytes)
    }
    this.place = start
    this.ok = true
  }

  /** Steps behind the text, if it stands here. */
  protected is(text: Literal): boolean {
    const { place } = this
    if (!this.stands(text, place)) return false
    this.place = place + text.length
    return true
  }

  protected stands({ bytes: expected, length, words, lastWord }: Literal, from: number): boolean {
    const { bytes } = this
    if (from + length > bytes.length) return false
    if (length < WORD) {
      for (let index = 0; index < length; index += 1) if (bytes[from + index] !== expected[index]) return false
      return true
    }
    const view = this.view
    for (let index = 0; index < words.length; index += 1) if (view.getInt32(from + index * WORD, true) !== words[index]) return false
    return view.getInt32(from + length - WORD, true) === lastWord
  }

  /** Returns the place behind the text. */
  protected expect(text: Literal): number {
    if (this.ok) this.ok = this.is(text)
    return this.place
  }

  /** Up to what no name is made of; what has to follow is looked at next. */
  protected words(): number {
    const { bytes } = this
    let at = this.place
    if (this.ok) while (PLAIN[bytes[at] as number] === 1) at += 1
    this.place = at
    return at
  }

  /** Steps to this byte, or to the end: what stands between is told by its hash (`hashOf`). */
  protected hashTo(byte: number, end: number): number {
    const { bytes, view } = this
    const each = byte * ONES
    const whole = end - (WORD - 1)
    let at = this.place
    let hash = 0
    for (; at < whole; at += WORD) {
      const word = view.getInt32(at, true)
      const is = word ^ each
      // One of the four is this byte: by Mycroft's rule for a byte of zero.
      if (((is - ONES) & ~is & HIGH_BITS) !== 0) break
      hash = hashed(hash, word)
    }
    for (let next = bytes[at]; at < end && next !== byte; next = bytes[at]) {
      hash = hashed(hash, next as number)
      at += 1
    }
    this.place = at
    return hash
  }

  /** Nearly always of one length; what follows it stands nowhere else in a line. */
  protected digest(): void {
    if (this.bytes[this.place + DIGEST_BYTES] === QUOTE) this.place += DIGEST_BYTES
    else this.words()
  }

  /** A whole number as JSON writes it. */
  protected number(): number {
    const { bytes, place } = this
    let at = place
    let value = 0
    for (let digit = (bytes[at] as number) - DIGIT; digit >= 0 && digit <= 9; digit = (bytes[at] as number) - DIGIT) {
      value = value * 10 + digit
      at += 1
    }
    if (at === place || at - place > MOST_DIGITS || (bytes[place] === DIGIT && at - place > 1)) this.ok = false
    this.place = at
    return value
  }

  /** The same, where its value is not asked for. */
  protected digits(): number {
    const { bytes, place, view } = this
    let at = place
    const whole = Math.min(place + MOST_DIGITS, bytes.length) - (WORD - 1)
    for (; at < whole; at += WORD) {
      const word = view.getInt32(at, true)
      if ((word & HIGH_HALVES) !== DIGIT_HALVES || ((word + BEYOND_NINE) & HIGH_HALVES) !== DIGIT_HALVES) break
    }
    for (let digit = (bytes[at] as number) - DIGIT; digit >= 0 && digit <= 9; digit = (bytes[at] as number) - DIGIT) at += 1
    if (at === place || at - place > MOST_DIGITS || (bytes[place] === DIGIT && at - place > 1)) this.ok = false
    this.place = at
    return at
  }

  /** Up to the quote that ends a text without escapes. */
  protected text(): number {
    const { bytes, view } = this
    let at = this.place
    const whole = bytes.length - (WORD - 1)
    for (; at < whole; at += WORD) {
      const word = view.getInt32(at, true)
      const quote = word ^ QUOTES
      const escaped = word ^ ESCAPES
      if (((((quote - ONES) & ~quote) | ((escaped - ONES) & ~escaped)) & HIGH_BITS) !== 0) break
    }
    let byte = bytes[at]
    while (byte !== QUOTE && byte !== ESCAPE && byte !== undefined) {
      at += 1
      byte = bytes[at]
    }
    if (byte !== QUOTE) this.ok = false
    this.place = at
    return at
  }

  protected get isAtQuote(): boolean {
    return this.bytes[this.place] === QUOTE
  }
}
