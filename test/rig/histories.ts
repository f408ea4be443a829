/** Histories of records as a store could have written them, by chance: what is begun may be ended, in another group or never. */
import fc from 'fast-check'

export const ACCOUNTS = ['key:a', 'key:b', 'wallet:0xb']
export const MONTHS = ['2026-11', '2026-12']
const OWNERS = ['alice', 'bob']
const NETWORK = 'eip155:84532'
const FIRST = Date.UTC(2026, 10, 29)
const HOURS = 60 * 60 * 1000

const KINDS = [
  'credit',
  'bought',
  'charge',
  'charge',
  'charge',
  'own',
  'free',
  'intent',
  'intent',
  'settled',
  'void',
  'refund',
  'wasted',
  'correct',
  'payout',
  'payout-end',
  'lease',
  'key',
] as const

export interface Step {
  readonly kind: (typeof KINDS)[number]
  readonly account: string
  readonly owner: string
  readonly price: bigint
  readonly share: bigint
  readonly units: number
  readonly hours: number
  /** Which of the open ones is ended. */
  readonly pick: number
}

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    account: fc.constantFrom(...ACCOUNTS),
    owner: fc.constantFrom(...OWNERS),
    price: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    share: fc.bigInt({ min: 0n, max: 10_000n }),
    units: fc.integer({ min: 0, max: 9 }),
    hours: fc.integer({ min: 0, max: 6 }),
    pick: fc.nat(9),
  }),
  { minLength: 1, maxLength: 60 },
)

/** Charge, intent and what follows from them, with every member that the books read. */
export function historyOf(all: readonly Step[]): object[] {
  const open: string[] = []
  const payouts: string[] = []
  let at = FIRST
  return all.map((step, index) => {
    at += step.hours * HOURS
    const id = `r${index}`
    if (step.kind === 'intent') open.push(id)
    if (step.kind === 'payout') payouts.push(id)
    const from = step.kind === 'payout-end' ? payouts : open
    const [of = 'nobody'] =
      step.kind === 'settled' || step.kind === 'void' || step.kind === 'payout-end' ? from.splice(step.pick % Math.max(1, from.length), 1) : []
    return recordOf(step, { id, at, of })
  })
}

function recordOf({ kind, account, owner, price, share, units, pick }: Step, { id, at, of }: { id: string; at: number; of: string }): object {
  const money = { price: `${price}`, platform: `${(price * share) / 10_000n}` }
  const call = { ...{ id, at, connection: `api-${owner}`, owner, units }, ...money, ...about(id) }
  switch (kind) {
    case 'credit':
      return { t: 'credit', id, account, amount: `${price}`, from: 'grant', at }
    case 'bought':
      return { t: 'credit', id, account, amount: `${price}`, from: 'x402', network: NETWORK, at }
    case 'charge':
      return { t: 'charge', ...call, by: 'credits', account }
    case 'own':
      return { t: 'charge', ...call, price: '0', platform: '0', by: 'owner', account: `owner:${owner}` }
    case 'free':
      return { t: 'charge', ...call, price: '0', platform: '0', by: 'credits', account }
    case 'intent':
      return { t: 'intent', ...call, by: 'x402', account: 'wallet:0xb', payment: { network: NETWORK } }
    case 'settled':
      return { t: 'settled', id: of, transaction: `0x${id}`, headers: {}, at }
    case 'void':
      return { t: 'void', id: of, reason: 'no money', at }
    case 'refund':
      return { t: 'refund', id: `refund-${id}`, receipt: `r${pick}`, connection: `api-${owner}`, owner, account, ...money, at }
    case 'wasted':
      return { t: 'wasted', connection: `api-${owner}`, owner: pick < 3 ? '' : owner, period: 0, units, at, by: id }
    case 'correct':
      return { t: 'correct', id, at, reason: 'a "mistake"', ref: `r${pick}`, postings: correction(price, share, pick) }
    case 'payout':
      return { t: 'payout', payout: { id, owner, amount: `${price}`, network: NETWORK, atMs: at } }
    case 'payout-end':
      return { t: 'payout-end', id: of, state: pick < 5 ? 'paid' : 'failed', detail: '', at }
    case 'lease':
      return { t: 'lease', connection: `api-${owner}`, period: 0, to: units }
    case 'key':
      return { t: 'key', key: { id, hash: 'ä{}"=\n', role: 'consumer', account, createdAtMs: at } }
  }
}

const about = (id: string): object => ({
  ...{ period: 0, api: 'acme', operation: 'search', names: [], once: [] },
  subject: { requestDigest: `asked ${id}`, answerDigest: `answered ${id}` },
  call: { v: 2, config: 'c', generation: 1 },
})

function correction(price: bigint, share: bigint, pick: number): object[] {
  const other = pick < 3 ? 'liab:credit:key:b' : 'rev:platform'
  const first = pick < 8 ? 'liab:credit:key:a' : 'liab:owner:alice'
  return [
    { account: first, amount: `${price}` },
    { account: other, amount: `${share - price}` },
    { account: 'asset:outside', amount: `${-share}` },
  ]
}

/** Cut into groups of these sizes, around and around. */
export function groupsOf(records: readonly object[], sizes: readonly number[]): object[][] {
  const groups: object[][] = []
  let from = 0
  for (let index = 0; from < records.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1
    groups.push(records.slice(from, from + size))
    from += size
  }
  return groups
}
