/** The audit log over a journal, with books of either driver: whatever is removed, altered or moved in the files or in the rows is found and named. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { journalOf, noted, openAuditGround, subjectsOf } from '../rig/audit.ts'
import { openPostgres } from '../rig/postgres.ts'
import { segmentsOf } from '../rig/segments.ts'
import { type Care, type Kept, tamper } from '../rig/tamper.ts'

const server = await openPostgres(t)
let names = 0
type Ground = Awaited<ReturnType<typeof openAuditGround>>

interface Books {
  readonly ground: Ground
  sql(text: string): Promise<unknown>
}

const DRIVERS: Readonly<Record<string, (t: Test) => Promise<Books>>> = {
  embedded: async (t) => {
    const ground = await openAuditGround(t, {})
    const sql = async (text: string): Promise<void> => {
      const db = new Database(join(ground.folder, 'data', 'books.db'))
      db.exec(text.replaceAll('S.', ''))
      db.close()
    }
    return { ground, sql }
  },
  postgres: async (t) => {
    names += 1
    const name = `j${names}`
    const ground = await openAuditGround(t, { store: { name }, ledger: { driver: 'postgres', url: server.url } })
    return { ground, sql: (text) => server.sql(text.replaceAll('S.', `atlas_${name}.`)) }
  },
}

/** Groups of one line and of several. */
async function fill({ audit }: Ground): Promise<void> {
  for (let index = 0; index < 6; index += 1) await audit.write(noted(index))
  await Promise.all([6, 7, 8, 9].map((index) => audit.write(noted(index))))
  for (let index = 10; index < 14; index += 1) await audit.write(noted(index))
}

const groupWith = (groups: readonly Kept[], index: number): Kept =>
  groups.find(({ lines }) => lines.some((line) => line.includes(`"connection-${index}"`))) as Kept

