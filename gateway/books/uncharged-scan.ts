/** Reads the record of a call that was not charged where its bytes stand, as the log of such calls has it, into what its line says. */
import { CallParts, KnownCalls, literal, Span } from '#contract'

const START = literal('{"v":2,"id":"')
const AT = literal('","at":')
const GENERATION = literal(',"generation":')
const CONFIG = literal(',"config":"')
const API = literal('","api":"')
const OPERATION = literal('","operation":"')
const CONSUMER = literal('","consumer":"')
const KIND = literal('","kind":"')
const STATUS = literal('","status":')
const CODE = literal(',"code":"')
const RECEIPT = literal(',"receipt":"')
const QUOTE = literal('"')
const REQUESTED = literal(',"requested":')
const CANDIDATES = literal(',"candidates":')
const LIST = literal('[')
const UNITS = literal(',"units":')
const PRICE = literal(',"price":"')
const ATTEMPTS = literal(',"attempts":[')
const TOOK = literal(',"tookMs":')
const END = literal('}')
const BRACKET = 0x5b

/** One record at a time. */
export class UnchargedScan extends CallParts {
  readonly known = new KnownCalls()
  atMs = 0
  readonly at = new Span()
  /** What else its line says, up to what was wasted, is known under this number; -1: it stands in the spans below. */
  entry = -1
  readonly api = new Span()
  readonly operation = new Span()
  readonly consumer = new Span()
  readonly kind = new Span()
  /** Empty where nothing refused it. */
  readonly code = new Span()
  readonly requested = new Span()
  /** Where some of them came to nothing; else empty. */
  readonly attempts = new Span()
  /** What is said again and again: from generation to requested, and from there to the attempts. */
  readonly #terms = new Span()
  readonly #rest = new Span()
  #hash = 0

  /** False where it is no such record, or one that is written otherwise. */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.begin(bytes, start)
    if (!this.is(START)) return false
    this.words()
    this.at.from = this.expect(AT)
    this.atMs = this.number()
    this.at.to = this.place
    const terms = this.#terms
    terms.from = this.place
    this.#hash = this.hashTo(BRACKET, end)
    terms.to = this.place
    if (!this.ok) return false
    if (!this.#isKnown()) this.#plain()
    this.#tried()
    return this.ok && this.place === end
  }

  #isKnown(): boolean {
    const { known, view } = this
    this.entry = known.find(this.#hash, view, this.#terms.from, this.#terms.to)
    if (this.entry === -1 || !known.isCall(this.entry, view, this.place)) return false
    this.place += known.callBytes(this.entry)
    return true
  }

  #plain(): void {
    this.entry = -1
    this.place = this.#terms.from
    this.expect(GENERATION)
    this.digits()
    this.expect(CONFIG)
    this.words()
    this.expect(API)
    this.wordsIn(this.api)
    this.expect(OPERATION)
    this.wordsIn(this.operation)
    this.expect(CONSUMER)
    this.wordsIn(this.consumer)
    this.expect(KIND)
    this.wordsIn(this.kind)
    this.expect(STATUS)
    this.digits()
    this.#ended()
    this.#rest.to = this.place
  }

  #ended(): void {
    const { code, requested } = this
    code.from = 0
    code.to = 0
    if (this.is(CODE)) {
      this.wordsIn(code)
      this.expect(QUOTE)
    }
    if (this.is(RECEIPT)) this.word()
    this.expect(REQUESTED)
    this.digitsIn(requested)
    this.expect(CANDIDATES)
    if (this.place !== this.#terms.to) this.ok = false
    this.#rest.from = this.place
    this.expect(LIST)
    this.list()
    this.expect(UNITS)
    this.digits()
    this.expect(PRICE)
    this.word()
    this.expect(ATTEMPTS)
  }

  #tried(): void {
    const { attempts } = this
    const from = this.place
    const hasWaste = this.list()
    attempts.from = hasWaste ? from : 0
    attempts.to = hasWaste ? this.place - 1 : 0
    this.expect(TOOK)
    this.digits()
    this.expect(END)
  }

  /** So that the same of another call is known. `tail`: what its line says of it. */
  keep(tail: DataView, from: number, to: number): void {
    this.known.keep(this.#hash, this.view, { terms: this.#terms, call: this.#rest, rest: NOTHING }, tail, { from, to })
  }
}

const NOTHING = { from: 0, to: 0 }
