/** What readers of recorded calls have in common: where texts and numbers stand, and lists of which only little is read. */
import { LineScan, literal } from './line-scan.ts'

const QUOTE = literal('"')
const BRACKET = literal(']')
const WASTED = literal('"used":"wasted"')
const RIGHT = 0x5d
const W = 0x77
const A = 0x61
/** Where that stands. */
const W_AT = WASTED.bytes.indexOf('wa')

/** Where a text stands, without its quotes, or a number; places are bytes. */
export class Span {
  from = 0
  to = 0
}

export class CallParts extends LineScan {
  protected wordsIn(span: Span): void {
    span.from = this.place
    span.to = this.words()
  }

  protected digitsIn(span: Span): void {
    span.from = this.place
    span.to = this.digits()
  }

  /** To the end of a text that nobody asks for. */
  protected word(): void {
    this.words()
    this.expect(QUOTE)
  }

  /** Steps behind the bracket that ends it. True where units in it were wasted. */
  protected list(): boolean {
    const { bytes } = this
    let hasWaste = false
    let at = this.place
    for (let byte = bytes[at]; byte !== RIGHT && byte !== undefined; byte = bytes[at]) {
      if (byte === W && bytes[at + 1] === A) hasWaste ||= this.stands(WASTED, at - W_AT)
      at += 1
    }
    this.place = at
    this.expect(BRACKET)
    return hasWaste
  }
}
