/** Both drivers of the books are one ledger: the same records give the same answers, and every proof holds. */
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import type { Books, StoreFigures, Usd } from '#contract'
import { chainOf, postgresAlone, told } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { ACCOUNTS, groupsOf, historyOf, MONTHS, type Step, steps } from '../rig/histories.ts'
import { booksAlone } from '../rig/ledger.ts'
import { openPostgres } from '../rig/postgres.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const server = await openPostgres(t)
let names = 0

/** A record of each kind that moves no money is an entry to neither. */
const NOTHING = { account: 'key:a', owner: 'alice', price: 0n, share: 0n, units: 0, hours: 0, pick: 0 }
const KINDS = ['credit', 'bought', 'charge', 'refund', 'correct', 'payout'] as const

/** New books in a schema of their own. */
const fresh = (t: Parameters<typeof postgresAlone>[0]): ReturnType<typeof postgresAlone> => {
  names += 1
  return postgresAlone(t, { url: server.url, name: `n${names}` })
}

/** What a store that wrote these records holds: made from the records, not from the books. */
function storeOf(records: readonly object[]): StoreFigures {
  const balances = new Map<string, bigint>()
  const usage = new Map<string, { sold: number; own: number; wasted: number; external: number }>()
  const intents = new Map<string, Line>()
  const credit = (account: string, amount: bigint): void => void balances.set(account, (balances.get(account) ?? 0n) + amount)
  const used = ({ connection }: Line): { sold: number; own: number; wasted: number } => {
    const found = usage.get(connection) ?? { sold: 0, own: 0, wasted: 0, external: 0 }
    usage.set(connection, found)
    return found
  }
  for (const record of records as readonly Line[]) {
    if (record.t === 'credit') credit(record.account, BigInt(record.amount))
    if (record.t === 'refund') credit(record.account, BigInt(record.price))
    if (record.t === 'charge' && record.by === 'credits') credit(record.account, -BigInt(record.price))
    if (record.t === 'charge') used(record)[record.by === 'owner' ? 'own' : 'sold'] += record.units
    if (record.t === 'wasted') used(record).wasted += record.units
    if (record.t === 'intent') intents.set(record.id, record)
    const intent = intents.get(record.id)
    if ((record.t === 'settled' || record.t === 'void') && intent !== undefined) {
      used(intent)[record.t === 'settled' ? 'sold' : 'wasted'] += intent.units
      intents.delete(record.id)
    }
    if (record.t !== 'correct') continue
    for (const { account, amount } of record.postings) if (account.startsWith('liab:credit:')) credit(account.slice(12), -BigInt(amount))
  }
  return { balances: balances as unknown as ReadonlyMap<string, Usd>, usage }
}

interface Line {
  readonly t: string
  readonly id: string
  readonly by: string
  readonly account: string
  readonly amount: string
  readonly price: string
  readonly units: number
  readonly connection: string
  readonly postings: readonly { readonly account: string; readonly amount: string }[]
}

async function unproven(books: Books, records: readonly object[]): Promise<string[]> {
  const checks = await books.verify(() => Promise.resolve(storeOf(records)))
  return checks.flatMap(({ check, ok, detail }) => (ok ? [] : [`${check}: ${detail}`]))
}

t.test('whatever was recorded, both drivers tell the same, and both can prove it', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }), async (all, sizes) => {
      const records = historyOf(all)
      const groups = groupsOf(records, sizes)
      const [embedded, postgres] = [booksAlone(t, memoryFolder(t)), await fresh(t)]
      for (const group of chainOf(groups)) embedded.feed(group)
      for (const group of chainOf(groups)) postgres.feed(group)
      const [one, other] = await Promise.all([embedded, postgres].map(({ books }) => told(books, MONTHS, ACCOUNTS)))
      const wrong = [...(await unproven(embedded.books, records)), ...(await unproven(postgres.books, records))]
      await Promise.all([embedded.books.close(), postgres.books.close()])
      deepStrictEqual(other, one)
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    }),
    { seed, numRuns: 8, examples: KINDS.map((kind) => [[{ ...NOTHING, kind }], [1]] as [Step[], number[]]) },
  )
  t.pass()
})

