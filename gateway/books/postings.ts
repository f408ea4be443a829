/**
 * From a journal record to double entry: pure, bigint micro-dollars, every entry sums to zero. Debit is positive.
 *
 * asset:wallet:<network>      received by x402                   liab:credit:<account>   prepaid credits
 * asset:outside               paid outside, or given              liab:owner:<owner>      owed to an owner
 * asset:in_transit:<network>  a settlement is being asked for     liab:payout:<owner>     a payout is under way
 * rev:platform                the platform's share                liab:suspense:settle    against in_transit
 *
 * Clearing accounts (in_transit, suspense, payout) return to zero. What is only held is not posted: a hold without a charge
 * is no charge, so it is never durable and never in the books.
 */
import { type LedgerEntry, type Month, monthOf } from '#contract'
import { balancedBy, moved, NO_POSTINGS, type Postings } from './balanced.ts'
import { creditOf, ownerOf } from './names.ts'

export interface Entry {
  readonly id: string
  readonly at: number
  readonly month: Month
  readonly kind: LedgerEntry['kind']
  /** On whose page it stands; by how much that account's balance rises in its statement. */
  readonly account: string
  readonly amount: bigint
  readonly receipt: string | undefined
  readonly postings: Postings
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

/** Credit that is to be paid for. */
export interface BuyLine {
  readonly id: string
  readonly at: number
  readonly account: string
  readonly amount: string
  readonly payment: { readonly network: string }
}

export interface CreditLine {
  readonly id: string
  readonly at: number
  readonly account: string
  readonly amount: string
  readonly from?: 'grant' | 'x402'
  readonly network?: string
}

export interface CorrectLine {
  readonly id: string
  readonly at: number
  readonly ref?: string
  readonly postings: readonly { readonly account: string; readonly amount: string }[]
}

export interface PayoutLine {
  readonly payout: { readonly id: string; readonly owner: string; readonly amount: string; readonly network: string; readonly atMs: number }
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
    postings: moved([line.from === 'x402' ? `asset:wallet:${line.network ?? 'unknown'}` : 'asset:outside', `liab:credit:${line.account}`, amount]),
  }
}

/** Undefined where no money moves: an owner's own call. */
export function chargeEntry(line: ChargeLine): Entry | undefined {
  const price = BigInt(line.price)
  if (line.by === 'owner' || price === 0n) return undefined
  const platform = BigInt(line.platform)
  const from = line.by === 'credits' ? creditOf(line.account) : `asset:wallet:${line.payment?.network ?? 'unknown'}`
  return {
    id: line.id,
    at: line.at,
    month: monthOf(line.at),
    kind: 'charge',
    account: line.account,
    amount: line.by === 'credits' ? -price : 0n,
    receipt: line.id,
    postings: moved([from, ownerOf(line.owner), price - platform], [from, 'rev:platform', platform]),
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
    postings: moved([`liab:owner:${line.owner}`, `liab:credit:${line.account}`, price - platform], ['rev:platform', `liab:credit:${line.account}`, platform]),
  }
}

const SUSPENSE = 'liab:suspense:settle'

/** Money that a facilitator has been asked for: in transit until it is settled or void. Undefined where nothing is asked for. */
export function intentEntry(line: ChargeLine): Entry | undefined {
  const price = BigInt(line.price)
  return price === 0n ? undefined : suspended(line, { id: `${line.id}:intent`, at: line.at, amount: price })
}

/** Whatever became of it, it is not in transit any more. */
export function intentEndEntry(line: ChargeLine, at: number): Entry | undefined {
  const price = BigInt(line.price)
  return price === 0n ? undefined : suspended(line, { id: `${line.id}:intent-end`, at, amount: -price })
}

const suspended = (
  { id: receipt, payment }: Pick<ChargeLine, 'id' | 'payment'>,
  { id, at, amount }: { readonly id: string; readonly at: number; readonly amount: bigint },
): Entry => ({
  ...{ id, at, month: monthOf(at), kind: 'intent', account: SUSPENSE, amount: 0n, receipt },
  postings: moved([`asset:in_transit:${payment?.network ?? 'unknown'}`, SUSPENSE, amount]),
})

export const buyEntry = (line: BuyLine): Entry => suspended(line, { id: `${line.id}:buy`, at: line.at, amount: BigInt(line.amount) })
export const buyEndEntry = (line: BuyLine, at: number): Entry => suspended(line, { id: `${line.id}:buy-end`, at, amount: -BigInt(line.amount) })

/** It was paid: credit. A call that follows under the same id is charged to it by an entry of its own. */
export const boughtEntry = ({ id, account, amount, payment }: BuyLine, at: number): Entry =>
  creditEntry({ id: `${id}:bought`, at, account, amount, from: 'x402', network: payment.network })

const CREDIT = 'liab:credit:'
const UNBALANCED = 'liab:suspense:correction'

/** The entry, and one without postings for each further account whose statement has to show it. */
export function correctEntries(line: CorrectLine): readonly Entry[] {
  const postings = line.postings.map(({ account, amount }) => ({ account, amount: BigInt(amount) }))
  const common = { at: line.at, month: monthOf(line.at), kind: 'correction' as const, receipt: line.ref }
  const shown = new Map<string, bigint>()
  for (const { account, amount } of postings) {
    const credited = account.startsWith(CREDIT) ? account.slice(CREDIT.length) : undefined
    if (credited !== undefined) shown.set(credited, (shown.get(credited) ?? 0n) - amount)
  }
  const [first = ['corrections', 0n] as const, ...others] = shown
  return [
    { ...common, id: line.id, account: first[0], amount: first[1], postings: balancedBy(UNBALANCED, postings) },
    ...others.map(([account, amount]) => ({ ...common, id: line.id, account, amount, postings: NO_POSTINGS })),
  ]
}

/** Owed becomes under way. */
export const payoutEntry = ({ payout: { id, owner, amount, atMs } }: PayoutLine): Entry =>
  paying(id, owner, atMs, moved([`liab:owner:${owner}`, `liab:payout:${owner}`, BigInt(amount)]))

/** Under way becomes paid, or is owed again. */
export const payoutEndEntry = (
  { payout: { id, owner, amount, network } }: PayoutLine,
  end: { readonly state: 'paid' | 'failed'; readonly at: number },
): Entry =>
  paying(
    `${id}:${end.state}`,
    owner,
    end.at,
    moved([`liab:payout:${owner}`, end.state === 'paid' ? `asset:wallet:${network}` : `liab:owner:${owner}`, BigInt(amount)]),
  )

const paying = (id: string, owner: string, at: number, postings: Postings): Entry => ({
  ...{ id, at, month: monthOf(at), kind: 'payout', account: `owner:${owner}`, amount: 0n, receipt: undefined, postings },
})

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
