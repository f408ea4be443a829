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
  sumOf,
  type TallyChange,
  type WastedLine,
  wastedTally,
} from './postings.ts'
import { Writer } from './schema.ts'

export interface FedGroup {
  readonly sequence: number
  readonly hash: string
  readonly lines: readonly string[]
}

export type Ask =
  | { readonly kind: 'groups'; readonly groups: readonly FedGroup[] }
  | { readonly kind: 'report'; readonly id: number; readonly month: string }
  | { readonly kind: 'statement'; readonly id: number; readonly account: string; readonly limit: number }
  | { readonly kind: 'close'; readonly id: number }

export type Told = { readonly id: number; readonly rows: readonly unknown[] } | { readonly failed: string }

type Line =
  | ({ readonly t: 'charge' | 'intent' } & ChargeLine)
  | { readonly t: 'settled' | 'void'; readonly id: string }
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
const statement = db.prepare('select at, kind, amount, receipt from entry where account = ? order by at desc, id desc limit ?')

interface Batch {
  readonly entries: Entry[]
  readonly tallies: TallyChange[]
}

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
      const charge = JSON.parse(found.line) as ChargeLine
      if (line.t === 'settled') return put(chargeEntry(charge), chargeTally(charge), batch)
      return put(undefined, wastedTally(charge), batch)
    }
  }
}

function put(entry: Entry | undefined, tally: TallyChange | undefined, batch: Batch): void {
  if (entry !== undefined) {
    if (sumOf(entry) !== 0n) throw new Error(`entry ${entry.id} does not balance`)
    batch.entries.push(entry)
  }
  if (tally !== undefined) batch.tallies.push(tally)
}

/** One transaction, with the sequence up to which the journal is in the books: replays are harmless. */
const apply = db.transaction((groups: readonly FedGroup[]) => {
  const batch: Batch = { entries: [], tallies: [] }
  for (const group of groups) for (const line of group.lines) read(line, batch)
  writer.write(batch.entries, batch.tallies)
  const last = groups.at(-1)
  if (last !== undefined) {
    putMeta.run('sequence', String(last.sequence))
    putMeta.run('hash', last.hash)
  }
})

const tell = (told: Told): void => parentPort?.postMessage(told)

parentPort?.on('message', (ask: Ask) => {
  try {
    switch (ask.kind) {
      case 'groups':
        apply(ask.groups)
        return
      case 'report':
        return tell({ id: ask.id, rows: report.all(ask.month) })
      case 'statement':
        return tell({ id: ask.id, rows: statement.all(ask.account, ask.limit) })
      case 'close':
        db.close()
        tell({ id: ask.id, rows: [] })
        parentPort?.close()
    }
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) })
  }
})
