/**
 * From a journal record to double entry: pure, bigint micro-dollars, every entry sums to zero. Debit is positive.
 * Accounts: asset:wallet:<network> (x402 received), asset:outside (paid outside the gateway or given by the operator),
 * liab:credit:<account>, liab:owner:<owner>, rev:platform.
 */
import { type Month, monthOf } from '#contract'

export interface Posting {
  readonly account: string
  readonly amount: bigint
}

export interface Entry {
  readonly id: string
  readonly at: number
  readonly month: Month
  readonly kind: 'credit' | 'charge' | 'refund'
  /** Whose statement shows it, and by how much the balance rises there. */
  readonly account: string
  readonly amount: bigint
  readonly receipt: string | undefined
  readonly postings: readonly Posting[]
}

/** What a connection sold, used and lost in a month. */
export interface TallyChange {
  readonly month: Month
  readonly connection: string
  readonly owner: string
  readonly calls: number
  readonly units: number
  readonly own: number
  readonly wasted: number
  readonly revenue: bigint
  readonly platform: bigint
}

/** The members of the journal's records that the books read. */
export interface ChargeLine {
  readonly id: string
  readonly at: number
  readonly connection: string
  readonly owner: string
  readonly units: number
  readonly price: string
  readonly platform: string
  readonly by: 'owner' | 'credits' | 'x402'
  readonly account: string
  readonly payment?: { readonly network: string }
}

export interface CreditLine {
  readonly id: string
  readonly at: number
  readonly account: string
  readonly amount: string
}

export interface RefundLine {
  readonly id: string
  readonly receipt: string
  readonly at: number
  readonly connection: string
  readonly owner: string
  readonly account: string
  readonly price: string
  readonly platform: string
}

export interface WastedLine {
  readonly at: number
  readonly connection: string
  readonly owner: string
  readonly units: number
}

const nonZero = (postings: readonly Posting[]): readonly Posting[] => postings.filter(({ amount }) => amount !== 0n)

export function creditEntry(line: CreditLine): Entry {
  const amount = BigInt(line.amount)
  return {
    id: line.id,
    at: line.at,
    month: monthOf(line.at),
    kind: 'credit',
    account: line.account,
    amount,
    receipt: undefined,
    postings: nonZero([
      { account: 'asset:outside', amount },
      { account: `liab:credit:${line.account}`, amount: -amount },
    ]),
  }
}

/** Undefined where no money moves: an owner's own call. */
export function chargeEntry(line: ChargeLine): Entry | undefined {
  const price = BigInt(line.price)
  if (line.by === 'owner' || price === 0n) return undefined
  const platform = BigInt(line.platform)
  const from = line.by === 'credits' ? `liab:credit:${line.account}` : `asset:wallet:${line.payment?.network ?? 'unknown'}`
  return {
    id: line.id,
    at: line.at,
    month: monthOf(line.at),
    kind: 'charge',
    account: line.account,
    amount: line.by === 'credits' ? -price : 0n,
    receipt: line.id,
    postings: nonZero([
      { account: from, amount: price },
      { account: `liab:owner:${line.owner}`, amount: platform - price },
      { account: 'rev:platform', amount: -platform },
    ]),
  }
}

export function refundEntry(line: RefundLine): Entry {
  const price = BigInt(line.price)
  const platform = BigInt(line.platform)
  return {
    id: line.id,
    at: line.at,
    month: monthOf(line.at),
    kind: 'refund',
    account: line.account,
    amount: price,
    receipt: line.receipt,
    postings: nonZero([
      { account: `liab:owner:${line.owner}`, amount: price - platform },
      { account: 'rev:platform', amount: platform },
      { account: `liab:credit:${line.account}`, amount: -price },
    ]),
  }
}

export function chargeTally(line: ChargeLine): TallyChange {
  const sold = line.by !== 'owner'
  return {
    month: monthOf(line.at),
    connection: line.connection,
    owner: line.owner,
    calls: sold ? 1 : 0,
    units: sold ? line.units : 0,
    own: sold ? 0 : line.units,
    wasted: 0,
    revenue: BigInt(line.price),
    platform: BigInt(line.platform),
  }
}

const NOTHING_CHANGED = { calls: 0, units: 0, own: 0, wasted: 0, revenue: 0n, platform: 0n }

export const refundTally = (line: RefundLine): TallyChange => ({
  ...NOTHING_CHANGED,
  month: monthOf(line.at),
  connection: line.connection,
  owner: line.owner,
  revenue: -BigInt(line.price),
  platform: -BigInt(line.platform),
})

export const wastedTally = (line: WastedLine): TallyChange => ({
  ...NOTHING_CHANGED,
  month: monthOf(line.at),
  connection: line.connection,
  owner: line.owner,
  wasted: line.units,
})

export const sumOf = (entry: Entry): bigint => entry.postings.reduce((sum, { amount }) => sum + amount, 0n)
