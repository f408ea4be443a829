/** Each proof of the books in PostgreSQL finds what it is there for, and names it. */
import t, { type Test } from 'tap'
import type { LedgerCheck, StoreFigures, Usd } from '#contract'
import type { OpenBooks } from '../../gateway/books/open.ts'
import { chainOf, postgresAlone, soldCall } from '../rig/books.ts'
import { openPostgres } from '../rig/postgres.ts'

const server = await openPostgres(t)
const at = Date.UTC(2026, 10, 23)
const grant = { t: 'credit', id: 'grant', account: 'key:a', amount: '10000000', from: 'grant', at }
const GROUPS = [[grant, soldCall('c0'), soldCall('c1')], [{ t: 'lease' }], [soldCall('c2'), { t: 'wasted', connection: 'acme', owner: '', units: 3, at }]]
const GOOD: StoreFigures = {
  balances: new Map([['key:a', 9_550_000n as Usd]]),
  usage: new Map([['acme', { sold: 3, own: 0, wasted: 3, external: 5 }]]),
}
const ALL: readonly LedgerCheck['check'][] = [
  'entries sum to zero',
  'balances equal postings',
  'the chain is whole',
  'books agree with the store',
  'units add up',
]
let names = 0

/** Books with three calls, and their damage: statements on `S`, or another store. */
async function damaged(test: Test, statements: readonly string[], store: StoreFigures = GOOD): Promise<Map<string, string>> {
  names += 1
  const name = `p${names}`
  const opened: OpenBooks = await postgresAlone(test, { url: server.url, name })
  for (const group of chainOf(GROUPS)) opened.feed(group)
  await opened.books.balances()
  for (const statement of statements) await server.sql(statement.replaceAll('S.', `atlas_${name}.`))
  const checks = await opened.books.verify(() => Promise.resolve(store))
  test.strictSame(checks.map(({ check }) => check).sort(), [...ALL].sort(), 'all five, each once')
  return new Map(checks.flatMap(({ check, ok, detail }) => (ok ? [] : [[check, detail]])))
}

t.test('books that are as they were made prove', async (t) => {
  t.strictSame(await damaged(t, []), new Map())
})

t.test('an entry that does not sum to zero is named', async (t) => {
  const found = await damaged(t, [`update S.entry set postings = replace(postings, '-15000', '-14999') where id = 'c1'`])
  t.equal(found.get('entries sum to zero'), 'c1 sums to 1')
  t.match(found.get('balances equal postings'), /c1 is posted as/, 'and that its record says something else')
})

t.test('a balance that is not the sum of its postings is named', async (t) => {
  const found = await damaged(t, [`update S.balance set amount = amount - 7 where account = 'rev:platform'`])
  t.strictSame([...found], [['balances equal postings', 'rev:platform in 2026-11 is -45007, its postings are -45000']])
})

t.test('money that was moved to somebody else, with balances to match, is named', async (t) => {
  const found = await damaged(t, [
    `update S.entry set postings = replace(postings, 'alice', 'mallory') where id = 'c1'`,
    `update S.balance set amount = -270000 where account = 'liab:owner:alice'`,
    `insert into S.balance values ('liab:owner:mallory', '2026-11', -135000)`,
  ])
  t.strictSame([...found.keys()], ['balances equal postings'])
  t.match(found.get('balances equal postings'), /^c1 is posted as .*mallory.*, its record says .*alice/)
})

t.test('an entry that went, and one that came, are named', async (t) => {
  const gone = await damaged(t, [`delete from S.entry where id = 'c0'`])
  t.match(gone.get('balances equal postings'), /^c0 is in the records and not in the books; /)
  const came = await damaged(t, [
    `update S.entry set n = n + 1 where n = 4`,
    `insert into S.entry values (4, 'x', ${at}, 'credit', 'key:a', 0, null, '', 1, 0, null)`,
  ])
  t.equal(came.get('balances equal postings'), 'x is in the books and in no record')
})

t.test('a report that says something else than the records is named', async (t) => {
  const found = await damaged(t, [`update S.tally set revenue = revenue + 1`])
  t.match(found.get('balances equal postings'), /^the report has 3 3 0 0 450001 45000 for 2026-11 acme of alice, the records say 3 3 0 0 450000 45000; /)
})

t.test('a record that was changed, a group that went and a hash that was changed break the chain', async (t) => {
  const change = `update S.grp set body = convert_to(replace(convert_from(body, 'UTF8'), '"units":1', '"units":2'), 'UTF8') where sequence = 3`
  t.equal((await damaged(t, [change])).get('the chain is whole'), 'group 3 does not match its hash')
  t.match((await damaged(t, ['delete from S.grp where sequence = 2'])).get('the chain is whole'), /^group 2 is not there; group 3 does not match its hash/)
  t.match((await damaged(t, ['delete from S.grp where sequence = 3'])).get('the chain is whole'), /^the chain ends with group 2, the books have read group 3/)
  t.match((await damaged(t, [`update S.grp set hash = 'x' where sequence = 3`])).get('the chain is whole'), /^group 3 does not match its hash/)
})

t.test('what the store holds and the books do not is named, by account and by connection', async (t) => {
  const balances = new Map([
    ['key:a', 9_550_001n as Usd],
    ['key:b', 5n as Usd],
  ])
  const usage = new Map([['acme', { sold: 4, own: 0, wasted: 3, external: 5 }]])
  const found = await damaged(t, [], { balances, usage })
  t.strictSame([...found.keys()], ['books agree with the store'])
  for (const name of [/key:a/, /key:b/, /acme .* sold/]) t.match(found.get('books agree with the store'), name)
})

t.test('units that cannot be are named', async (t) => {
  const usage = new Map([['acme', { sold: 3, own: 0, wasted: 3, external: -1 }]])
  t.match([...(await damaged(t, [], { ...GOOD, usage }))], [['units add up', /acme has -1 external units/]])
})
