/**
 * Where the records of a charge stand in a segment, by its id: 64 bits of the id's SHA-256, sorted, beside the byte at which the
 * record stands. A Bloom filter before them answers for ids that are not there. Small files beside the segments; made again when lost.
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { crc32, FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'

const MAGIC = 0x31584941
/** magic, CRC-32 of all that follows, entries, bytes of the filter */
const HEAD = 16
const ENTRY = 12
const BITS_PER_ENTRY = 14
const PROBES = 7

export type Kind = 'charge' | 'intent' | 'settled'

/** Two halves of the 64 bits. */
export interface IdHash {
  readonly high: number
  readonly low: number
}

export function hashOfId(id: string): IdHash {
  const digest = createHash('sha256').update(id).digest()
  return { high: digest.readUInt32LE(0), low: digest.readUInt32LE(4) }
}

const STARTS = /^\{"t":"(charge|intent|settled)",/
const STARTS_WITH_ID = /^\{"t":"(?:charge|intent|settled)","id":"([^"\\]*)"/
const LOOK_AT = 256

/** Id of the charge that a record is about, if it is one of its three. */
export function idAt(bytes: Buffer, start: number, length: number): string | undefined {
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
export function writeIndex(folder: string, first: number, segment: Buffer): void {
  const entries: (IdHash & { at: number })[] = []
  eachCharge(segment, 0, (id, at) => entries.push({ ...hashOfId(id), at }))
  entries.sort((a, b) => a.high - b.high || a.low - b.low)
  const filter = Math.max(1, Math.ceil((entries.length * BITS_PER_ENTRY) / 8))
  const bytes = Buffer.alloc(HEAD + filter + entries.length * ENTRY)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt32LE(entries.length, 8)
  bytes.writeUInt32LE(filter, 12)
  const bits = bytes.subarray(HEAD, HEAD + filter)
  entries.forEach((entry, index) => {
    for (const bit of bitsOf(entry, filter * 8)) bits[bit >>> 3] = (bits[bit >>> 3] as number) | (1 << (bit & 7))
    const at = HEAD + filter + index * ENTRY
    bytes.writeUInt32LE(entry.high, at)
    bytes.writeUInt32LE(entry.low, at + 4)
    bytes.writeUInt32LE(entry.at, at + 8)
  })
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

function* bitsOf({ high, low }: IdHash, size: number): Iterable<number> {
  for (let probe = 0; probe < PROBES; probe += 1) yield ((high + Math.imul(probe, low | 1)) >>> 0) % size
}

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

  mayHave(hash: IdHash): boolean {
    for (const bit of bitsOf(hash, this.#filter.length * 8)) if (((this.#filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false
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
      const isBefore = entries.readUInt32LE(at) - high || entries.readUInt32LE(at + 4) - low
      if (isBefore < 0) from = middle + 1
      else to = middle
    }
    const found: number[] = []
    for (let at = from * ENTRY; at < entries.length && entries.readUInt32LE(at) === high && entries.readUInt32LE(at + 4) === low; at += ENTRY) {
      found.push(entries.readUInt32LE(at + 8))
    }
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
