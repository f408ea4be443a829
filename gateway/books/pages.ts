/** The pages of a batch: under each account its entries in the order in which they were made, whether their text is there or is yet to be written from the bytes of a charge. */
import { Words } from '#contract'
import { creditOf } from './names.ts'

/** Beyond it accounts are forgotten between batches, and met anew. */
const KNOWN = 65_536
const NONE = -1
const TAB = 9

/** What is the same in the entries of all charges of one seller at one price, which is more than nothing. */
export class Deal {
  readonly price: number
  readonly platform: number
  /** Between instant and receipt. */
  readonly middle: Buffer
  /** Behind the account. */
  readonly end: Buffer

  /** @param owner the account of what the owner is owed */
  constructor(price: number, platform: number, owner: string) {
    this.price = price
    this.platform = platform
    this.middle = Buffer.from(`\tcharge\t-${price}\t`, 'latin1')
    const owed = price === platform ? '' : `\t${owner}\t-${price - platform}`
    this.end = Buffer.from(`\t${price}${owed}${platform === 0 ? '' : `\trev:platform\t-${platform}`}\n`, 'latin1')
  }
}

/** Where the two texts of a charge's entry stand in the bytes of its group. */
export interface EntryPlace {
  readonly idFrom: number
  readonly idTo: number
  readonly atFrom: number
  readonly atTo: number
}

export interface PageRow {
  readonly account: string
  /** One entry a line, oldest first. */
  readonly lines: string
}

/** Of each entry: the one that follows it under the same account, whose it is, and where its texts stand. */
const NEXT = 0
const ACCOUNT = 1
const ID_FROM = 2
const ID_TO = 3
const AT_FROM = 4
const AT_TO = 5
const SIZE = 6

export class Pages {
  readonly accounts = new Words()
  #entries = new Int32Array(SIZE * 4096)
  /** Beside each entry: the bytes of its charge, or its text. */
  #sources: (Buffer | string)[] = []
  #deals: (Deal | undefined)[] = []
  /** By the number of the account: its first and its last entry. */
  #ends = new Int32Array(2048).fill(NONE)
  #touched: number[] = []
  #linked = 0
  #out = Buffer.allocUnsafeSlow(64 * 1024)

  /** Everything of the batch before is forgotten. */
  begin(): void {
    for (const account of this.#touched) this.#ends[account * 2] = NONE
    this.#touched = []
    this.#sources = []
    this.#deals = []
    this.#linked = 0
    if (this.accounts.texts.length > KNOWN) this.accounts.clear()
  }

  /** How many entries there are: where another one that is read now has to stand. */
  get count(): number {
    return this.#sources.length
  }

  /** The entry of a charge at a price; it has no place on its page before `upTo`. */
  charged(account: number, deal: Deal, bytes: Buffer, place: EntryPlace): void {
    const at = this.#add(account, bytes, deal) * SIZE
    const entries = this.#entries
    entries[at + ID_FROM] = place.idFrom
    entries[at + ID_TO] = place.idTo
    entries[at + AT_FROM] = place.atFrom
    entries[at + AT_TO] = place.atTo
  }

  /** Charges before this count get their places: after everything that was entered until now. */
  upTo(count: number): void {
    for (; this.#linked < count; this.#linked += 1) this.#link(this.#linked)
  }

  /** An entry as text; only when no more charges come. */
  enter(account: string, line: string): void {
    this.#link(this.#add(this.accounts.numberOf(account), line, undefined))
  }

  *rows(): Iterable<PageRow> {
    for (const account of this.#touched) {
      const name = this.accounts.texts[account] as string
      yield { account: name, lines: this.#linesOf(account, name) }
    }
  }

  #add(account: number, source: Buffer | string, deal: Deal | undefined): number {
    const entry = this.#sources.push(source) - 1
    this.#deals.push(deal)
    if ((entry + 1) * SIZE > this.#entries.length) this.#entries = doubled(this.#entries)
    this.#entries[entry * SIZE + ACCOUNT] = account
    return entry
  }

  #link(entry: number): void {
    const account = this.#entries[entry * SIZE + ACCOUNT] as number
    if (account * 2 >= this.#ends.length) this.#ends = doubled(this.#ends, account)
    this.#entries[entry * SIZE + NEXT] = NONE
    if (this.#ends[account * 2] === NONE) {
      this.#touched.push(account)
      this.#ends[account * 2] = entry
    } else this.#entries[(this.#ends[account * 2 + 1] as number) * SIZE + NEXT] = entry
    this.#ends[account * 2 + 1] = entry
  }

  #linesOf(account: number, name: string): string {
    const credit = Buffer.from(`\t${creditOf(name)}`, 'latin1')
    const parts: string[] = []
    let size = 0
    for (let entry = this.#ends[account * 2] as number; entry !== NONE; entry = this.#entries[entry * SIZE + NEXT] as number) {
      const source = this.#sources[entry] as Buffer | string
      if (typeof source !== 'string') {
        size = this.#write(size, entry, source, credit)
        continue
      }
      if (size > 0) parts.push(this.#out.toString('latin1', 0, size - 1))
      size = 0
      parts.push(source)
    }
    if (size > 0) parts.push(this.#out.toString('latin1', 0, size - 1))
    return parts.length === 1 ? (parts[0] as string) : parts.join('\n')
  }

  /** As `writeEntry` has it, with its line feed. */
  #write(size: number, entry: number, bytes: Buffer, credit: Buffer): number {
    const deal = this.#deals[entry] as Deal
    const entries = this.#entries
    const place = entry * SIZE
    const idFrom = entries[place + ID_FROM] as number
    const idTo = entries[place + ID_TO] as number
    const atFrom = entries[place + AT_FROM] as number
    const atTo = entries[place + AT_TO] as number
    const most = size + 2 * (idTo - idFrom) + atTo - atFrom + 1 + deal.middle.length + credit.length + deal.end.length
    if (most > this.#out.length) this.#out = Buffer.concat([this.#out], most * 2)
    const out = this.#out
    let at = put(out, size, bytes, idFrom, idTo)
    out[at] = TAB
    at = put(out, at + 1, bytes, atFrom, atTo)
    at = put(out, at, deal.middle, 0, deal.middle.length)
    at = put(out, at, bytes, idFrom, idTo)
    at = put(out, at, credit, 0, credit.length)
    return put(out, at, deal.end, 0, deal.end.length)
  }
}

/** Some bytes: a loop is quicker than a call that copies them. */
function put(out: Buffer, at: number, bytes: Buffer, from: number, to: number): number {
  for (let index = from; index < to; index += 1) {
    out[at] = bytes[index] as number
    at += 1
  }
  return at
}

/** With room for this index at least. */
function doubled(of: Int32Array<ArrayBuffer>, account = 0): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(of.length, (account + 1) * 2) * 2).fill(NONE)
  more.set(of)
  return more
}
