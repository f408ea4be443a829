/** What the books in PostgreSQL stand on: a server that keeps its word, a mode, a source. Where one is wrong a sentence says so. */
import t from 'tap'
import { openPostgresBooks } from '../../gateway/books/postgres/index.ts'
import { chainOf, MemoryOutbox, postgresAlone, silent, soldCall } from '../rig/books.ts'
import type { Fed } from '../rig/ledger.ts'
import { openPostgres } from '../rig/postgres.ts'

const server = await openPostgres(t)
const MONTH = '2026-11'
const at = server.url.replace(/^.*@/, '')
const calls = (from: number, count: number): object[] => Array.from({ length: count }, (_, index) => soldCall(`c${from + index}`))
const fresh = (): Fed[] => chainOf([calls(0, 2), calls(2, 2), calls(4, 2), calls(6, 2)])
const part = (from: number, to: number): Fed[] => fresh().slice(from - 1, to)

t.test('books belong to the mode and to the kind of store in which they were made', async (t) => {
  await (await postgresAlone(t, { url: server.url, name: 'mode' })).books.close()
  const remedy = 'choose another store.name or ledger.url'
  await t.rejects(postgresAlone(t, { url: server.url, name: 'mode', mode: 'live' }), {
    name: 'BooksError',
    message: `the ledger "atlas_mode" at ${at} was made in sandbox mode, the configuration says live; ${remedy}`,
  })
  await t.rejects(postgresAlone(t, { url: server.url, name: 'mode', source: { outbox: new MemoryOutbox() } }), {
    name: 'BooksError',
    message: `the ledger "atlas_mode" at ${at} was made from an embedded store, the configuration has a Redis store; ${remedy}`,
  })
  await t.resolves(postgresAlone(t, { url: server.url, name: 'mode' }))
})

t.test('a server that forgets what it has confirmed is refused, unless that is wanted', async (t) => {
  for (const setting of ['synchronous_commit', 'fsync']) {
    const forgetful = await openPostgres(t, { [setting]: 'off' })
    const open = (relaxed: boolean): ReturnType<typeof postgresAlone> => postgresAlone(t, { url: forgetful.url, name: 'a', relaxed })
    await t.rejects(open(false), { name: 'BooksError', message: new RegExp(`^the ledger at \\S+ has ${setting} off and may forget`) })
    t.strictSame(await (await open(true)).books.report(MONTH), [])
  }
})

t.test('a server that is not there ends in one sentence without the password', async (t) => {
  const url = 'postgres://atlas:geheim@127.0.0.1:9/books'
  const error = await postgresAlone(t, { url, name: 'a' }).catch((error: unknown) => error)
  t.match(error, {
    name: 'BooksError',
    message: /^the ledger at 127\.0\.0\.1:9\/books cannot be used \(.*ECONNREFUSED.*\); correct ledger\.url, or start PostgreSQL$/,
  })
  t.notMatch(String(error), /geheim/)
  await t.rejects(postgresAlone(t, { url: server.url, name: 'x'.repeat(80) }), { name: 'BooksError', message: /is too long for a ledger in PostgreSQL/ })
})

t.test('books of another journal are refused, and never mixed with this one', async (t) => {
  const opened = await postgresAlone(t, { url: server.url, name: 'journal' })
  for (const group of part(1, 3)) opened.feed(group)
  await opened.books.report(MONTH)
  await opened.books.close()
  const message = /^the ledger "atlas_journal" at \S+ was not made from the journal at store\.path; /
  const cut = /^the ledger "atlas_journal" at \S+ has read group 3, which the journal at store\.path does not have: its end was cut off/
  const reopen = async (groups: readonly Fed[]): Promise<void> => {
    const again = await postgresAlone(t, { url: server.url, name: 'journal' })
    for (const group of groups) again.feed(group)
    await again.joined()
  }
  await t.rejects(reopen(part(1, 2)), { name: 'BooksError', message: cut }, 'a journal that has lost its end')
  await t.rejects(reopen(chainOf([calls(9, 1), calls(10, 1), calls(11, 1)])), { name: 'BooksError', message }, 'another journal')
  await t.rejects(reopen([]), { name: 'BooksError', message: cut }, 'an empty one')
  await t.resolves(reopen(part(1, 4)))
})

t.test('what came before the first group that is fed is read from the journal', async (t) => {
  const asked: number[] = []
  const source = {
    flushed: () => Promise.resolve(),
    async *refeed(from: number): AsyncIterable<Fed> {
      asked.push(from)
      yield* part(from, 4)
    },
  }
  const first = await postgresAlone(t, { url: server.url, name: 'refed', source })
  for (const group of part(4, 4)) first.feed(group)
  await first.joined()
  t.match(await first.books.report(MONTH), [{ callsSold: 8 }])
  await first.books.close()
  t.strictSame(asked, [1])
  const second = await postgresAlone(t, { url: server.url, name: 'refed', source })
  await second.joined()
  t.strictSame(asked, [1, 4], 'and whether it is the same journal')
  t.match(await second.books.report(MONTH), [{ callsSold: 8 }])
  const gap = await postgresAlone(t, { url: server.url, name: 'gap' })
  for (const group of part(3, 4)) gap.feed(group)
  t.match(gap.failed(), { message: 'group 3 does not follow group 0' }, 'without a journal to read it is told')
  await t.rejects(gap.books.report(MONTH), /group 3 does not follow group 0/)
})

t.test('a record that comes twice through the outbox counts once', async (t) => {
  const outbox = new MemoryOutbox()
  outbox.add([...calls(0, 3), ...calls(1, 3), soldCall('c0')])
  const opened = await openPostgresBooks({ url: server.url, name: 'twice', mode: 'sandbox', source: { outbox }, log: silent })
  t.teardown(() => opened.books.close())
  t.match(await opened.books.report(MONTH), [{ callsSold: 4 }])
  outbox.add([...calls(2, 3), soldCall('c0')])
  t.match(await opened.books.report(MONTH), [{ callsSold: 5, revenue: 750_000n }])
  const checks = await opened.books.verify(() => Promise.resolve({ balances: new Map(), usage: new Map() }))
  t.strictSame(
    checks.slice(0, 3).map(({ ok, detail }) => (ok ? '' : detail)),
    ['', '', ''],
  )
  t.strictSame(outbox.told.at(-1), outbox.entries.at(-1)?.id, 'and the outbox hears of it')
})

t.test('closed books answer nothing, and closing them twice is no trouble', async (t) => {
  const opened = await postgresAlone(t, { url: server.url, name: 'closed' })
  for (const group of part(1, 1)) opened.feed(group)
  await opened.books.close()
  await opened.books.close()
  await t.rejects(opened.books.report(MONTH), /closed/)
  const again = await postgresAlone(t, { url: server.url, name: 'closed' })
  t.match(await again.books.report(MONTH), [{ callsSold: 2 }], 'what was fed before the close is there')
})
