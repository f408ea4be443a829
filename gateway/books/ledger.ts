/** The embedded books' file: groups are written in one transaction with the place up to which they go, so that replays are harmless. */
import Database from 'libsql'
import { type ChargedCall, type EpochMs, type LedgerEntry, type Month, PassingMap, type ReportRow, type StatementEntry, type Usd } from '#contract'
import type { UnitsBooked } from './agreement.ts'
import { auditIn } from './audit.ts'
import { AuditRows } from './audit-rows.ts'
import { Batch, parseEntry, readEntry } from './batch.ts'
import { type Changes, changesOf, chargedCall, endedElsewhere, type Pending, type Read, readLines } from './reading.ts'
import { Writer } from './schema.ts'
import type { EntryPage, FedGroup, Standing } from './thread.ts'

/** A few kB each; what does not end is in the file alone. */
const BEGUN = 1000
/** Batches a piece of all entries. */
const BATCHES = 8

const STATEMENT: ReadonlySet<string> = new Set(['credit', 'charge', 'refund', 'correction'])

export const linesOf = (body: Uint8Array): string[] => {
  const lines = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8').split('\n')
  lines.pop()
  return lines
}

/** The driver gives the one or the other. */
export const bytesOf = (blob: ArrayBuffer | Uint8Array): Uint8Array => (blob instanceof ArrayBuffer ? new Uint8Array(blob) : blob)

export const countOf = (value: bigint): number => Number.parseInt(value.toString(), 10)

export class Ledger {
  readonly #db: Database.Database
  readonly #writer: Writer
  /** What comes from an outbox is kept, and has to be on disk before the outbox forgets it. */
  readonly #keepsLines: boolean
  #standing: Standing
  /** Of the rows of `pending` those written last: nearly all end within a moment. Where a transaction fails, all of this goes with it. */
  readonly #begun = new PassingMap<Pending>()

  constructor(file: string, { keepsLines }: { readonly keepsLines: boolean }) {
    this.#db = new Database(file)
    this.#db.defaultSafeIntegers(true)
    this.#db.exec(`PRAGMA synchronous=${keepsLines ? 'FULL' : 'NORMAL'}`)
    this.#db.exec('PRAGMA busy_timeout=100')
    this.#writer = new Writer(this.#db)
    this.#keepsLines = keepsLines
    this.#standing = this.#read()
  }

  get standing(): Standing {
    return this.#standing
  }

  /** Those of a number that is there already are left out. @throws Error, after which the file has to be opened again */
  write(groups: readonly FedGroup[]): void {
    const fresh = groups.filter(({ sequence }) => sequence > this.#standing.sequence)
    const last = fresh.at(-1)
    if (last === undefined) return
    this.#db.transaction(() => this.#write(fresh, last))()
    this.#standing = { sequence: last.sequence, hash: last.hash, reached: last.reached ?? this.#standing.reached }
  }

  #write(groups: readonly FedGroup[], last: FedGroup): void {
    const batch = new Batch()
    const reads: Read[] = []
    let next = this.#standing.sequence
    for (const { sequence, hash, bytes } of groups) {
      next += 1
      if (sequence !== next) throw new Error(`group ${sequence} does not follow group ${next - 1}`)
      const lines = linesOf(bytes)
      const read = readLines(lines, sequence)
      reads.push(...read)
      this.#writer.audit(auditIn(lines, sequence))
      if (this.#keepsLines) this.#keep(sequence, hash, bytes, read)
    }
    for (const { entry, also, tally } of this.#changes(reads)) {
      if (entry !== undefined && entry.account !== '') batch.enter(entry)
      for (const one of also) batch.enter(one)
      if (tally !== undefined) batch.tally(tally)
    }
    this.#writer.write(batch, last.sequence)
    const put = this.#db.prepare('insert or replace into meta values (?, ?)')
    put.run('sequence', `${last.sequence}`)
    put.run('hash', last.hash)
    if (last.reached !== undefined) put.run('reached', last.reached)
  }

  #changes(reads: readonly Read[]): Changes['effects'] {
    const ids = endedElsewhere(reads)
    const before = new Map<string, Pending>()
    for (const id of ids) {
      const pending = this.#begun.get(id) ?? this.#pending(id)
      if (pending !== undefined) before.set(id, pending)
    }
    const { effects, begun, ended } = changesOf(reads, before)
    if (begun.size > 0) {
      const put = this.#db.prepare('insert or replace into pending values (?, ?, ?, ?)')
      for (const [id, pending] of begun) {
        put.run(id, pending.text, pending.place.sequence, pending.place.line)
        if (this.#begun.size < BEGUN) this.#begun.set(id, pending)
      }
    }
    if (ended.length > 0) {
      const drop = this.#db.prepare('delete from pending where id = ?')
      for (const id of ended) {
        drop.run(id)
        this.#begun.delete(id)
      }
    }
    return effects
  }

  #pending(id: string): Pending | undefined {
    const row = this.#db.prepare('select text, sequence, line from pending where id = ?').get(id) as
      | { text: string; sequence: bigint; line: bigint }
      | undefined
    return row && { text: row.text, place: { sequence: countOf(row.sequence), line: countOf(row.line) } }
  }

