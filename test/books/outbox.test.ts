/** Embedded books beside a Redis store: each process keeps those of its own calls, with their lines, and nothing is lost or taken twice. */
import Database from 'libsql'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BooksError, ledgerId, openBooks, type OpenBooks } from '../../gateway/books/index.ts'
import { MemoryOutbox, silent, soldCall, told } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { historyOf, MONTHS } from '../rig/histories.ts'

const MONTH = '2026-11'

function open(t: Test, folder: string, outbox: MemoryOutbox): OpenBooks {
  const opened = openBooks({ folder, mode: 'sandbox', outbox, log: silent })
  t.teardown(() => opened.books.close())
  return opened
}

const sold = async ({ books }: OpenBooks): Promise<number> => (await books.report(MONTH))[0]?.callsSold ?? 0

async function unproven({ books }: OpenBooks): Promise<string[]> {
  const checks = await books.verify(() => Promise.resolve({ balances: new Map(), usage: new Map() }))
  return checks.flatMap(({ check, ok, detail }) => (ok || check === 'books agree with the store' ? [] : [`${check}: ${detail}`]))
}

t.test('each ledger takes its own lines, reads what was answered before it is asked, and goes on where it was', async (t) => {
  const outbox = new MemoryOutbox()
  const folders = [memoryFolder(t), memoryFolder(t)]
  const ids = folders.map((folder) => ledgerId({ folder, mode: 'sandbox' }))
  t.not(ids[0], ids[1])
  for (let round = 0; round < 3; round += 1) {
    const [mine, other] = folders.map((folder) => open(t, folder, outbox)) as [OpenBooks, OpenBooks]
    t.strictSame([mine.id, other.id], ids, 'known again')
    for (let turn = 0; turn < 3; turn += 1) {
      const name = `${round}-${turn}`
      outbox.add([soldCall(`a${name}`), soldCall(`b${name}`)], ids[0])
      outbox.add([soldCall(`c${name}`)], ids[1])
      const calls = 3 * round + turn + 1
      t.strictSame([await sold(mine), await sold(other)], [2 * calls, calls])
    }
    t.strictSame([await unproven(mine), await unproven(other)], [[], []])
    await Promise.all([mine.books.close(), other.books.close()])
  }
  t.equal(outbox.told.at(-1), outbox.entries.at(-1)?.id, 'lines of others are no reason to keep the outbox')
})

t.test('a receipt is found in the lines that the ledger keeps, with its place in the chain', async (t) => {
  const outbox = new MemoryOutbox()
  const folder = memoryFolder(t)
  const id = ledgerId({ folder, mode: 'sandbox' })
  const opened = open(t, folder, outbox)
  const step = { account: 'key:a', owner: 'alice', price: 150_000n, share: 1000n, units: 2, hours: 1, pick: 0 }
  const kinds = ['credit', 'charge', 'own', 'intent', 'settled', 'intent', 'void', 'intent'] as const
  const records = historyOf(kinds.map((kind) => ({ ...step, kind })))
  outbox.add(records, id)
  t.match(await opened.books.charged('r1'), { receipt: 'r1', by: 'credits', price: 150_000n, chain: { sequence: 1, line: 1 } })
  t.match(await opened.books.charged('r2'), { receipt: 'r2', by: 'owner', price: 0n, chain: { line: 2 } })
  const { at } = records[4] as { at: number }
  t.match(await opened.books.charged('r3'), { receipt: 'r3', by: 'x402', transaction: '0xr4', atMs: at, chain: { line: 3 } })
  for (const none of ['r0', 'r5', 'r7', 'nobody']) t.equal(await opened.books.charged(none), undefined, none)
  t.match(await told(opened.books, MONTHS, ['key:a']), {
    balances: [
      ['asset:in_transit:eip155:84532', 150_000n],
      ['asset:outside', 150_000n],
      ['asset:wallet:eip155:84532', 150_000n],
    ],
  })
})

t.test('a line that was changed, and a group that went, break the chain', async (t) => {
  const outbox = new MemoryOutbox()
  const folder = memoryFolder(t)
  const id = ledgerId({ folder, mode: 'sandbox' })
  const opened = open(t, folder, outbox)
  for (let group = 0; group < 3; group += 1) {
    outbox.add([soldCall(`c${group}`)], id)
    await sold(opened)
  }
  const run = (sql: string): void => {
    const db = new Database(join(folder, 'books.db'))
    db.exec(sql)
    db.close()
  }
  t.strictSame(await unproven(opened), [])
  run('update grp set body = zeroblob(10) where sequence = 2')
  t.strictSame(await unproven(opened), ['the chain is whole: group 2 does not match its hash'])
  run('delete from grp where sequence = 3')
  t.match(await unproven(opened), [/group 2 does not match its hash; the chain ends with group 2, the books have read group 3$/])
})

t.test('books of the one kind of store are refused by the other', async (t) => {
  const folder = memoryFolder(t)
  ledgerId({ folder, mode: 'sandbox' })
  const other = (): unknown => openBooks({ folder, mode: 'sandbox', flushed: () => Promise.resolve() })
  const message = /^the ledger \S+books\.db was made from a Redis store, the configuration has an embedded store; choose another ledger\.path$/
  t.throws(other, { name: 'BooksError', message })
  t.throws(other, BooksError)
})
