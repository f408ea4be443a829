/** Reports and statements: what was answered is in them, at once and after a restart; fed twice or made again they are the same. */
import Database from 'libsql'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { memoryFolder } from '../rig/folder.ts'
import { booksAlone, type Fed, groupOf, type Ledger, openLedger, removeBooks } from '../rig/ledger.ts'
import { seedOf } from '../rig/random.ts'
import { charge, credits, fund, hold, ownerOf, paymentOf, supply } from '../rig/store.ts'

const MONTH = '2026-11'
const acme = connectionOf('acme')
const other = connectionOf('other', { owner: 'bob' })

async function sell(ledger: Ledger, id: string, connection = acme, payer = credits()): Promise<void> {
  const chosen = await hold(ledger, id, supply(payer, [connection]))
  await ledger.store.commit(id, payer.by === 'owner' ? charge(chosen, 1, { price: usd('$0'), platformShare: usd('$0') }) : charge(chosen))
}

const balanced = (folder: string): bigint => {
  const db = new Database(join(folder, 'books.db'), { readonly: true })
  db.defaultSafeIntegers(true)
  const { sum } = db.prepare('select coalesce(sum(amount), 0) as sum from balance').get() as { sum: bigint }
  db.close()
  return sum
}

t.test('a charge is in report and statement as soon as its commit has resolved, and right after a restart', async (t) => {
  let ledger = openLedger(t)
  await fund(ledger, '$10')
  for (let round = 1; round <= 2; round += 1) {
    for (let call = 0; call < 4; call += 1) {
      await sell(ledger, `r${round}-${call}`)
      const [entry] = await ledger.books.statement('key:k', 1)
      t.strictSame(entry, { atMs: ledger.clock.nowMs(), kind: 'charge', amount: usd('-$0.15'), receipt: `r${round}-${call}` })
    }
    await sell(ledger, `own-${round}`, acme, ownerOf())
    ledger = await ledger.reopen()
    const [row, ...none] = await ledger.books.report(MONTH)
    t.strictSame(none, [])
    const revenue = (usd('$0.60') * BigInt(round)) as never
    const platformShare = (usd('$0.06') * BigInt(round)) as never
    const ownerShare = (usd('$0.54') * BigInt(round)) as never
    t.strictSame(row, {
      ...{ connection: 'acme', owner: 'alice', callsSold: 4 * round, unitsSold: 4 * round, ownUnits: round },
      revenue,
      ownerShare,
      platformShare,
    })
    const statement = await ledger.books.statement('key:k', 100)
    t.equal(statement.length, 1 + 4 * round)
    t.equal(
      statement.reduce((sum, { amount }) => sum + amount, 0n),
      await ledger.admin.balance('key:k'),
      'the statement adds up to the balance',
    )
    t.strictSame(statement.at(-1), { atMs: ledger.clock.nowMs(), kind: 'credit', amount: usd('$10'), receipt: undefined })
  }
  await ledger.close()
  t.equal(balanced(ledger.folder), 0n, 'the whole book sums to zero')
})

t.test('concurrent charges are all there when the last of them has resolved', async (t) => {
  const ledger = openLedger(t)
  await fund(ledger, '$100')
  await Promise.all(Array.from({ length: 300 }, (_, index) => sell(ledger, `c${index}`, index % 2 === 0 ? acme : other)))
  const rows = await ledger.books.report(MONTH)
  t.strictSame(
    rows.map(({ connection, owner, callsSold, revenue }) => ({ connection, owner, callsSold, revenue })),
    [
      { connection: 'acme', owner: 'alice', callsSold: 150, revenue: usd('$22.50') },
      { connection: 'other', owner: 'bob', callsSold: 150, revenue: usd('$22.50') },
    ],
  )
  t.equal((await ledger.books.statement('key:k', 1000)).length, 301)
  t.equal((await ledger.books.statement('key:k', 7)).length, 7, 'the newest so many')
  t.strictSame(await ledger.books.statement('key:nobody', 10), [])
  t.strictSame(await ledger.books.report('2026-10'), [])
})

t.test('a settlement counts in the month in which it took effect; what is not settled counts for nobody', async (t) => {
  let ledger = openLedger(t)
  const payment = paymentOf('$0.15')
  const payer = { by: 'x402', payment } as const
  for (const id of ['settled', 'not settled', 'unknown']) await ledger.store.intend(id, charge(await hold(ledger, id, supply(payer, [acme]))), payment)
  t.strictSame(await ledger.books.report(MONTH), [], 'an intent is no sale')
  ledger.clock.pass(10 * 86_400_000)
  ledger = await ledger.reopen()
  await ledger.store.resolve('settled', { state: 'settled', transaction: '0x', headers: {} })
  await ledger.store.resolve('not settled', { state: 'not_settled', reason: 'no money' })
  await ledger.store.resolve('unknown', { state: 'unknown', cause: undefined })
  t.strictSame(await ledger.books.report(MONTH), [], 'a month that is over does not change')
  t.match(await ledger.books.report('2026-12'), [{ connection: 'acme', callsSold: 1, revenue: usd('$0.15'), platformShare: usd('$0.015') }])
  const [entry, ...more] = await ledger.books.statement('wallet:0xb', 10)
  t.match(entry, { kind: 'charge', amount: 0n, receipt: 'settled', atMs: ledger.clock.nowMs() }, 'seen, though no balance moved')
  t.strictSame(more, [])
})

