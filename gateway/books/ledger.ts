/** The embedded books' file: a booking is written in one transaction with the place up to which it goes, so that replays are harmless. */
import Database from 'libsql'
import type { ChargedCall, EpochMs, LedgerEntry, Month, ReportRow, StatementEntry, Usd } from '#contract'
import type { UnitsBooked } from './agreement.ts'
import { AuditRows } from './audit-rows.ts'
import { linesIn, parseEntry, readEntry } from './batch.ts'
import { bytesOf, countOf, linesOf, reportRowOf, type TallyRow } from './blobs.ts'
import type { Booking } from './booking.ts'
import { chargedCall } from './reading.ts'
import { KeptRows } from './kept-groups.ts'
import { Pendings } from './pendings.ts'
import { Writer } from './schema.ts'
import type { EntryPage, Standing } from './thread.ts'

/** Of one account at once; the driver reads a hundred rows ahead, and each may have thousands of lines. */
const PAGES = 8

const STATEMENT: ReadonlySet<string> = new Set(['credit', 'charge', 'refund', 'correction'])

export class Ledger {
  readonly #db: Database.Database
  readonly #writer: Writer
  readonly #pendings: Pendings
  #standing: Standing

  constructor(file: string, { keepsLines }: { readonly keepsLines: boolean }) {
    this.#db = new Database(file)
    this.#db.defaultSafeIntegers(true)
    this.#db.exec(`PRAGMA synchronous=${keepsLines ? 'FULL' : 'NORMAL'}`)
    this.#db.exec('PRAGMA busy_timeout=100')
    this.#writer = new Writer(this.#db)
    this.#pendings = new Pendings(this.#db)
    this.#standing = this.#read()
  }

  get standing(): Standing {
    return this.#standing
  }

  /** One that is there already is left out. @throws Error, after which the file has to be opened again */
  write(booking: Booking): void {
    const { from, last } = booking
    if (last === undefined || last.sequence <= this.#standing.sequence) return
    if (from !== this.#standing.sequence) throw new Error(`group ${from + 1} does not follow group ${this.#standing.sequence}`)
    this.#db.transaction(() => {
      this.#pendings.write(booking.whole(this.#pendings))
      this.#writer.write(booking, last)
    })()
    this.#standing = { sequence: last.sequence, hash: last.hash, reached: last.reached ?? this.#standing.reached }
  }

