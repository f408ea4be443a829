/** How an embedded store gets its state back: the newest snapshot, the journal after it, and for the books what they lack. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Answers } from './answers.ts'
import { FolderError } from './lock.ts'
import { JournalError, readGroups } from './groups.ts'
import { type Group, Journal } from './journal.ts'
import { BEGINNING, inFolder, missing } from './opening.ts'
import { listSegments, segmentFile, segmentName } from './segments.ts'
import { Replay } from './replay.ts'
import { newestSnapshot, type Sealed } from './snapshots.ts'
import { State } from './state.ts'

export interface StartOptions {
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
  readonly replayBytes: number
  readonly segmentBytes?: number
  readonly archive: string | undefined
  /** Last group that the books have. */
  readonly fedUpTo: number
  readonly onGroup: (group: Group) => void
  readonly onSealed: (open: number) => void
}

export interface Started {
  readonly journal: Journal
  readonly state: State
  readonly cutBytes: number
  /** Complete segments were read again: a snapshot of them is due. */
  readonly isDue: boolean
}

/** @throws FolderError, JournalError with one sentence for the operator */
export function start(options: StartOptions): Started {
  const { folder, replayBytes, segmentBytes, onGroup, onSealed } = options
  const journalFolder = join(folder, 'journal')
  const fresh = (): State => new State(new Answers(replayBytes, journalFolder))
  const snapshot = inFolder(journalFolder, () => newestSnapshot(journalFolder, fresh))
  const state = snapshot?.state ?? fresh()
  // Before anything reaches the books: play money has no place in those of live mode.
  rightMode(state, options)
  if (snapshot !== undefined && options.fedUpTo <= snapshot.sequence) inFolder(journalFolder, () => handOver(snapshot.sealed, journalFolder, options))
  if (snapshot !== undefined) nothingMissing(snapshot.sealed, journalFolder)
  const segments = new Set<number>()
  const replay = new Replay(state)
  const { journal, cutBytes } = Journal.open({
    folder: journalFolder,
    from: snapshot ?? BEGINNING,
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    replay: (group) => {
      segments.add(group.segment)
      replay.group(group)
      rightMode(state, options)
      onGroup({ sequence: group.sequence, hash: group.hash, bytes: group.bytes })
    },
    onGroup,
    onSealed,
  })
  replay.end()
  segments.add(journal.end.segment)
  return { journal, state, cutBytes, isDue: segments.size > 1 }
}

/** A store belongs to the mode that it was made in. */
function rightMode(state: State, { folder, mode }: StartOptions): void {
  if (state.mode === undefined || state.mode === mode) return
  throw new FolderError(`the data folder ${folder} was made in ${state.mode} mode, the configuration says ${mode}; choose another store.path`)
}

/** Old segments go to the archive from the oldest on: a gap between those that are left is a loss. */
function nothingMissing(sealed: readonly Sealed[], journalFolder: string): void {
  const there = new Set(listSegments(journalFolder).map(({ first }) => first))
  let isArchived = true
  for (const { first } of sealed) {
    if (there.has(first)) isArchived = false
    else if (!isArchived) throw missing(journalFolder, first)
  }
}

/** Groups that the state has from the snapshot, and the books have not. */
function handOver(sealed: readonly Sealed[], journalFolder: string, { archive, fedUpTo, onGroup }: StartOptions): void {
  sealed.forEach(({ first, before }, index) => {
    const next = sealed[index + 1]?.first
    if (next !== undefined && next <= fedUpTo) return
    const file = fileOf(first, journalFolder, archive)
    const link = { sequence: first - 1, hash: before }
    const end = readGroups(readFileSync(file), file, link, ({ sequence, hash, bytes }) => {
      if (sequence >= fedUpTo) onGroup({ sequence, hash, bytes })
    })
    if (next !== undefined && end.sequence + 1 !== next)
      throw new JournalError(`${file}: ends with group ${end.sequence}, ${next - 1} was expected; restore it from a backup`)
  })
}

function fileOf(first: number, journalFolder: string, archive: string | undefined): string {
  const here = segmentFile(journalFolder, first)
  if (existsSync(here)) return here
  if (archive !== undefined && existsSync(segmentFile(archive, first))) return segmentFile(archive, first)
  throw new JournalError(
    `${journalFolder}: the books need the segment ${segmentName(first)}, which is not there${archive === undefined ? '' : ` and not in ${archive}`}; put it back`,
  )
}
