/** What the books stand on: a mode, a journal, a disk. Where one is wrong a sentence says so; where it fails, calls go on. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { monthOf, usd } from '#contract'
import { BooksError } from '../../gateway/books/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { memoryFolder } from '../rig/folder.ts'
import { BALANCE, bearer, openGateway, sandbox, until, WALLET } from '../rig/gateway.ts'
import { booksAlone, groupOf, openLedger, removeBooks } from '../rig/ledger.ts'
import { charge, credits, fund, hold, supply } from '../rig/store.ts'

const MONTH = '2026-11'
const acme = connectionOf('acme')

/** From now on nothing can be written that was sold. */
function breakBooks(folder: string): { mend(): void } {
  const run = (sql: string): void => {
    const db = new Database(join(folder, 'books.db'))
    db.exec(sql)
    db.close()
  }
  run(`create trigger broken before insert on tally begin select raise(abort, 'the disk is full'); end`)
  return { mend: () => run('drop trigger broken') }
}

t.test('books belong to the mode in which they were made', async (t) => {
  const folder = memoryFolder(t)
  await booksAlone(t, folder, 'sandbox').books.close()
  const message = `the ledger ${join(folder, 'books.db')} was made in sandbox mode, the configuration says live; choose another ledger.path`
  t.throws(() => booksAlone(t, folder, 'live'), { name: 'BooksError', message })
  t.doesNotThrow(() => booksAlone(t, folder, 'sandbox'))
})

t.test('a ledger that cannot be used ends in one sentence that names the remedy', (t) => {
  const remedy = /^the ledger \S+books\.db cannot be used \(.+\); choose another ledger\.path or correct its permissions$/
  const folder = memoryFolder(t)
  mkdirSync(join(folder, 'books.db'))
  t.throws(() => booksAlone(t, folder), { name: 'BooksError', message: remedy }, 'a folder in its place')
  const garbage = memoryFolder(t)
  writeFileSync(join(garbage, 'books.db'), 'this is no database, whatever its name says; it is long enough to be read as one'.repeat(20))
  t.throws(() => booksAlone(t, garbage), { name: 'BooksError', message: remedy }, 'another file in its place')
  writeFileSync(join(garbage, 'file'), '')
  t.throws(() => booksAlone(t, join(garbage, 'file')), { name: 'BooksError', message: remedy }, 'a file in the folder’s place')
  t.end()
})

t.test('books of another journal are refused, and never mixed with this one', async (t) => {
  const folder = memoryFolder(t)
  const first = booksAlone(t, folder)
  for (const sequence of [1, 2, 3]) first.feed(groupOf(sequence, [], `hash ${sequence}`))
  await first.books.close()
  const message =
    /^the ledger \S+books\.db was not made from the journal at store\.path; choose another ledger\.path, or remove \S+books\.db\* to have it made again$/
  const shorter = booksAlone(t, folder)
  for (const sequence of [1, 2]) shorter.feed(groupOf(sequence, [], `hash ${sequence}`))
  const cut =
    /^the ledger \S+books\.db has read group 3, which the journal at store\.path does not have: its end was cut off, or it is another journal; restore it from a backup, or choose another/
  await t.rejects(shorter.joined(), { name: 'BooksError', message: cut }, 'a journal that has lost its end')
  const stranger = booksAlone(t, folder)
  for (const sequence of [1, 2, 3, 4]) stranger.feed(groupOf(sequence, [], `another ${sequence}`))
  await t.rejects(stranger.joined(), { name: 'BooksError', message }, 'another journal')
  await t.rejects(booksAlone(t, folder).joined(), BooksError, 'an empty one')
  const same = booksAlone(t, folder)
  for (const sequence of [1, 2, 3, 4]) same.feed(groupOf(sequence, [], `hash ${sequence}`))
  await t.resolves(same.joined())
})

