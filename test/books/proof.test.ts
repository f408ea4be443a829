/** Each proof of the embedded books finds what it is there for, and names it; books that could not be written go on by themselves. */
import Database from 'libsql'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { StoreFigures, Usd } from '#contract'
import { Booking } from '../../gateway/books/booking.ts'
import { type OpenBooks, openBooks } from '../../gateway/books/index.ts'
import { Ledger } from '../../gateway/books/ledger.ts'
import { prepare } from '../../gateway/books/prepare.ts'
import { provenAudit } from '../../gateway/books/proof.ts'
import { chainOf, soldCall } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import type { Fed } from '../rig/ledger.ts'

const at = Date.UTC(2026, 10, 23)
const MONTH = '2026-11'
const grant = { t: 'credit', id: 'grant', account: 'key:a', amount: '10000000', from: 'grant', at }
const GROUPS = [
  [grant, soldCall('c0'), soldCall('c1')],
  [soldCall('c2'), { t: 'wasted', connection: 'acme', owner: '', units: 3, at }],
]
const GOOD: StoreFigures = {
  balances: new Map([['key:a', 9_550_000n as Usd]]),
  usage: new Map([['acme', { sold: 3, own: 0, wasted: 3, external: 5 }]]),
}

function run(folder: string, sql: string): void {
  const db = new Database(join(folder, 'books.db'))
  db.exec(sql)
  db.close()
}

type Source = Omit<Parameters<typeof openBooks>[0], 'folder' | 'mode'>

function open(t: Test, folder: string, source: Source = { flushed: () => Promise.resolve() }): OpenBooks {
  const opened = openBooks({ folder, mode: 'sandbox', ...source } as Parameters<typeof openBooks>[0])
  t.teardown(() => opened.books.close())
  return opened
}

/** What fails, by check. */
async function failing(t: Test, damage: string, { store = GOOD, source }: { store?: StoreFigures; source?: Source } = {}): Promise<Map<string, string>> {
  const folder = memoryFolder(t)
  const opened = open(t, folder, source)
  for (const group of chainOf(GROUPS)) opened.feed(group)
  await opened.books.balances()
  run(folder, damage)
  const checks = await opened.books.verify(() => Promise.resolve(store))
  t.equal(new Set(checks.map(({ check }) => check)).size, 5, 'all five')
  t.equal(checks.length, 5, 'each once')
  return new Map(checks.flatMap(({ check, ok, detail }) => (ok ? [] : [[check, detail]])))
}

t.test('books that are as they were made prove', async (t) => {
  t.strictSame(await failing(t, ''), new Map())
})

t.test('an entry that does not sum to zero, and a balance that its postings do not give, are named', async (t) => {
  const entry = await failing(t, `update page set lines = replace(lines, '-135000', '-134999') where account = 'key:a'`)
  t.match(entry.get('entries sum to zero'), /^c0 sums to 1; c1 sums to 1; c2 sums to 1$/)
  t.match(entry.get('balances equal postings'), /^liab:owner:alice in 2026-11 is -405000, its postings are -404997$/)
  const balance = await failing(t, `update balance set amount = amount - 7 where account = 'rev:platform'`)
  t.strictSame([...balance], [['balances equal postings', 'rev:platform in 2026-11 is -45007, its postings are -45000']])
  const month = await failing(t, `update balance set month = '2026-12' where account = 'rev:platform'`)
  t.match(month.get('balances equal postings'), /rev:platform in 2026-12 is -45000, its postings are 0; rev:platform in 2026-11 has no balance/)
})

t.test('a chain that is broken, or another one than the books have read, is named', async (t) => {
  const flushed = () => Promise.resolve()
  const broken = { flushed, chain: () => Promise.resolve({ ok: false, detail: 'group 1 does not match its hash' }) }
  t.strictSame([...(await failing(t, '', { source: broken }))], [['the chain is whole', 'group 1 does not match its hash']])
  const journal = (groups: readonly Fed[]): Source => ({
    ...{ flushed, chain: () => Promise.resolve({ ok: true, detail: '2 groups' }) },
    async *refeed(from: number) {
      yield* groups.slice(from - 1)
    },
  })
  t.strictSame(await failing(t, '', { source: journal(chainOf(GROUPS)) }), new Map())
  const other = await failing(t, '', { source: journal(chainOf([[grant], [grant]])) })
  t.equal(other.get('the chain is whole'), 'the books have read another group 2 than the journal has')
  const shorter = await failing(t, '', { source: journal(chainOf(GROUPS).slice(0, 1)) })
  t.equal(shorter.get('the chain is whole'), 'the books have read group 2, which the journal does not have')
})

