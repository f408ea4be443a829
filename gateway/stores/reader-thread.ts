/** The reader's own thread: finds charges by their id and proves the chain, without a moment of the thread that serves. */
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { type CallAsk, lentBy } from '#contract'
import { callPage } from './call-pages.ts'
import { ChargeIndex, eachCharge, idAt, writeIndex } from './charge-index.ts'
import { chargesIn } from './charges.ts'
import { hashOfId } from './hashes.ts'
import { frameAt, HEAD_BYTES } from './frames.ts'
import { groupAround, type Link } from './groups.ts'
import { auditLinesIn, bytesAt, readChain, segmentsOf } from './reader-chain.ts'
import type { Charged, Intended, Settled } from './records.ts'
import type { Place, Segment } from './segments.ts'

export type Question =
  | { readonly kind: 'charged'; readonly receipt: string }
  /** Audit lines count up to this group. */
  | { readonly kind: 'chain'; readonly upTo: number }
  | { readonly kind: 'audit'; readonly from: number; readonly to: number }
  | { readonly kind: 'calls'; readonly of: CallAsk }

/** `end`: how far the journal is durable. */
export type ReaderAsk = { readonly id: number; readonly end: Place } & Question
export type ReaderTold = { readonly id: number } & ({ readonly answer: unknown } | { readonly failed: string })

export interface InChain extends Link {
  /** Counts from 0 within the group. */
  readonly line: number
}

export interface FoundCharge {
  readonly record: Charged | Intended
  readonly chain: InChain
  /** x402: the record by which the charge took effect. */
  readonly settled: { readonly record: Settled; readonly chain: InChain } | undefined
}

const { folder, archive } = workerData as { folder: string; archive: string | undefined }
const indexes = new Map<number, ChargeIndex>()
/** Of the open segment: records by id, up to a byte. */
let open = { segment: 0, read: 0, ids: new Map<string, number[]>() }

const READ_BYTES = 256 * 1024

let known: { end: number; segments: readonly Segment[] } = { end: 0, segments: [] }

/** Oldest first, up to the one that is open. The folder is read again when another one is. */
function segmentsUpTo(end: Place): readonly Segment[] {
  if (known.end !== end.segment) known = { end: end.segment, segments: segmentsOf({ folder, archive, end }) }
  return known.segments
}

function indexOf(segment: Segment): ChargeIndex {
  const made = indexes.get(segment.first) ?? ChargeIndex.load(folder, segment.first)
  if (made === undefined) writeIndex(folder, segment.first, chargesIn(readFileSync(segment.file)))
  const index = made ?? ChargeIndex.load(folder, segment.first)
  if (index === undefined) throw new Error(`the index of ${segment.file} cannot be read back`)
  indexes.set(segment.first, index)
  return index
}

function inOpen(segment: Segment, end: Place, receipt: string): readonly number[] {
  if (open.segment !== segment.first) open = { segment: segment.first, read: 0, ids: new Map() }
  const { read, ids } = open
  if (read < end.offset) {
    eachCharge(bytesAt(segment.file, read, end.offset - read), 0, (id, at) => {
      const places = ids.get(id) ?? []
      ids.set(id, places)
      places.push(read + at)
    })
    open.read = end.offset
  }
  return ids.get(receipt) ?? []
}

interface Found {
  readonly record: Charged | Intended | Settled
  readonly chain: InChain
}

/** The record at a byte, with its place in the chain; undefined where another one stands there. */
function readAt(file: string, at: number, receipt: string): Found | undefined {
  for (let size = READ_BYTES; ; size *= 4) {
    const bytes = bytesAt(file, at, size)
    const length = frameAt(bytes, 0)
    if (length > 0 && idAt(bytes, HEAD_BYTES, length) !== receipt) return undefined
    const chain = length > 0 ? groupAround(bytes, 0) : undefined
    if (chain !== undefined) return { record: JSON.parse(bytes.toString('utf8', HEAD_BYTES, HEAD_BYTES + length)) as Found['record'], chain }
    if (bytes.length < size) return undefined
  }
}

function charged(receipt: string, end: Place): FoundCharge | undefined {
  const hash = hashOfId(receipt)
  let begun: { record: Charged | Intended; chain: InChain } | undefined
  let settled: { record: Settled; chain: InChain } | undefined
  for (const segment of segmentsUpTo(end)) {
    const isOpen = segment.first === end.segment
    const index = isOpen ? undefined : indexOf(segment)
    if (index !== undefined && !index.mayHave(hash)) continue
    for (const at of index?.find(hash) ?? inOpen(segment, end, receipt)) {
      const found = readAt(segment.file, at, receipt)
      if (found === undefined) continue
      const { record, chain } = found
      if (record.t === 'settled') settled = { record, chain }
      else begun = { record, chain }
    }
  }
  if (begun === undefined || (begun.record.t === 'intent' && settled === undefined)) return undefined
  return { ...begun, settled }
}

function answerTo(ask: ReaderAsk): unknown {
  const where = { folder, archive, end: ask.end }
  switch (ask.kind) {
    case 'charged':
      return charged(ask.receipt, ask.end)
    case 'chain':
      return readChain(where, ask.upTo)
    case 'audit':
      return auditLinesIn(where, ask.from, ask.to)
    case 'calls':
      return callPage(segmentsUpTo(ask.end), ask.end, ask.of)
  }
}

/** A segment that has gone to the archive meanwhile is looked for there. */
function again(ask: ReaderAsk, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  known = { end: 0, segments: [] }
  return answerTo(ask)
}

function answered(ask: ReaderAsk): unknown {
  try {
    return answerTo(ask)
  } catch (error) {
    return again(ask, error)
  }
}

parentPort?.on('message', (ask: ReaderAsk) => {
  const { id } = ask
  try {
    const answer = answered(ask)
    parentPort?.postMessage({ id, answer } satisfies ReaderTold, lentBy(answer))
  } catch (error) {
    parentPort?.postMessage({ id, failed: error instanceof Error ? error.message : String(error) } satisfies ReaderTold)
  }
})