t.test('a failure of the books is told and is not a crash; nothing is lost by it', async (t) => {
  const ledger = openLedger(t)
  await fund(ledger, '$10')
  t.equal((await ledger.books.statement('key:k', 1)).length, 1)
  const { mend } = breakBooks(ledger.folder)
  const sell = async (id: string): Promise<void> => ledger.store.commit(id, charge(await hold(ledger, id, supply(credits(), [acme]))))
  await sell('a')
  await t.rejects(ledger.books.report(MONTH), /the books cannot be written: .*the disk is full/)
  t.match(ledger.booksFailed(), { message: /the disk is full/ })
  for (const id of ['b', 'c']) await sell(id)
  await t.rejects(ledger.books.statement('key:k', 10), /the disk is full/, 'no answer is better than a wrong one')
  t.equal(await ledger.admin.balance('key:k'), usd('$9.55'), 'calls go on, the money is right')
  await t.resolves(ledger.close(), 'the stop is clean')
  mend()
  const again = openLedger(t, ledger)
  t.match(await again.books.report(MONTH), [{ callsSold: 3, revenue: usd('$0.45') }], 'the next start writes what was missing')
  t.equal((await again.books.statement('key:k', 10)).length, 4)
})

t.test('a thread that dies is told alike', async (t) => {
  const folder = memoryFolder(t)
  const opened = booksAlone(t, folder)
  removeBooks(folder)
  mkdirSync(join(folder, 'books.db'))
  opened.feed(groupOf(1, []))
  await t.rejects(opened.books.report(MONTH))
  t.ok(opened.failed())
  await t.rejects(opened.books.report(MONTH), 'and stays so')
  opened.feed(groupOf(2, []))
  await t.resolves(opened.books.close())
})

t.test('closed books answer nothing, and closing them twice is no trouble', async (t) => {
  const opened = booksAlone(t, memoryFolder(t))
  opened.feed(groupOf(1, []))
  t.strictSame(await opened.books.report(MONTH), [])
  await opened.books.close()
  await opened.books.close()
  await t.rejects(opened.books.report(MONTH), /closed/)
})

t.test('with lost books the gateway says so on /readyz, and goes on selling', async (t) => {
  const folder = memoryFolder(t)
  await booksAlone(t, join(folder, 'data')).books.close()
  breakBooks(join(folder, 'data'))
  const gateway = await openGateway(t, sandbox(), { folder })
  const { key } = await gateway.key({ credits: '$1' })
  const readyz = async (): Promise<unknown> => {
    const response = await fetch(`${gateway.adminUrl}/readyz`)
    return { code: response.status, ...((await response.json()) as object) }
  }
  t.strictSame(await readyz(), { code: 200, status: 'ready', lost: [] })
  const call = () => gateway.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  t.equal((await call()).status, 200)
  await until('the books have failed', () => gateway.gateway.ground.lost().length > 0)
  t.strictSame(await readyz(), { code: 503, status: 'not ready', lost: ['ledger'] })
  t.equal((await call()).status, 200, 'a consumer’s call does not need the books')
  const report = await fetch(`${gateway.adminUrl}/api/report`)
  t.equal(report.status, 500)
  t.match(await report.json(), { error: /inside the gateway/ }, 'never a report that lacks something')
})

t.test('a report has each subscription once, also after its connection has changed its owner', async (t) => {
  const folder = memoryFolder(t)
  const nansen = { name: 'nansen', monthly_quota: 10_000, reserved: 3000, resale_terms: 'confirmed', subscription_cost: '$500' }
  const before = await openGateway(t, sandbox({ api_connections: [{ ...nansen, owner: 'alice' }] }), { folder })
  const { key } = await before.key({ credits: '$1' })
  t.equal((await before.call('POST', BALANCE, { headers: bearer(key), body: WALLET })).status, 200)
  await before.close(0)
  const after = await openGateway(t, sandbox({ api_connections: [{ ...nansen, owner: 'bob' }] }), { folder })
  const { connections, total } = await after.office.report(monthOf(Date.now()), undefined)
  t.match(
    connections.find(({ owner }) => owner === 'alice'),
    { revenue: '0.15', owner_share: '0.135', subscription_cost: '0.00' },
    'what is owed stays with the old owner',
  )
  t.match(
    connections.find(({ owner }) => owner === 'bob'),
    { revenue: '0.00', subscription_cost: '500.00' },
  )
  t.match(total, { revenue: '0.15', subscription_cost: '500.00', net_profit: '-499.865' })
})
