/** The journal's groups as they stand in a segment: how they are read again, and which of them still count. */
import { createHash } from 'node:crypto'
import { dirtyEnd, FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import type { Scratch } from './scratch.ts'

export const GENESIS = '0'.repeat(64)

export class JournalError extends Error {
  override name = 'JournalError'
}

export const hashOf = (before: string, records: string | Buffer): string => createHash('sha256').update(before).update(records).digest('hex')

/** What closes a group: its number, how many records it has, and the hash that covers them and the hash before. */
export const closingOf = (sequence: number, records: number, hash: string): string => `=${sequence} ${records} ${hash}`

export const CLOSING = /^=(\d{1,16}) (\d+) ([0-9a-f]{64})$/
const CLOSINGS = /=(\d{1,16}) \d+ [0-9a-f]{64}\n/g
const CLOSES = 0x3d

/** The chain up to here. */
export interface Link {
  readonly sequence: number
  readonly hash: string
}

export interface ReadGroup extends Link {
  /** The records as lines; in memory of their own unless `readGroups` was given some that is used again. */
  readonly bytes: Buffer
  /** Byte and length in the segment of each record, one after the other. */
  readonly places: readonly number[]
}

/** Where a segment ends. */
export interface End extends Link {
  readonly position: number
  /** Behind the last byte that is not zero: beyond `position` there is something that does not count. */
  readonly dirty: number
}

/**
 * Every whole group of a segment, in order. What follows the last one is damage where it cannot be the rest of a group that
 * was being written. @throws JournalError naming the place
 */
export function readGroups(bytes: Buffer, file: string, before: Link, visit: (group: ReadGroup) => void, scratch?: Scratch): End {
  let { sequence, hash } = before
  let position = 0
  let places: number[] = []
  let isAltered = false
  for (let at = 0; ; ) {
    const length = frameAt(bytes, at)
    if (length <= 0) break
    const start = at + HEAD_BYTES
    if (bytes[start] !== CLOSES) {
      places.push(at, length)
      at += length + FRAME_BYTES
      continue
    }
    const text = linesOf(bytes, places, scratch)
    const expected = hashOf(hash, text)
    isAltered = bytes.toString('latin1', start, start + length) !== closingOf(sequence + 1, places.length / 2, expected)
    if (isAltered) break
    sequence += 1
    hash = expected
    at += length + FRAME_BYTES
    position = at
    visit({ sequence, hash, bytes: text, places })
    places = []
  }
  const dirty = dirtyEnd(bytes, position)
  if (isAltered || hasGroupAfter(bytes, position, sequence + 1)) {
    const follow = isAltered ? '' : ', and groups follow it'
    throw new JournalError(
      `${file}: group ${sequence + 1} at byte ${position} does not match its hash${follow}: the file was altered or the disk lost data; restore it from a backup`,
    )
  }
  return { sequence, hash, position, dirty }
}

/** Only group `next` can have been under way when the writer ended: the closing of a later one proves that `next` was acknowledged. */
function hasGroupAfter(bytes: Buffer, from: number, next: number): boolean {
  if (dirtyEnd(bytes, from) === from) return false
  for (const found of bytes.toString('latin1', from).matchAll(CLOSINGS)) {
    const at = from + found.index - HEAD_BYTES
    if (Number.parseInt(found[1] as string, 10) > next && at >= from && frameAt(bytes, at) === found[0].length - 1) return true
  }
  return false
}

/** A line each: on disk the line feed follows the record. */
function linesOf(bytes: Buffer, places: readonly number[], scratch: Scratch | undefined): Buffer {
  let size = 0
  for (let index = 1; index < places.length; index += 2) size += (places[index] as number) + 1
  const text = scratch?.take(size) ?? Buffer.allocUnsafeSlow(size)
  let end = 0
  for (let index = 0; index < places.length; index += 2) {
    const start = (places[index] as number) + HEAD_BYTES
    end += bytes.copy(text, end, start, start + (places[index + 1] as number) + 1)
  }
  return text
}

/** The group that a record stands in, by the closing that follows it; `line` counts from 0. Undefined where nothing closes it. */
export function groupAround(bytes: Buffer, offset: number): (Link & { readonly line: number }) | undefined {
  let left = 0
  for (let at = offset; ; left += 1) {
    const length = frameAt(bytes, at)
    if (length <= 0) return undefined
    const start = at + HEAD_BYTES
    const closing = bytes[start] === CLOSES ? CLOSING.exec(bytes.toString('latin1', start, start + length)) : null
    if (closing !== null) {
      const [, sequence = '', records = '', hash = ''] = closing
      return { sequence: Number.parseInt(sequence, 10), hash, line: Number.parseInt(records, 10) - left }
    }
    at += length + FRAME_BYTES
  }
}
