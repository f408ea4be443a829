/**
 * What many groups change in the embedded books, added up before it is written: plain charges by their bytes, whatever else there is by its
 * lines, in one order. Groups are read as they come, and nothing of their memory is kept; all of it becomes rows at once, because a row for
 * each account is what costs. What could not be written is written again as it is.
 */
import { AUDIT_START, type PlacedLine } from '#contract'
import { auditIn } from './audit.ts'
import { Batch, writeEntry } from './batch.ts'
import { linesOf } from './blobs.ts'
import { Charges } from './charges.ts'
import { Pages } from './pages.ts'
import type { Pendings } from './pendings.ts'
import { type Changes, changesOf, type Effect, endedElsewhere, type Read, readLine, readLines } from './reading.ts'
import type { FedGroup } from './thread.ts'

const FEED = 10

/** A line that is no plain charge, behind so many that are. */
type PlacedRead = Read & { readonly after: number }

/** A group of an outbox, with what was charged in it. */
export interface Kept {
  readonly group: FedGroup
  readonly charged: string | undefined
}

export class Booking {
  /** What comes from an outbox is kept, and has to be on disk before the outbox forgets it. */
  readonly #keepsLines: boolean
  readonly pages = new Pages()
  readonly #charges = new Charges(this.pages)
  #reads: PlacedRead[] = []
  /** Since it is whole. */
  #changes: Changes | undefined
  batch = new Batch()
  audit: PlacedLine[] = []
  kept: Kept[] = []
  /** The group before its first one. */
  from = 0
  last: Omit<FedGroup, 'bytes'> | undefined
  groups = 0
  bytes = 0

  constructor({ keepsLines }: { readonly keepsLines: boolean }) {
    this.#keepsLines = keepsLines
    this.begin(0)
  }

  /** Empty, for what follows this group. */
  begin(from: number): void {
    this.from = from
    this.last = undefined
    this.groups = 0
    this.bytes = 0
    this.batch = new Batch()
    this.audit = []
    this.kept = []
    this.#reads = []
    this.#changes = undefined
    this.pages.begin()
    this.#charges.begin(this.batch)
  }

  /** Nothing more is taken: it is being written. */
  get isWhole(): boolean {
    return this.#changes !== undefined
  }

  /** @throws Error after which it cannot be used; nobody can read what is there */
  take(group: FedGroup): void {
    const next = (this.last?.sequence ?? this.from) + 1
    if (group.sequence !== next) throw new Error(`group ${group.sequence} does not follow group ${next - 1}`)
    if (this.#keepsLines) this.#keep(group)
    else this.#scan(group)
    this.last = { sequence: group.sequence, hash: group.hash, ...(group.reached === undefined ? {} : { reached: group.reached }) }
    this.groups += 1
    this.bytes += group.bytes.length
  }

  #scan({ sequence, bytes: { buffer, byteOffset, byteLength } }: FedGroup): void {
    const bytes = Buffer.from(buffer, byteOffset, byteLength)
    for (let at = 0, line = 0, end = bytes.indexOf(FEED); end !== -1; line += 1, at = end + 1, end = bytes.indexOf(FEED, at)) {
      if (this.#charges.take(bytes, at)) continue
      const text = bytes.toString('utf8', at, end)
      const read = readLine(text)
      if (read !== undefined) this.#reads.push({ line: read, text, place: { sequence, line }, after: this.pages.count })
      else if (text.startsWith(AUDIT_START)) this.audit.push({ sequence, line, text })
    }
  }

  /** `c` a charge, `i` an intent, `s` a settlement; each with its line's number. */
  #keep(group: FedGroup): void {
    const { sequence, bytes } = group
    const lines = linesOf(bytes)
    const reads = readLines(lines, sequence)
    for (const { line, text, place } of reads) this.#reads.push({ line, text, place, after: 0 })
    this.audit.push(...auditIn(lines, sequence))
    const ids = reads.flatMap(({ line, place }) =>
      line.t === 'charge' || line.t === 'intent' || line.t === 'settled' ? `${line.t[0]} ${line.id}\t${place.line}` : [],
    )
    this.kept.push({ group, charged: ids.length === 0 ? undefined : `\n${ids.join('\n')}\n` })
  }

  /** All that was taken, entered in the order of its lines; only once. What earlier bookings have begun has to be written. */
  whole(pendings: Pendings): Changes {
    if (this.#changes !== undefined) return this.#changes
    const { pages, batch } = this
    const reads = this.#reads
    const changes = changesOf(reads, pendings.before(endedElsewhere(reads)))
    this.#changes = changes
    this.#charges.end()
    const plain = pages.count
    for (let index = 0; index < reads.length; index += 1) {
      pages.upTo((reads[index] as PlacedRead).after)
      for (const effect of changes.effects[index] as readonly Effect[]) enter(effect, pages, batch)
    }
    pages.upTo(plain)
    return changes
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
