/** Moves old segments out of the journal's folder: complete, older than the rule says, in both snapshots and in the books. */
import { constants } from 'node:fs'
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { listSegments, type Segment } from './segments.ts'
import { snapshotNames } from './snapshots.ts'

export interface ArchiveRule {
  readonly folder: string
  readonly afterMs: number
  /** Last group that is durable in the books. */
  readonly coveredByBooks: () => number
}

/** Resolves with how many were moved. @throws Error where the archive cannot be written; then everything stays where it was */
export async function archiveSegments(journal: string, rule: ArchiveRule, nowMs: number): Promise<number> {
  // The older snapshot is what a start falls back to; with a single one that would be the whole journal.
  const older = snapshotNames(journal)[1]
  if (older === undefined) return 0
  const covered = Math.min(Number.parseInt(older.slice('snapshot-'.length), 10), rule.coveredByBooks())
  const segments = listSegments(journal)
  let moved = 0
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1]
    // The group at which the books stand stays: by its hash they know the journal again.
    if (next === undefined || next.first - 1 >= covered) break
    if ((await stat(segment.file)).mtimeMs > nowMs - rule.afterMs) break
    await move(segment, rule.folder)
    moved += 1
  }
  return moved
}

/** On disk over there before it goes here, whatever file systems these are. */
async function move({ file }: Segment, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const target = join(folder, basename(file))
  try {
    await rename(file, target)
    await sync(folder)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error
    const draft = `${target}.draft`
    await copyFile(file, draft, constants.COPYFILE_FICLONE)
    await sync(draft)
    await rename(draft, target)
    await sync(folder)
    await rm(file)
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
