/**
 * Reads recorded calls where their bytes stand: of each its time, its receipt, and by a number what it says. Of what was said before
 * neither text nor object is made; a line that is written otherwise than a gateway writes it is parsed.
 */
import { ByteTable, type CallLine, hashOf, LineScan, literal } from '#contract'
import type { Recorded, RecordedHead } from './recorded.ts'
import { RecordedCalls } from './recorded-calls.ts'
import { type RecordedEvent, type Said, saidOf } from './said.ts'

const SOLD = literal('["c",')
const UNCHARGED = literal('["u",')
const COMMA = literal(',')
const RECEIPT = literal(',"')
const BEHIND_RECEIPT = literal('",')
/** Of times and receipt nothing is kept with what is said. */
const AS_SOLD = '["c",0,0,"",'
const AS_UNCHARGED = '["u",0,'
const LINE_FEED = 10
const NOTHING = Buffer.alloc(0)

export class RecordedReader extends LineScan {
  #head: RecordedHead | undefined
  /** Of a line that was cut. */
  #rest: Buffer = NOTHING
  readonly #calls = new RecordedCalls()
  /** What is said, by its bytes: behind the times and the receipt of a line, to its end. */
  readonly #table = new ByteTable()
  readonly #said: Said[] = []

  /** Lines so far. */
  get count(): number {
    return this.#calls.count
  }

  /** Bytes as they come, cut anywhere. @throws SyntaxError where they are no such text */
  take(piece: Uint8Array): void {
    let bytes: Buffer = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    const first = bytes.indexOf(LINE_FEED) + 1
    if (this.#rest.length > 0) {
      const whole = Buffer.concat([this.#rest, bytes.subarray(0, first === 0 ? bytes.length : first)])
      this.#rest = NOTHING
      bytes = bytes.subarray(first === 0 ? bytes.length : first)
      if (first === 0) this.#rest = whole
      else this.#lines(whole, whole.length)
    }
    const end = bytes.lastIndexOf(LINE_FEED) + 1
    this.#lines(bytes, end)
    if (end < bytes.length) this.#rest = Buffer.from(bytes.subarray(end))
  }

  /** @throws Error where it was cut off */
  end(): Recorded {
    if (this.#head === undefined || this.#rest.length > 0) throw new Error('the records of calls came to no end')
    return { head: this.#head, said: this.#said, ...this.#calls.sorted() }
  }

  /** Whole ones, up to a byte. */
  #lines(bytes: Buffer, end: number): void {
    let at = 0
    if (this.#head === undefined && end > 0) {
      at = bytes.indexOf(LINE_FEED) + 1
      this.#head = JSON.parse(bytes.toString('utf8', 0, at)) as RecordedHead
    }
    while (at < end) at = this.#line(bytes, at, end)
  }

  /** Returns where the next one begins. */
  #line(bytes: Buffer, start: number, end: number): number {
    this.begin(bytes, start)
    const isSold = this.is(SOLD)
    if (!isSold && !this.is(UNCHARGED)) return this.#parsed(bytes, start)
    const receivedMs = this.number()
    let [from, to] = [start, start]
    if (isSold) {
      this.expect(COMMA)
      this.digits()
      from = this.expect(RECEIPT)
      to = this.text()
      this.expect(BEHIND_RECEIPT)
    } else this.expect(COMMA)
    const behind = this.place
    const hash = this.hashTo(LINE_FEED, end)
    if (!this.ok) return this.#parsed(bytes, start)
    const { view, place } = this
    const known = this.#table.find(hash, view, behind, place)
    const number = known === -1 ? this.#met(hash, behind, place, isSold ? AS_SOLD : AS_UNCHARGED) : known
    this.#calls.add(receivedMs, number, view, from, to)
    return place + 1
  }

  /** `before`: what makes a line of it. */
  #met(hash: number, from: number, to: number, before: string): number {
    this.#said.push(saidOf(JSON.parse(before + this.bytes.toString('utf8', from, to)) as RecordedEvent))
    return this.#table.add(hash, this.view, from, to)
  }

  /** One that is written otherwise, or seldom. */
  #parsed(bytes: Buffer, start: number): number {
    const end = bytes.indexOf(LINE_FEED, start)
    const line = JSON.parse(bytes.toString('utf8', start, end)) as CallLine
    if (line[0] === 'r') this.#calls.refund(line[2])
    else {
      const receipt = Buffer.from(line[0] === 'c' ? line[3] : '')
      const number = this.#met(hashOf(this.view, start, end), start, end, '')
      this.#calls.add(line[1], number, new DataView(receipt.buffer, receipt.byteOffset, receipt.length), 0, receipt.length)
    }
    return end + 1
  }
}