t.test('a refund takes the revenue back and shows as such', async (t) => {
  const ledger = openLedger(t)
  await fund(ledger, '$10')
  await sell(ledger, 'a')
  const refund = { receipt: 'a', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') }
  await ledger.store.refund(refund)
  await ledger.store.refund(refund)
  t.match(await ledger.books.report(MONTH), [{ callsSold: 1, unitsSold: 1, revenue: 0n, ownerShare: 0n, platformShare: 0n }])
  t.match(await ledger.books.statement('key:k', 2), [
    { kind: 'refund', amount: usd('$0.15'), receipt: 'a' },
    { kind: 'charge', amount: usd('-$0.15'), receipt: 'a' },
  ])
})

t.test('what a crash wasted makes no row of its own', async (t) => {
  const ledger = openLedger(t)
  await fund(ledger, '$10')
  await sell(ledger, 'a')
  await hold(ledger, 'never ended', supply(credits(), [acme], 3))
  const next = await ledger.reopen()
  t.equal((await next.admin.counters('acme')).wasted, 3, 'a stop gives the rest of the lease back')
  t.match(await next.books.report(MONTH), [{ connection: 'acme', owner: 'alice', callsSold: 1 }])
  t.equal((await next.books.report(MONTH)).length, 1)
})

/** Everything that can be asked of the books. */
async function told({ books }: Pick<Ledger, 'books'>): Promise<unknown> {
  const accounts = ['key:k', 'wallet:0xb', 'owner:alice']
  return [await books.report(MONTH), await books.report('2026-12'), ...(await Promise.all(accounts.map((account) => books.statement(account, 10_000))))]
}

/** A life with everything in it. */
async function live(t: Test): Promise<Ledger> {
  const ledger = openLedger(t)
  await fund(ledger, '$10')
  for (let index = 0; index < 30; index += 1) await sell(ledger, `c${index}`, index % 3 === 0 ? other : acme)
  await sell(ledger, 'own', acme, ownerOf())
  const payment = paymentOf('$0.15')
  await ledger.store.intend('x', charge(await hold(ledger, 'x', supply({ by: 'x402', payment }, [acme]))), payment)
  await ledger.store.resolve('x', { state: 'settled', transaction: '0x', headers: {} })
  await ledger.store.refund({ receipt: 'c1', connection: 'acme', owner: 'alice', account: 'key:k', price: usd('$0.15'), platformShare: usd('$0.015') })
  await hold(ledger, 'wasted', supply(credits(), [acme]))
  ledger.store.release('wasted', 'wasted')
  return ledger
}

t.test('books that are lost are made again from the journal, the same to the last entry', async (t) => {
  const ledger = await live(t)
  const before = await told(ledger)
  await ledger.close()
  removeBooks(ledger.folder)
  const again = openLedger(t, ledger)
  t.strictSame(await told(again), before)
  const third = await again.reopen()
  t.strictSame(await told(third), before, 'and read on where they were')
  await sell(third, 'more')
  t.equal((await third.books.statement('key:k', 1))[0]?.receipt, 'more')
})

t.test('the same groups fed twice, in whatever batches, change nothing', async (t) => {
  const seed = seedOf(t)
  const lineOf = (index: number) => ({
    ...{ t: 'charge', id: `c${index}`, at: Date.UTC(2026, 10, 23), connection: 'acme', owner: 'alice', units: 1 },
    ...money,
  })
  const money = { price: '150000', platform: '15000', by: 'credits', account: 'key:k' }
  const groups = (sizes: readonly number[]): Fed[] => {
    let index = 0
    return sizes.map((size, group) =>
      groupOf(
        group + 1,
        Array.from({ length: size }, () => {
          index += 1
          return lineOf(index)
        }),
      ),
    )
  }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat(11), { maxLength: 2 }),
      async (sizes, restarts) => {
        const folder = memoryFolder(t)
        let opened = booksAlone(t, folder)
        for (const [at, group] of groups(sizes).entries()) {
          opened.feed(group)
          if (!restarts.includes(at)) continue
          await opened.books.close()
          opened = booksAlone(t, folder)
          // A start feeds everything that the journal has.
          for (const again of groups(sizes).slice(0, at + 1)) opened.feed(again)
          await opened.joined()
        }
        for (const again of groups(sizes)) opened.feed(again)
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const [row] = await opened.books.report(MONTH)
        const statement = await opened.books.statement('key:k', 1_000)
        await opened.books.close()
        const receipts = new Set(statement.map(({ receipt }) => receipt))
        if (row?.callsSold !== total || row.revenue !== 150_000n * BigInt(total) || statement.length !== total || receipts.size !== total) {
          throw new Error(`${row?.callsSold} calls, ${statement.length} entries, expected ${total}`)
        }
        if (balanced(folder) !== 0n) throw new Error('the book does not sum to zero')
      },
    ),
    { seed, numRuns: 5 },
  )
  t.pass()
})
