/** How a record stands in a segment: its length and CRC-32 (u32, little endian), its bytes, a line feed. A length of zero is the end. */
import zlib from 'node:zlib'

export const HEAD_BYTES = 8
/** What a record takes beside its own bytes. */
export const FRAME_BYTES = HEAD_BYTES + 1
const FEED = 10

/** `zlib.crc32` came with Node 20.15. */
export const crc32: (bytes: Uint8Array) => number = zlib.crc32 ?? crc32ByTable

const TABLE_SIZE = 256
const POLYNOMIAL = 0xedb88320
let table: Uint32Array | undefined

export function crc32ByTable(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: TABLE_SIZE }, (_, index) => {
    let c = index
    for (let bit = 0; bit < 8; bit += 1) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1
    return c
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** Length of the record at `at`; 0 where the data ends; -1 where something stands that is no whole record. */
export function frameAt(bytes: Buffer, at: number): number {
  if (at + HEAD_BYTES > bytes.length) return isZero(bytes, at) ? 0 : -1
  const length = bytes.readUInt32LE(at)
  if (length === 0) return bytes.readUInt32LE(at + 4) === 0 ? 0 : -1
  const end = at + HEAD_BYTES + length
  if (end >= bytes.length || bytes[end] !== FEED) return -1
  // A view of a plain kind: to make a Buffer takes longer than the sum.
  return crc32(new Uint8Array(bytes.buffer, bytes.byteOffset + at + HEAD_BYTES, length)) === bytes.readUInt32LE(at + 4) ? length : -1
}

const ZEROS = Buffer.alloc(64 * 1024)

const isZero = (bytes: Buffer, from: number): boolean => dirtyEnd(bytes, from) === from

/** Behind the last byte that is not zero; `from` where all are. */
export function dirtyEnd(bytes: Buffer, from: number): number {
  let end = bytes.length
  while (end > from) {
    const start = Math.max(from, end - ZEROS.length)
    if (bytes.compare(ZEROS, 0, end - start, start, end) === 0) end = start
    else {
      while (bytes[end - 1] === 0) end -= 1
      return end
    }
  }
  return from
}

/** Larger groups gain nothing and only add to the slowest answer (measured: 64 to 256 is the knee). */
const GROUP_RECORDS = 512
const GROUP_CHARACTERS = 4 * 1024 * 1024

/** How many of the lines that wait make the next group: one at least. */
export function groupSize(lines: readonly string[]): number {
  const most = Math.min(lines.length, GROUP_RECORDS)
  let characters = 0
  for (let count = 0; count < most; count += 1) {
    characters += (lines[count] as string).length
    if (characters > GROUP_CHARACTERS) return Math.max(1, count)
  }
  return most
}

/** `=<sequence> <records> <hash>` with its frame fits. */
const CLOSING_BYTES = 128

export interface Encoded {
  /** The records each with its line feed; both are memory of the encoder, valid until the next group. */
  readonly text: Buffer
  /** The same as it goes to disk, but for what closes the group. */
  readonly frames: Buffer
  /** Where the frames end. */
  readonly end: number
}

/** One group at a time, put together in memory that is used again. */
export class Encoder {
  #frames = Buffer.allocUnsafeSlow(256 * 1024)
  #text = Buffer.allocUnsafeSlow(256 * 1024)

  encode(lines: readonly string[]): Encoded {
    // A character takes three bytes at most: asking each line for its length would read it twice.
    let most = CLOSING_BYTES
    for (const line of lines) most += line.length * 3 + FRAME_BYTES
    if (this.#frames.length < most) this.#frames = Buffer.allocUnsafeSlow(most * 2)
    const frames = this.#frames
    let end = 0
    for (const line of lines) end = putFrame(frames, end, line)
    const size = end - lines.length * HEAD_BYTES
    if (this.#text.length < size) this.#text = Buffer.allocUnsafeSlow(size * 2)
    const text = this.#text.subarray(0, size)
    let at = 0
    for (let done = 0; done < size; ) {
      const start = at + HEAD_BYTES
      at = start + frames.readUInt32LE(at) + 1
      done += frames.copy(text, done, start, at)
    }
    return { text, frames, end }
  }
}

/** Puts a frame behind others; returns where it ends. Room for it has to be there. */
export function putFrame(frames: Buffer, at: number, record: string): number {
  const start = at + HEAD_BYTES
  const end = start + frames.write(record, start)
  frames[end] = FEED
  writeHead(frames, at, end - start, crc32(frames.subarray(start, end)))
  return end + 1
}

function writeHead(frames: Buffer, at: number, length: number, crc: number): void {
  frames.writeUInt32LE(length, at)
  frames.writeUInt32LE(crc, at + 4)
}
