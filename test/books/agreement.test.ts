/** The books are compared with a real store while both are in use: what moves is no difference, what is wrong is one. */
import Database from 'libsql'
import { join } from 'node:path'
import t from 'tap'
import type { StoreFigures } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { openLedger, type Ledger } from '../rig/ledger.ts'
import { charge, credits, fund, hold, ownerOf, supply } from '../rig/store.ts'
import { usd } from '#contract'

const acme = connectionOf('acme', { quota: 1_000_000 as never, reserved: 1000 as never })

const figures =
  ({ admin }: Ledger) =>
  async (): Promise<StoreFigures> => ({ balances: await admin.balances(), usage: await admin.usage() })

async function sell(ledger: Ledger, id: string, payer = credits()): Promise<void> {
  const chosen = await hold(ledger, id, supply(payer, [acme]))
  if (payer.by !== 'owner') return ledger.store.commit(id, charge(chosen))
  return ledger.store.commit(id, charge(chosen, 1, { price: usd('$0'), platformShare: usd('$0') }))
}

t.test('books in use agree with a store in use', async (t) => {
  const ledger = openLedger(t)
  ledger.admin.configure([acme])
  await fund(ledger, '$1000')
  let selling = true
  let count = 0
  const sellers = Array.from({ length: 8 }, async (_, seller) => {
    while (selling) {
      count += 1
      await sell(ledger, `c${seller}-${count}`, count % 9 === 0 ? ownerOf() : credits())
    }
  })
  for (let round = 0; round < 5; round += 1) {
    const checks = await ledger.books.verify(figures(ledger))
    t.strictSame(
      checks.filter(({ ok }) => !ok),
      [],
    )
  }
  selling = false
  await Promise.all(sellers)
  t.ok(count > 50, `${count} calls meanwhile`)
  const checks = await ledger.books.verify(figures(ledger))
  t.strictSame(
    checks.filter(({ ok }) => !ok),
    [],
  )
})

t.test('a sum that is wrong is found under load, too', async (t) => {
  const ledger = openLedger(t)
  ledger.admin.configure([acme])
  await fund(ledger, '$1000')
  await fund(ledger, '$5', 'other')
  await sell(ledger, 'first')
  await ledger.books.balances()
  const db = new Database(join(ledger.folder, 'books.db'))
  db.exec(`update balance set amount = amount + 1 where account = 'liab:credit:key:other'`)
  db.close()
  let selling = true
  let count = 0
  const seller = (async () => {
    for (; selling; count += 1) await sell(ledger, `c${count}`)
  })()
  const checks = await ledger.books.verify(figures(ledger))
  selling = false
  await seller
  const found = checks.find(({ check }) => check === 'books agree with the store')
  t.match(found, { ok: false, detail: /^key:other has -1 micro-dollars more in the books than in the store$/ })
})
