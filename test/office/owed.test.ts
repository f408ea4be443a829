/** What an owner is owed adds up: earned − refunded + corrected − paid − in transit, to the micro-dollar. */

import fc from 'fast-check'
import t from 'tap'
import { type EpochMs, type LedgerEntry, parseUsd, type Usd, usd } from '#contract'
import { claimants, explained } from '../../gateway/office/owed.ts'
import { connectionOf } from '../rig/acme.ts'
import { seedOf } from '../rig/random.ts'

const WALLET = `0x${'ab'.repeat(20)}`
const connections = [connectionOf('acme', { payTo: WALLET }), connectionOf('other', { owner: 'bob' })]
const rule = { min: usd('$10'), never: new Map<string, string>() }

const balancesOf = (entries: readonly LedgerEntry[]): Map<string, Usd> => {
  const balances = new Map<string, Usd>()
  for (const { postings } of entries) for (const { account, amount } of postings) balances.set(account, ((balances.get(account) ?? 0n) + amount) as Usd)
  return balances
}

const booksOf = (entries: readonly LedgerEntry[]) => ({
  balances: async () => balancesOf(entries),
  async *entries() {
    yield* entries
  },
})

let count = 0
function entry(kind: LedgerEntry['kind'], postings: Readonly<Record<string, bigint>>): LedgerEntry {
  count += 1
  const posted = Object.entries(postings).map(([account, amount]) => ({ account, amount: amount as Usd }))
  return { id: `e${count}`, atMs: 0 as EpochMs, kind, receipt: undefined, postings: posted }
}

const amount = fc.bigInt({ min: 1n, max: 10n ** 12n })
const anyEntry = fc.constantFrom('alice', 'bob', 'carol').chain((name) => {
  const owner = `liab:owner:${name}`
  const payout = `liab:payout:${name}`
  return fc.oneof(
    amount.map((x) => [entry('charge', { 'asset:outside': x, [owner]: -x })]),
    amount.map((x) => [entry('refund', { [owner]: x, 'liab:credit:k': -x })]),
    fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }).map((x) => [entry('correction', { [owner]: x, 'rev:platform': -x })]),
    amount.map((x) => [entry('payout', { [owner]: x, [payout]: -x })]),
    amount.map((x) => [entry('payout', { [owner]: x, [payout]: -x }), entry('payout', { [payout]: x, 'asset:wallet:eip155:1': -x })]),
    amount.map((x) => [entry('payout', { [owner]: x, [payout]: -x }), entry('payout', { [payout]: x, [owner]: -x })]),
  )
})

const micros = (text: unknown): bigint => parseUsd(String(text)) ?? 0n

t.test('for every history the parts add up to what is owed', async (t) => {
  const property = fc.asyncProperty(fc.array(anyEntry, { maxLength: 40 }), async (all) => {
    const books = booksOf(all.flat())
    const balances = await books.balances()
    const rows = await explained(books, await claimants(books, connections, rule))
    return rows.every(({ owner, owed, earned, refunded, corrected, paid, in_transit: inTransit }) => {
      const sum = micros(earned) - micros(refunded) + micros(corrected) - micros(paid) - micros(inTransit)
      return (
        sum === micros(owed) &&
        micros(owed) === -(balances.get(`liab:owner:${owner}`) ?? 0n) &&
        micros(inTransit) === -(balances.get(`liab:payout:${owner}`) ?? 0n)
      )
    })
  })
  await fc.assert(property, { numRuns: 2_000, seed: seedOf(t) })
})

t.test('a former owner is still owed, and one who never sold is shown with nothing', async (t) => {
  const books = booksOf([entry('charge', { 'asset:outside': 50_000_000n, 'liab:owner:carol': -50_000_000n })])
  t.match(await claimants(books, connections, rule), [
    { owner: 'carol', owed: 50_000_000n, wallet: undefined, why: /^no connection of this owner names a wallet/ },
    { owner: 'alice', owed: 0n, why: 'nothing is owed' },
    { owner: 'bob', owed: 0n, why: 'nothing is owed' },
  ])
})

t.test('exactly the minimum is payable, a micro-dollar less is not, and a debt is no claim', async (t) => {
  const why = async (owed: bigint): Promise<string | undefined> => {
    const books = booksOf([entry('correction', { 'liab:owner:alice': -owed, 'rev:platform': owed })])
    return (await claimants(books, connections, rule)).find(({ owner }) => owner === 'alice')?.why
  }
  t.equal(await why(10_000_000n), undefined)
  t.equal(await why(9_999_999n), 'below payout.min $10.00')
  t.match(await why(-5_000_000n), /^nothing is owed: refunds and corrections are \$5\.00 more than was earned$/)
})
