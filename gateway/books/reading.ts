/** From the lines of groups to what they change in the books, in order: pure; what an earlier line began and a later one ends is kept by the caller. */
import { type ChargedCall, monthOf, type Usd } from '#contract'
import { NO_POSTINGS } from './balanced.ts'
import { chargeIn } from './charge-line.ts'
import {
  type ChargeLine,
  type CorrectLine,
  type CreditLine,
  boughtEntry,
  buyEndEntry,
  buyEntry,
  type BuyLine,
  chargeEntry,
  chargeTally,
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

/** Where a line stands in the chain; lines count from 0 within their group. */
export interface Place {
  readonly sequence: number
  readonly line: number
}

export type Line =
  | ({ readonly t: 'charge' | 'intent' } & ChargeLine)
  | { readonly t: 'settled'; readonly id: string; readonly at: number; readonly transaction?: string }
  | ({ readonly t: 'buy' } & BuyLine)
  | { readonly t: 'bought'; readonly id: string; readonly at: number }
  | { readonly t: 'void'; readonly id: string; readonly at: number }
  | ({ readonly t: 'credit' } & CreditLine)
  | ({ readonly t: 'refund' } & RefundLine)
  | ({ readonly t: 'wasted' } & WastedLine)
  | ({ readonly t: 'correct' } & CorrectLine)
  | ({ readonly t: 'payout' } & PayoutLine)
  | { readonly t: 'payout-end'; readonly id: string; readonly state: 'paid' | 'failed'; readonly at: number }

/** A line that matters, with its text and its place. */
export interface Read {
  readonly line: Line
  readonly text: string
  readonly place: Place
}

/** An intent or a payout that no line has ended yet. */
export interface Pending {
  readonly text: string
  readonly place: Place
  /** While it is at hand. */
  readonly line?: Line
}

/** One entry and what it counts for: both are in the books, or neither is. */
export interface Effect {
  /** Undefined where no money moves and nothing is charged. */
  readonly entry: Entry | undefined
  /** The same entry in the statements of further accounts. */
  readonly also: readonly Entry[]
  readonly tally: TallyChange | undefined
  /** Of the record that says what it is about: for a settled payment that of its intent. */
  readonly place: Place
  /** A call that was charged, free ones included, and the transaction that paid for it. */
  readonly charge: { readonly transaction: string | undefined } | undefined
}

/** Cheap test before parsing: most lines that the books do not read are leases and names. */
const READ = /^\{"t":"(charge|intent|settled|buy|bought|void|credit|refund|wasted|correct|payout|payout-end)"/

export function readLines(lines: readonly string[], sequence: number): Read[] {
  const found: Read[] = []
  for (let line = 0; line < lines.length; line += 1) {
    const text = lines[line] as string
    const read = readLine(text)
    if (read !== undefined) found.push({ line: read, text, place: { sequence, line } })
  }
  return found
}

/** Undefined where the books do not read it. */
export const readLine = (text: string): Line | undefined => chargeIn(text) ?? (READ.test(text) ? parsed(text) : undefined)

const INTENT = '{"t":"intent",'
/** In JSON this can only be a member: within a text its quotes would be escaped. */
const PAYLOAD = ',"payload":'

/** Of an intent without what was sent to the facilitator and what stands behind it: most of the line, and the books read none of it. */
function parsed(text: string): Line {
  const end = text.startsWith(INTENT) ? text.indexOf(PAYLOAD) : -1
  return JSON.parse(end === -1 ? text : `${text.slice(0, end)}}}`) as Line
}

/** The pending ones that `reads` end without having begun them: to be fetched before. */
export function endedElsewhere(reads: readonly Read[]): string[] {
  const begun = new Set<string>()
  const ended: string[] = []
  for (const { line } of reads) {
    if (line.t === 'intent' || line.t === 'buy') begun.add(line.id)
    else if (line.t === 'payout') begun.add(line.payout.id)
    else if ((line.t === 'settled' || line.t === 'bought' || line.t === 'void' || line.t === 'payout-end') && !begun.has(line.id)) ended.push(line.id)
  }
  return ended
}

/** Reads on in order; `pending` is what earlier groups have begun and is kept up to date. */
export function* effectsOf(reads: readonly Read[], pending: Map<string, Pending>): Iterable<Effect> {
  for (const read of reads) yield* effectsOfLine(read, pending)
}

function effectsOfLine({ line, text, place }: Read, pending: Map<string, Pending>): readonly Effect[] {
  switch (line.t) {
    case 'charge':
      return [charged(line, place, undefined)]
    case 'credit':
      return [effect(place, creditEntry(line))]
    case 'refund':
      return [effect(place, refundEntry(line), refundTally(line))]
    case 'wasted':
      return [effect(place, undefined, wastedTally(line))]
    case 'correct': {
      const [entry, ...also] = correctEntries(line)
      return [{ ...effect(place, entry), also }]
    }
    case 'payout':
      pending.set(line.payout.id, { text, place })
      return [effect(place, payoutEntry(line))]
    case 'payout-end': {
      const begun = take(pending, line.id)
      return begun === undefined ? [] : [effect(place, payoutEndEntry(JSON.parse(begun.text) as PayoutLine, line))]
    }
    case 'intent':
      pending.set(line.id, { text, place, line })
      return [effect(place, intentEntry(line))]
    case 'buy':
      pending.set(line.id, { text, place, line })
      return [effect(place, buyEntry(line))]
    case 'settled':
    case 'bought':
    case 'void':
      return ended(line, place, take(pending, line.id))
  }
}

function ended(line: Extract<Line, { t: 'settled' | 'bought' | 'void' }>, place: Place, begun: Pending | undefined): readonly Effect[] {
  if (begun === undefined) return []
  const intent = (begun.line ?? parsed(begun.text)) as ({ readonly t: 'intent' } & ChargeLine) | ({ readonly t: 'buy' } & BuyLine)
  if (intent.t === 'buy') {
    const end = effect(place, buyEndEntry(intent, line.at))
    return line.t === 'bought' ? [end, effect(place, boughtEntry(intent, line.at))] : [end]
  }
  // Of the month in which it was settled: one that is over does not change any more.
  const charge = { ...intent, at: line.at }
  const end = effect(place, intentEndEntry(intent, line.at))
  return [end, line.t === 'settled' ? charged(charge, begun.place, line.transaction) : effect(place, undefined, wastedTally(charge))]
}

function take(pending: Map<string, Pending>, id: string): Pending | undefined {
  const found = pending.get(id)
  pending.delete(id)
  return found
}

const effect = (place: Place, entry: Entry | undefined, tally?: TallyChange): Effect => ({ entry, also: [], tally, place, charge: undefined })

/** A free call has an entry without postings: it can be looked up, and moves nothing. */
const charged = (line: ChargeLine, place: Place, transaction: string | undefined): Effect => ({
  entry: chargeEntry(line) ?? {
    ...{ id: line.id, at: line.at, month: monthOf(line.at), kind: 'charge' },
    account: '',
    amount: 0n,
    receipt: line.id,
    postings: NO_POSTINGS,
  },
  also: [],
  tally: chargeTally(line),
  place,
  charge: { transaction },
})

/** What groups change, with what they begin and what they end of that which was begun `before`. */
export interface Changes {
  /** Of each read. */
  readonly effects: readonly (readonly Effect[])[]
  readonly begun: ReadonlyMap<string, Pending>
  readonly ended: readonly string[]
}

/** `before` has at least what `endedElsewhere` named. */
export function changesOf(reads: readonly Read[], before: ReadonlyMap<string, Pending>): Changes {
  const pending = new Map(before)
  const effects = reads.map((read) => effectsOfLine(read, pending))
  const ended = [...before.keys()].filter((id) => !pending.has(id))
  for (const id of before.keys()) pending.delete(id)
  return { effects, begun: pending, ended }
}

/** The members of a charge's or an intent's line that a receipt attests. */
interface ChargeText {
  readonly id: string
  readonly api: string
  readonly operation: string
  readonly connection: string
  readonly owner: string
  readonly by: ChargedCall['by']
  readonly units: number
  readonly price: string
  readonly platform: string
  readonly subject: { readonly requestDigest: string; readonly answerDigest: string }
  readonly call: { readonly config: string; readonly generation: number }
}

export function chargedCall(line: string, more: Pick<ChargedCall, 'atMs' | 'transaction' | 'chain'>): ChargedCall {
  const text = JSON.parse(line) as ChargeText
  return {
    ...{ receipt: text.id, atMs: more.atMs, api: text.api, operation: text.operation, connection: text.connection, owner: text.owner },
    ...{ by: text.by, units: text.units, price: BigInt(text.price) as Usd, platformShare: BigInt(text.platform) as Usd },
    ...{ requestDigest: text.subject.requestDigest, answerDigest: text.subject.answerDigest },
    ...{ config: text.call.config, generation: text.call.generation, transaction: more.transaction, chain: more.chain },
  }
}
