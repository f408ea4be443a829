/** PostgreSQL or its feeder gone, stopped, slow, read-only: it is told at once, nothing is lost or written twice, and it goes on by itself. */
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Books } from '#contract'
import type { OpenBooks } from '../../gateway/books/open.ts'
import { connect } from '../../gateway/books/postgres/connection.ts'
import { openPostgresBooks } from '../../gateway/books/postgres/index.ts'
import { chainOf, MemoryOutbox, postgresAlone, silent, soldCall } from '../rig/books.ts'
import { startChild } from '../rig/child.ts'
import { openPostgres } from '../rig/postgres.ts'
import { type LogLine, memoryLog } from '../rig/scripted.ts'

const server = await openPostgres(t)
const MONTH = '2026-11'
const DEADLINE_MS = 20_000

async function until(what: string, is: () => boolean | Promise<boolean>): Promise<number> {
  const began = Date.now()
  while (!(await is())) {
    if (Date.now() - began > DEADLINE_MS) throw new Error(`in vain: ${what}`)
    await pause(5)
  }
  return Date.now() - began
}

const sold = async (books: Books): Promise<number> => (await books.report(MONTH))[0]?.callsSold ?? 0

/** What the three proofs of the books alone find. */
async function unproven(books: Books): Promise<string[]> {
  const checks = await books.verify(() => Promise.resolve({ balances: new Map(), usage: new Map() }))
  return checks.slice(0, 3).flatMap(({ check, ok, detail }) => (ok ? [] : [`${check}: ${detail}`]))
}

const calls = (from: number, count: number): object[] => Array.from({ length: count }, (_, index) => soldCall(`c${from + index}`))

t.test('kill -9 of the server in the middle of feeding loses nothing and writes nothing twice', async (t) => {
  const outbox = new MemoryOutbox()
  const opened = await openPostgresBooks({ url: server.url, name: 'killed', mode: 'sandbox', source: { outbox }, log: silent })
  t.teardown(() => opened.books.close())
  let count = 0
  let fed = true
  const feeding = (async () => {
    while (fed) {
      outbox.add(calls(count, 500))
      count += 500
      await pause(2)
    }
  })()
  for (let round = 0; round < 3; round += 1) {
    const before = outbox.told.length
    await until('it is written', () => outbox.told.length > before + 3)
    await server.kill()
    const ms = await until('it is told', () => opened.failed() !== undefined)
    t.ok(ms < 1000, `told after ${ms} ms`)
    await server.start()
    await until('it goes on', () => opened.failed() === undefined)
  }
  fed = false
  await feeding
  t.equal(await sold(opened.books), count, 'what was answered before is in the report')
  t.strictSame(await unproven(opened.books), [])
  t.equal((await opened.books.balances()).get('liab:owner:alice'), -135_000n * BigInt(count))
})

t.test('a server that is stopped is told within a third of a second, and is well again when it goes on', async (t) => {
  const opened = await postgresAlone(t, { url: server.url, name: 'stopped' })
  const chain = chainOf([calls(0, 1), calls(1, 1)])
  opened.feed(chain[0] as never)
  t.equal(await sold(opened.books), 1)
  server.pause()
  try {
    const ms = await until('it is told', () => opened.failed() !== undefined)
    t.ok(ms < 1000, `told after ${ms} ms`)
    t.match(opened.failed(), { message: /^the ledger at 127\.0\.0\.1:\d+\/postgres does not answer$/ })
    opened.feed(chain[1] as never)
  } finally {
    server.resume()
  }
  await until('it is well again', () => opened.failed() === undefined)
  t.equal(await sold(opened.books), 2)
  t.strictSame(await unproven(opened.books), [])
})

t.test('the journal’s books ask nothing again after the server was gone: what was fed meanwhile is kept', async (t) => {
  const opened = await postgresAlone(t, { url: server.url, name: 'kept' })
  const chain = chainOf([calls(0, 3), calls(3, 3), calls(6, 3)])
  opened.feed(chain[0] as never)
  t.equal(await sold(opened.books), 3)
  await server.kill()
  opened.feed(chain[1] as never)
  await t.rejects(opened.books.report(MONTH), /the ledger at \S+ cannot be (written|reached)/, 'no answer is better than an old one')
  opened.feed(chain[2] as never)
  await server.start()
  await until('it goes on', () => opened.failed() === undefined)
  t.equal(await sold(opened.books), 9)
  t.strictSame(await unproven(opened.books), [])
})

