/** The whole chain read again: every hash is made anew, and on the way the audit lines are summed up by segment, for whoever compares them with what books show. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { AUDIT_START, messageOf, type PlacedLine, type ReadChain, type Stretch, StretchDigest } from '#contract'
import { FRAME_BYTES, HEAD_BYTES } from './frames.ts'
import { CLOSING, type Link, type ReadGroup, readGroups } from './groups.ts'
import { BEGINNING, gap, missing } from './opening.ts'
import { type Place, type Segment, segmentsIn } from './segments.ts'
import { sealedOf } from './snapshots.ts'

export interface Where {
  readonly folder: string
  readonly archive: string | undefined
  /** How far the journal is durable. */
  readonly end: Place
}

/** Less where the file is shorter. */
export function bytesAt(file: string, from: number, length: number): Buffer {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    for (let read = -1; done < length && read !== 0; done += read) read = readSync(fd, bytes, done, length - done, from + done)
    return bytes.subarray(0, done)
  } finally {
    closeSync(fd)
  }
}

/** Oldest first, up to the one that is open. */
export const segmentsOf = ({ folder, archive, end }: Where): readonly Segment[] => segmentsIn(folder, archive).filter(({ first }) => first <= end.segment)

/** From the first group that is there; what is in no reachable folder is left out, and said. Audit lines count up to group `upTo`. */
export function readChain(where: Where, upTo: number): ReadChain {
  const { folder, end } = where
  const segments = segmentsOf(where)
  const first = segments[0]?.first ?? 1
  const before = sealedOf(folder).find((sealed) => sealed.first === first)?.before
  const stretches: Stretch[] = []
  let link: Link = first === 1 ? BEGINNING : { sequence: first - 1, hash: before ?? '' }
  let hash = upTo === link.sequence ? link.hash : undefined
  let groups = 0
  let bad = { from: 1, to: first - 1 }
  const broken = (detail: string): ReadChain => ({ ok: false, detail, groups, first, last: link.sequence, hash, stretches, broken: bad })
  if (first !== 1 && before === undefined) return broken(`the segments before group ${first} are not there, and no snapshot says what they ended with`)
  try {
    for (const [index, segment] of segments.entries()) {
      const from = link.sequence + 1
      bad = { from, to: segment.first - 1 }
      if (segment.first !== from) throw missing(folder, from)
      const next = segments[index + 1]
      bad = { from, to: next === undefined ? Number.MAX_SAFE_INTEGER : next.first - 1 }
      const file = segment.file
      const bytes = segment.first === end.segment ? bytesAt(file, 0, end.offset) : readFileSync(file)
      const digest = new StretchDigest(from)
      const read = readGroups(bytes, file, link, (group) => {
        groups += 1
        if (group.sequence === upTo) hash = group.hash
        if (group.sequence <= upTo) for (const line of auditLines(group)) digest.add(line)
      })
      if (next === undefined && read.position !== bytes.length) return broken(`${file} does not hold whole groups up to byte ${end.offset}`)
      if (next !== undefined && next.first !== read.sequence + 1) throw gap(file, read, next)
      link = { sequence: read.sequence, hash: read.hash }
      if (from <= upTo) stretches.push(digest.end(Math.min(read.sequence, upTo)))
    }
  } catch (error) {
    // On its way to the archive: it is looked for there.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw error
    return broken(messageOf(error))
  }
  const left = first === 1 ? '' : `; groups 1 to ${first - 1} are archived elsewhere and were not read`
  const detail = `${groups} groups, the last is ${link.sequence} ${link.hash}${left}`
  return { ok: true, detail, groups, first, last: link.sequence, hash, stretches, broken: undefined }
}

const A = AUDIT_START.charCodeAt(6)

/** Its first letter tells an audit line from nearly everything else. */
const isAudit = (bytes: Buffer, at: number): boolean => bytes[at + 6] === A && bytes.toString('latin1', at, at + AUDIT_START.length) === AUDIT_START

function* auditLines({ sequence, bytes, places }: ReadGroup): Iterable<PlacedLine> {
  let at = 0
  for (let index = 0; index < places.length; index += 2) {
    const length = places[index + 1] as number
    if (isAudit(bytes, at)) yield { sequence, line: index / 2, text: bytes.toString('utf8', at, at + length) }
    at += length + 1
  }
}

const FEED = 10

/**
 * The audit lines of groups from `from` to `to` as they stand in the one segment that begins before them, whatever was done to it: checksums
 * and hashes are not looked at, so that a line that was altered can be shown beside what it was.
 */
export function auditLinesIn(where: Where, from: number, to: number): PlacedLine[] {
  const segment = segmentsOf(where).findLast(({ first }) => first <= from)
  if (segment === undefined) return []
  // All of it: where something was put in, the last groups stand behind the end that is known.
  const bytes = readFileSync(segment.file)
  const found: PlacedLine[] = []
  let group: string[] = []
  for (let at = 0; at + HEAD_BYTES < bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    const start = at + HEAD_BYTES
    if (length === 0 || bytes[start + length] !== FEED) break
    const text = bytes.toString('utf8', start, start + length)
    const closing = CLOSING.exec(text)
    if (closing === null) group.push(text)
    else {
      const sequence = Number.parseInt(closing[1] as string, 10)
      if (sequence >= from && sequence <= to)
        for (const [line, one] of group.entries()) if (one.startsWith(AUDIT_START)) found.push({ sequence, line, text: one })
      group = []
    }
    at += length + FRAME_BYTES
  }
  return found
}
