/**
 * Recorded calls in short lines, one JSON array each, made from the records of a journal or an outbox and from the log of
 * uncharged calls: what forecasts and simulations are made from. Nothing of a payment, an answer or a request is in them.
 */
import type { CallPage } from './call-pages.ts'
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
/** A charge that was reversed: what it had cost, and whose balance has it again. Amounts are micro-dollars as text. */
export type RefundLine = readonly [t: 'r', at: number, receipt: string, price: string, platform: string, account: string]

export type CallLine = SoldLine | UnchargedLine | LostLine | ExternalLine | RefundLine

const WORD = '[\\w .:/-]*'
const KEPT = `(${WORD})`
/** The beginning of a charge or an intent, as stores write it. */
const HEAD = new RegExp(
  [
    `^\\{"t":"(?:charge|intent)","id":"${KEPT}","at":(\\d+),(?:"since":\\d+,)?"connection":"${KEPT}","owner":"${KEPT}","period":\\d+,"units":(\\d+)`,
    `"price":"(\\d+)","platform":"(\\d+)","by":"(owner|credits|x402)","account":"${KEPT}","api":"${KEPT}","operation":"${KEPT}",`,
  ].join(','),
)
const CALL_START = ',"call":{"v":'
/** What a charge says by itself is not said again by its call. */
const CALL = new RegExp(
  [
    `,"call":\\{"v":\\d,"id":"${WORD}","at":(\\d+),"generation":\\d+,"config":"\\w*"(?:,"api":"${WORD}")?(?:,"operation":"${WORD}")?(?:,"consumer":"${KEPT}")?`,
    `(?:,"kind":"\\w+")?(?:,"status":\\d+)?(?:,"receipt":"${WORD}")?(?:,"requested":(\\d+))?(?:,"candidates":\\[[^\\]]*\\])?(?:,"units":\\d+)?(?:,"price":"\\d+")?`,
    `(?:,"attempts":\\[([^\\]]*)\\])?(?:,"upstreamMs":\\d+)?,"tookMs":`,
  ].join(''),
  'y',
)
const READ = /^\{"t":"(charge|intent|settled|void|refund|wasted|external)"/

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
const wastedOf = (attempts: readonly Attempt[]): readonly WastedUnits[] =>
  attempts.some(isWaste) ? attempts.filter(isWaste).map(({ connection, units }): WastedUnits => [connection, units]) : NOTHING

/** Reads records in their order; a payment counts when it is settled. */
export class CallLines {
  readonly #open: Map<string, SoldLine>
  #lines: string[] = []
  #pieces: string[] = []

  constructor(open: readonly SoldLine[]) {
    this.#open = new Map(open.map((line) => [line[3], line]))
  }

  /** One record as it was written. What says nothing of a call changes nothing. */
  take(record: string): void {
    const isIntent = record.startsWith(INTENT)
    const line = soldIn(record)
    if (line === undefined) {
      if (READ.test(record)) this.#parsed(JSON.parse(record) as Charge | Other)
    } else if (isIntent) this.#sold(JSON.parse(line) as SoldLine, isIntent)
    else this.#add(line)
  }

  #sold(line: SoldLine, isIntent: boolean): void {
    if (isIntent) this.#open.set(line[3], line)
    else this.#put(line)
  }

  #parsed(record: Charge | Other): void {
    switch (record.t) {
      case 'charge':
      case 'intent':
        return this.#sold(soldOf(record), record.t === 'intent')
      case 'settled':
      case 'void':
        return this.#ended(record)
      case 'refund':
        return this.#put(['r', record.at, record.receipt, record.price, record.platform, record.account])
      case 'wasted':
        // What calls have wasted stands with them.
        return record.by === 'crash' ? this.#put(['w', record.at, record.connection, record.units]) : undefined
      case 'external':
        return this.#put(['x', record.at, record.connection, record.period, record.units])
    }
  }

  #ended({ t, id, at }: Extract<Other, { id: string }>): void {
    const intent = this.#open.get(id)
    this.#open.delete(id)
    if (intent === undefined || t === 'void') return
    const [, received, , ...rest] = intent
    this.#put(['c', received, at, ...rest])
  }

  #put(line: CallLine): void {
    this.#add(JSON.stringify(line))
  }

  #add(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length === JOINED) this.#join()
  }

  /** A line is made of parts of its record, which stays in memory until they are copied. */
  #join(): void {
    if (this.#lines.length > 0) this.#pieces.push(`${this.#lines.join('\n')}\n`)
    this.#lines.length = 0
  }

  /** What was read since it was last asked for. */
  page(next: number | undefined): CallPage {
    this.#join()
    const lines = new TextEncoder().encode(this.#pieces.join(''))
    this.#pieces = []
    return { lines, next, open: [...this.#open.values()] }
  }
}

const JOINED = 64
const INTENT = '{"t":"intent",'

/**
 * The line of a charge or an intent by hand, as it was written: JSON.parse of a whole record takes eight times as long. Nothing
 * that is taken over needs an escape. Undefined where it is written otherwise.
 */
function soldIn(text: string): string | undefined {
  const head = HEAD.exec(text)
  const at = head === null ? -1 : text.lastIndexOf(CALL_START)
  if (head === null || at === -1) return undefined
  CALL.lastIndex = at
  const call = CALL.exec(text)
  if (call === null) return undefined
  const [, id, chargedAt, connection, owner, units, price, platform, by, account, api, operation] = head
  const [, received, consumer = account, requested = units, attempts = ''] = call
  const wasted = attempts.includes('"used":"wasted"') ? JSON.stringify(wastedOf(JSON.parse(`[${attempts}]`) as Attempt[])) : '[]'
  const who = `"${consumer}","${account}","${by}","${connection}","${owner}"`
  return `["c",${received},${chargedAt},"${id}","${api}","${operation}",${who},${requested},${units},"${price}","${platform}",${wasted}]`
}

function soldOf({ id, at, connection, owner, units, price, platform, by, account, api, operation, call }: Charge): SoldLine {
  const { at: received = at, consumer = account, requested = units, attempts = NOTHING } = (call ?? {}) as Partial<WrittenCall>
  return ['c', received, at, id, api, operation, consumer, account, by, connection, owner, requested, units, price, platform, wastedOf(attempts)]
}

/** Of a call that stands in the log of uncharged ones. */
export function unchargedLine({ at, api, operation, consumer, kind, code, requested, attempts }: CallRecord): string {
  return `${JSON.stringify(['u', at, api, operation, consumer, kind, code ?? '', requested, wastedOf(attempts)] satisfies UnchargedLine)}\n`
}

/** Whole lines, as they were written. @throws SyntaxError where one is none */
export function readCallLines(text: string): CallLine[] {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text
  return lines === '' ? [] : (JSON.parse(`[${lines.replaceAll('\n', ',')}]`) as CallLine[])
}
