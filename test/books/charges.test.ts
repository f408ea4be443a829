/** Charges that are added up from their bytes make the very rows that reading each line makes, whatever stands between them. */
import { join } from 'node:path'
import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import Database from 'libsql'
import t from 'tap'
import { linesIn } from '../../gateway/books/batch.ts'
import { Booking } from '../../gateway/books/booking.ts'
import { Ledger } from '../../gateway/books/ledger.ts'
import { prepare } from '../../gateway/books/prepare.ts'
import { proven } from '../../gateway/books/proof.ts'
import type { FedGroup } from '../../gateway/books/thread.ts'
import { lineOf } from '../../gateway/stores/lines.ts'
import { memoryFolder } from '../rig/folder.ts'
import { groupsOf, historyOf, steps } from '../rig/histories.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const TABLES = ['page', 'balance', 'tally', 'pending', 'audit', 'meta']

/** `by lines`: as what comes from an outbox is read. */
function ledgerIn(by: 'bytes' | 'lines'): { readonly file: string; readonly ledger: Ledger; readonly write: (groups: readonly FedGroup[]) => void } {
  const folder = memoryFolder(t)
  const file = join(folder, 'books.db')
  prepare(file, { folder, mode: 'sandbox' }, 'journal')
  const ledger = new Ledger(file, { keepsLines: by === 'lines' })
  const booking = new Booking({ keepsLines: by === 'lines' })
  const write = (groups: readonly FedGroup[]): void => {
    booking.begin(ledger.standing.sequence)
    for (const group of groups) booking.take(group)
    ledger.write(booking)
  }
  return { file, ledger, write }
}

const bytesOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''))

/** A page with each of its lines written out. */
const wholeOf = (row: Record<string, unknown>): object => (typeof row.lines === 'string' ? { ...row, lines: linesIn(row.account as string, row.lines) } : row)

/** What these writes leave behind, row by row; or that they fail. */
function rowsOf(by: 'bytes' | 'lines', writes: readonly (readonly FedGroup[])[]): unknown {
  const { file, ledger, write } = ledgerIn(by)
  try {
    for (const groups of writes) write(groups)
  } catch (error) {
    return error instanceof Error ? error.name : error
  } finally {
    ledger.close()
  }
  const db = new Database(file, { readonly: true })
  const rows = Object.fromEntries(
    TABLES.map((name) => [name, (db.prepare(`select * from ${name}`).all() as Record<string, unknown>[]).map((row) => JSON.stringify(wholeOf(row))).sort()]),
  )
  db.close()
  return { ...rows, meta: rows.meta?.filter((row) => !row.startsWith('{"name":"id"')) }
}

const FIRST = Date.UTC(2026, 10, 29)
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('acme', 'alice', 'key:a', 'key:b', 'bob', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('150000', '15000', '0', '1') },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 10n ** 15n }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('9007199254740993', '0150000', '999999999999999') },
)
const charge = fc
  .record({
    id: fc.oneof(fc.stringMatching(/^rc_[a-z0-9]{1,20}$/), name),
    at: fc.nat(6 * 86_400_000).map((more) => FIRST + more),
    since: fc.option(fc.nat(), { nil: undefined }),
    connection: name,
    owner: name,
    units: fc.oneof(fc.nat(9), fc.constantFrom(999_999_999_999_999, 2 ** 53 - 1)),
    price: amount,
    platform: amount,
    by: fc.constantFrom('credits', 'credits', 'credits', 'owner', 'x402'),
    account: name,
    names: fc.constantFrom([], [{ name: 'k:a', digest: 'd', until: 5 }]),
  })
  .map((some) => {
    const subject = { requestDigest: 'ab'.repeat(32), answerDigest: 'cd'.repeat(32) }
    const call = { v: 2, id: 'r', at: some.at, generation: 1, config: 'c', api: 'a', operation: 'o', consumer: 'k', kind: 'charged', status: 200 }
    const rest = { code: undefined, receipt: some.id, units: 1, price: some.price, requested: 1, candidates: [], attempts: [], tookMs: 1 }
    const record = { t: 'charge', ...some, period: 0, api: 'a', operation: 'o', subject, once: [], answer: undefined, call: { ...call, ...rest } }
    return lineOf(record as unknown as Parameters<typeof lineOf>[0])
  })
