/** Recorded calls read out of groups that the books keep: from the first group that may hold calls of the time that is asked for, some at a time. */
import { type CallAsk, CallLines, type CallPage } from '#contract'

export interface KeptGroup {
  readonly sequence: number
  readonly body: Uint8Array
}

/** How groups are got, whichever driver keeps them. */
export interface KeptGroups {
  /** At most so many behind this one, in order. */
  after(sequence: number, count: number): Promise<readonly KeptGroup[]>
  /** Sequences of the first and the last; undefined where there is none. */
  span(): Promise<{ readonly first: number; readonly last: number } | undefined>
}

/** A call is received before it is charged: by no more than this, but for settlements that were unknown; clocks of processes differ less. */
const EARLIER_MS = 3_600_000
/** Groups a piece, and those looked at for a time. */
const GROUPS = 500
const LOOKED_AT = 16
const LINE_FEED = 10
const AT = /"at":(\d{12,14})/

export async function callPage(groups: KeptGroups, { sinceMs, after, open }: CallAsk): Promise<CallPage> {
  const from = after ?? (await before(groups, sinceMs - EARLIER_MS))
  const found = await groups.after(from, GROUPS)
  const lines = new CallLines(open)
  for (const { body } of found) eachLine(bufferOf(body), lines)
  return lines.page(found.length < GROUPS ? undefined : found.at(-1)?.sequence)
}

/** By halves: a group behind which everything since then stands. */
async function before(groups: KeptGroups, sinceMs: number): Promise<number> {
  const span = await groups.span()
  if (span === undefined) return 0
  let low = span.first - 1
  let high = span.last
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const at = timeOf(await groups.after(middle - 1, LOOKED_AT))
    if (at !== undefined && at < sinceMs) low = middle
    else high = middle - 1
  }
  // The last that begins before then may end behind it.
  return Math.max(span.first - 1, low - 1)
}

const bufferOf = (body: Uint8Array): Buffer => Buffer.from(body.buffer, body.byteOffset, body.byteLength)

function eachLine(body: Buffer, lines: CallLines): void {
  for (let at = 0; at < body.length; ) {
    const feed = body.indexOf(LINE_FEED, at)
    const end = feed === -1 ? body.length : feed
    lines.take(body, at, end)
    at = end + 1
  }
}

function timeOf(groups: readonly KeptGroup[]): number | undefined {
  for (const { body } of groups) {
    const found = AT.exec(bufferOf(body).toString('latin1'))
    if (found !== null) return Number.parseInt(found[1] as string, 10)
  }
  return undefined
}
