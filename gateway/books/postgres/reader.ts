/** What can be asked of the books in PostgreSQL. */
import type pg from 'pg'
import type { ChargedCall, EpochMs, LedgerEntry, Month, ReportRow, StatementEntry, Usd } from '#contract'
import type { UnitsBooked } from '../agreement.ts'
import { countOf, linesOf, reportRowOf, type TallyRow } from '../blobs.ts'
import type { KeptGroup, KeptGroups } from '../call-pages.ts'
import { chargedCall } from '../reading.ts'
import type { EntryPage } from '../thread.ts'
import { type Counted, standingOf } from './writer.ts'

export interface EntryRow {
  readonly n: bigint
  readonly id: string
  readonly at: bigint
  readonly kind: string
  readonly receipt: string | null
  readonly postings: string
}

export const ENTRY_COLUMNS = 'n, id, at, kind, receipt, postings'

/** What moves nothing is no entry: a free call (only receipts know it), a credit or a correction of nothing. */
const IS_ENTRY = "postings <> ''"

interface ChargeRow {
  readonly at: bigint
  readonly sequence: bigint
  readonly line: number
  readonly hash: string
  readonly body: Buffer
  readonly transaction: string | null
}

export class Reader implements KeptGroups {
  readonly #pool: pg.Pool
  readonly #s: string

  constructor(pool: pg.Pool, schema: string) {
    this.#pool = pool
    this.#s = schema
  }

  standing(): Promise<Counted> {
    return standingOf(this.#pool, this.#s)
  }

  async report(month: Month): Promise<readonly ReportRow[]> {
    const rows = await this.#rows<TallyRow>(
      // What was only wasted is nobody's sale: the rest of a lease has no owner.
      `select connection, owner, calls, units, own, revenue, platform from ${this.#s}.tally
       where month = $1 and (calls <> 0 or units <> 0 or own <> 0 or revenue <> 0 or platform <> 0) order by connection collate "C", owner collate "C"`,
      [month],
    )
    return rows.map(reportRowOf)
  }

  async statement(account: string, limit: number): Promise<readonly StatementEntry[]> {
    const rows = await this.#rows<{ at: bigint; kind: StatementEntry['kind']; amount: Usd; receipt: string | null }>(
      `(select n, at, kind, amount, receipt from ${this.#s}.entry where account = $1 order by n desc limit $2)
       union all
       (select n, e.at, e.kind, s.amount, e.receipt from ${this.#s}.shown s join ${this.#s}.entry e using (n) where s.account = $1 order by n desc limit $2)
       order by n desc limit $2`,
      [account, limit],
    )
    return rows.map(({ at, kind, amount, receipt }) => ({ atMs: countOf(at) as EpochMs, kind, amount, receipt: receipt ?? undefined }))
  }

  async balances(): Promise<ReadonlyMap<string, Usd>> {
    const rows = await this.#rows<{ account: string; amount: Usd }>(`select account, sum(amount)::bigint as amount from ${this.#s}.balance group by account`)
    return new Map(rows.map(({ account, amount }) => [account, amount]))
  }

  unitsBooked(): Promise<readonly UnitsBooked[]> {
    return this.#rows<UnitsBooked>(
      `select connection, sum(units)::bigint as units, sum(own)::bigint as own, sum(wasted)::bigint as wasted from ${this.#s}.tally group by connection`,
    )
  }

  async entriesAfter(after: number, count: number): Promise<EntryPage> {
    const rows = await this.#rows<EntryRow>(`select ${ENTRY_COLUMNS} from ${this.#s}.entry where n > $1 and ${IS_ENTRY} order by n limit $2`, [after, count])
    const last = rows.at(-1)
    return { entries: rows.map(entryOf), last: last === undefined ? undefined : countOf(last.n) }
  }

  async entry(id: string): Promise<LedgerEntry | undefined> {
    const [row] = await this.#rows<EntryRow>(`select ${ENTRY_COLUMNS} from ${this.#s}.entry where id = $1 and ${IS_ENTRY}`, [id])
    return row === undefined ? undefined : entryOf(row)
  }

  async charged(receipt: string): Promise<ChargedCall | undefined> {
    const [row] = await this.#rows<ChargeRow>(
      `select e.at, e.sequence, e.line, e.transaction, g.hash, g.body from ${this.#s}.entry e join ${this.#s}.grp g using (sequence)
       where e.id = $1 and e.kind in ('charge', 'free')`,
      [receipt],
    )
    if (row === undefined) return undefined
    const { at, sequence, line, hash, body, transaction } = row
    const chain = { sequence: countOf(sequence), hash, line }
    return chargedCall(linesOf(body)[line] ?? '', { atMs: countOf(at) as EpochMs, transaction: transaction ?? undefined, chain })
  }

  async after(sequence: number, count: number): Promise<readonly KeptGroup[]> {
    const text = `select sequence, body from ${this.#s}.grp where sequence > $1 order by sequence limit $2`
    const rows = await this.#rows<{ sequence: bigint; body: Buffer }>(text, [sequence, count])
    return rows.map((row) => ({ sequence: countOf(row.sequence), body: row.body }))
  }

  async span(): Promise<{ readonly first: number; readonly last: number } | undefined> {
    const [row] = await this.#rows<{ first: bigint | null; last: bigint | null }>(`select min(sequence) as first, max(sequence) as last from ${this.#s}.grp`)
    return row === undefined || row.first === null || row.last === null ? undefined : { first: countOf(row.first), last: countOf(row.last) }
  }

  async #rows<T extends object>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    const { rows } = await this.#pool.query<T>(text, [...values])
    return rows
  }
}

export function entryOf({ id, at, kind, receipt, postings }: EntryRow): LedgerEntry {
  const fields = postings === '' ? [] : postings.split('\t')
  const all: { account: string; amount: Usd }[] = []
  for (let index = 0; index + 1 < fields.length; index += 2) all.push({ account: fields[index] ?? '', amount: BigInt(fields[index + 1] ?? '') as Usd })
  return { id, atMs: countOf(at) as EpochMs, kind: kind as LedgerEntry['kind'], receipt: receipt ?? undefined, postings: all }
}