  #read(): Standing {
    const rows = this.#db.prepare('select name, value from meta').all() as { name: string; value: string }[]
    const meta = new Map(rows.map(({ name, value }) => [name, value]))
    return { sequence: Number.parseInt(meta.get('sequence') ?? '0', 10), hash: meta.get('hash') ?? '', reached: meta.get('reached') ?? '' }
  }

  // ---------------------------------------------------------------- what can be asked

  report(month: Month): readonly ReportRow[] {
    const text = `select connection, owner, calls, units, own, revenue, platform from tally
      where month = ? and (calls <> 0 or units <> 0 or own <> 0 or revenue <> 0 or platform <> 0) order by connection, owner`
    // What was only wasted is nobody's sale: the rest of a lease has no owner.
    return (this.#db.prepare(text).all(month) as TallyRow[]).map(reportRowOf)
  }

  /** Newest first, reading few more pages than it takes. */
  statement(account: string, limit: number): readonly StatementEntry[] {
    const found: StatementEntry[] = []
    const pages = this.#db.prepare('select account, sequence, lines from page where account = ? and sequence < ? order by sequence desc limit ?')
    for (let before = BigInt(Number.MAX_SAFE_INTEGER); ; ) {
      const rows = pages.all(account, before, PAGES) as PageRow[]
      for (const { sequence, lines } of rows) {
        before = sequence
        for (const line of linesIn(account, lines).reverse()) {
          if (found.length === limit) return found
          const { at, kind, amount, receipt } = readEntry(line)
          if (STATEMENT.has(kind)) found.push({ atMs: at as EpochMs, kind: kind as StatementEntry['kind'], amount: amount as Usd, receipt })
        }
      }
      if (rows.length < PAGES) return found
    }
  }

  balances(): ReadonlyMap<string, Usd> {
    const rows = this.#db.prepare('select account, sum(amount) as amount from balance group by account').all() as { account: string; amount: Usd }[]
    return new Map(rows.map(({ account, amount }) => [account, amount]))
  }

  unitsBooked(): readonly UnitsBooked[] {
    const text = 'select connection, sum(units) as units, sum(own) as own, sum(wasted) as wasted from tally group by connection'
    return this.#db.prepare(text).all() as UnitsBooked[]
  }

  /** Whole bookings behind this row, until there are so many; within a booking by time, because its pages are by account. */
  entriesAfter(after: number, count: number): EntryPage {
    const pages = this.#db.prepare('select rowid as place, account, sequence, lines from page where rowid > ? order by rowid limit ?')
    const entries: LedgerEntry[] = []
    let coming: LedgerEntry[] = []
    let last = after
    let sequence: bigint | undefined
    for (let from = after; ; ) {
      const rows = pages.all(from, PAGES) as (PageRow & { readonly place: bigint })[]
      for (const row of rows) {
        if (row.sequence !== sequence) {
          add(coming, entries)
          if (entries.length >= count) return { entries, last }
          coming = []
          sequence = row.sequence
        }
        for (const line of linesIn(row.account, row.lines)) coming.push(parseEntry(line))
        last = countOf(row.place)
      }
      from = last
      if (rows.length < PAGES) break
    }
    add(coming, entries)
    return { entries, last: last === after ? undefined : last }
  }

  get kept(): KeptRows {
    return new KeptRows(this.#db)
  }

  get audit(): AuditRows {
    return new AuditRows(this.#db)
  }

  /** Looks through all pages: for corrections, which are rare. */
  entry(id: string): LedgerEntry | undefined {
    const pages = this.#db.prepare('select account, sequence, lines from page where instr(lines, ?) > 0').iterate(`${id}\t`) as Iterable<PageRow>
    for (const { account, lines } of pages) {
      const line = linesIn(account, lines).find((one) => one.startsWith(`${id}\t`) && isWhole(parseEntry(one)))
      if (line !== undefined) return parseEntry(line)
    }
    return undefined
  }

  /** Where the lines are kept. */
  charged(receipt: string): ChargedCall | undefined {
    const charge = this.#lineOf('c', receipt)
    const place = charge ?? this.#lineOf('i', receipt)
    if (place === undefined) return undefined
    const { text, ...chain } = place
    if (charge !== undefined) return chargedCall(text, { atMs: (JSON.parse(text) as { at: EpochMs }).at, transaction: undefined, chain })
    const settled = this.#lineOf('s', receipt)
    if (settled === undefined) return undefined
    const { at, transaction } = JSON.parse(settled.text) as { at: EpochMs; transaction: string }
    return chargedCall(text, { atMs: at, transaction, chain })
  }

  #lineOf(of: 'c' | 'i' | 's', id: string): { text: string; sequence: number; hash: string; line: number } | undefined {
    const mark = `\n${of} ${id}\t`
    const row = this.#db.prepare('select c.ids, g.sequence, g.hash, g.body from charged c join grp g using (sequence) where instr(c.ids, ?) > 0').get(mark) as
      | { ids: string; sequence: bigint; hash: string; body: Uint8Array }
      | undefined
    if (row === undefined) return undefined
    const line = Number.parseInt(row.ids.slice(row.ids.indexOf(mark) + mark.length), 10)
    return { text: linesOf(bytesOf(row.body))[line] ?? '', sequence: countOf(row.sequence), hash: row.hash, line }
  }

  close(): void {
    this.#db.close()
  }
}

/** An entry is shown in further statements without its postings. */
const isWhole = ({ postings }: LedgerEntry): boolean => postings.length > 0

/** In the order of time. */
function add(some: readonly LedgerEntry[], entries: LedgerEntry[]): void {
  for (const entry of some.filter(isWhole).sort((a, b) => a.atMs - b.atMs)) entries.push(entry)
}

interface PageRow {
  readonly account: string
  readonly sequence: bigint
  readonly lines: string
}
