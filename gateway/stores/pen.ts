/** Texts and numbers one after the other in bytes: how they are read, and a pen that hands on what it has written piece by piece. */

/** A text by its UTF-16 units: one byte each where they fit, so that every text is itself again, and compared without being made. */
const LONG = 254
const WIDE = 255
const LONG_HEAD = 5

/** Bytes of a text that stands at `at`. */
export const textEnd = (bytes: Buffer, at: number): number => {
  const head = bytes[at] as number
  if (head < LONG) return at + 1 + head
  return at + LONG_HEAD + bytes.readUInt32LE(at + 1) * (head === WIDE ? 2 : 1)
}

export function textAt(bytes: Buffer, at: number): string {
  const head = bytes[at] as number
  if (head < LONG) return bytes.toString('latin1', at + 1, at + 1 + head)
  return head === WIDE ? bytes.toString('utf16le', at + LONG_HEAD, textEnd(bytes, at)) : bytes.toString('latin1', at + LONG_HEAD, textEnd(bytes, at))
}

export function isTextAt(bytes: Buffer, at: number, text: string): boolean {
  const head = bytes[at] as number
  const length = head < LONG ? head : bytes.readUInt32LE(at + 1)
  if (length !== text.length) return false
  const from = at + (head < LONG ? 1 : LONG_HEAD)
  if (head === WIDE) {
    for (let unit = 0; unit < length; unit += 1) if (bytes.readUInt16LE(from + unit * 2) !== text.charCodeAt(unit)) return false
    return true
  }
  for (let unit = 0; unit < length; unit += 1) if (bytes[from + unit] !== text.charCodeAt(unit)) return false
  return true
}

const PIECE_BYTES = 1024 * 1024
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are characters of one byte as others are.
const NARROW = /^[\x00-\xff]*$/
const I64_MOST = 2n ** 63n

export class Pen {
  readonly #piece: (bytes: Buffer) => void
  #bytes = Buffer.allocUnsafeSlow(PIECE_BYTES)
  #at = 0
  /** Bytes handed on before. */
  #before = 0

  /** `piece` is given memory that is used again. */
  constructor(piece: (bytes: Buffer) => void) {
    this.#piece = piece
  }

  /** How much was written. */
  get written(): number {
    return this.#before + this.#at
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#at] = value
    this.#at += 1
  }

  float(value: number): void {
    this.#room(8)
    this.#at = this.#bytes.writeDoubleLE(value, this.#at)
  }

  /** 64 bits where it fits, which money does. */
  integer(value: bigint): void {
    const fits = value >= -I64_MOST && value < I64_MOST
    this.byte(fits ? 0 : 1)
    if (!fits) return this.text(value.toString())
    this.#room(8)
    this.#at = this.#bytes.writeBigInt64LE(value, this.#at)
  }

  /** As `textAt` reads it. */
  text(value: string): void {
    const isNarrow = NARROW.test(value)
    this.#room(5 + value.length * 2)
    if (isNarrow && value.length < LONG) this.#bytes[this.#at] = value.length
    else {
      this.#bytes[this.#at] = isNarrow ? LONG : WIDE
      this.#bytes.writeUInt32LE(value.length, this.#at + 1)
      this.#at += 4
    }
    this.#at += 1
    this.#at += this.#bytes.write(value, this.#at, isNarrow ? 'latin1' : 'utf16le')
  }

  hex(value: string): void {
    this.#room(value.length / 2)
    this.#at += this.#bytes.write(value, this.#at, 'hex')
  }

  raw(bytes: Buffer): void {
    if (bytes.length > PIECE_BYTES) {
      this.end()
      this.#before += bytes.length
      return this.#piece(bytes)
    }
    this.#room(bytes.length)
    this.#at += bytes.copy(this.#bytes, this.#at)
  }

  /** Hands on what is left. */
  end(): void {
    if (this.#at > 0) this.#piece(this.#bytes.subarray(0, this.#at))
    this.#before += this.#at
    this.#at = 0
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    this.end()
    if (size > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(size)
  }
}

/** What `integer` wrote. */
export const integerAt = (bytes: Buffer, at: number): bigint => (bytes[at] === 0 ? bytes.readBigInt64LE(at + 1) : BigInt(textAt(bytes, at + 1)))
