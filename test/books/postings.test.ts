/** Double entry: whatever is posted sums to zero, and a price is split without a remainder. */
import fc from 'fast-check'
import t from 'tap'
import {
  boughtEntry,
  buyEndEntry,
  buyEntry,
  type ChargeLine,
  chargeEntry,
  chargeTally,
  correctEntries,
  creditEntry,
  type Entry,
  intentEndEntry,
  intentEntry,
  payoutEndEntry,
  payoutEntry,
  refundEntry,
  refundTally,
  wastedTally,
} from '../../gateway/books/postings.ts'
import { changesOf, readLines } from '../../gateway/books/reading.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const micros = fc.bigInt({ min: 0n, max: 10n ** 15n })
const split = fc.tuple(micros, micros).map(([a, b]) => (a < b ? [b, a] : [a, b]) as [price: bigint, platform: bigint])
const by = fc.constantFrom('owner' as const, 'credits' as const, 'x402' as const)
const at = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2030, 0) })

const line = ([price, platform]: readonly [bigint, bigint], payer: ChargeLine['by'], atMs: number): ChargeLine => ({
  ...{ id: 'r', at: atMs, connection: 'acme', owner: 'alice', units: 3, price: price.toString(), platform: platform.toString(), by: payer },
  account: payer === 'x402' ? 'wallet:0xb' : 'key:k',
  ...(payer === 'x402' ? { payment: { network: 'eip155:84532' } } : {}),
})

const sumOf = (entry: Entry): bigint => entry.postings.reduce((sum, { amount }) => sum + amount, 0n)

const posted = (entry: Entry | undefined, account: string): bigint => entry?.postings.find((posting) => posting.account === account)?.amount ?? 0n

t.test('each record’s postings sum to zero, and the split and its remainder are the price', (t) => {
  fc.assert(
    fc.property(split, by, at, ([price, platform], payer, atMs) => {
      const entry = chargeEntry(line([price, platform], payer, atMs))
      if (payer === 'owner' || price === 0n) return entry === undefined
      if (entry === undefined || sumOf(entry) !== 0n) return false
      const from = payer === 'credits' ? 'liab:credit:key:k' : 'asset:wallet:eip155:84532'
      const shares = -posted(entry, 'liab:owner:alice') - posted(entry, 'rev:platform')
      return posted(entry, from) === price && shares === price && -posted(entry, 'rev:platform') === platform
    }),
    { seed },
  )
  t.pass()
  t.end()
})

t.test('credit and refund balance, and a refund takes back exactly what the charge gave', (t) => {
  fc.assert(
    fc.property(split, at, ([price, platform], atMs) => {
      const credit = creditEntry({ id: 'c', at: atMs, account: 'key:k', amount: price.toString() })
      const charge = chargeEntry(line([price, platform], 'credits', atMs))
      const amounts = { price: price.toString(), platform: platform.toString() }
      const refund = refundEntry({ id: 'f', receipt: 'r', at: atMs, connection: 'acme', owner: 'alice', account: 'key:k', ...amounts })
      const undone = ['liab:credit:key:k', 'liab:owner:alice', 'rev:platform'].every((account) => posted(charge, account) + posted(refund, account) === 0n)
      return sumOf(credit) === 0n && sumOf(refund) === 0n && undone && credit.amount === price && refund.amount === price
    }),
    { seed },
  )
  t.pass()
  t.end()
})

t.test('a payment becomes credit of the wallet when it is refunded', (t) => {
  const amounts = { price: '150000', platform: '15000' }
  const refund = refundEntry({ id: 'f', receipt: 'r', at: 0, connection: 'acme', owner: 'alice', account: 'wallet:0xb', ...amounts })
  t.equal(posted(refund, 'liab:credit:wallet:0xb'), -150_000n)
  t.end()
})

t.test('what a call counts for: sold, own or wasted, in the UTC month of its time', (t) => {
  const last = Date.UTC(2026, 10, 30, 23, 59, 59, 999)
  t.match(chargeTally(line([150_000n, 15_000n], 'x402', last)), { month: '2026-11', calls: 1, units: 3, own: 0, revenue: 150_000n, platform: 15_000n })
  t.match(chargeTally(line([0n, 0n], 'owner', last + 1)), { month: '2026-12', calls: 0, units: 0, own: 3, revenue: 0n })
  t.match(wastedTally({ at: last, connection: 'acme', owner: 'alice', units: 2 }), { month: '2026-11', calls: 0, wasted: 2, revenue: 0n })
  const refund = { id: 'f', receipt: 'r', at: last + 1, connection: 'acme', owner: 'alice', account: 'key:k', price: '150000', platform: '15000' }
  t.match(refundTally(refund), { month: '2026-12', calls: 0, units: 0, revenue: -150_000n, platform: -15_000n }, 'of the month in which it is made')
  t.end()
})

