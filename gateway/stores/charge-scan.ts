/**
 * Reads the beginning of a charge without names where its bytes stand, up to the last fact that the state needs: nearly every line
 * of a journal is one, and no text and no object is made of it. Whatever is written otherwise is left to whoever parses.
 */
import { LineScan, literal } from '#contract'

const START = literal('{"t":"charge","id":"')
const AT = literal('","at":')
const CONNECTION = literal(',"connection":"')
const OWNER = literal('","owner":"')
const PERIOD = literal('","period":')
const UNITS = literal(',"units":')
const PRICE = literal(',"price":"')
const PLATFORM = literal('","platform":"')
const BY = literal('","by":"')
const ACCOUNT = literal('","account":"')
const API = literal('","api":"')
const OPERATION = literal('","operation":"')
const REQUEST = literal('","subject":{"requestDigest":"')
const ANSWER = literal('","answerDigest":"')
const CALL = literal('"},"names":[],"once":[],"call":{"v":')
const CALL_ID = literal(',"id":"')
const GENERATION = literal(',"generation":')
const CONFIG = literal(',"config":"')
const CONSUMER = literal('","consumer":"')
const UPSTREAM = literal('","upstreamMs":')
const TOOK = literal(',"tookMs":')
const END = literal('}}\n')
const CREDITS = literal('credits')
const BY_OWNER = literal('owner')
const X402 = literal('x402')

export type By = 'credits' | 'owner' | 'x402'

/** One charge at a time; places are bytes, from and to. */
export class ChargeScan extends LineScan {
  at = 0
  connectionFrom = 0
  connectionTo = 0
  period = 0
  units = 0
  price = 0
  by: By = 'credits'
  accountFrom = 0
  accountTo = 0
  consumerFrom = 0
  consumerTo = 0

  /** False where it is no such line. */
  read(bytes: Buffer, start: number): boolean {
    this.begin(bytes, start)
    if (!this.is(START)) return false
    this.words()
    this.expect(AT)
    this.at = this.number()
    this.connectionFrom = this.expect(CONNECTION)
    this.connectionTo = this.words()
    this.expect(OWNER)
    this.words()
    this.expect(PERIOD)
    this.period = this.number()
    this.expect(UNITS)
    this.units = this.number()
    this.expect(PRICE)
    this.price = this.number()
    this.expect(PLATFORM)
    this.words()
    return this.ok && this.#rest()
  }

  #rest(): boolean {
    this.expect(BY)
    this.#payer()
    this.accountFrom = this.expect(ACCOUNT)
    this.accountTo = this.words()
    this.expect(API)
    this.words()
    this.expect(OPERATION)
    this.words()
    this.expect(REQUEST)
    this.digest()
    this.expect(ANSWER)
    this.digest()
    this.expect(CALL)
    this.number()
    this.expect(CALL_ID)
    this.words()
    this.expect(AT)
    this.number()
    this.expect(GENERATION)
    this.number()
    this.expect(CONFIG)
    this.digest()
    return this.ok && this.#consumer()
  }

  /** What the charge says by itself is not said again: then the account called, and the line ends as nearly all do. */
  #consumer(): boolean {
    if (this.is(API)) this.words()
    if (this.is(OPERATION)) this.words()
    if (this.is(CONSUMER)) {
      this.consumerFrom = this.place
      this.consumerTo = this.words()
      return this.isAtQuote
    }
    this.consumerFrom = this.accountFrom
    this.consumerTo = this.accountTo
    this.expect(UPSTREAM)
    this.number()
    this.expect(TOOK)
    this.number()
    this.expect(END)
    return this.ok
  }

  #payer(): void {
    if (this.is(CREDITS)) this.by = 'credits'
    else if (this.is(BY_OWNER)) this.by = 'owner'
    else if (this.is(X402)) this.by = 'x402'
    else this.ok = false
  }
}
