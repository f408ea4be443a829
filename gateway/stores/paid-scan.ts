/**
 * Reads an intent and its settlement where their bytes stand: of a call that was paid and settled the state needs a few facts and how long
 * its answer is, and the lines are long. What looks otherwise is left to whoever parses.
 */
import { isText, LineScan, type Literal, literal } from '#contract'
import type { SoldFacts } from './lines.ts'

const INTENT = literal('{"t":"intent","id":"')
const SETTLED = literal('{"t":"settled","id":"')
const ID_END = literal('",')
const AT = literal('","at":')
const CONNECTION = literal(',"connection":"')
const OWNER = literal('","owner":"')
const PERIOD = literal('","period":')
const UNITS = literal(',"units":')
const PRICE = literal(',"price":"')
const PLATFORM = literal('","platform":"')
const ACCOUNT = literal('","by":"x402","account":"')
const API = literal('","api":"')
const OPERATION = literal('","operation":"')
const REQUEST = literal('","subject":{"requestDigest":"')
const ANSWERED = literal('","answerDigest":"')
const NAME = literal('"},"names":[{"name":"')
const DIGEST = literal('","digest":"')
const UNTIL = literal('","until":')
const ONCE = literal('}],"once":[{"key":"')
const CALL = literal('}],"call":{"v":')
const CALL_ID = literal(',"id":"')
const GENERATION = literal(',"generation":')
const CONFIG = literal(',"config":"')
const CONSUMER = literal('","consumer":"')
const UPSTREAM = literal('","upstreamMs":')
const TOOK = literal(',"tookMs":')
const PAYMENT = literal('},"payment":')

/** In JSON these can only be members: within a text their quotes would be escaped. */
const ANSWER = literal(',"answer":{"status":')
const BODY = literal(',"body":"')
const ENDS = [literal('","encoding":"utf8"}}'), literal('","encoding":"base64"}}')]

const [ESCAPE, CODE] = [0x5c, 0x75]
const CODE_BYTES = 6
/** What a byte of UTF-8 adds to the characters of a text. */
const CHARACTERS = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0xf0 ? 2 : byte < 0x80 || byte >= 0xc0 ? 1 : 0))

export interface PaidFacts {
  readonly sold: SoldFacts
  /** Characters of the answer's body; undefined where none is stored. */
  readonly body: number | undefined
}

/** One line at a time. */
export class PaidScan extends LineScan {
  /** Come again in most lines. */
  #connection = ''
  #account = ''
  #consumer = ''
  #price = ''
  #digest = ''

  /** Undefined where it has to be parsed. */
  intent(bytes: Buffer, start: number, end: number): PaidFacts | undefined {
    this.begin(bytes, start)
    if (!this.is(INTENT)) return undefined
    const id = this.#text(this.place)
    this.expect(AT)
    const at = this.number()
    this.#connection = this.#again(this.#connection, CONNECTION)
    this.expect(OWNER)
    this.words()
    this.expect(PERIOD)
    const period = this.number()
    this.expect(UNITS)
    const units = this.number()
    this.#price = this.#amount()
    this.expect(PLATFORM)
    this.number()
    this.#account = this.#again(this.#account, ACCOUNT)
    this.#skipSubject()
    const name = this.#text(this.expect(NAME))
    this.#digest = this.#again(this.#digest, DIGEST)
    this.expect(UNTIL)
    const until = this.number()
    const key = this.#text(this.expect(ONCE))
    this.expect(UNTIL)
    const once = [{ key, until: this.number() }]
    this.#readConsumer()
    const body = this.ok ? bodyIn(bytes, this.place, end) : -1
    if (body === -1) return undefined
    const names = [{ name, digest: this.#digest, until }]
    const call = { consumer: this.#consumer }
    const sold = { id, at, connection: this.#connection, period, units, price: this.#price, by: 'x402', account: this.#account, names, once, call } as const
    return { sold, body }
  }

  /** Its id; undefined where it has to be parsed. */
  settled(bytes: Buffer, start: number): string | undefined {
    this.begin(bytes, start)
    if (!this.is(SETTLED)) return undefined
    const id = this.#text(this.place)
    this.expect(ID_END)
    return this.ok ? id : undefined
  }

  #skipSubject(): void {
    this.expect(API)
    this.words()
    this.expect(OPERATION)
    this.words()
    this.expect(REQUEST)
    this.digest()
    this.expect(ANSWERED)
    this.digest()
  }

  /** What the charge says by itself is not said again: then the account called. */
  #readConsumer(): void {
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
    if (this.ok && this.is(API)) this.words()
    if (this.ok && this.is(OPERATION)) this.words()
    if (this.ok && this.is(CONSUMER)) {
      this.#consumer = this.#same(this.#consumer, this.place)
      this.ok &&= this.isAtQuote
      return
    }
    this.#consumer = this.#account
    this.expect(UPSTREAM)
    this.number()
    this.expect(TOOK)
    this.number()
    this.expect(PAYMENT)
  }

  /** Any number of digits. */
  #amount(): string {
    const from = this.expect(PRICE)
    const amount = this.#same(this.#price, from)
    this.ok &&= /^\d+$/.test(amount)
    return amount
  }

  #again(before: string, behind: Literal): string {
    return this.#same(before, this.expect(behind))
  }

  /** `before`, where that stands here again. */
  #same(before: string, from: number): string {
    const to = this.words()
    return isText(before, this.bytes, from, to) ? before : this.bytes.toString('latin1', from, to)
  }

  #text(from: number): string {
    return this.bytes.toString('latin1', from, this.words())
  }
}

/** Characters of the body of an answer that ends the line; undefined without one, -1 where it is not written as expected. */
function bodyIn(bytes: Buffer, from: number, end: number): number | undefined {
  const rest = bytes.subarray(from, end)
  const answer = rest.lastIndexOf(ANSWER.bytes)
  if (answer === -1) return undefined
  const start = rest.indexOf(BODY.bytes, answer)
  const ends = ENDS.find((text) => rest.compare(text.bytes, 0, text.length, Math.max(0, rest.length - text.length)) === 0)
  // A payment may hold members of the same names; what we have written ends the line.
  if (start === -1 || ends === undefined || rest.length - ends.length < start + BODY.length) return -1
  return charactersIn(rest, start + BODY.length, rest.length - ends.length)
}

/** Of a text as JSON has written it; it is not made. */
function charactersIn(bytes: Buffer, from: number, to: number): number {
  let characters = 0
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number
    characters += CHARACTERS[byte] as number
    if (byte === ESCAPE) at += bytes[at + 1] === CODE ? CODE_BYTES - 1 : 1
  }
  return characters
}
