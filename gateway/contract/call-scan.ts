/**
 * Reads a charge, an intent or a settlement where its bytes stand, as stores write them, into what the line of a recorded call says.
 * What a charge says by itself is not said again by its call. Whatever is written otherwise is left to whoever parses.
 */
import { CallParts, Span } from './call-parts.ts'
import { KnownCalls } from './known-calls.ts'
import { isSame } from './text-bytes.ts'
import * as said from './call-words.ts'

/** Brace and bracket. */
const ENDS_LIST = 2
const BRACE = 0x7b
const CLOSING = 0x7d
const DIGITS_FROM = 0x30
const DIGITS_TO = 0x39

/** Where the number begins that ends here. */
function digitsBefore(bytes: Buffer, end: number): number {
  let at = end
  for (let byte = bytes[at - 1] as number; byte >= DIGITS_FROM && byte <= DIGITS_TO; byte = bytes[at - 1] as number) at -= 1
  return at
}

/** One record at a time. */
export class CallScan extends CallParts {
  readonly known = new KnownCalls()
  isIntent = false
  readonly id = new Span()
  /** When its charge took effect. */
  readonly at = new Span()
  readonly received = new Span()
  /** What else its line says is known under this number; -1: it stands in the spans below. */
  entry = -1
  readonly api = new Span()
  readonly operation = new Span()
  readonly consumer = new Span()
  readonly account = new Span()
  readonly by = new Span()
  readonly connection = new Span()
  readonly owner = new Span()
  readonly requested = new Span()
  readonly units = new Span()
  readonly price = new Span()
  readonly platform = new Span()
  /** Where some of them came to nothing; else empty. */
  readonly attempts = new Span()
  /** What says all that: from connection to operation, and what its call says behind its instant, up to what differs from call to call. */
  readonly #terms = new Span()
  readonly #call = new Span()
  /** Of version 2: behind its receipt. */
  readonly #rest = new Span()
  #hash = 0
  #version = 0

  /** False where it is no charge and no intent, or one that is written otherwise. */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.begin(bytes, start)
    this.isIntent = this.is(said.INTENT)
    if (!this.isIntent && !this.is(said.CHARGE)) return false
    this.id.from = this.place
    this.id.to = this.text()
    this.expect(said.AT)
    this.digitsIn(this.at)
    if (this.is(said.SINCE)) this.digits()
    const terms = this.#terms
    terms.from = this.place
    const hash = this.hashTo(BRACE, end)
    terms.to = this.place
    if (!this.ok || terms.to === end || !this.#isAtCall(end)) return false
    // Two versions of one call do not take each other's place.
    this.#hash = hash ^ this.#version
    const call = this.#call
    call.from = this.place
    if (!this.#isKnown() && !this.#isPlain()) return false
    return this.place <= end
  }

  #isKnown(): boolean {
    const { known, view, id } = this
    const entry = known.find(this.#hash, view, this.#terms.from, this.#terms.to)
    if (entry === -1 || !known.isCall(entry, view, this.place)) return false
    this.entry = entry
    this.place += known.callBytes(entry)
    const rest = known.restBytes(entry)
    if (rest > 0) {
      const length = id.to - id.from
      if (!isSame(view, id.from, view, this.place, length) || !known.isRest(entry, view, this.place + length)) return false
      this.place += length + rest
      this.digits()
      this.expect(said.ATTEMPT_END)
    } else {
      this.digits()
      this.expect(said.TOOK)
    }
    return this.ok
  }

  #isPlain(): boolean {
    this.entry = -1
    this.ok = true
    this.place = this.#terms.from
    this.#sold()
    this.#asked()
    if (!this.ok || this.place !== this.#terms.to) return false
    this.place = this.#call.from
    this.#called()
    return this.ok
  }

  /** So that the same of another call is known. `tail`: what its line says of it. */
  keep(tail: DataView, from: number, to: number): void {
    if (this.#call.to > 0) this.known.keep(this.#hash, this.view, { terms: this.#terms, call: this.#call, rest: this.#rest }, tail, { from, to })
  }

  #sold(): void {
    this.expect(said.CONNECTION)
    this.wordsIn(this.connection)
    this.expect(said.OWNER)
    this.wordsIn(this.owner)
    this.expect(said.PERIOD)
    this.digits()
    this.expect(said.UNITS)
    this.digitsIn(this.units)
    this.expect(said.PRICE)
    this.digitsIn(this.price)
    this.expect(said.PLATFORM)
    this.digitsIn(this.platform)
  }

  #asked(): void {
    this.by.from = this.expect(said.BY)
    if (!this.is(said.CREDITS) && !this.is(said.BY_OWNER) && !this.is(said.X402)) this.ok = false
    this.by.to = this.place
    this.expect(said.ACCOUNT)
    this.wordsIn(this.account)
    this.expect(said.API)
    this.wordsIn(this.api)
    this.expect(said.OPERATION)
    this.wordsIn(this.operation)
    this.expect(said.SUBJECT)
  }

