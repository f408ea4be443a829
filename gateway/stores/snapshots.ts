/**
 * Snapshots of the state beside the segments: `snapshot-<sequence>`, lines of JSON between a head with its place in the chain
 * and a digest of the whole. The two newest are kept; one that is damaged gives way to the other, or to the whole journal.
 */
import { createHash } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Answers } from './answers.ts'
import { type Pause, readInPieces } from './breath.ts'
import { Charges, writeIndex } from './charge-index.ts'
import { GENESIS, JournalError, type Link, readGroups } from './groups.ts'
import { type Line, linesOf, prune, putLine } from './image.ts'
import { gap, missing } from './opening.ts'
import { Replay } from './replay.ts'
import { listSegments, namesIn, segmentFile, syncFolder } from './segments.ts'
import { State } from './state.ts'

const KEPT = 2
const NO_PAUSE: Pause = () => undefined
const WRITE_BYTES = 1024 * 1024
const NAME = /^snapshot-\d{16}$/

/** A segment that is complete, and the hash before its first group. */
export interface Sealed {
  readonly first: number
  readonly before: string
}

export interface Snapshot extends Link {
  readonly sealed: readonly Sealed[]
  readonly state: State
}

interface Head extends Link {
  readonly v: 1
  readonly sealed: readonly Sealed[]
}

const nameOf = (sequence: number): string => `snapshot-${String(sequence).padStart(16, '0')}`

/** Newest first. */
export const snapshotNames = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .reverse()

/** The newest one that is whole, put into what `fresh` makes; undefined where there is none. */
export function newestSnapshot(folder: string, fresh: () => State): Snapshot | undefined {
  for (const name of snapshotNames(folder)) {
    const found = readSnapshot(join(folder, name), fresh())
    if (found !== undefined) return found
  }
  return undefined
}

function readSnapshot(file: string, state: State): Snapshot | undefined {
  try {
    const text = readFileSync(file, 'latin1')
    const end = text.length - GENESIS.length - 1
    if (end < 0 || createHash('sha256').update(text.slice(0, end), 'latin1').digest('hex') !== text.slice(end, -1)) return undefined
    const [head = '', ...lines] = Buffer.from(text.slice(0, end), 'latin1').toString('utf8').split('\n')
    const { v, sequence, hash, sealed } = JSON.parse(head) as Head
    if (v !== 1) return undefined
    for (const line of lines) if (line !== '') putLine(state, JSON.parse(line) as Line)
    return { sequence, hash, sealed, state }
  } catch {
    return undefined
  }
}

/** What the newest whole snapshot knows of the segments before it. */
export const sealedOf = (folder: string): readonly Sealed[] => newestSnapshot(folder, () => new State(new Answers(0)))?.sealed ?? []

/** Whole on disk before it has its name. */
export function writeSnapshot(folder: string, { sequence, hash, sealed, state }: Snapshot, pause = NO_PAUSE): void {
  const draft = join(folder, 'snapshot.draft')
  const fd = openSync(draft, 'w', 0o600)
  const digest = createHash('sha256')
  try {
    let text = `${JSON.stringify({ v: 1, sequence, hash, sealed } satisfies Head)}\n`
    const flush = (): void => {
      pause()
      digest.update(text)
      writeAll(fd, text)
      text = ''
    }
    for (const line of linesOf(state)) {
      text += `${JSON.stringify(line)}\n`
      if (text.length >= WRITE_BYTES) flush()
    }
    flush()
    writeAll(fd, `${digest.digest('hex')}\n`)
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(draft, join(folder, nameOf(sequence)))
  syncFolder(folder)
  for (const old of snapshotNames(folder).slice(KEPT)) rmSync(join(folder, old))
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}

/** Whatever it holds costs little to write again. */
const SMALL_BYTES = 2 * 1024 * 1024
/** A start reads no more of the journal than this after a snapshot, and what is open. */
const MOST_TAIL_BYTES = 128 * 1024 * 1024

/** A snapshot costs as much as all that it holds, so it waits until as much has been written since the one before. */
export function isWorth(folder: string, open: number): boolean {
  const [newest] = snapshotNames(folder)
  if (newest === undefined) return true
  const { size } = statSync(join(folder, newest))
  if (size <= SMALL_BYTES) return true
  const since = Number.parseInt(newest.slice('snapshot-'.length), 10)
  const tail = listSegments(folder).filter(({ first }) => first > since && first < open)
  return tail.reduce((sum, { file }) => sum + statSync(file).size, 0) >= Math.min(2 * size, MOST_TAIL_BYTES)
}

export interface SnapshotWish {
  readonly folder: string
  /** First group of the segment that is open: those before it are complete. */
  readonly open: number
  readonly nowMs: number
  readonly replayBytes: number
}

/**
 * From the newest snapshot and the segments that were completed since. Every hash of theirs is made again on the way.
 * @param pause is called after each bite of the work; default: it is done in one go
 * @throws JournalError where a segment is damaged or missing
 */
export function makeSnapshot({ folder, open, nowMs, replayBytes }: SnapshotWish, pause = NO_PAUSE): Link {
  const from = newestSnapshot(folder, () => new State(new Answers(replayBytes)))
  const { state, sealed: before, ...link } = from ?? { state: new State(new Answers(replayBytes)), sealed: [], sequence: 0, hash: GENESIS }
  const sealed = [...before]
  let end: Link = link
  const replay = new Replay(state)
  const segments = listSegments(folder).filter(({ first }) => first > link.sequence && first < open)
  for (const [index, { first, file }] of segments.entries()) {
    if (first !== end.sequence + 1) throw missing(folder, end.sequence + 1)
    sealed.push({ first, before: end.hash })
    const next = segments[index + 1] ?? { first: open, file: segmentFile(folder, open) }
    const bytes = readInPieces(file, pause)
    const charges = new Charges()
    const read = readGroups(bytes, file, end, ({ sequence, hash, bytes: text, places }) => {
      pause()
      replay.group({ sequence, hash, bytes: text, places, segment: first })
      for (let index = 0; index < places.length; index += 2) charges.look(bytes, places[index] as number, places[index + 1] as number)
    })
    if (read.sequence + 1 !== next.first) throw gap(file, read, next)
    end = { sequence: read.sequence, hash: read.hash }
    writeIndex(folder, first, charges)
  }
  replay.end()
  if (end.sequence === link.sequence) return link
  if (end.sequence + 1 !== open) throw new JournalError(`${folder}: the segments end with group ${end.sequence}, ${open} was expected to be next`)
  prune(state, nowMs)
  writeSnapshot(folder, { ...end, sealed, state }, pause)
  return end
}
