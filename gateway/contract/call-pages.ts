/** Recorded calls on their way from the thread that reads them: pages of lines, and the pieces in which they are looked at. */
import type { OpenLine } from './call-lines.ts'

/** A piece of what is recorded. */
export interface CallPage {
  /** Lines, each with a line feed, in UTF-8: megabytes, in memory of their own that one thread hands to another. */
  readonly lines: Uint8Array<ArrayBuffer>
  /** Behind what the next piece begins; undefined: this is the last. */
  readonly next: number | undefined
  /** Payments that are still to be settled: for the next piece. */
  readonly open: readonly OpenLine[]
}

export interface CallAsk {
  /** Of calls received earlier there may be some. */
  readonly sinceMs: number
  /** Undefined: from where `sinceMs` may lie. */
  readonly after: number | undefined
  readonly open: readonly OpenLine[]
}

/** What one thread hands to another with an answer, instead of copying it. */
export function lentBy(answer: unknown): readonly ArrayBuffer[] {
  if (answer instanceof ArrayBuffer) return [answer]
  const { lines } = Object(answer) as { readonly lines?: unknown }
  return lines instanceof Uint8Array && lines.buffer instanceof ArrayBuffer ? [lines.buffer] : []
}

const LINE_FEED = 10
const PIECE_BYTES = 64 * 1024

/** Whole lines, as many at once as are read in a few milliseconds. */
export function* piecesOf({ lines }: CallPage): Generator<Uint8Array> {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(LINE_FEED, Math.min(at + PIECE_BYTES, lines.length - 1)) + 1 || lines.length
    yield lines.subarray(at, end)
    at = end
  }
}
