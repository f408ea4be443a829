/** Books of either driver by themselves, fed with groups made by hand whose chain is a real one; and histories of records by chance. */
import { createHash } from 'node:crypto'
import type { Books, Log } from '#contract'
import { openPostgresBooks, type PostgresOptions } from '../../gateway/books/postgres/index.ts'
import type { OpenBooks } from '../../gateway/books/open.ts'
import type { Outbox, OutboxEntry } from '../../gateway/books/follower.ts'
import type { Teardown } from './folder.ts'
import type { Fed } from './ledger.ts'
import { memoryLog } from './scripted.ts'

const GENESIS = '0'.repeat(64)

export const silent: Log = memoryLog([])

/** Each call makes the groups anew: whoever is fed with them keeps their memory. */
export function chainOf(groups: readonly (readonly object[])[]): Fed[] {
  let hash = GENESIS
  return groups.map((records, index) => {
    const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
    bytes.write(text)
    hash = createHash('sha256').update(hash).update(bytes).digest('hex')
    return { sequence: index + 1, hash, bytes }
  })
}

/** Those of an embedded store, by hand. Closed with the test. */
export async function postgresAlone(t: Teardown, wish: Omit<PostgresOptions, 'mode' | 'source' | 'log'> & Partial<PostgresOptions>): Promise<OpenBooks> {
  const opened = await openPostgresBooks({ mode: 'sandbox', source: { flushed: () => Promise.resolve() }, log: silent, ...wish })
  t.teardown(() => opened.books.close())
  return opened
}

/** Everything that can be asked, in a form that can be compared. */
export async function told(books: Books, months: readonly string[], accounts: readonly string[]): Promise<Record<string, unknown>> {
  const entries = []
  for await (const entry of books.entries()) entries.push(entry)
  const balances = [...(await books.balances())].filter(([, amount]) => amount !== 0n).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    reports: await Promise.all(months.map((month) => books.report(month))),
    statements: await Promise.all(accounts.map((account) => books.statement(account, 10_000))),
    balances,
    entries: entries.sort((a, b) => (a.id < b.id ? -1 : 1)),
    found: await Promise.all(entries.map(({ id }) => books.entry(id))),
    none: await books.entry('nobody'),
  }
}

/** An outbox in memory that can be read by several ledgers at once; ids are those of a stream. */
export class MemoryOutbox implements Outbox {
  readonly entries: OutboxEntry[] = []
  /** What the ledgers have told, in order. */
  readonly told: string[] = []

  add(records: readonly object[], ledger = 'one'): void {
    for (const record of records) this.entries.push({ id: idOf(this.entries.length + 1), line: JSON.stringify(record), ledger })
  }

  async read(after: string, count: number): Promise<readonly OutboxEntry[]> {
    const from = after === '0-0' ? 0 : Number.parseInt(after, 10) - FIRST_ID
    return this.entries.slice(from, from + count)
  }

  async lastId(): Promise<string> {
    return this.entries.at(-1)?.id ?? '0-0'
  }

  async reached(id: string): Promise<void> {
    this.told.push(id)
  }
}

const FIRST_ID = 1000
const idOf = (count: number): string => `${FIRST_ID + count}-0`

/** One sold call, as a store writes it. */
export const soldCall = (id: string, account = 'key:a'): object => ({
  ...{ t: 'charge', id, at: Date.UTC(2026, 10, 23), connection: 'acme', owner: 'alice', period: 0, units: 1, price: '150000', platform: '15000' },
  ...{ by: 'credits', account, api: 'acme', operation: 'search', names: [], once: [] },
  ...{ subject: { requestDigest: 'asked', answerDigest: 'answered' }, call: { v: 2, config: 'c', generation: 1 } },
})