  /** Steps behind the instant of its call: over names, an answer that is kept, and whatever else may stand between. */
  #isAtCall(end: number): boolean {
    const from = this.place
    this.expect(said.REQUEST)
    this.digest()
    this.expect(said.ANSWER)
    this.digest()
    if (!this.ok || !this.is(said.CALL)) {
      const rest = this.bytes.subarray(from, end)
      const at = rest.indexOf(said.CALL_LATER.bytes)
      // A payment may hold a member of the same name.
      if (at === -1 || rest.indexOf(said.CALL_LATER.bytes, at + 1) !== -1) return false
      this.ok = true
      this.place = from + at + said.CALL_LATER.length
    }
    this.#version = this.bytes[this.place] as number
    this.digits()
    this.expect(said.CALL_ID)
    this.words()
    this.expect(said.AT)
    this.digitsIn(this.received)
    return this.ok
  }

  #called(): void {
    const call = this.#call
    call.to = 0
    this.#rest.to = 0
    this.expect(said.GENERATION)
    this.digits()
    this.expect(said.CONFIG)
    this.digest()
    this.expect(said.QUOTE)
    this.#whose()
    if (this.is(said.KIND)) this.word()
    if (this.is(said.STATUS)) this.digits()
    if (this.is(said.RECEIPT)) this.#receipt()
    this.#served()
    if (this.is(said.UPSTREAM)) {
      call.to = this.place
      this.#rest.to = 0
      this.digits()
    } else if (this.#rest.to === 0) call.to = 0
    this.expect(said.TOOK)
  }

  /** Its own id: what stands before and behind comes again. */
  #receipt(): void {
    const { id } = this
    const from = this.place
    const to = this.words()
    this.expect(said.QUOTE)
    if (to - from !== id.to - id.from || !isSame(this.view, from, this.view, id.from, to - from)) return
    this.#call.to = from
    this.#rest.from = to
  }

  #whose(): void {
    const { consumer, account } = this
    consumer.from = account.from
    consumer.to = account.to
    if (this.is(said.CALL_API)) this.word()
    if (this.is(said.CALL_OPERATION)) this.word()
    if (!this.is(said.CONSUMER)) return
    this.wordsIn(consumer)
    this.expect(said.QUOTE)
  }

  #served(): void {
    const { requested, units, attempts } = this
    requested.from = units.from
    requested.to = units.to
    attempts.from = 0
    attempts.to = 0
    if (this.is(said.REQUESTED)) this.digitsIn(requested)
    if (this.is(said.CANDIDATES)) this.list()
    if (this.is(said.UNITS)) this.digits()
    if (this.is(said.PRICE)) this.word()
    if (!this.is(said.ATTEMPTS)) return
    const from = this.place
    const hasWaste = this.list()
    if (hasWaste) {
      attempts.from = from
      attempts.to = this.place - 1
    }
    // Up to how long the last one took.
    this.#rest.to = digitsBefore(this.bytes, this.place - ENDS_LIST)
  }

  /** A settlement: its id and when it was; false where it is none, or written otherwise. */
  readSettled(bytes: Buffer, start: number, end: number): boolean {
    this.begin(bytes, start)
    if (!this.is(said.SETTLED)) return false
    this.wordsIn(this.id)
    this.expect(said.END)
    const at = digitsBefore(bytes, end - 1)
    this.place = at
    this.digitsIn(this.at)
    // The last member is the record's own: whatever a settlement holds ends before.
    return this.ok && this.at.to === end - 1 && bytes[end - 1] === CLOSING && this.stands(said.AT_END, at - said.AT_END.length)
  }
}