t.test('what was fed before changes nothing when it is fed again, wherever the books had stopped', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), fc.nat(20), async (all, size, stop) => {
      const records = historyOf(all)
      const groups = groupsOf(records, [size])
      const name = `again${names++}`
      const first = await postgresAlone(t, { url: server.url, name })
      for (const group of chainOf(groups).slice(0, stop)) first.feed(group)
      await first.books.close()
      const second = await postgresAlone(t, { url: server.url, name })
      for (const group of chainOf(groups)) second.feed(group)
      if (groups.length >= stop) await second.joined()
      for (const group of chainOf(groups)) second.feed(group)
      const wrong = await unproven(second.books, records)
      await second.books.close()
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    }),
    { seed, numRuns: 5 },
  )
  t.pass()
})

t.test('a receipt is found with its place in the chain, also when it was free, and only when it was charged', async (t) => {
  const opened = await fresh(t)
  const step = { account: 'key:a', owner: 'alice', price: 150_000n, share: 1000n, units: 2, hours: 1, pick: 0 }
  const records = historyOf([
    { ...step, kind: 'charge' },
    { ...step, kind: 'own' },
    { ...step, kind: 'intent' },
    { ...step, kind: 'settled' },
    { ...step, kind: 'intent' },
    { ...step, kind: 'void' },
    { ...step, kind: 'intent' },
  ])
  const chain = chainOf(groupsOf(records, [3]))
  const hashes = chain.map(({ hash }) => hash)
  for (const group of chain) opened.feed(group)
  const common = { api: 'acme', operation: 'search', connection: 'api-alice', owner: 'alice', units: 2, config: 'c', generation: 1 }
  const digests = (id: string): object => ({ requestDigest: `asked ${id}`, answerDigest: `answered ${id}` })
  const at = (index: number): object => ({ atMs: (records[index] as { at: number }).at })
  const paid = { price: 150_000n, platformShare: 15_000n }
  t.strictSame(await opened.books.charged('r0'), {
    ...{ receipt: 'r0', by: 'credits', transaction: undefined, chain: { sequence: 1, hash: hashes[0], line: 0 } },
    ...{ ...common, ...paid, ...digests('r0'), ...at(0) },
  })
  t.match(await opened.books.charged('r1'), { receipt: 'r1', by: 'owner', price: 0n, ...digests('r1') })
  t.strictSame(await opened.books.charged('r2'), {
    ...{ receipt: 'r2', by: 'x402', transaction: '0xr3', chain: { sequence: 1, hash: hashes[0], line: 2 } },
    ...{ ...common, ...paid, ...digests('r2'), ...at(3) },
  })
  for (const id of ['r4', 'r6', 'nobody', 'r2:intent']) t.equal(await opened.books.charged(id), undefined, id)
})

t.test('what one write has begun, the next one ends: a payment, settled or not, and a payout', async (t) => {
  const step = { ...NOTHING, price: 150_000n, share: 15_000n, units: 1 }
  for (const kind of ['settled', 'void', 'payout-end'] as const) {
    const records = historyOf([
      { ...step, kind: kind === 'payout-end' ? 'payout' : 'intent' },
      { ...step, kind },
    ])
    const groups = chainOf(groupsOf(records, [1]))
    const [embedded, postgres] = [booksAlone(t, memoryFolder(t)), await fresh(t)]
    for (const group of groups) {
      embedded.feed(group)
      postgres.feed(group)
      // Asked for, it is written: no two groups come together.
      await told(postgres.books, MONTHS, ACCOUNTS)
    }
    t.ok(groups.length > 1, `${kind}: ${groups.length} writes`)
    t.strictSame(await told(postgres.books, MONTHS, ACCOUNTS), await told(embedded.books, MONTHS, ACCOUNTS), kind)
    t.strictSame(await unproven(postgres.books, records), [], kind)
    await Promise.all([embedded.books.close(), postgres.books.close()])
  }
})
