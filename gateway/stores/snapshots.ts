/**
 * Snapshots of the state beside the segments: `snapshot-<sequence>`, with their place in the chain and a digest of the whole
 * (snapshot-state.ts). The two newest are kept; one that is damaged gives way to the other, or to the whole journal.
 */
import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Answers } from './answers.ts'
import { NO_PAUSE, type Pause, readInPieces } from './breath.ts'
import { writeIndex } from './charge-index.ts'
import { Charges } from './charges.ts'
import { GENESIS, JournalError, type Link, readGroups } from './groups.ts'
import { prune } from './image.ts'
import { gap, missing } from './opening.ts'
import { Replay } from './replay.ts'
import { Scratch } from './scratch.ts'
import { listSegments, namesIn, segmentFile, syncFolder } from './segments.ts'
import { putSnapshot, readSnapshot, type Sealed, type Snapshot } from './snapshot-state.ts'
import { State } from './state.ts'

const KEPT = 2
const NAME = /^snapshot-\d{16}$/

export type { Sealed, Snapshot } from './snapshot-state.ts'

const nameOf = (sequence: number): string => `snapshot-${String(sequence).padStart(16, '0')}`

/** Newest first. */
export const snapshotNames = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .reverse()

/** The newest one that is whole, put into what `fresh` makes; undefined where there is none. */
export function newestSnapshot(folder: string, fresh: () => State, pause: Pause = NO_PAUSE): Snapshot | undefined {
  for (const name of snapshotNames(folder)) {
    const found = readSnapshot(join(folder, name), fresh(), pause)
    if (found !== undefined) return found
  }
  return undefined
}

/** What the newest whole snapshot knows of the segments before it. */
export const sealedOf = (folder: string): readonly Sealed[] => newestSnapshot(folder, () => new State(new Answers(0)))?.sealed ?? []

/** Whole on disk before it has its name. */
function writeSnapshot(folder: string, snapshot: Snapshot, pause: Pause = NO_PAUSE): void {
  const draft = join(folder, 'snapshot.draft')
  putSnapshot(draft, snapshot, pause)
  renameSync(draft, join(folder, nameOf(snapshot.sequence)))
  syncFolder(folder)
  for (const old of snapshotNames(folder).slice(KEPT)) rmSync(join(folder, old))
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
  return tail.reduce((sum, { file }) => sum + statSync(file).size, 0) >= Math.min(4 * size, MOST_TAIL_BYTES)
}

export interface SnapshotWish {
  readonly folder: string
  /** First group of the segment that is open: those before it are complete. */
  readonly open: number
  readonly nowMs: number
  readonly replayBytes: number
}

/** Of the thread that makes snapshots, which makes many. */
const lines = new Scratch()
const charges = new Charges()

/**
 * From the newest snapshot and the segments that were completed since. Every hash of theirs is made again on the way.
 * @param pause is called after each bite of the work; default: it is done in one go
 * @throws JournalError where a segment is damaged or missing
 */
export function makeSnapshot({ folder, open, nowMs, replayBytes }: SnapshotWish, pause: Pause = NO_PAUSE): Link {
  const from = newestSnapshot(folder, () => new State(new Answers(replayBytes)), pause)
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
    charges.clear()
    const read = readGroups(
      bytes,
      file,
      end,
      ({ sequence, hash, bytes: text, places }) => {
        pause()
        replay.group({ sequence, hash, bytes: text, places, segment: first })
        for (let index = 0; index < places.length; index += 2) charges.look(bytes, places[index] as number, places[index + 1] as number)
      },
      lines,
    )
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