t.test('what the store holds and the books do not, and units that cannot be, are named', async (t) => {
  const balances = new Map([['key:a', 9_550_001n as Usd]])
  t.match([...(await failing(t, '', { store: { ...GOOD, balances } }))], [['books agree with the store', /key:a/]])
  const none = await failing(t, '', { store: { ...GOOD, balances: new Map() } })
  t.strictSame([...none], [['books agree with the store', 'key:a has 9550000 micro-dollars more in the books than in the store']])
  const usage = new Map([['acme', { sold: 3, own: 1, wasted: 3, external: -1 }]])
  t.match(
    [...(await failing(t, '', { store: { ...GOOD, usage } }))],
    [
      ['books agree with the store', /acme .* own/],
      ['units add up', /acme .* external/],
    ],
  )
})

t.test('a proof of the audit log is of the books as they were when it began, whatever is booked meanwhile', async (t) => {
  const folder = memoryFolder(t)
  const file = join(folder, 'books.db')
  prepare(file, { folder, mode: 'sandbox' }, 'journal')
  const ledger = new Ledger(file, { keepsLines: true })
  t.teardown(() => ledger.close())
  const booking = new Booking({ keepsLines: true })
  const book = (groups: readonly Fed[]): void => {
    booking.begin(ledger.standing.sequence)
    for (const group of groups) booking.take(group)
    ledger.write(booking)
  }
  const chain = chainOf(Array.from({ length: 6 }, (_, n) => [{ t: 'audit', at, action: 'key.create', actor: 'operator', subject: `k${n}`, detail: {} }]))
  book(chain.slice(0, 4))
  const begun = provenAudit(file, { keepsLines: true })
  book(chain.slice(4))
  t.match(await begun, { sequence: 4, lines: 4, groups: 4, problems: [] })
  t.match(await provenAudit(file, { keepsLines: true }), { sequence: 6, lines: 6, groups: 6, problems: [] })
})

t.test('books that could not be written go on by themselves when they can, with all that came meanwhile', async (t) => {
  const folder = memoryFolder(t)
  const opened = open(t, folder)
  const chain = chainOf(Array.from({ length: 9 }, (_, index) => [soldCall(`c${index}`)]))
  for (const group of chain.slice(0, 3)) opened.feed(group)
  t.match(await opened.books.report(MONTH), [{ callsSold: 3 }])
  run(folder, `create trigger broken before insert on tally begin select raise(abort, 'the disk is full'); end`)
  for (const group of chain.slice(3, 6)) opened.feed(group)
  await t.rejects(opened.books.report(MONTH), /the books cannot be written: .*the disk is full/)
  t.match(opened.failed(), { message: /the disk is full/ })
  for (const group of chain.slice(6)) opened.feed(group)
  await t.rejects(opened.books.report(MONTH), /the disk is full/)
  run(folder, 'drop trigger broken')
  const deadline = Date.now() + 5000
  while (opened.failed() !== undefined && Date.now() < deadline) await pause(5)
  t.equal(opened.failed(), undefined)
  t.match(await opened.books.report(MONTH), [{ callsSold: 9 }])
})

t.test('books that are opened again know how far they are before anything is fed', async (t) => {
  const folder = memoryFolder(t)
  const opened = open(t, folder)
  for (const group of chainOf(GROUPS)) opened.feed(group)
  await opened.books.close()
  t.equal(opened.fedUpTo, 2)
  t.equal(open(t, folder).fedUpTo, 2)
})

t.test('books that another program has locked wait for it', async (t) => {
  const folder = memoryFolder(t)
  const opened = open(t, folder)
  const chain = chainOf([[soldCall('a')], [soldCall('b')]])
  opened.feed(chain[0] as Fed)
  t.match(await opened.books.report(MONTH), [{ callsSold: 1 }])
  const other = new Database(join(folder, 'books.db'))
  other.exec('begin immediate')
  opened.feed(chain[1] as Fed)
  await t.rejects(opened.books.report(MONTH), /locked/)
  other.exec('rollback')
  other.close()
  t.match(await opened.books.report(MONTH), [{ callsSold: 2 }])
  t.equal(opened.failed(), undefined)
})

t.test('what is too much to be kept in memory is read again from the journal', async (t) => {
  const folder = memoryFolder(t)
  const large = (id: string): object => ({ ...soldCall(id), answer: 'x'.repeat(8 * 1024 * 1024) })
  const groups = Array.from({ length: 16 }, (_, index) => [large(`c${index}`)])
  const asked: number[] = []
  const opened = open(t, folder, {
    flushed: () => Promise.resolve(),
    async *refeed(from: number) {
      asked.push(from)
      yield* chainOf(groups).slice(from - 1)
    },
  })
  for (const group of chainOf(groups)) opened.feed(group)
  t.match(await opened.books.report(MONTH), [{ callsSold: 16 }])
  t.ok((asked[0] ?? 0) > 1, 'from where it was too much')
})
