/** The segments of a journal, read by the words of their format alone, so that the reader of the gateway is not its own judge. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import zlib from 'node:zlib'

export interface Frame {
  /** File in which it stands, and from which byte to which. */
  readonly file: string
  readonly at: number
  readonly end: number
  readonly text: string
}

export const segmentsOf = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /^\d{16}\.seg$/.test(name))
        .sort()
        .map((name) => join(folder, name))
    : []

/** @throws Error where something other than whole frames and zeros stands in the file */
export function framesOf(file: string): Frame[] {
  const bytes = readFileSync(file)
  const frames: Frame[] = []
  let at = 0
  while (at + 4 <= bytes.length && bytes.readUInt32LE(at) !== 0) {
    const start = at + 8
    const end = start + bytes.readUInt32LE(at)
    if (end + 1 > bytes.length || bytes[end] !== 10) throw new Error(`${file}: no whole record at byte ${at}`)
    const record = bytes.subarray(start, end)
    // It came with Node 20.15.
    if (zlib.crc32 !== undefined && zlib.crc32(record) !== bytes.readUInt32LE(at + 4))
      throw new Error(`${file}: the record at byte ${at} does not match its CRC-32`)
    frames.push({ file, at, end: end + 1, text: record.toString('utf8') })
    at = end + 1
  }
  if (bytes.subarray(at).some((byte) => byte !== 0)) throw new Error(`${file}: something stands behind byte ${at}`)
  return frames
}

/** Those of a whole journal, in order. */
export const allFrames = (folder: string): Frame[] => segmentsOf(folder).flatMap(framesOf)
