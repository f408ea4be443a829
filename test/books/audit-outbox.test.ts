/** The audit log over a Redis store, with books of either driver: the lines are kept in the books, with their chain, and the store knows how many there are. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import Database from 'libsql'
import t, { type Test } from 'tap'
import { noted, openAuditGround, subjectsOf } from '../rig/audit.ts'
import { openPostgres } from '../rig/postgres.ts'
import { startRedis } from '../rig/redis.ts'

const server = await openPostgres(t)
const redis = await startRedis(t)
let names = 0
type Ground = Awaited<ReturnType<typeof openAuditGround>>

interface Books {
  readonly ground: Ground
  readonly settings: object
  sql(text: string): Promise<unknown>
  /** Of a group that is kept. */
  kept(sequence: number): Promise<{ readonly hash: string; readonly body: Buffer }>
  keep(sequence: number, hash: string, body: Buffer): Promise<unknown>
}

const DRIVERS: Readonly<Record<string, (t: Test) => Promise<Books>>> = {
  embedded: async (t) => {
    const settings = { store: storeOf() }
    const ground = await openAuditGround(t, settings)
    const inFile = async <T>(work: (db: Database.Database) => T): Promise<T> => {
      const db = new Database(join(ground.folder, 'data', 'books.db'))
      try {
        return work(db)
      } finally {
        db.close()
      }
    }
    return {
      ...{ ground, settings, sql: (text) => inFile((db) => db.exec(text.replaceAll('S.', ''))) },
      kept: (sequence) =>
        inFile((db) => {
          const { hash, body } = db.prepare('select hash, body from grp where sequence = ?').get(sequence) as { hash: string; body: Uint8Array }
          return { hash, body: Buffer.from(body) }
        }),
      keep: (sequence, hash, body) => inFile((db) => db.prepare('update grp set hash = ?, body = ? where sequence = ?').run(hash, body, sequence)),
    }
  },
  postgres: async (t) => {
    const settings = { store: storeOf(), ledger: { driver: 'postgres', url: server.url } }
    const ground = await openAuditGround(t, settings)
    const schema = `atlas_${settings.store.name}`
    return {
      ...{ ground, settings, sql: (text) => server.sql(text.replaceAll('S.', `${schema}.`)) },
      kept: async (sequence) => {
        const [row] = await server.sql<{ hash: string; body: Buffer }>(`select hash, body from ${schema}.grp where sequence = $1`, [sequence])
        return row as { hash: string; body: Buffer }
      },
      keep: (sequence, hash, body) => server.sql(`update ${schema}.grp set hash = $1, body = $2 where sequence = $3`, [hash, body, sequence]),
    }
  },
}

function storeOf(): { readonly driver: string; readonly url: string; readonly name: string; readonly durability: string } {
  names += 1
  return { driver: 'redis', url: redis.url, name: `o${names}`, durability: 'relaxed' }
}

async function fill({ audit, admin }: Ground): Promise<void> {
  for (let index = 0; index < 6; index += 1) await audit.write(noted(index))
  await audit.entries({ limit: 1 })
  await admin.audit.write([6, 7, 8, 9].map((index) => noted(index)))
  await audit.entries({ limit: 1 })
  for (let index = 10; index < 14; index += 1) await audit.write(noted(index))
}

/** Blobs and texts are changed in different words. */
const inBody = (driver: string, from: string, to: string): string =>
  driver === 'postgres'
    ? `body = convert_to(replace(convert_from(body, 'UTF8'), '${from}', '${to}'), 'UTF8')`
    : `body = cast(replace(cast(body as text), '${from}', '${to}') as blob)`

