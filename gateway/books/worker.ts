/** The books' own thread: the one writer of the ledger, fed with groups of the journal, asked for reports. */
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'libsql'
import {
  type ChargeLine,
  type CreditLine,
  chargeEntry,
  chargeTally,
  type CorrectLine,
  correctEntries,
  creditEntry,
  type Entry,
  intentEndEntry,
  intentEntry,
  type PayoutLine,
  payoutEndEntry,
  payoutEntry,
  type RefundLine,
  refundEntry,
  refundTally,
  type TallyChange,
  type WastedLine,
  wastedTally,
} from './postings.ts'
import { Batch, parseEntry, readEntry } from './batch.ts'
import { proven } from './proof.ts'
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
  | { readonly kind: 'balances'; readonly id: number }
  /** Pages after this one, some at a time. */
  | { readonly kind: 'pages'; readonly id: number; readonly after: PagePlace }
  | { readonly kind: 'entry'; readonly id: number; readonly entry: string }
  | { readonly kind: 'verify' | 'units'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number }

export interface PagePlace {
  readonly sequence: number
  readonly account: string
}

export type Told = { readonly id: number; readonly rows: readonly unknown[] } | { readonly failed: string }

type Line =
  | ({ readonly t: 'charge' | 'intent' } & ChargeLine)
  | { readonly t: 'settled' | 'void'; readonly id: string; readonly at: number }
  | ({ readonly t: 'credit' } & CreditLine)
  | ({ readonly t: 'refund' } & RefundLine)
  | ({ readonly t: 'wasted' } & WastedLine)
  | ({ readonly t: 'correct' } & CorrectLine)
  | ({ readonly t: 'payout' } & PayoutLine)
  | { readonly t: 'payout-end'; readonly id: string; readonly state: 'paid' | 'failed'; readonly at: number }

const { file } = workerData as { file: string }
const db = new Database(file)
db.defaultSafeIntegers(true)
db.exec('PRAGMA synchronous=NORMAL')
const writer = new Writer(db)
const putMeta = db.prepare('insert or replace into meta values (?, ?)')
const putIntent = db.prepare('insert or replace into intent values (?, ?)')
const takeIntent = db.prepare('delete from intent where id = ? returning line')
const putPayout = db.prepare('insert or replace into payout values (?, ?)')
const takePayout = db.prepare('delete from payout where id = ? returning line')
const balances = db.prepare('select account, sum(amount) as amount from balance group by account')
const unitsBooked = db.prepare('select connection, sum(units) as units, sum(own) as own, sum(wasted) as wasted from tally group by connection')
const pagesAfter = db.prepare('select account, sequence, lines from page where (sequence, account) > (?, ?) order by sequence, account limit 64')
const pagesWith = db.prepare('select lines from page where instr(lines, ?) > 0')
const report = db.prepare('select connection, owner, calls, units, own, revenue, platform from tally where month = ?')
const pages = db.prepare('select lines from page where account = ? order by sequence desc')

/** Cheap test before parsing: most lines that the books do not read are leases and names. */
const READ = /^\{"t":"(charge|intent|settled|void|credit|refund|wasted|correct|payout|payout-end)"/

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
    case 'correct':
      for (const entry of correctEntries(line)) batch.enter(entry)
      return
    case 'payout':
      putPayout.run(line.payout.id, text)
      return batch.enter(payoutEntry(line))
    case 'payout-end': {
      const found = takePayout.get(line.id) as { line: string } | undefined
      if (found !== undefined) batch.enter(payoutEndEntry(JSON.parse(found.line) as PayoutLine, line))
      return
    }
    case 'intent':
      putIntent.run(line.id, text)
      return put(intentEntry(line), undefined, batch)
    case 'settled':
    case 'void': {
      const found = takeIntent.get(line.id) as { line: string } | undefined
      if (found === undefined) return
      // Of the month in which it was settled: one that is over does not change any more.
      const intent = JSON.parse(found.line) as ChargeLine
      put(intentEndEntry(intent, line.at), undefined, batch)
      const charge = { ...intent, at: line.at }
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

function entriesNamed(id: string): unknown[] {
  const found = (pagesWith.all(`${id}\t`) as { lines: string }[]).flatMap(({ lines }) => lines.split('\n').map(parseEntry))
  return found.filter((entry) => entry.id === id && entry.postings.length > 0)
}

function fail(error: unknown): void {
  tell({ failed: error instanceof Error ? error.message : String(error) })
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
      case 'balances':
        return tell({ id: ask.id, rows: balances.all() })
      case 'units':
        return tell({ id: ask.id, rows: unitsBooked.all() })
      case 'pages':
        return tell({ id: ask.id, rows: pagesAfter.all(ask.after.sequence, ask.after.account) })
      case 'entry':
        return tell({ id: ask.id, rows: entriesNamed(ask.entry) })
      case 'verify':
        return void proven(file).then((rows) => tell({ id: ask.id, rows }), fail)
      case 'close':
        db.close()
        tell({ id: ask.id, rows: [] })
        parentPort?.close()
    }
  } catch (error) {
    fail(error)
  }
})
