/**
 * Reads a line of JSON where its bytes stand: a reader expects what has to come next, and asks at the end whether all of it did. Nothing
 * is made of what is read, neither text nor object; whatever is written otherwise is left to whoever parses.
 */

export const literal = (text: string): Buffer => Buffer.from(text, 'latin1')

const QUOTE = 0x22
const DIGEST_BYTES = 64
const DIGIT = 0x30
/** More digits could be more than a number holds exactly. */
const MOST_DIGITS = 15

/** Bytes that stand for themselves in JSON, and that names are made of. */
const PLAIN = new Uint8Array(256)
for (const char of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .:/-') PLAIN[char.charCodeAt(0)] = 1

const NOTHING = literal('')

/** Places are bytes. */
export class LineScan {
  protected bytes = NOTHING
  /** What is read next. */
  protected place = 0
  protected ok = false

  protected begin(bytes: Buffer, start: number): void {
    this.bytes = bytes
    this.place = start
    this.ok = true
  }

  /** Steps behind the text, if it stands here. */
  protected is(text: Buffer): boolean {
    const { bytes, place } = this
    for (let index = 0; index < text.length; index += 1) if (bytes[place + index] !== text[index]) return false
    this.place = place + text.length
    return true
  }

  /** Returns the place behind the text. */
  protected expect(text: Buffer): number {
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

  protected get isAtQuote(): boolean {
    return this.bytes[this.place] === QUOTE
  }
}
