/**
 * A journal of many charges, as years of calls would leave it, and how long a start takes on it. Lines and groups are those of
 * the gateway; they are written straight into segments, and the snapshots are made as the gateway's own thread makes them.
 *
 *     node growth.js make FOLDER RECORDS [SEGMENT_BYTES [KEYS]]    writes the journal, says its figures
 *     node growth.js open FOLDER RECORDS [SEGMENT_BYTES]           opens it as a start does, says how long that took
 */
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type CallRecord, type EpochMs, shortCall } from '#contract'
import { Encoder, putFrame } from '../../gateway/stores/frames.ts'
import { closingOf, GENESIS, hashOf } from '../../gateway/stores/groups.ts'
import { openEmbedded } from '../../gateway/stores/index.ts'
import { lineOf } from '../../gateway/stores/lines.ts'
import type { JournalRecord } from '../../gateway/stores/records.ts'
import { SEGMENT_BYTES, segmentFile } from '../../gateway/stores/segments.ts'
import { makeSnapshot, snapshotNames } from '../../gateway/stores/snapshots.ts'

const KEYS = 1_000
const GROUP = 64
/** Ten million of them take a year. */
const EVERY_MS = 3_154
const START_MS = Date.UTC(2025, 10, 24)
const MONTH_MS = 30 * 86_400_000
const PRICE = '150000'
const HEX = 'ab'.repeat(32)
const REPLAY_BYTES = 256 * 1024 * 1024
/** Of every so many calls one has an Idempotency-Key and a stored answer. */
const NAMED_EVERY = 20

const keyOf = (index: number, keys: number): string => `k${index % keys}`

/** The charge with this number. */
function chargeOf(index: number, keys: number): JournalRecord {
  const at = (START_MS + index * EVERY_MS) as EpochMs
  const id = `rc_${at.toString(36)}${index.toString(16).padStart(32, '0')}`
  const consumer = `key:${keyOf(index, keys)}`
  const isNamed = index % NAMED_EVERY === 0
  const what = { api: 'nansen', operation: 'profiler.address.current-balance' }
  const charge = {
    ...({
      t: 'charge',
      id,
      at,
      connection: 'nansen',
      owner: 'alice',
      period: at - (at % MONTH_MS),
      units: 1,
      price: PRICE,
      platform: '15000',
      by: 'credits',
    } as const),
    ...{ account: consumer, ...what, subject: { requestDigest: HEX, answerDigest: HEX } },
    names: isNamed ? [{ name: `k:${consumer}:${index}`, digest: HEX, until: at + 86_400_000 }] : [],
    once: [],
    answer: isNamed
      ? { status: 200, headers: ['content-type', 'application/json'], body: `{"rows":"${'x'.repeat(400)}"}`, encoding: 'utf8' as const }
      : undefined,
  }
  const call: CallRecord = {
    ...{ v: 2, id: `request-${index}`, at, generation: 1, config: HEX, ...what, consumer, kind: 'charged', status: 200, receipt: id },
    ...{ requested: 1, candidates: ['nansen'], units: 1, price: PRICE },
    ...{ attempts: [{ connection: 'nansen', units: 1 as never, status: 200, meaning: 'ok', used: 'sold', tookMs: 41 }], tookMs: 42 },
  }
  return { ...charge, call: shortCall(charge, call) }
}

function* recordsOf(count: number, keys: number): Iterable<JournalRecord> {
  yield { t: 'open', v: 1, mode: 'sandbox', name: 'test', at: START_MS }
  for (let index = 0; index < keys; index += 1) {
    const key = {
      id: keyOf(index, keys),
      hash: `hash-${index}`,
      role: 'consumer',
      account: `key:${keyOf(index, keys)}`,
      createdAtMs: START_MS as EpochMs,
    } as const
    yield { t: 'key', key }
    yield { t: 'credit', id: `grant-${index}`, account: key.account, amount: '1000000000000', from: 'grant', at: START_MS }
  }
  for (let index = 0; index < count; index += 1) yield chargeOf(index, keys)
}

interface Made {
  readonly segments: number
  readonly bytes: number
  readonly groups: number
}

/** Writes groups into segments of `<folder>/journal`, as the gateway would have, from the first on. */
export class JournalWriter {
  readonly made: { segments: number; bytes: number; groups: number } = { segments: 0, bytes: 0, groups: 0 }
  readonly #journal: string
  readonly #segmentBytes: number
  readonly #encoder = new Encoder()
  #lines: string[] = []
  #hash = GENESIS
  #fd = -1
  #position = 0

