/** Books of the version before, whose pages stood in the order of accounts and had each charge written out, are taken over as they are. */
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { linesIn } from '../../gateway/books/batch.ts'
import { soldCall, told } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { booksAlone, groupOf } from '../rig/ledger.ts'

const MONTHS = ['2026-11']
const ACCOUNTS = ['key:a', 'key:b']

interface Row {
  readonly account: string
  readonly sequence: number
  readonly lines: string
}

/** Makes the file what the version before would have made of the same groups. */
function asBefore(file: string): void {
  const db = new Database(file)
  const rows = db.prepare('select account, sequence, lines from page').all() as Row[]
  db.exec('drop table page')
  db.exec('create table page (account text not null, sequence integer not null, lines text not null, primary key (account, sequence)) strict, without rowid')
  db.exec('create index page_in_order on page (sequence, account)')
  for (const { account, sequence, lines } of rows) db.prepare('insert into page values (?, ?, ?)').run(account, sequence, linesIn(account, lines).join('\n'))
  db.exec("update meta set value = '2' where name = 'version'")
  db.close()
}

t.test('every entry, statement and sum is the same afterwards, and new ones follow', async (t) => {
  const folder = memoryFolder(t)
  const open = () => booksAlone(t, folder)
  let opened = open()
  for (const sequence of [1, 2, 3]) {
    opened.feed(groupOf(sequence, [soldCall(`r${sequence}`, 'key:b'), soldCall(`s${sequence}`, 'key:a')]))
    await opened.books.report('2026-11')
  }
  const before = await told(opened.books, MONTHS, ACCOUNTS)
  await opened.books.close()
  asBefore(join(folder, 'books.db'))
  opened = open()
  t.strictSame(await told(opened.books, MONTHS, ACCOUNTS), before)
  opened.feed(groupOf(3, [], 'hash 3'))
  opened.feed(groupOf(4, [soldCall('r4', 'key:b')]))
  const receipts = (await opened.books.statement('key:b', 10)).map(({ receipt }) => receipt)
  t.strictSame(receipts, ['r4', 'r3', 'r2', 'r1'])
  t.match((await opened.books.verify(async () => ({ balances: new Map(), usage: new Map() }) as never)).slice(0, 2), [
    { ok: true, detail: '7 entries' },
    { ok: true },
  ])
})
