/** What each owner is owed and why, from the books: sums of postings, so that they add up to the balance to the micro-dollar. */
import { type Books, type Connection, dollars, formatUsd, type LedgerEntry, type Usd } from '#contract'

const OWNER = 'liab:owner:'
const PAYOUT = 'liab:payout:'

/** One owner, as of now. */
export interface Claimant {
  readonly owner: string
  readonly owed: Usd
  /** Begun and not ended. */
  readonly inTransit: Usd
  readonly wallet: string | undefined
  /** Undefined: payable. */
  readonly why: string | undefined
}

export interface PayRule {
  readonly min: Usd
  /** Addresses that no payout may go to: what was sent there would be gone, or move nothing. */
  readonly never: ReadonlyMap<string, string>
}

/** In the order in which they are paid: most owed first. `rule` undefined: payouts are not configured. */
export async function claimants(books: Pick<Books, 'balances'>, connections: readonly Connection[], rule: PayRule | undefined): Promise<readonly Claimant[]> {
  const balances = await books.balances()
  const owners = new Set(connections.map(({ owner }) => owner))
  for (const account of balances.keys()) {
    for (const kind of [OWNER, PAYOUT]) if (account.startsWith(kind)) owners.add(account.slice(kind.length))
  }
  const found = [...owners].map((owner): Claimant => {
    const owed = -(balances.get(OWNER + owner) ?? 0n) as Usd
    const inTransit = -(balances.get(PAYOUT + owner) ?? 0n) as Usd
    const wallets = walletsOf(owner, connections)
    return { owner, owed, inTransit, wallet: wallets.length === 1 ? wallets[0] : undefined, why: whyNot(owed, wallets, rule) }
  })
  return found.sort((a, b) => (a.owed > b.owed ? -1 : a.owed < b.owed ? 1 : a.owner < b.owner ? -1 : 1))
}

/** Different spellings of one address are one wallet. */
function walletsOf(owner: string, connections: readonly Connection[]): readonly string[] {
  const wallets = new Map<string, string>()
  for (const connection of connections)
    if (connection.owner === owner && connection.payTo !== undefined) wallets.set(connection.payTo.toLowerCase(), connection.payTo)
  return [...wallets.values()]
}

function whyNot(owed: Usd, wallets: readonly string[], rule: PayRule | undefined): string | undefined {
  if (owed === 0n) return 'nothing is owed'
  if (owed < 0n) return `nothing is owed: refunds and corrections are ${dollars(-owed)} more than was earned`
  if (rule === undefined) return 'payouts are not configured: payout is missing in the configuration'
  if (owed < rule.min) return `below payout.min ${dollars(rule.min)}`
  const [wallet] = wallets
  if (wallet === undefined) return 'no connection of this owner names a wallet: pay_to is missing'
  if (wallets.length > 1) return `connections of this owner name different wallets: ${wallets.join(', ')}; write one pay_to in all of them`
  const never = rule.never.get(wallet.toLowerCase())
  return never === undefined ? undefined : `pay_to ${wallet} is ${never}`
}

interface Sums {
  earned: bigint
  refunded: bigint
  corrected: bigint
  /** Begun and not failed: paid, or in transit. */
  begun: bigint
}

/** Reads every entry, so it is for people and not for the run. */
async function history(entries: AsyncIterable<LedgerEntry>): Promise<ReadonlyMap<string, Sums>> {
  const sums = new Map<string, Sums>()
  for await (const { kind, postings } of entries) {
    for (const { account, amount } of postings) {
      if (!account.startsWith(OWNER)) continue
      const owner = account.slice(OWNER.length)
      const sum = sums.get(owner) ?? { earned: 0n, refunded: 0n, corrected: 0n, begun: 0n }
      sums.set(owner, sum)
      if (kind === 'charge') sum.earned -= amount
      else if (kind === 'refund') sum.refunded += amount
      else if (kind === 'payout') sum.begun += amount
      else sum.corrected -= amount
    }
  }
  return sums
}

/** earned − refunded + corrected − paid − in_transit = owed. */
export async function explained(books: Pick<Books, 'balances' | 'entries'>, found: readonly Claimant[]): Promise<readonly Record<string, unknown>[]> {
  const sums = await history(books.entries())
  return found.map(({ owner, owed, inTransit, wallet, why }) => {
    const { earned, refunded, corrected, begun } = sums.get(owner) ?? { earned: 0n, refunded: 0n, corrected: 0n, begun: 0n }
    return {
      ...{ owner, owed: formatUsd(owed), earned: formatUsd(earned), refunded: formatUsd(refunded), corrected: formatUsd(corrected) },
      ...{ paid: formatUsd(begun - inTransit), in_transit: formatUsd(inTransit) },
      ...{ wallet: wallet ?? null, payable: why === undefined, why: why ?? 'is paid by the next payout run' },
    }
  })
}
