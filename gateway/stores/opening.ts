/** Opens the journal's folder: reads the segments that are not in the snapshot, cuts off what was never acknowledged. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type End, GENESIS, JournalError, type Link, type ReadGroup, readGroups } from './groups.ts'
import { listSegments, NEXT, type Segment, segmentFile, segmentName, syncFolder } from './segments.ts'

export const BEGINNING: Link = { sequence: 0, hash: GENESIS }

export interface Replayed extends ReadGroup {
  /** First group of the segment in which it stands. */
  readonly segment: number
}

/** Where the journal goes on. */
export interface Tail extends Link {
  readonly segment: Segment
  readonly position: number
  readonly cutBytes: number
}

export interface Opening {
  readonly folder: string
  readonly from?: Link
  readonly replay: (group: Replayed) => void
}

/** @throws JournalError with one sentence for the operator */
export function openFolder<T>({ folder, from = BEGINNING, replay }: Opening, open: (tail: Tail) => T): T {
  return inFolder(folder, () => {
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) syncFolder(dirname(folder))
    // What it may hold are zeros.
    rmSync(join(folder, NEXT), { force: true })
    const segments = segmentsAfter(folder, from)
    const last = segments.at(-1)
    if (last === undefined) return create(folder, open)
    // The process that made its name may have died before the name was on disk.
    syncFolder(folder)
    const end = readSegments(segments, from, replay)
    if (end.dirty > end.position) erase(last.file, end)
    return open({ ...end, segment: last, cutBytes: end.dirty - end.position })
  })
}

/** @throws JournalError in place of an error of the file system */
export function inFolder<T>(folder: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    const code = 'code' in error ? error.code : error.message
    throw new JournalError(`the journal ${folder} cannot be used (${code}); choose another store.path or correct its permissions`, { cause: error })
  }
}

/** A new segment: its name has to be on disk before anything is promised. */
function create<T>(folder: string, open: (tail: Tail) => T): T {
  const opened = open({ ...BEGINNING, segment: { first: 1, file: segmentFile(folder, 1) }, position: 0, cutBytes: 0 })
  syncFolder(folder)
  return opened
}

/** Those that `from` does not cover; the first of them begins right after it. @throws JournalError where one is missing */
function segmentsAfter(folder: string, from: Link): Segment[] {
  const all = listSegments(folder)
  const segments = all.filter(({ first }) => first > from.sequence)
  const first = segments[0]?.first
  if (first === undefined ? all.length > 0 || from.sequence > 0 : first !== from.sequence + 1) throw missing(folder, from.sequence + 1)
  return segments
}

export const missing = (folder: string, first: number): JournalError =>
  new JournalError(`${folder}: the segment ${segmentName(first)} is missing, and later ones are there; restore it from a backup`)

/** Only the last one may end in a group that was never finished. */
function readSegments(segments: readonly Segment[], from: Link, visit: (group: Replayed) => void): End {
  let end: End = { ...from, position: 0, dirty: 0 }
  segments.forEach(({ first, file }, index) => {
    end = readGroups(readFileSync(file), file, end, (group) => visit({ ...group, segment: first }))
    const next = segments[index + 1]
    if (next !== undefined && next.first !== end.sequence + 1) throw gap(file, end, next)
  })
  return end
}

/** A segment ends where the next begins: less was never left behind by a writer. */
export function gap(file: string, { sequence, position, dirty }: End, next: Segment): JournalError {
  if (dirty === position) return missing(dirname(file), sequence + 1)
  const what = `group ${sequence + 1} at byte ${position} does not match its hash, and groups follow it in ${segmentName(next.first)}`
  return new JournalError(`${file}: ${what}: the file was altered or the disk lost data; restore it from a backup`)
}

/** The unfinished group becomes zeros again, so that nothing of it can be taken for a part of the next one. */
function erase(file: string, { position, dirty }: End): void {
  const fd = openSync(file, 'r+')
  try {
    const zeros = Buffer.alloc(dirty - position)
    for (let at = 0; at < zeros.length; ) at += writeSync(fd, zeros, at, zeros.length - at, position + at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
