/** The books' own thread: the one writer of the ledger, fed with groups of the journal, asked for reports. */
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'
import {
  type ChargeLine,
  type CreditLine,
  chargeEntry,
  chargeTally,
  creditEntry,
  type Entry,
  type RefundLine,
  refundEntry,
  refundTally,
  type TallyChange,
  type WastedLine,
  wastedTally,
} from './postings.ts'
import { Batch, readEntry } from './batch.ts'
import { Writer } from './schema.ts'

export interface FedGroup {
  readonly sequence: number
  readonly hash: string
  /** Records in lines. */
  readonly bytes: Uint8Array
}

export type Ask =
  | { readonly kind: 'groups'; readonly groups: readonly FedGroup[] }
  | { readonly kind: 'report'; readonly id: number; readonly month: string }
  | { readonly kind: 'statement'; readonly id: number; readonly account: string; readonly limit: number }
  | { readonly kind: 'close'; readonly id: number }

export type Told = { readonly id: number; readonly rows: readonly unknown[] } | { readonly failed: string }

type Line =
  | ({ readonly t: 'charge' | 'intent' } & ChargeLine)
  | { readonly t: 'settled' | 'void'; readonly id: string; readonly at: number }
  | ({ readonly t: 'credit' } & CreditLine)
  | ({ readonly t: 'refund' } & RefundLine)
  | ({ readonly t: 'wasted' } & WastedLine)

const db = new Database((workerData as { file: string }).file)
db.defaultSafeIntegers(true)
db.exec('PRAGMA synchronous=NORMAL')
const writer = new Writer(db)
const putMeta = db.prepare('insert or replace into meta values (?, ?)')
const putIntent = db.prepare('insert or replace into intent values (?, ?)')
const takeIntent = db.prepare('delete from intent where id = ? returning line')
const report = db.prepare('select connection, owner, calls, units, own, revenue, platform from tally where month = ?')
const pages = db.prepare('select lines from page where account = ? order by sequence desc')

/** Cheap test before parsing: most lines that the books do not read are leases and names. */
const READ = /^\{"t":"(charge|intent|settled|void|credit|refund|wasted)"/

function read(text: string, batch: Batch): void {
  if (!READ.test(text)) return
  const line = JSON.parse(text) as Line
  switch (line.t) {
    case 'charge':
      return put(chargeEntry(line), chargeTally(line), batch)
    case 'credit':
      return put(creditEntry(line), undefined, batch)
    case 'refund':
      return put(refundEntry(line), refundTally(line), batch)
    case 'wasted':
      return put(undefined, wastedTally(line), batch)
    case 'intent':
      putIntent.run(line.id, text)
      return
    case 'settled':
    case 'void': {
      const found = takeIntent.get(line.id) as { line: string } | undefined
      if (found === undefined) return
      // Of the month in which it was settled: one that is over does not change any more.
      const charge = { ...(JSON.parse(found.line) as ChargeLine), at: line.at }
      if (line.t === 'settled') return put(chargeEntry(charge), chargeTally(charge), batch)
      return put(undefined, wastedTally(charge), batch)
    }
  }
}

function put(entry: Entry | undefined, tally: TallyChange | undefined, batch: Batch): void {
  if (entry !== undefined) batch.enter(entry)
  if (tally !== undefined) batch.tally(tally)
}

const readSequence = db.prepare("select value from meta where name = 'sequence'")
let sequence = Number.parseInt((readSequence.get() as { value: string } | undefined)?.value ?? '0', 10)

/** One transaction, with the sequence up to which the journal is in the books: replays are harmless. */
const apply = db.transaction((groups: readonly FedGroup[]) => {
  const batch = new Batch()
  // After a failed batch the next would leave a gap: the books stop and are fed again from the journal at the next start.
  const first = groups[0]
  if (first !== undefined && first.sequence !== sequence + 1) throw new Error(`group ${first.sequence} does not follow group ${sequence}`)
  for (const { bytes } of groups) for (const line of textOf(bytes).split('\n')) read(line, batch)
  const last = groups.at(-1)
  if (last === undefined) return
  writer.write(batch, last.sequence)
  putMeta.run('sequence', String(last.sequence))
  putMeta.run('hash', last.hash)
})

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')

/** Newest first, reading no more pages than it takes. */
function statement(account: string, limit: number): unknown[] {
  const rows: unknown[] = []
  for (const { lines } of pages.iterate(account) as Iterable<{ lines: string }>) {
    for (const line of lines.split('\n').reverse()) {
      if (rows.length === limit) return rows
      rows.push(readEntry(line))
    }
  }
  return rows
}

const tell = (told: Told): void => parentPort?.postMessage(told)

parentPort?.on('message', (ask: Ask) => {
  try {
    switch (ask.kind) {
      case 'groups':
        apply(ask.groups)
        sequence = ask.groups.at(-1)?.sequence ?? sequence
        return
      case 'report':
        return tell({ id: ask.id, rows: report.all(ask.month) })
      case 'statement':
        return tell({ id: ask.id, rows: statement(ask.account, ask.limit) })
      case 'close':
        db.close()
        tell({ id: ask.id, rows: [] })
        parentPort?.close()
    }
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) })
  }
})