t.test('money in transit, and a payout, return to zero whatever becomes of them', (t) => {
  const clearing = ['asset:in_transit:eip155:84532', 'liab:suspense:settle', 'liab:payout:alice']
  fc.assert(
    fc.property(split, at, ([price, platform], atMs) => {
      const intent = line([price, platform], 'x402', atMs)
      const payout = { payout: { id: 'p', owner: 'alice', amount: price.toString(), network: 'eip155:84532', atMs } }
      const pairs = [
        [intentEntry(intent), intentEndEntry(intent, atMs + 1)],
        ...(['paid', 'failed'] as const).map((state) => [payoutEntry(payout), payoutEndEntry(payout, { state, at: atMs })]),
      ] as const
      return pairs.every(([begun, ended]) => {
        const both = [begun, ended].filter((entry) => entry !== undefined)
        return both.every((entry) => sumOf(entry) === 0n) && clearing.every((account) => posted(begun, account) + posted(ended, account) === 0n)
      })
    }),
    { seed },
  )
  t.pass()
  t.end()
})

t.test('a purchase is in transit until it has ended, and is credit only where it was paid', (t) => {
  const buy = { id: 'b', at: Date.UTC(2026, 10, 30, 23), account: 'key:k', amount: '5000000', payment: { network: 'eip155:84532' } }
  const ends = Date.UTC(2026, 11, 1)
  const begun = { id: 'b:buy', at: buy.at, month: '2026-11', kind: 'intent', account: 'liab:suspense:settle', amount: 0n, receipt: 'b' }
  const transit = (amount: bigint): object[] => [
    { account: 'asset:in_transit:eip155:84532', amount },
    { account: 'liab:suspense:settle', amount: -amount },
  ]
  t.strictSame(buyEntry(buy), { ...begun, postings: transit(5_000_000n) })
  t.strictSame(buyEndEntry(buy, ends), { ...begun, id: 'b:buy-end', at: ends, month: '2026-12', postings: transit(-5_000_000n) })
  t.strictSame(boughtEntry(buy, ends), {
    ...{ id: 'b:bought', at: ends, month: '2026-12', kind: 'credit', account: 'key:k', amount: 5_000_000n, receipt: undefined },
    postings: [
      { account: 'asset:wallet:eip155:84532', amount: 5_000_000n },
      { account: 'liab:credit:key:k', amount: -5_000_000n },
    ],
  })
  const idsOf = (...lines: readonly object[]): (string | undefined)[] =>
    changesOf(
      readLines(
        lines.map((line) => JSON.stringify(line)),
        7,
      ),
      new Map(),
    )
      .effects.flat()
      .map(({ entry }) => entry?.id)
  t.strictSame(idsOf({ t: 'buy', ...buy }, { t: 'bought', id: 'b', at: ends }), ['b:buy', 'b:buy-end', 'b:bought'])
  t.strictSame(idsOf({ t: 'buy', ...buy }, { t: 'void', id: 'b', at: ends }), ['b:buy', 'b:buy-end'])
  t.strictSame(idsOf({ t: 'bought', id: 'b', at: ends }), [], 'what nobody began is not credited')
  t.end()
})

t.test('a correction is posted as it was given, is shown to each account that it touches, and sums to zero even where what was given does not', (t) => {
  const postings = fc.array(
    fc.record({ account: fc.constantFrom('liab:credit:key:a', 'liab:credit:key:b', 'rev:platform'), amount: fc.bigInt(-(10n ** 12n), 10n ** 12n) }),
  )
  fc.assert(
    fc.property(postings, at, (given, atMs) => {
      const texts = given.map(({ account, amount }) => ({ account, amount: amount.toString() }))
      const [entry, ...also] = correctEntries({ id: 'x', at: atMs, postings: texts })
      if (entry === undefined || sumOf(entry) !== 0n) return false
      const sum = (account: string): bigint => given.reduce((total, one) => (one.account === account ? total + one.amount : total), 0n)
      const shown = [entry, ...also].filter(({ account }) => account.startsWith('key:'))
      const touched = new Set(given.map(({ account }) => account).filter((account) => account.startsWith('liab:credit:')))
      const right = shown.every(({ account, amount }) => amount === -sum(`liab:credit:${account}`))
      const left = given.reduce((total, { amount }) => total - amount, 0n)
      return (
        right &&
        shown.length === touched.size &&
        [...touched, 'rev:platform'].every((account) => posted(entry, account) === sum(account)) &&
        posted(entry, 'liab:suspense:correction') === left
      )
    }),
    { seed },
  )
  t.pass()
  t.end()
})
