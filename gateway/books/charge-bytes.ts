/** Reads a charge where its bytes stand, up to the last fact that the books need; what `charge-line.ts` would read, and nothing that it would not. */
import { LineScan, literal } from '#contract'

const START = literal('{"t":"charge","id":"')
const AT = literal('","at":')
const SINCE = literal(',"since":')
const CONNECTION = literal(',"connection":"')
const OWNER = literal('","owner":"')
const PERIOD = literal('","period":')
const UNITS = literal(',"units":')
const PRICE = literal(',"price":"')
const PLATFORM = literal('","platform":"')
const BY_CREDITS = literal('","by":"credits')
const BY_OWNER = literal('","by":"owner')
const ACCOUNT = literal('","account":"')
const END = literal('",')
/** Of terms that are known again; they have some 130. */
const TERMS_BYTES = 512

/** One charge at a time; places are bytes, from and to. */
export class ChargeBytes extends LineScan {
  idFrom = 0
  idTo = 0
  atFrom = 0
  atTo = 0
  at = 0
  /** Connection and owner, with what stands between them. */
  sellerFrom = 0
  sellerTo = 0
  units = 0
  /** Micro-dollars. */
  price = 0
  platform = 0
  isOwn = false
  accountFrom = 0
  accountTo = 0
  /** Everything between instant and account is what it was in the charge read before. */
  isSame = false
  readonly #terms = Buffer.alloc(TERMS_BYTES)
  #termsBytes = 0

  /** False where it is no such line, or one of which more than sums and one account would have to be known. */
  read(bytes: Buffer, start: number): boolean {
    this.begin(bytes, start)
    if (!this.is(START)) return false
    this.idFrom = this.place
    this.idTo = this.words()
    this.atFrom = this.expect(AT)
    this.at = this.number()
    this.atTo = this.place
    if (this.is(SINCE)) this.number()
    const from = this.place
    this.isSame = this.ok && this.#isAsBefore(from)
    if (!this.isSame) this.#readTerms()
    this.accountFrom = this.place
    this.accountTo = this.words()
    this.expect(END)
    if (!this.ok || this.accountTo === this.accountFrom || this.platform > this.price) return false
    if (!this.isSame) this.#remember(from)
    return true
  }

  #readTerms(): void {
    // What is read here may be of no charge in the end.
    this.#termsBytes = 0
    this.sellerFrom = this.expect(CONNECTION)
    this.words()
    this.expect(OWNER)
    this.sellerTo = this.words()
    this.expect(PERIOD)
    this.number()
    this.expect(UNITS)
    this.units = this.number()
    this.expect(PRICE)
    this.price = this.number()
    this.expect(PLATFORM)
    this.platform = this.number()
    this.isOwn = this.is(BY_OWNER)
    if (!this.isOwn) this.expect(BY_CREDITS)
    this.expect(ACCOUNT)
  }

  /** Nearly every charge is one of the same operation at the same price. */
  #isAsBefore(from: number): boolean {
    const { bytes } = this
    const terms = this.#terms
    const length = this.#termsBytes
    for (let index = 0; index < length; index += 1) if (bytes[from + index] !== terms[index]) return false
    this.place = from + length
    return length > 0
  }

  #remember(from: number): void {
    const { bytes } = this
    const terms = this.#terms
    const length = this.accountFrom - from
    this.#termsBytes = length > TERMS_BYTES ? 0 : length
    for (let index = 0; index < this.#termsBytes; index += 1) terms[index] = bytes[from + index] as number
  }
}
