/** From groups to rows of the embedded books' file: plain charges by their bytes, whatever else there is by its lines, in one order. */
import type Database from 'libsql'
import { AUDIT_START, PassingMap, type PlacedLine } from '#contract'
import { auditIn } from './audit.ts'
import { Batch, writeEntry } from './batch.ts'
import { countOf, linesOf } from './blobs.ts'
import { Charges } from './charges.ts'
import { Pages } from './pages.ts'
import { type Changes, changesOf, type Effect, endedElsewhere, type Pending, type Read, readLine, readLines } from './reading.ts'
import { Writer } from './schema.ts'
import type { FedGroup, Standing } from './thread.ts'

/** A few kB each; what does not end is in the file alone. */
const BEGUN = 1000
const FEED = 10

/** A line that is no plain charge, behind so many that are. */
type PlacedRead = Read & { readonly after: number }

export class Booking {
  readonly #db: Database.Database
  readonly #writer: Writer
  /** What comes from an outbox is kept, and has to be on disk before the outbox forgets it. */
  readonly #keepsLines: boolean
  readonly #pages = new Pages()
  readonly #charges = new Charges(this.#pages)
  /** Of the rows of `pending` those written last: nearly all end within a moment. */
  readonly #begun = new PassingMap<Pending>()

  constructor(db: Database.Database, { keepsLines }: { readonly keepsLines: boolean }) {
    this.#db = db
    this.#writer = new Writer(db)
    this.#keepsLines = keepsLines
  }

  /** Within a transaction of the caller; where it fails, this has to be made anew. Their bytes stay as they are meanwhile. */
  write(groups: readonly FedGroup[], { sequence: from }: Standing, last: FedGroup): void {
    const batch = new Batch()
    this.#pages.begin()
    this.#charges.begin(batch)
    const reads: PlacedRead[] = []
    let next = from
    for (const group of groups) {
      next += 1
      if (group.sequence !== next) throw new Error(`group ${group.sequence} does not follow group ${next - 1}`)
      if (this.#keepsLines) this.#keep(group, reads)
      else this.#scan(group, reads)
    }
    this.#charges.end()
    this.#enter(reads, batch)
    this.#writer.write(batch, this.#pages, last.sequence)
    this.#pages.begin()
    const put = this.#db.prepare('insert or replace into meta values (?, ?)')
    put.run('sequence', `${last.sequence}`)
    put.run('hash', last.hash)
    if (last.reached !== undefined) put.run('reached', last.reached)
  }

  #scan({ sequence, bytes: { buffer, byteOffset, byteLength } }: FedGroup, reads: PlacedRead[]): void {
    const bytes = Buffer.from(buffer, byteOffset, byteLength)
    const audit: PlacedLine[] = []
    for (let at = 0, line = 0, end = bytes.indexOf(FEED); end !== -1; line += 1, at = end + 1, end = bytes.indexOf(FEED, at)) {
      if (this.#charges.take(bytes, at)) continue
      const text = bytes.toString('utf8', at, end)
      const read = readLine(text)
      if (read !== undefined) reads.push({ line: read, text, place: { sequence, line }, after: this.#pages.count })
      else if (text.startsWith(AUDIT_START)) audit.push({ sequence, line, text })
    }
    this.#writer.audit(audit)
  }

  /** In the order of the lines. */
  #enter(reads: readonly PlacedRead[], batch: Batch): void {
    const pages = this.#pages
    const plain = pages.count
    const effects = this.#changes(reads)
    for (let index = 0; index < reads.length; index += 1) {
      pages.upTo((reads[index] as PlacedRead).after)
      for (const effect of effects[index] as readonly Effect[]) enter(effect, pages, batch)
    }
    pages.upTo(plain)
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
  #keep({ sequence, hash, bytes }: FedGroup, all: PlacedRead[]): void {
    const lines = linesOf(bytes)
    const reads = readLines(lines, sequence)
    for (const { line, text, place } of reads) all.push({ line, text, place, after: 0 })
    this.#writer.audit(auditIn(lines, sequence))
    this.#db.prepare('insert into grp values (?, ?, ?)').run(sequence, hash, bytes)
    const ids = reads.flatMap(({ line, place }) =>
      line.t === 'charge' || line.t === 'intent' || line.t === 'settled' ? `${line.t[0]} ${line.id}\t${place.line}` : [],
    )
    if (ids.length > 0) this.#db.prepare('insert into charged values (?, ?)').run(sequence, `\n${ids.join('\n')}\n`)
  }
}

function enter({ entry, also, tally }: Effect, pages: Pages, batch: Batch): void {
  if (entry !== undefined && entry.account !== '') {
    batch.post(entry)
    pages.enter(entry.account, writeEntry(entry))
  }
  for (const one of also) {
    batch.post(one)
    pages.enter(one.account, writeEntry(one))
  }
  if (tally !== undefined) batch.tally(tally)
}