t.test('a server that only reads is told, and is well again when it writes', async (t) => {
  const opened = await postgresAlone(t, { url: server.url, name: 'reads' })
  await server.kill()
  await server.start({ default_transaction_read_only: 'on' })
  await until('it is told', () => /is read-only$/.test(opened.failed()?.message ?? ''))
  await server.kill()
  await server.start()
  await until('it is well again', () => opened.failed() === undefined)
  opened.feed(chainOf([calls(0, 1)])[0] as never)
  t.equal(await sold(opened.books), 1)
})

t.test('a feeder that dies between the write and the word to the outbox leaves nothing behind and writes nothing twice', async (t) => {
  const COUNT = 3000
  const run = (nth: number): ReturnType<typeof startChild> => startChild(t, './follower-child.js', [server.url, 'dying', `${COUNT}`, `${nth}`])
  for (const nth of [1, 3, 2]) t.equal(await run(nth).ended, 'SIGKILL')
  const last = run(0)
  await last.said(1)
  t.strictSame(last.lines, [`${COUNT}`])
  t.equal(await last.ended, 0)
  const [row] = await server.sql(
    'select count(*)::int as entries, count(distinct id)::int as ids, (select entries::int from atlas_dying.place) as counted from atlas_dying.entry',
  )
  t.strictSame({ ...row }, { entries: COUNT, ids: COUNT, counted: COUNT })
})

t.test('one of several processes feeds, each answers with everything, and another goes on when it ends', async (t) => {
  const outbox = new MemoryOutbox()
  const open = (): Promise<OpenBooks> => openPostgresBooks({ url: server.url, name: 'several', mode: 'sandbox', source: { outbox }, log: silent })
  const all = [await open(), await open(), await open()]
  t.teardown(() => Promise.all(all.map(({ books }) => books.close())))
  let count = 0
  for (const ends of all) {
    for (let turn = 0; turn < 3; turn += 1) {
      outbox.add(calls(count, 7))
      count += 7
      for (const { books } of all.slice(all.indexOf(ends))) t.equal(await sold(books), count, 'read-your-writes')
    }
    const locks = await server.sql("select 1 from pg_locks where locktype = 'advisory' and granted")
    t.ok(locks.length >= 1)
    if (ends !== all.at(-1)) await ends.books.close()
  }
  const [last] = all.slice(-1)
  t.strictSame(await unproven(last?.books as Books), [])
})

t.test('a server with which nothing can be agreed on: an error, and the connection is closed instead of left to the server', async (t) => {
  // AuthenticationSASL (PostgreSQL, "Message Formats") by a way that nobody knows.
  const asks = Buffer.from('R\0\0\0\x0f\0\0\0\x0aOTHER\0\0', 'latin1')
  let closed = 0
  const asking = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(asks))
    socket.once('close', () => {
      closed += 1
    })
  })
  await new Promise<void>((resolve) => asking.listen(0, '127.0.0.1', resolve))
  t.teardown(() => asking.close())
  const url = `postgres://postgres@127.0.0.1:${(asking.address() as AddressInfo).port}/postgres`
  await t.rejects(connect(url, { use: 'test' }), /mechanism/)
  await until('it is closed', () => closed === 1)
})

t.test('an outage is logged once, however often it is tried in vain', async (t) => {
  const lines: LogLine[] = []
  const outbox = new MemoryOutbox()
  const opened = await openPostgresBooks({ url: server.url, name: 'logged', mode: 'sandbox', source: { outbox }, log: memoryLog(lines) })
  t.teardown(() => opened.books.close())
  const warned = (): number => lines.filter(({ message }) => message.startsWith('the books cannot follow')).length
  for (const outages of [1, 2]) {
    outbox.add(calls(10 * outages, 10))
    await until('it is written', async () => (await sold(opened.books)) === 10 * outages)
    await server.kill()
    await until('it is told', () => warned() === outages)
    // As long as several tries take.
    await pause(500)
    t.equal(warned(), outages)
    await server.start()
    await until('it goes on', () => opened.failed() === undefined)
  }
})
