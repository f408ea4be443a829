/**
 * Recorded calls in short lines, one JSON array each, made from the records of a journal or an outbox and from the log of
 * uncharged calls: what forecasts and simulations are made from. Nothing of a payment, an answer or a request is in them.
 */
import type { CallPage } from './call-pages.ts'
import type { Span } from './call-parts.ts'
import { CallScan } from './call-scan.ts'
import { fixedText, LineBytes } from './line-bytes.ts'
import type { WrittenCall } from './written-call.ts'
import type { CallRecord } from './record.ts'
import type { Attempt } from './outcome.ts'

/** Units of one connection that came to nothing. */
export type WastedUnits = readonly [connection: string, units: number]

/**
 * A call that was charged, or an owner's. `at`: when it was received; `chargedAt`: when its charge took effect, both in epoch
 * milliseconds. `requested` is the most that it could take, `units` what was charged. Amounts are micro-dollars as text.
 */
export type SoldLine = readonly [
  t: 'c',
  at: number,
  chargedAt: number,
  receipt: string,
  api: string,
  operation: string,
  consumer: string,
  account: string,
  by: 'owner' | 'credits' | 'x402',
  connection: string,
  owner: string,
  requested: number,
  units: number,
  price: string,
  platform: string,
  wasted: readonly WastedUnits[],
]

/** A call that was not charged: refused, passed, replayed, abandoned or unknown. `code` is '' where nothing refused it. */
export type UnchargedLine = readonly [
  t: 'u',
  at: number,
  api: string,
  operation: string,
  consumer: string,
  kind: CallRecord['kind'],
  code: string,
  requested: number,
  wasted: readonly WastedUnits[],
]

/** What a dead process left of a lease. */
export type LostLine = readonly [t: 'w', at: number, connection: string, units: number]
/** What the provider counts beyond ours, in all of this period. */
export type ExternalLine = readonly [t: 'x', at: number, connection: string, period: number, units: number]
/** What is not settled yet: its line as it would be if it were settled when it was intended, with a line feed. */
export type OpenLine = readonly [receipt: string, line: string]
/** A charge that was reversed: what it had cost, and whose balance has it again. Amounts are micro-dollars as text. */
export type RefundLine = readonly [t: 'r', at: number, receipt: string, price: string, platform: string, account: string]

export type CallLine = SoldLine | UnchargedLine | LostLine | ExternalLine | RefundLine