  constructor(folder: string, segmentBytes = SEGMENT_BYTES) {
    this.#journal = join(folder, 'journal')
    this.#segmentBytes = segmentBytes
    mkdirSync(this.#journal, { recursive: true })
  }

  write(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length === GROUP) this.#group()
  }

  close(): Made {
    if (this.#lines.length > 0) this.#group()
    closeSync(this.#fd)
    return this.made
  }

  #group(): void {
    const { made } = this
    const { text, frames, end } = this.#encoder.encode(this.#lines)
    this.#hash = hashOf(this.#hash, text)
    made.groups += 1
    const whole = putFrame(frames, end, closingOf(made.groups, this.#lines.length, this.#hash))
    this.#lines = []
    if (this.#fd === -1 || this.#position + whole > this.#segmentBytes) {
      if (this.#fd !== -1) closeSync(this.#fd)
      this.#fd = openSync(segmentFile(this.#journal, made.groups), 'w', 0o600)
      made.segments += 1
      this.#position = 0
    }
    writeSync(this.#fd, frames, 0, whole, this.#position)
    this.#position += whole
    made.bytes += whole
  }
}

/** Writes a journal of so many charges, of so many keys in turn, into `<folder>/journal`. */
export function makeJournal(folder: string, count: number, segmentBytes = SEGMENT_BYTES, keys = KEYS): Made {
  const writer = new JournalWriter(folder, segmentBytes)
  for (const record of recordsOf(count, keys)) writer.write(lineOf(record))
  return writer.close()
}

/** As the gateway's thread would have done at the end of each segment; here once, for all that are complete. */
export function snapshotJournal(folder: string, nowMs: number): number {
  const journal = join(folder, 'journal')
  const open = Number.parseInt(
    readdirSync(journal)
      .filter((name) => name.endsWith('.seg'))
      .sort()
      .at(-1) as string,
    10,
  )
  return makeSnapshot({ folder: journal, open, nowMs, replayBytes: REPLAY_BYTES }).sequence
}

export const endMs = (count: number): number => START_MS + count * EVERY_MS

export interface OpenedGrown {
  readonly ms: number
  readonly groups: number
  readonly sold: number
  readonly rssMb: number
}

/** With books that have every group, and a clock that stands where the last charge was. */
export async function openGrown(folder: string, count: number, fedUpTo: number, segmentBytes = SEGMENT_BYTES): Promise<OpenedGrown> {
  let groups = 0
  const clock = { nowMs: () => endMs(count) as EpochMs, monotonicNs: () => Math.round(performance.now() * 1e6) }
  const onGroup = (): void => {
    groups += 1
  }
  const from = performance.now()
  const opened = openEmbedded({ folder, mode: 'sandbox', name: 'test', replayBytes: REPLAY_BYTES, clock, onGroup, fedUpTo, segmentBytes })
  const ms = performance.now() - from
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  const sold = (await opened.admin.usage()).get('nansen')?.sold ?? 0
  await opened.store.close()
  return { ms, groups, sold, rssMb }
}

async function run([what, folder = '', records = '', more = '', keys]: readonly string[]): Promise<void> {
  const count = Number(records)
  const segmentBytes = more === '' ? SEGMENT_BYTES : Number(more)
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  if (what === 'make') {
    let from = performance.now()
    const { segments, bytes, groups } = makeJournal(folder, count, segmentBytes, keys === undefined ? KEYS : Number(keys))
    say(
      `wrote ${count} charges in ${groups} groups and ${segments} segments, ${Math.round(bytes / 2 ** 20)} MiB, in ${Math.round(performance.now() - from)} ms`,
    )
    from = performance.now()
    const sequence = snapshotJournal(folder, endMs(count))
    const [name = ''] = snapshotNames(join(folder, 'journal'))
    const size = statSync(join(folder, 'journal', name)).size
    say(`snapshot up to group ${sequence}, ${Math.round(size / 1024)} KiB, made in ${Math.round(performance.now() - from)} ms with the indexes of all segments`)
  } else {
    const { ms, groups, sold, rssMb } = await openGrown(folder, count, Number.MAX_SAFE_INTEGER, segmentBytes)
    say(`ready in ${Math.round(ms)} ms with ${sold} charges; ${groups} groups were read; ${rssMb} MiB resident`)
  }
}

if (process.argv[1]?.endsWith('growth.js') === true) await run(process.argv.slice(2))