for (const [driver, open] of Object.entries(DRIVERS)) {
  t.test(`${driver} books: what was written is shown in order, proven, and there after a restart`, async (t) => {
    const { ground, settings } = await open(t)
    await fill(ground)
    const expected = Array.from({ length: 14 }, (_, index) => `connection-${index}`)
    t.strictSame(subjectsOf(await ground.audit.entries({ limit: 100 })), expected)
    t.strictSame(subjectsOf(await ground.audit.entries({ limit: 3, owner: 'bob' })), ['connection-6', 'connection-9', 'connection-12'])
    t.match(await ground.audit.verify(), { ok: true, detail: /^14 lines in \d+ groups, the last is \d+ [0-9a-f]{64}$/ })
    await ground.close()
    const again = await openAuditGround(t, settings, ground)
    t.strictSame(subjectsOf(await again.audit.entries({ limit: 100 })), expected)
    t.match(await again.audit.verify(), { ok: true })
  })

  t.test(`${driver} books: a row or a kept line that was removed, altered, moved or added is found and named`, async (t) => {
    const { ground, sql } = await open(t)
    await fill(ground)
    const all = await ground.audit.entries({ limit: 100 })
    const [one, other] = [all[4], all[8]]
    const at = (row: typeof one): string => `sequence = ${row?.sequence} and line = ${row?.line}`
    const damages: readonly (readonly [string, string, RegExp])[] = [
      [
        `update S.audit set text = replace(text, 'act 4', 'act 5') where ${at(one)}`,
        `update S.audit set text = replace(text, 'act 5', 'act 4') where ${at(one)}`,
        /line \d+ of group \d+ was altered: the chain has connection\.enable connection-4/,
      ],
      [`update S.audit set line = 99 where ${at(other)}`, `update S.audit set line = ${other?.line} where line = 99`, /connection-8 .*another order/],
      [
        `insert into S.audit select sequence, 99, action, owner, replace(text, 'connection-4', 'connection-x') from S.audit where ${at(one)}`,
        `delete from S.audit where line = 99`,
        /connection-x .*stands in the books and not in the chain/,
      ],
      [
        `update S.grp set ${inBody(driver, 'act 4', 'act 7')}, hash = hash where sequence = ${one?.sequence}`,
        `update S.grp set ${inBody(driver, 'act 7;', 'act 4;')} where sequence = ${one?.sequence}`,
        /group \d+ does not match its hash; line \d+ of group \d+ was altered/,
      ],
      [`delete from S.audit where ${at(one)}`, '', /connection-4 .*stands in the chain and not in the books/],
    ]
    for (const [damage, mend, said] of damages) {
      await sql(damage)
      const { ok, detail } = await ground.audit.verify()
      t.notOk(ok, damage)
      t.match(detail, said)
      if (mend === '') continue
      await sql(mend)
      t.match(await ground.audit.verify(), { ok: true }, mend)
    }
  })

  t.test(`${driver} books: kept lines that were removed or moved, with their group's hash made anew and rows to match, break the chain`, async (t) => {
    const { ground, sql, kept, keep } = await open(t)
    await fill(ground)
    const all = await ground.audit.entries({ limit: 100 })
    const many = all.find(({ sequence: of, line }) => of > 1 && line === 1)
    const sequence = many?.sequence ?? 0
    t.ok(sequence > 1, 'a group of several')
    const [{ hash: before }, { hash, body }] = [await kept(sequence - 1), await kept(sequence)]
    const lines = body.toString().split('\n').slice(0, -1)
    for (const changed of [lines.slice(1), [lines[1], lines[0], ...lines.slice(2)]]) {
      const bytes = Buffer.from(changed.map((line) => `${line}\n`).join(''))
      await keep(sequence, createHash('sha256').update(before).update(bytes).digest('hex'), bytes)
      t.match(await ground.audit.verify(), {
        ok: false,
        detail: new RegExp(`^group ${sequence}|^group ${sequence + 1} does not match its hash|^the chain ends with`),
      })
    }
    await sql(`delete from S.audit where sequence = ${sequence}`)
    await keep(sequence, createHash('sha256').update(before).update('').digest('hex'), Buffer.from(''))
    t.match(await ground.audit.verify(), { ok: false, detail: /does not match its hash|^the chain ends with/ }, 'also when the rows say the same')
    await keep(sequence, hash, body)
    t.match(await ground.audit.verify(), { ok: false, detail: /stands in the chain and not in the books/ })
  })

  t.test(`${driver} books: a last group that was taken away, with everything that points to it, is missed by the store`, async (t) => {
    const { ground, sql } = await open(t)
    await fill(ground)
    const [last] = await ground.audit.entries({ limit: 1 })
    const sequence = last?.sequence ?? 0
    t.ok(sequence > 1)
    const before = `(select hash from S.grp where sequence = ${sequence - 1})`
    const standing =
      driver === 'postgres'
        ? [`update S.place set sequence = ${sequence - 1}, hash = ${before}`]
        : [`update S.meta set value = '${sequence - 1}' where name = 'sequence'`, `update S.meta set value = ${before} where name = 'hash'`]
    for (const statement of [...standing, `delete from S.grp where sequence = ${sequence}`, `delete from S.audit where sequence = ${sequence}`])
      await sql(statement)
    t.match(await ground.audit.verify(), { ok: false, detail: /^the store has written 14 lines, the books have \d+: lines were removed$/ })
  })
}

t.test('two gateways on one store write one log; the lines of each are there once', async (t) => {
  const settings = { store: storeOf(), ledger: { driver: 'postgres', url: server.url } }
  const [one, other] = await Promise.all([openAuditGround(t, settings), openAuditGround(t, settings)])
  await Promise.all(Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).audit.write(noted(index))))
  const found = subjectsOf(await other.audit.entries({ limit: 1000 }))
  t.strictSame([...found].sort(), Array.from({ length: 40 }, (_, index) => `connection-${index}`).sort())
  t.match(await one.audit.verify(), { ok: true, detail: /^40 lines/ })
})
