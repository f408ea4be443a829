/** The pages of a booking: under each account its entries in the order in which they were made; of plain charges only what differs from one to the next. */
import { Words } from '#contract'

/** Beyond it accounts are forgotten between bookings, and met anew. */
const KNOWN = 65_536
const NONE = -1
const TAB = 9
const FEED = 10

/** What is the same in the entries of all charges of one seller at one price, which is more than nothing. */
export class Deal {
  readonly price: number
  readonly platform: number
  /** As it stands above its charges; `linesIn` reads it. */
  readonly line: Buffer
  /** The booking in which it was used last, and its number there. */
  booking = NONE
  number = NONE

  /** @param owner the account of what the owner is owed */
  constructor(price: number, platform: number, owner: string) {
    this.price = price
    this.platform = platform
    const owed = price === platform ? '' : `\t${owner}\t-${price - platform}`
    this.line = Buffer.from(`\t\t${price}${owed}${platform === 0 ? '' : `\trev:platform\t-${platform}`}\n`, 'latin1')
  }
}

/** Where the two texts of a charge's entry stand in its bytes. */
export interface EntryPlace {
  readonly idFrom: number
  readonly idTo: number
  readonly atFrom: number
  readonly atTo: number
}

export interface PageRow {
  readonly account: string
  /** Oldest first. */
  readonly lines: string
}

/** Of each entry: the one that follows it under the same account, whose it is, its deal, and where its text stands; a text of its own has no deal. */
const NEXT = 0
const ACCOUNT = 1
const DEAL = 2
const FROM = 3
const TO = 4
const SIZE = 5

export class Pages {
  readonly accounts = new Words()
  #entries = new Int32Array(SIZE * 4096)
  #count = 0
  #texts: string[] = []
  /** Ids and instants of charges, each with its line feed. */
  #heap = Buffer.allocUnsafeSlow(256 * 1024)
  #used = 0
  #deals: Deal[] = []
  /** By the number of the account: its first and its last entry. */
  #ends = new Int32Array(2048).fill(NONE)
  #touched: number[] = []
  #linked = 0
  #booking = 0
  #out = Buffer.allocUnsafeSlow(64 * 1024)

  /** Everything of the booking before is forgotten. */
  begin(): void {
    for (const account of this.#touched) this.#ends[account * 2] = NONE
    this.#touched = []
    this.#texts = []
    this.#deals = []
    this.#count = 0
    this.#used = 0
    this.#linked = 0
    this.#booking += 1
    if (this.accounts.texts.length > KNOWN) this.accounts.clear()
  }

  /** How many entries there are: where another one that is read now has to stand. */
  get count(): number {
    return this.#count
  }

  /** The entry of a charge at a price; it has no place on its page before `upTo`. */
  charged(account: number, deal: Deal, bytes: Buffer, { idFrom, idTo, atFrom, atTo }: EntryPlace): void {
    const from = this.#used
    this.#used = from + idTo - idFrom + atTo - atFrom + 2
    if (this.#used > this.#heap.length) this.#heap = Buffer.concat([this.#heap], this.#used * 2)
    const heap = this.#heap
    let at = put(heap, from, bytes, idFrom, idTo)
    heap[at] = TAB
    at = put(heap, at + 1, bytes, atFrom, atTo)
    heap[at] = FEED
    if (deal.booking !== this.#booking) {
      deal.booking = this.#booking
      deal.number = this.#deals.push(deal) - 1
    }
    this.#add(account, deal.number, from, this.#used)
  }

  /** Charges before this count get their places: after everything that was entered until now. */
  upTo(count: number): void {
    for (; this.#linked < count; this.#linked += 1) this.#link(this.#linked)
  }

  /** An entry as text; only when no more charges come. */
  enter(account: string, line: string): void {
    this.#link(this.#add(this.accounts.numberOf(account), NONE, this.#texts.push(line) - 1, 0))
  }

  *rows(): Iterable<PageRow> {
    for (const account of this.#touched) yield { account: this.accounts.texts[account] as string, lines: this.#linesOf(account) }
  }

  #add(account: number, deal: number, from: number, to: number): number {
    const entry = this.#count
    this.#count += 1
    if (this.#count * SIZE > this.#entries.length) this.#entries = doubled(this.#entries)
    const at = entry * SIZE
    this.#entries[at + ACCOUNT] = account
    this.#entries[at + DEAL] = deal
    this.#entries[at + FROM] = from
    this.#entries[at + TO] = to
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

  #linesOf(account: number): string {
    const entries = this.#entries
    const parts: string[] = []
    let size = 0
    let above = NONE
    for (let at = (this.#ends[account * 2] as number) * SIZE; at >= 0; at = (entries[at + NEXT] as number) * SIZE) {
      const deal = entries[at + DEAL] as number
      const from = entries[at + FROM] as number
      if (deal !== NONE) {
        if (deal !== above) size = this.#write(size, (this.#deals[deal] as Deal).line, 0, NONE)
        size = this.#write(size, this.#heap, from, entries[at + TO] as number)
        above = deal
        continue
      }
      if (size > 0) parts.push(this.#out.toString('latin1', 0, size - 1))
      size = 0
      parts.push(this.#texts[from] as string)
    }
    if (size > 0) parts.push(this.#out.toString('latin1', 0, size - 1))
    return parts.length === 1 ? (parts[0] as string) : parts.join('\n')
  }

  /** With its line feed. */
  #write(size: number, bytes: Buffer, from: number, until: number): number {
    const to = until === NONE ? bytes.length : until
    if (size + to - from > this.#out.length) this.#out = Buffer.concat([this.#out], (size + to - from) * 2)
    return put(this.#out, size, bytes, from, to)
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
