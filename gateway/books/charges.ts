/**
 * Plain charges of a booking, added up from their bytes: what each account was charged, what each connection sold, and their entries. Sums are numbers as long as all of them together are exact, then bigints of the batch's.
 */
import { monthOf, Words } from '#contract'
import type { Batch } from './batch.ts'
import { ChargeBytes } from './charge-bytes.ts'
import { creditOf, ownerOf } from './names.ts'
import { Deal, type Pages } from './pages.ts'

const DAY_MS = 86_400_000
const BETWEEN = '","owner":"'
/** Of prices by one seller; beyond it they are forgotten, and met anew. */
const DEALS = 1000

/** What one connection sold, and what came of it since sums were handed on. */
class Seller {
  readonly connection: string
  readonly owner: string
  isTouched = false
  calls = 0
  units = 0
  own = 0
  revenue = 0
  platform = 0
  /** Of these, what was charged to accounts. */
  charged = 0
  chargedPlatform = 0
  /** By their price. */
  readonly #deals = new Map<number, Deal>()
  #last: Deal | undefined

  /** @param text connection and owner, with what stands between them in a line */
  constructor(text: string) {
    const [connection = '', owner = ''] = text.split(BETWEEN)
    this.connection = connection
    this.owner = owner
  }

  dealOf(price: number, platform: number): Deal {
    const last = this.#last
    if (last?.price === price && last.platform === platform) return last
    let deal = this.#deals.get(price)
    if (deal?.platform !== platform) {
      deal = new Deal(price, platform, ownerOf(this.owner))
      if (this.#deals.size >= DEALS) this.#deals.clear()
      this.#deals.set(price, deal)
    }
    this.#last = deal
    return deal
  }

  clear(): void {
    this.isTouched = false
    this.calls = 0
    this.units = 0
    this.own = 0
    this.revenue = 0
    this.platform = 0
    this.charged = 0
    this.chargedPlatform = 0
  }
}

export class Charges {
  readonly #pages: Pages
  readonly #scan = new ChargeBytes()
  readonly #texts = new Words()
  readonly #sellers: Seller[] = []
  #touched: Seller[] = []
  /** Of the charge before. */
  #seller: Seller | undefined
  /** By the number of the account. */
  #sums = new Float64Array(1024)
  #accounts: number[] = []
  /** All of it together: as long as this is exact, each sum is. */
  #total = 0
  #day = 0
  #batch: Batch | undefined

  constructor(pages: Pages) {
    this.#pages = pages
  }

  /** Everything goes to this one until the next begins. */
  begin(batch: Batch): void {
    this.#batch = batch
    this.#clear()
  }

  /** Takes the line that begins here, if it is a plain one. */
  take(bytes: Buffer, start: number): boolean {
    const scan = this.#scan
    if (!scan.read(bytes, start)) return false
    const { price, platform, units } = scan
    const day = Math.floor(scan.at / DAY_MS)
    if (day !== this.#day || this.#total + price + units > Number.MAX_SAFE_INTEGER) this.#next(day)
    this.#total += price + units
    const seller = this.#sellerOf(bytes)
    seller.revenue += price
    seller.platform += platform
    if (scan.isOwn) seller.own += units
    else {
      seller.calls += 1
      seller.units += units
      if (price > 0) this.#charge(bytes, seller)
    }
    return true
  }

  #charge(bytes: Buffer, seller: Seller): void {
    const { price, platform, accountFrom, accountTo } = this.#scan
    seller.charged += price
    seller.chargedPlatform += platform
    const account = this.#pages.accounts.number(bytes, accountFrom, accountTo)
    if (account >= this.#sums.length) this.#grow()
    const sum = this.#sums[account] as number
    if (sum === 0) this.#accounts.push(account)
    this.#sums[account] = sum + price
    this.#pages.charged(account, seller.dealOf(price, platform), bytes, this.#scan)
  }

  #sellerOf(bytes: Buffer): Seller {
    const seller = this.#scan.isSame && this.#seller !== undefined ? this.#seller : this.#met(bytes)
    this.#seller = seller
    if (!seller.isTouched) this.#touched.push(seller)
    seller.isTouched = true
    return seller
  }

  #met(bytes: Buffer): Seller {
    const number = this.#texts.number(bytes, this.#scan.sellerFrom, this.#scan.sellerTo)
    const seller = this.#sellers[number] ?? new Seller(this.#texts.texts[number] as string)
    this.#sellers[number] = seller
    return seller
  }

  #next(day: number): void {
    this.end()
    this.#day = day
  }

  /** Hands on what was added up. */
  end(): void {
    const batch = this.#batch
    const month = monthOf(this.#day * DAY_MS)
    if (batch !== undefined) {
      for (const account of this.#accounts) {
        batch.balances.add(month, creditOf(this.#pages.accounts.texts[account] as string), BigInt(this.#sums[account] as number))
      }
      for (const { connection, owner, calls, units, own, revenue, platform, charged, chargedPlatform } of this.#touched) {
        batch.tally({ month, connection, owner, calls, units, own, wasted: 0, revenue: BigInt(revenue), platform: BigInt(platform) })
        if (charged > chargedPlatform) batch.balances.add(month, ownerOf(owner), BigInt(chargedPlatform - charged))
        if (chargedPlatform > 0) batch.balances.add(month, 'rev:platform', BigInt(-chargedPlatform))
      }
    }
    this.#clear()
  }

  #clear(): void {
    for (const account of this.#accounts) this.#sums[account] = 0
    for (const seller of this.#touched) seller.clear()
    this.#accounts.length = 0
    this.#touched = []
    this.#total = 0
  }

  #grow(): void {
    const sums = new Float64Array(this.#sums.length * 2)
    sums.set(this.#sums)
    this.#sums = sums
  }
}
