/** What happens to segments that are complete, beside the calls: a snapshot by a thread of its own, then the archive's rule. */
import { type Clock, messageOf } from '#contract'
import { archiveSegments, type ArchiveRule } from './archive.ts'
import { SnapshotThread } from './snapshot-thread.ts'
import { isWorth } from './snapshots.ts'

const ARCHIVE_EVERY_MS = 3_600_000

export interface KeeperOptions {
  readonly folder: string
  readonly clock: Clock
  readonly replayBytes: number
  readonly archive: ArchiveRule | undefined
}

export class Keeper {
  readonly #options: KeeperOptions
  readonly #timer: NodeJS.Timeout | undefined
  /** First group of the open segment, while a snapshot of what stands before it is wanted. */
  #wanted: number | undefined
  #work: Promise<void> | undefined
  readonly #thread = new SnapshotThread()
  /** Who waits: only then the thread keeps the process. */
  #waiting = 0
  #isClosed = false
  /** Why the last snapshot, or the last move to the archive, came to nothing. The calls go on; the next start only takes longer. */
  failed: string | undefined

  constructor(options: KeeperOptions) {
    this.#options = options
    if (options.archive === undefined) return
    this.#timer = setInterval(() => this.#begin(), ARCHIVE_EVERY_MS)
    this.#timer.unref()
  }

  /** Segments before the one that begins with this group are complete. */
  sealed(open: number): void {
    this.#wanted = open
    this.#begin()
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    this.#waiting += 1
    this.#thread.keep(true)
    while (this.#work !== undefined) await this.#work
    this.#waiting -= 1
    if (this.#waiting === 0) this.#thread.keep(false)
  }

  /** What is not finished is left; the next start begins it again. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#thread.end()
    await this.#work
  }

  #begin(): void {
    if (this.#work !== undefined || this.#isClosed) return
    this.#work = this.#run()
      .then(
        () => {
          this.failed = undefined
        },
        (error: unknown) => {
          this.failed = messageOf(error)
        },
      )
      .then(() => {
        this.#work = undefined
        if (this.#wanted !== undefined) this.#begin()
      })
  }

  async #run(): Promise<void> {
    const open = this.#wanted
    this.#wanted = undefined
    const { folder, clock, replayBytes, archive } = this.#options
    if (open !== undefined && isWorth(folder, open)) await this.#thread.make({ folder, open, nowMs: clock.nowMs(), replayBytes })
    if (archive !== undefined && !this.#isClosed) await archiveSegments(folder, archive, clock.nowMs())
  }
}