const TRICKS: Readonly<Record<string, (groups: Kept[]) => void>> = {
  removed: (groups) => {
    const group = groupWith(groups, 7)
    group.lines = group.lines.filter((line) => !line.includes('"connection-7"'))
  },
  altered: (groups) => {
    const group = groupWith(groups, 3)
    group.lines = group.lines.map((line) => line.replace('act 3', 'act 4'))
  },
  'put into another order': (groups) => {
    const group = groupWith(groups, 8)
    const [first = '', second = '', ...others] = group.lines
    group.lines = [second, first, ...others]
  },
  added: (groups) => {
    const group = groupWith(groups, 12)
    group.lines = [...group.lines, (group.lines[0] as string).replace('connection-12', 'connection-99')]
  },
}
/** The line that each is about. */
const SAID: Readonly<Record<string, RegExp>> = {
  removed: /line 1 of group \d+ \(connection\.enable connection-7 at \S+\) stands in the books and not in the chain/,
  altered: /line 0 of group \d+ was altered: the chain has connection\.enable connection-3/,
  'put into another order': /line 0 of group \d+ \(connection\.enable connection-7 .*another order/,
  added: /line 1 of group \d+ \(connection\.enable connection-99 .*stands in the chain and not in the books/,
}

for (const [driver, open] of Object.entries(DRIVERS)) {
  t.test(`${driver} books: what was written is shown in order, to each owner what is his, and proven`, async (t) => {
    const { ground } = await open(t)
    const { audit } = ground
    await fill(ground)
    t.strictSame(
      subjectsOf(await audit.entries({ limit: 100 })),
      Array.from({ length: 14 }, (_, index) => `connection-${index}`),
    )
    t.strictSame(subjectsOf(await audit.entries({ limit: 3, owner: 'bob' })), ['connection-6', 'connection-9', 'connection-12'])
    t.strictSame(subjectsOf(await audit.entries({ limit: 100, owner: 'nobody' })), [])
    t.strictSame(await audit.entries({ limit: 100, action: 'key.create' }), [])
    const [last] = await audit.entries({ limit: 1 })
    t.match(last, { ...noted(13), line: 0 })
    t.match(await audit.verify(), { ok: true, detail: /^14 lines in \d+ groups, the last is \d+ [0-9a-f]{64}$/ })
  })

  for (const [trick, change] of Object.entries(TRICKS)) {
    t.test(`${driver} books: a line that was ${trick} in the journal is found and named, however much was made to fit`, async (t) => {
      const { ground } = await open(t)
      await fill(ground)
      await ground.audit.entries({ limit: 1 })
      for (const care of ['frame', 'group', 'all'] as Care[]) {
        const undo = tamper(journalOf(ground.folder), care, change)
        const { ok, detail } = await ground.audit.verify()
        undo()
        t.notOk(ok, care)
        t.match(detail, SAID[trick], care)
      }
      t.match(await ground.audit.verify(), { ok: true }, 'the undone journal proves')
    })
  }

  t.test(`${driver} books: a journal with every audit line, in which anything else is another and all hashes were made to fit, does not pass`, async (t) => {
    const { ground } = await open(t)
    await fill(ground)
    await ground.admin.createKey({ id: 'k', hash: 'the digest of mine', role: 'consumer', credits: 0n as never })
    await ground.audit.entries({ limit: 1 })
    const undo = tamper(journalOf(ground.folder), 'all', (groups) => {
      for (const group of groups) group.lines = group.lines.map((line) => line.replace('the digest of mine', 'the digest of ours'))
    })
    t.match(await ground.audit.verify(), { ok: false, detail: /the books have read another group \d+ than the journal has/ })
    undo()
    t.match(await ground.audit.verify(), { ok: true })
  })

  t.test(`${driver} books: a row that was removed, altered, moved or added is found and named`, async (t) => {
    const { ground, sql } = await open(t)
    await fill(ground)
    const all = await ground.audit.entries({ limit: 100 })
    const [one, other] = [all[4], all[9]]
    const at = (row: typeof one): string => `sequence = ${row?.sequence} and line = ${row?.line}`
    const damages: readonly (readonly [string, string, RegExp])[] = [
      [`delete from S.audit where ${at(one)}`, '', /connection-4 .*stands in the chain and not in the books/],
      [
        `update S.audit set text = replace(text, 'act 4', 'act 5') where ${at(one)}`,
        `update S.audit set text = replace(text, 'act 5', 'act 4') where ${at(one)}`,
        /line 0 of group \d+ was altered/,
      ],
      [
        `update S.audit set line = 99 where ${at(other)}`,
        `update S.audit set line = ${other?.line} where sequence = ${other?.sequence} and line = 99`,
        /connection-9 .*another order/,
      ],
      [
        `insert into S.audit select sequence, 99, action, owner, replace(text, 'connection-4', 'connection-x') from S.audit where ${at(one)}`,
        `delete from S.audit where line = 99`,
        /connection-x .*stands in the books and not in the chain/,
      ],
    ]
    for (const [damage, mend, said] of [...damages.slice(1), ...damages.slice(0, 1)]) {
      await sql(damage)
      const { ok, detail } = await ground.audit.verify()
      t.notOk(ok, damage)
      t.match(detail, said)
      if (mend !== '') await sql(mend)
    }
  })

  t.test(`${driver} books: a journal whose end was cut off at a group, or that has lost a segment, does not pass`, async (t) => {
    const { ground } = await open(t)
    await fill(ground)
    await ground.audit.entries({ limit: 1 })
    const folder = journalOf(ground.folder)
    const undo = tamper(folder, 'frame', (groups) => {
      for (const group of groups.slice(-2)) group.isGone = true
    })
    t.match(await ground.audit.verify(), {
      ok: false,
      detail: /does not hold whole groups up to byte \d+; line 0 of group \d+ \(\S+ connection-12 .*not in the chain/,
    })
    undo()
    const [file = ''] = segmentsOf(folder)
    renameSync(file, `${file}.aside`)
    t.match(await ground.audit.verify(), { ok: false })
    renameSync(`${file}.aside`, file)
    t.match(await ground.audit.verify(), { ok: true })
  })

  t.test(`${driver} books: a gateway whose journal was cut off at a group does not even start, and says why`, async (t) => {
    const { ground } = await open(t)
    await fill(ground)
    await ground.audit.entries({ limit: 1 })
    await ground.close()
    tamper(journalOf(ground.folder), 'frame', (groups) => {
      for (const group of groups.slice(-2)) group.isGone = true
    })
    const { store, ledger } = ground.config
    const again = { store: { name: store.name }, ...(ledger.driver === 'embedded' ? {} : { ledger: { driver: 'postgres', url: ledger.url } }) }
    await t.rejects(openAuditGround(t, again, ground), {
      name: 'BooksError',
      message: /has read group \d+, which the journal at store\.path does not have: its end was cut off/,
    })
  })
}
