/**
 * Stored answers. They stand in the journal; what is kept here is where, within a budget over all of them, oldest out
 * first, and the latest few as they are.
 */
import { close, open, read } from 'node:fs'
import type { StoredAnswer } from '#contract'
import { FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import type { Charged, Intended, Settled } from './records.ts'
import { type Place, segmentFile } from './segments.ts'

/** Of an answer beside its body, in the budget. */
export const ANSWER_OVERHEAD_BYTES = 512
/** Who asks again mostly does so at once. More of them would grow old in memory, and cost every call a copy of its answer. */
const LATEST = 16

const sizeOf = (answer: StoredAnswer): number => answer.body.length + ANSWER_OVERHEAD_BYTES

/** Where an answer is to be had. */
export interface Kept {
  /** What it counts in the budget. */
  readonly bytes: number
  readonly until: number
  /** Of the charge or the intent. */
  readonly record: Place | undefined
  /** Of the record that adds the settlement's headers, where one does. */
  readonly settled: Place | undefined
}

export interface NewAnswer {
  readonly answer: StoredAnswer
  readonly until: number
  readonly record: Place | undefined
  readonly settled?: Place | undefined
  readonly isSettled?: boolean
}

interface Entry extends Kept {
  record: Place | undefined
  settled: Place | undefined
  readonly isSettled: boolean
  /** Until it is on disk. */
  answer: StoredAnswer | undefined
}

interface Slot {
  receipt: string
  answer: StoredAnswer | undefined
}

export class Answers {
  readonly #folder: string | undefined
  readonly #maxBytes: number
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  /** Goes round; what stands in it counts only while its entry is there. */
  readonly #latest: readonly Slot[] = Array.from({ length: LATEST }, () => ({ receipt: '', answer: undefined }))
  #next = 0

  /** `folder` of the journal; without one (where only places are gathered) nothing can be read. */
  constructor(maxBytes: number, folder?: string) {
    this.#folder = folder
    this.#maxBytes = maxBytes
  }

  put(receipt: string, { answer, until, record, settled, isSettled = false }: NewAnswer): void {
    const isThere = record !== undefined && (!isSettled || settled !== undefined)
    this.#keep(receipt, { bytes: sizeOf(answer), until, record, settled, isSettled, answer: isThere ? undefined : answer })
    this.#remember(receipt, answer)
  }

  #remember(receipt: string, answer: StoredAnswer): void {
    const slot = this.#latest[this.#next] as Slot
    this.#next = (this.#next + 1) % LATEST
    slot.receipt = receipt
    slot.answer = answer
  }

  /** From a snapshot. */
  keep(receipt: string, kept: Kept): void {
    this.#keep(receipt, { ...kept, isSettled: kept.settled !== undefined, answer: undefined })
  }

  /** The record that ended the call is on disk: the answer need not be held any more. */
  placed(receipt: string, place: Place): void {
    const entry = this.#entries.get(receipt)
    if (entry === undefined) return
    if (entry.isSettled) entry.settled = place
    else entry.record = place
    if (entry.record !== undefined) entry.answer = undefined
  }

  /** A promise where it has to be read; undefined where it is gone. */
  get(receipt: string): StoredAnswer | undefined | Promise<StoredAnswer | undefined> {
    const entry = this.#entries.get(receipt)
    if (entry === undefined) return undefined
    return entry.answer ?? this.#latest.find((slot) => slot.receipt === receipt)?.answer ?? this.#read(receipt, entry)
  }

  sweep(nowMs: number): void {
    for (const [receipt, { until }] of this.#entries) if (until <= nowMs) this.#drop(receipt)
  }

  *all(): Iterable<[string, Kept]> {
    for (const [receipt, { bytes, until, record, settled }] of this.#entries) yield [receipt, { bytes, until, record, settled }]
  }

  #keep(receipt: string, entry: Entry): void {
    this.#drop(receipt)
    this.#entries.set(receipt, entry)
    this.#bytes += entry.bytes
    if (this.#bytes <= this.#maxBytes) return
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return
      this.#drop(oldest)
    }
  }

  #drop(receipt: string): void {
    const entry = this.#entries.get(receipt)
    if (entry === undefined) return
    this.#entries.delete(receipt)
    this.#bytes -= entry.bytes
  }

  /** Whatever is wrong with the place, an answer that cannot be read is gone. */
  async #read(receipt: string, { record, settled, isSettled }: Entry): Promise<StoredAnswer | undefined> {
    if (this.#folder === undefined || record === undefined || (isSettled && settled === undefined)) return undefined
    try {
      const charge = (await recordAt(this.#folder, record)) as Charged | Intended
      const paid = settled === undefined ? undefined : ((await recordAt(this.#folder, settled)) as Settled)
      if (charge.id !== receipt || charge.answer === undefined || (paid !== undefined && paid.id !== receipt)) return undefined
      const answer = paid === undefined ? charge.answer : withHeaders(charge.answer, paid.headers)
      this.#remember(receipt, answer)
      return answer
    } catch {
      return undefined
    }
  }
}

export function withHeaders({ status, headers: before, body, encoding }: StoredAnswer, added: Readonly<Record<string, string>>): StoredAnswer {
  const headers = before.slice()
  for (const name in added) headers.push(name, added[name] as string)
  return { status, headers, body, encoding }
}

/** @throws Error where it is not, or not whole, at that place */
async function recordAt(folder: string, { segment, offset, length }: Place): Promise<unknown> {
  const fd = await new Promise<number>((resolve, reject) =>
    open(segmentFile(folder, segment), 'r', (error, opened) => (error === null ? resolve(opened) : reject(error))),
  )
  try {
    const bytes = Buffer.allocUnsafe(length + FRAME_BYTES)
    const size = await new Promise<number>((resolve, reject) =>
      read(fd, bytes, 0, bytes.length, offset, (error, count) => (error === null ? resolve(count) : reject(error))),
    )
    if (size !== bytes.length || frameAt(bytes, 0) !== length) throw new Error('no whole record stands there')
    return JSON.parse(bytes.toString('utf8', HEAD_BYTES, HEAD_BYTES + length))
  } finally {
    close(fd, () => undefined)
  }
}
