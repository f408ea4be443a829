/**
 * Where the records of a charge stand in a segment, by its id: 64 bits of a hash of the id, sorted by their first half, beside the
 * byte at which the record stands. A Bloom filter before them answers for ids that are not there. Small files beside the segments;
 * made again when lost. Who makes the ids is ourselves, and whatever is found is compared with its record: no hash has to be hard to meet.
 */
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { Charges } from './charges.ts'
import { crc32, FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import type { IdHash } from './hashes.ts'

const MAGIC = 0x32584941
/** magic, CRC-32 of all that follows, entries, bytes of the filter */
const HEAD = 16
const ENTRY = 12
const BITS_PER_ENTRY = 14
const PROBES = 7
/** More than records fit into a segment; with 32 bits of a hash before it, it is a whole number of a float. */
const MOST_ENTRIES = 2 ** 21

const STARTS = /^\{"t":"(charge|intent|settled)",/
const STARTS_WITH_ID = /^\{"t":"(?:charge|intent|settled)","id":"([^"\\]*)"/
const LOOK_AT = 256
/** As nearly all of them are. */
const PLAIN = /^\{"t":"(?:charge|intent|settled)","id":"([\w-]+)"/
const PLAIN_BYTES = 96

/** Id of the charge that a record is about, if it is one of its three. */
export function idAt(bytes: Buffer, start: number, length: number): string | undefined {
  const plain = PLAIN.exec(bytes.toString('latin1', start, start + Math.min(length, PLAIN_BYTES)))
  if (plain !== null) return plain[1]
  const text = bytes.toString('utf8', start, start + Math.min(length, LOOK_AT))
  if (!STARTS.test(text)) return undefined
  return STARTS_WITH_ID.exec(text)?.[1] ?? (JSON.parse(bytes.toString('utf8', start, start + length)) as { id: string }).id
}

/** Calls back for each record of a charge from `at` on; returns where the frames end. */
export function eachCharge(bytes: Buffer, at: number, visit: (id: string, at: number) => void): number {
  for (;;) {
    const length = frameAt(bytes, at)
    if (length <= 0) return at
    const id = idAt(bytes, at + HEAD_BYTES, length)
    if (id !== undefined) visit(id, at)
    at += length + FRAME_BYTES
  }
}

const fileOf = (folder: string, first: number): string => join(folder, `${String(first).padStart(16, '0')}.idx`)

/** Makes the index of a segment that is complete. */
export function writeIndex(folder: string, first: number, { highs, lows, places, count }: Charges): void {
  const filter = Math.max(1, Math.ceil((count * BITS_PER_ENTRY) / 8))
  const bytes = Buffer.alloc(HEAD + filter + count * ENTRY)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt32LE(count, 8)
  bytes.writeUInt32LE(filter, 12)
  // The first half and the number of the entry in one float, which are sorted without calling anybody back.
  const order = new Float64Array(count)
  const bits = bytes.subarray(HEAD, HEAD + filter)
  for (let index = 0; index < count; index += 1) {
    const high = highs[index] as number
    const low = lows[index] as number
    order[index] = high * MOST_ENTRIES + index
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = bitOf(high, low, probe, filter * 8)
      bits[bit >>> 3] = (bits[bit >>> 3] as number) | (1 << (bit & 7))
    }
  }
  order.sort()
  for (let index = 0; index < count; index += 1) {
    const both = order[index] as number
    const entry = both % MOST_ENTRIES
    const at = HEAD + filter + index * ENTRY
    bytes.writeUInt32LE((both - entry) / MOST_ENTRIES, at)
    bytes.writeUInt32LE(lows[entry] as number, at + 4)
    bytes.writeUInt32LE(places[entry] as number, at + 8)
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4)
  // Two threads may make the same one.
  const draft = `${fileOf(folder, first)}.${threadId}.draft`
  const fd = openSync(draft, 'w', 0o600)
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, fileOf(folder, first))
}

const bitOf = (high: number, low: number, probe: number, size: number): number => ((high + Math.imul(probe, low | 1)) >>> 0) % size

/** The filter stays in memory; the entries are read when it says that one may be there. */
export class ChargeIndex {
  readonly #file: string
  readonly #filter: Buffer

  private constructor(file: string, filter: Buffer) {
    this.#file = file
    this.#filter = filter
  }

  /** Undefined where the file is not there, or damaged. */
  static load(folder: string, first: number): ChargeIndex | undefined {
    const file = fileOf(folder, first)
    const bytes = readIndex(file)
    return bytes === undefined ? undefined : new ChargeIndex(file, Buffer.from(filterOf(bytes)))
  }

  mayHave({ high, low }: IdHash): boolean {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const bit = bitOf(high, low, probe, this.#filter.length * 8)
      if (((this.#filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false
    }
    return true
  }

  /** Bytes of the records that may be about this id. */
  find({ high, low }: IdHash): readonly number[] {
    const bytes = readIndex(this.#file)
    if (bytes === undefined) return []
    const entries = bytes.subarray(HEAD + filterOf(bytes).length)
    let from = 0
    for (let to = entries.length / ENTRY; from < to; ) {
      const middle = (from + to) >>> 1
      const at = middle * ENTRY
      if (entries.readUInt32LE(at) < high) from = middle + 1
      else to = middle
    }
    const found: number[] = []
    for (let at = from * ENTRY; at < entries.length && entries.readUInt32LE(at) === high; at += ENTRY)
      if (entries.readUInt32LE(at + 4) === low) found.push(entries.readUInt32LE(at + 8))
    return found
  }
}

const filterOf = (bytes: Buffer): Buffer => bytes.subarray(HEAD, HEAD + bytes.readUInt32LE(12))

function readIndex(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file)
    const isWhole = bytes.length >= HEAD && bytes.readUInt32LE(0) === MAGIC && bytes.readUInt32LE(4) === crc32(bytes.subarray(8))
    return isWhole && bytes.length === HEAD + bytes.readUInt32LE(12) + bytes.readUInt32LE(8) * ENTRY ? bytes : undefined
  } catch {
    return undefined
  }
}