/** One byte of it is another one. */
const spoiled = fc
  .record({ line: charge, at: fc.nat(300), by: fc.constantFrom('"', '0', '7', 'x', ',', ':', '{', ' ', '\\', '-') })
  .map(({ line, at, by }) => `${line.slice(0, at)}${by}${line.slice(at + 1)}`)
const audit = fc.nat().map((at) => JSON.stringify({ t: 'audit', action: 'key.create', actor: 'admin', owner: 'alice', subject: 'k', detail: '', at }))
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })

/** Lines of a history that is one, with others between them. */
const lines = fc
  .record({
    history: steps,
    others: fc.array(fc.oneof({ weight: 12, arbitrary: charge }, { weight: 1, arbitrary: audit }), { maxLength: 120 }),
    pick: fc.infiniteStream(fc.boolean()),
  })
  .map(({ history, others, pick }) => {
    const all: string[] = []
    const [one, other] = [historyOf(history).map((record) => JSON.stringify(record)), [...others]]
    while (one.length + other.length > 0) all.push((one.length > 0 && (other.length === 0 || pick.next().value) ? one : other).shift() as string)
    return all
  })

const groupsFrom = (all: readonly string[], many: readonly number[]): FedGroup[] =>
  groupsOf(all as unknown as object[], many).map((group, index) => ({ sequence: index + 1, hash: `h${index}`, bytes: bytesOf(group as unknown as string[]) }))

t.test('whatever lines come in whatever groups, their rows are those that reading each line makes', (t) => {
  let charges = 0
  fc.assert(
    fc.property(lines, sizes, sizes, (all, many, together) => {
      const groups = groupsFrom(all, many)
      const writes = groupsOf(groups, together) as unknown as FedGroup[][]
      const byLines = rowsOf('lines', writes)
      deepStrictEqual(rowsOf('bytes', writes), byLines)
      charges += (byLines as { page?: string[] }).page?.length ?? 0
    }),
    { seed, numRuns: 60 },
  )
  t.ok(charges > 200, `${charges} pages`)
  t.end()
})

t.test('a line of which one byte is another is read as it is without bytes, or not at all', (t) => {
  let failed = 0
  fc.assert(
    fc.property(fc.array(charge, { maxLength: 3 }), spoiled, (before, line) => {
      const writes = [groupsFrom([...before, line], [9])]
      const byLines = rowsOf('lines', writes)
      deepStrictEqual(rowsOf('bytes', writes), byLines)
      if (typeof byLines === 'string') failed += 1
    }),
    { seed, numRuns: 150 },
  )
  t.ok(failed > 5, `${failed} were refused`)
  t.end()
})

const sold = (id: string, at: number, account = 'key:a'): string =>
  `{"t":"charge","id":"${id}","at":${at},"connection":"acme","owner":"alice","period":0,"units":1,"price":"150000","platform":"15000","by":"credits","account":"${account}","api":"a"}`

t.test('a number is written as a number, however its digits came', (t) => {
  const writes = [groupsFrom([sold('r1', FIRST), sold('r2', FIRST).replace('"at":', '"at":0'), sold('r3', FIRST).replace('"150000"', '"0150000"')], [3])]
  deepStrictEqual(rowsOf('bytes', writes), rowsOf('lines', writes))
  t.pass()
  t.end()
})