  /** `c` a charge, `i` an intent, `s` a settlement; each with its line's number. */
  #keep(sequence: number, hash: string, bytes: Uint8Array, reads: readonly Read[]): void {
    this.#db.prepare('insert into grp values (?, ?, ?)').run(sequence, hash, bytes)
    const ids = reads.flatMap(({ line, place }) =>
      line.t === 'charge' || line.t === 'intent' || line.t === 'settled' ? `${line.t[0]} ${line.id}\t${place.line}` : [],
    )
    if (ids.length > 0) this.#db.prepare('insert into charged values (?, ?)').run(sequence, `\n${ids.join('\n')}\n`)
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
    return (this.#db.prepare(text).all(month) as TallyRow[]).map((row) => ({
      connection: row.connection,
      owner: row.owner,
      callsSold: countOf(row.calls),
      unitsSold: countOf(row.units),
      ownUnits: countOf(row.own),
      revenue: row.revenue,
      ownerShare: (row.revenue - row.platform) as Usd,
      platformShare: row.platform,
    }))
  }

  /** Newest first, reading no more pages than it takes. */
  statement(account: string, limit: number): readonly StatementEntry[] {
    const rows: StatementEntry[] = []
    for (const { lines } of this.#db.prepare('select lines from page where account = ? order by sequence desc').iterate(account) as Iterable<PageRow>) {
      for (const line of lines.split('\n').reverse()) {
        if (rows.length === limit) return rows
        const { at, kind, amount, receipt } = readEntry(line)
        if (STATEMENT.has(kind)) rows.push({ atMs: at as EpochMs, kind: kind as StatementEntry['kind'], amount: amount as Usd, receipt })
      }
    }
    return rows
  }

  balances(): ReadonlyMap<string, Usd> {
    const rows = this.#db.prepare('select account, sum(amount) as amount from balance group by account').all() as { account: string; amount: Usd }[]
    return new Map(rows.map(({ account, amount }) => [account, amount]))
  }

  unitsBooked(): readonly UnitsBooked[] {
    const text = 'select connection, sum(units) as units, sum(own) as own, sum(wasted) as wasted from tally group by connection'
    return this.#db.prepare(text).all() as UnitsBooked[]
  }

  /** Batches after this one; within a batch by time, because its pages are by account. */
  entriesAfter(after: number): EntryPage {
    const batches = this.#db.prepare('select distinct sequence from page where sequence > ? order by sequence limit ?').all(after, BATCHES) as PageRow[]
    const pages = this.#db.prepare('select lines from page where sequence = ? order by account')
    const entries = batches.flatMap(({ sequence }) =>
      (pages.all(sequence) as PageRow[]).flatMap(({ lines }) => lines.split('\n').map(parseEntry).filter(isWhole)).sort((a, b) => a.atMs - b.atMs),
    )
    const last = batches.at(-1)
    return { entries, last: last === undefined ? undefined : countOf(last.sequence) }
  }

  get audit(): AuditRows {
    return new AuditRows(this.#db)
  }

  /** Looks through all pages: for corrections, which are rare. */
  entry(id: string): LedgerEntry | undefined {
    const pages = this.#db.prepare('select lines from page where instr(lines, ?) > 0').iterate(`${id}\t`) as Iterable<PageRow>
    for (const { lines } of pages) {
      const line = lines.split('\n').find((one) => one.startsWith(`${id}\t`) && isWhole(parseEntry(one)))
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

interface PageRow {
  readonly sequence: bigint
  readonly lines: string
}

interface TallyRow {
  readonly connection: string
  readonly owner: string
  readonly calls: bigint
  readonly units: bigint
  readonly own: bigint
  readonly revenue: Usd
  readonly platform: Usd
}