/** What is read of records. */
const READ = /^\{"t":"(charge|intent|settled|void|refund|wasted|external)"/
const READ_BYTES = 20

interface Charge {
  readonly t: 'charge' | 'intent'
  readonly id: string
  readonly at: number
  readonly connection: string
  readonly owner: string
  readonly units: number
  readonly price: string
  readonly platform: string
  readonly by: SoldLine[8]
  readonly account: string
  readonly api: string
  readonly operation: string
  readonly call: WrittenCall
}

type Other =
  | { readonly t: 'settled' | 'void'; readonly id: string; readonly at: number }
  | { readonly t: 'refund'; readonly receipt: string; readonly at: number; readonly price: string; readonly platform: string; readonly account: string }
  | { readonly t: 'wasted'; readonly connection: string; readonly units: number; readonly at: number; readonly by: string }
  | { readonly t: 'external'; readonly connection: string; readonly period: number; readonly units: number; readonly at: number }

const NOTHING: readonly never[] = []
const isWaste = ({ used, units }: Attempt): boolean => used === 'wasted' && units > 0
export const wastedOf = (attempts: readonly Attempt[]): readonly WastedUnits[] =>
  attempts.some(isWaste) ? attempts.filter(isWaste).map(({ connection, units }): WastedUnits => [connection, units]) : NOTHING

/** Reads records in their order; a payment counts when it is settled. */
export class CallLines {
  /** By their receipts. */
  readonly #open: Map<string, string>
  readonly #scan = scanOfThread()
  readonly #lines = new LineBytes()

  constructor(open: readonly OpenLine[]) {
    this.#open = new Map(open)
  }

  /** One record as it was written, in [from, to). What says nothing of a call changes nothing. */
  take(bytes: Buffer, from: number, to: number): void {
    const scan = this.#scan
    if (scan.read(bytes, from, to)) return this.#scanned(bytes, to - from)
    if (scan.readSettled(bytes, from, to))
      return this.#settled(bytes.toString('utf8', scan.id.from, scan.id.to), bytes.toString('latin1', scan.at.from, scan.at.to))
    if (READ.test(bytes.toString('latin1', from, Math.min(to, from + READ_BYTES)))) this.#parsed(JSON.parse(bytes.toString('utf8', from, to)) as Charge | Other)
  }

  #scanned(bytes: Buffer, length: number): void {
    const scan = this.#scan
    const lines = this.#lines
    const { view, known, entry, received, at, id } = scan
    const before = lines.end
    // Some members are written twice, what is known takes less.
    lines.room(length * 2)
    lines.putAll(SOLD)
    lines.member(view, received.from, received.to)
    lines.member(view, at.from, at.to)
    lines.member(view, id.from - 1, id.to + 1)
    if (entry === -1) this.#spelled(bytes)
    else lines.put(known.view, known.tailFrom(entry), known.tailTo(entry))
    if (scan.isIntent) this.#open.set(bytes.toString('utf8', id.from, id.to), lines.cut(before))
  }

  /** Texts with their quotes. */
  #spelled(bytes: Buffer): void {
    const { view, api, operation, consumer, account, by, connection, owner, requested, units, price, platform, attempts } = this.#scan
    const lines = this.#lines
    const from = lines.end
    lines.member(view, api.from - 1, api.to + 1)
    lines.member(view, operation.from - 1, operation.to + 1)
    lines.member(view, consumer.from - 1, consumer.to + 1)
    lines.member(view, account.from - 1, account.to + 1)
    lines.member(view, by.from - 1, by.to + 1)
    lines.member(view, connection.from - 1, connection.to + 1)
    lines.member(view, owner.from - 1, owner.to + 1)
    lines.member(view, requested.from, requested.to)
    lines.member(view, units.from, units.to)
    lines.member(view, price.from - 1, price.to + 1)
    lines.member(view, platform.from - 1, platform.to + 1)
    if (attempts.to > 0) return lines.text(wastedText(bytes, attempts))
    lines.putAll(NOTHING_WASTED)
    this.#scan.keep(lines.view, from, lines.end)
  }

  #parsed(record: Charge | Other): void {
    switch (record.t) {
      case 'charge':
        return this.#put(soldOf(record))
      case 'intent':
        return void this.#open.set(record.id, textOf(soldOf(record)))
      case 'settled':
        return this.#settled(record.id, String(record.at))
      case 'void':
        return void this.#open.delete(record.id)
      case 'refund':
        return this.#put(['r', record.at, record.receipt, record.price, record.platform, record.account])
      case 'wasted':
        // What calls have wasted stands with them.
        return record.by === 'crash' ? this.#put(['w', record.at, record.connection, record.units]) : undefined
      case 'external':
        return this.#put(['x', record.at, record.connection, record.period, record.units])
    }
  }

  #settled(id: string, at: string): void {
    const line = this.#open.get(id)
    if (line === undefined) return
    this.#open.delete(id)
    const received = line.indexOf(',', SOLD.byteLength + 1)
    this.#lines.text(line.slice(0, received + 1) + at + line.slice(line.indexOf(',', received + 1)))
  }

  #put(line: CallLine): void {
    this.#lines.text(textOf(line))
  }

  /** What was read since it was last asked for. */
  page(next: number | undefined): CallPage {
    return { lines: this.#lines.take(), next, open: [...this.#open] }
  }
}

/** What is known of calls lasts from page to page. */
let scan: CallScan | undefined
function scanOfThread(): CallScan {
  scan ??= new CallScan()
  return scan
}

const SOLD = fixedText('["c"')
const NOTHING_WASTED = fixedText(',[]]\n')
const textOf = (line: CallLine): string => `${JSON.stringify(line)}\n`
/** The end of a line, of attempts as they are written, without their brackets. */
export const wastedText = (bytes: Buffer, { from, to }: Span): string =>
  `,${JSON.stringify(wastedOf(JSON.parse(`[${bytes.toString('utf8', from, to)}]`) as Attempt[]))}]\n`

function soldOf({ id, at, connection, owner, units, price, platform, by, account, api, operation, call }: Charge): SoldLine {
  const { at: received = at, consumer = account, requested = units, attempts = NOTHING } = (call ?? {}) as Partial<WrittenCall>
  return ['c', received, at, id, api, operation, consumer, account, by, connection, owner, requested, units, price, platform, wastedOf(attempts)]
}

/** Whole lines, as they were written. @throws SyntaxError where one is none */
export function readCallLines(text: string): CallLine[] {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text
  return lines === '' ? [] : (JSON.parse(`[${lines.replaceAll('\n', ',')}]`) as CallLine[])
}