t.test('a charge on the terms of one before is on just those, whatever was read between', (t) => {
  const one = (id: number, changes: readonly (readonly [string, string])[]): string =>
    changes.reduce((line, [from, to]) => line.replace(from, to), sold(`r${id}`, FIRST + id))
  const kinds: readonly (readonly (readonly [string, string])[])[] = [
    [],
    [
      ['"150000"', '"7"'],
      ['"15000"', '"5"'],
      ['"units":1', '"units":8'],
      ['credits', 'x402'],
    ],
    [
      ['"units":1', '"units":3'],
      ['credits', 'owner'],
    ],
    [
      ['"150000"', '"9000"'],
      ['"15000"', '"9000"'],
      ['alice', 'bob'],
    ],
    [
      ['"150000"', '"8"'],
      ['"account":"key:a"', '"account":"key:ü"'],
    ],
  ]
  let [seed, before] = [1, 0]
  const lines = Array.from({ length: 500 }, (_, id) => {
    seed = (seed * 48_271) % 2_147_483_647
    before = seed % 3 === 0 ? before : seed % kinds.length
    return one(id, kinds[seed % 2 === 0 ? 0 : before] as (typeof kinds)[number])
  })
  deepStrictEqual(rowsOf('bytes', [groupsFrom(lines, [100])]), rowsOf('lines', [groupsFrom(lines, [100])]))
  t.pass()
  t.end()
})

t.test('sums that no number holds exactly are exact', (t) => {
  const { ledger, write } = ledgerIn('bytes')
  const [count, price] = [40, 999_999_999_999_999n]
  const line = sold('r', FIRST).replace('150000', `${price}`)
  write(groupsFrom(Array<string>(count).fill(line), [count]))
  t.equal(ledger.balances().get('liab:credit:key:a'), price * BigInt(count))
  t.equal(ledger.report('2026-11')[0]?.revenue, price * BigInt(count))
  ledger.close()
  t.end()
})

t.test('accounts that come by the ten thousand change nothing in what is added up', (t) => {
  const { ledger, write } = ledgerIn('bytes')
  const [rounds, accounts] = [3, 30_000]
  for (let round = 1; round <= rounds; round += 1) {
    const all = Array.from({ length: accounts }, (_, index) => sold(`r${index}`, FIRST, `key:${round * 20_000 + index}`))
    write([{ sequence: round, hash: `h${round}`, bytes: bytesOf(all) }])
  }
  const balances = [...ledger.balances()].filter(([account]) => account.startsWith('liab:credit:'))
  t.equal(balances.length, (rounds - 1) * 20_000 + accounts)
  t.equal(
    balances.reduce((sum, [, credit]) => sum + credit, 0n),
    BigInt(rounds * accounts) * 150_000n,
  )
  ledger.close()
  t.end()
})

t.test('of many batches a statement has the newest, all entries come once and in order, and the proof has each of them', async (t) => {
  const { file, ledger, write } = ledgerIn('bytes')
  const ids = Array.from({ length: 50 }, (_, index) => `r${index}`)
  for (const [index, id] of ids.entries()) {
    const bytes = bytesOf([sold(id, FIRST + index), sold(`b-${id}`, FIRST + index, 'key:b'), sold(`c-${id}`, FIRST + index, 'key:c')])
    write([{ sequence: index + 1, hash: `h${index}`, bytes }])
  }
  t.strictSame(
    ledger.statement('key:a', 20).map(({ receipt }) => receipt),
    ids.slice(-20).reverse(),
  )
  t.strictSame(
    ledger.statement('key:a', 1000).map(({ receipt }) => receipt),
    [...ids].reverse(),
  )
  const found: string[] = []
  for (let after: number | undefined = 0; after !== undefined; ) {
    const { entries, last } = ledger.entriesAfter(after, 7)
    found.push(...entries.map(({ id }) => id))
    after = last
  }
  t.strictSame(
    found,
    ids.flatMap((id) => [id, `b-${id}`, `c-${id}`]),
  )
  const [sums] = await proven(file, { keepsLines: false })
  t.match(sums, { ok: true, detail: '150 entries' })
  ledger.close()
})
