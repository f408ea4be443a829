/** Recorded calls read out of the journal, a segment at a time: from the first that may hold calls of the time that is asked for. */
import { readFileSync } from 'node:fs'
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
  const bytes = segment.first === end.segment ? bytesAt(segment.file, 0, end.offset) : readFileSync(segment.file)
  eachRecord(bytes, (record) => lines.take(record))
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

function eachRecord(bytes: Buffer, visit: (record: string) => void): void {
  for (let at = 0; ; ) {
    const length = frameAt(bytes, at)
    if (length <= 0) return
    const start = at + HEAD_BYTES
    if (bytes[start] !== CLOSES) visit(bytes.toString('utf8', start, start + length))
    at += length + FRAME_BYTES
  }
}
