/** Recorded calls read out of the journal, a segment at a time: from the first that may hold calls of the time that is asked for. */
import { closeSync, openSync, readSync } from 'node:fs'
import { type CallAsk, CallLines, type CallPage } from '#contract'
import { FRAME_BYTES, frameAt, HEAD_BYTES } from './frames.ts'
import { bytesAt } from './reader-chain.ts'
import type { Place, Segment } from './segments.ts'

/** A call is received before it is charged: by no more than this, but for settlements that were unknown. */
const EARLIER_MS = 3_600_000
const BEGINNING_BYTES = 256 * 1024
const AT = /"at":(\d{12,14})/

/** `end`: how far the open segment is durable. */
export function callPage(segments: readonly Segment[], end: Place, { sinceMs, after, open }: CallAsk): CallPage {
  const first = after === undefined ? beginning(segments, sinceMs - EARLIER_MS) : segments.findIndex((segment) => segment.first > after)
  const segment = segments[first]
  const lines = new CallLines(open)
  if (segment === undefined) return lines.page(undefined)
  eachRecord(segment.file, segment.first === end.segment ? end.offset : Number.POSITIVE_INFINITY, lines)
  return lines.page(segments[first + 1] === undefined ? undefined : segment.first)
}

/** The last segment that begins before then: all those before it end before, too. */
function beginning(segments: readonly Segment[], sinceMs: number): number {
  for (let index = segments.length - 1; index > 0; index -= 1) {
    const at = beginsAt(segments[index] as Segment)
    if (at !== undefined && at < sinceMs) return index
  }
  return 0
}

/** Undefined where the beginning tells no time. */
function beginsAt({ file }: Segment): number | undefined {
  const found = AT.exec(bytesAt(file, 0, BEGINNING_BYTES).toString('latin1'))
  return found === null ? undefined : Number.parseInt(found[1] as string, 10)
}

const CLOSES = 0x3d
/** Small enough to stay in the processor's cache while it is looked at. */
const PIECE_BYTES = 256 * 1024

/** Up to this byte, or to the first place where no whole record stands. */
function eachRecord(file: string, end: number, lines: CallLines): void {
  const fd = openSync(file, 'r')
  try {
    let piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
    // What was read of the file, and how much of it stands in the piece.
    for (let [read, had] = [0, 0]; ; ) {
      const got = readSync(fd, piece, had, Math.min(piece.length - had, end - read), read)
      read += got
      const done = recordsIn(piece.subarray(0, had + got), lines)
      if (got === 0) return
      had += got - done
      // One record that is larger than a piece.
      const next = had > piece.length / 2 ? Buffer.allocUnsafeSlow(piece.length * 2) : piece
      piece.copy(next, 0, done, done + had)
      piece = next
    }
  } finally {
    closeSync(fd)
  }
}

/** Returns where the last whole one ends. */
function recordsIn(bytes: Buffer, lines: CallLines): number {
  for (let at = 0; ; ) {
    const length = frameAt(bytes, at)
    if (length <= 0) return at
    const start = at + HEAD_BYTES
    if (bytes[start] !== CLOSES) lines.take(bytes, start, start + length)
    at += length + FRAME_BYTES
  }
}
