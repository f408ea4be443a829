/**
 * Hot state behind one port (`Store`): quotas, limits, balances, names, used payments. Read `embedded.ts` for the moves,
 * `state.ts` for what the journal says, `journal.ts` for how it gets to disk. Never here: prices, HTTP.
 */
import { join } from 'node:path'
import type { Clock, Meters, Store, StoreAdmin } from '#contract'
import { EmbeddedAdmin } from './admin.ts'
import type { ArchiveRule } from './archive.ts'
import { Counters } from './counters.ts'
import { EmbeddedStore } from './embedded.ts'
import type { Group, Journal } from './journal.ts'
import { Keeper } from './keeper.ts'
import { Leases } from './leases.ts'
import { lockFolder } from './lock.ts'
import { MemoryMeters } from './meters.ts'
import { Names } from './names.ts'
import { Paces } from './paces.ts'
import { JournalReader } from './reader.ts'
import type { JournalRecord } from './records.ts'
import { Shares } from './shares.ts'
import { start } from './start.ts'
import type { State } from './state.ts'
import { leaseLeft, Stock } from './stock.ts'

export type { Group } from './journal.ts'
export type { WrittenGroup } from './reader.ts'
export type * from './records.ts'
export { FolderError } from './lock.ts'
export { JournalError } from './groups.ts'
export { memoryOf } from './memory.ts'
export { Paces } from './paces.ts'
export { periodAt } from './periods.ts'
export { type Plan, planOf, Rehearsal, type RehearsalOptions, type Taken } from './rehearsal.ts'

export interface EmbeddedOptions {
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
  readonly name: string
  readonly replayBytes: number
  readonly clock: Clock
  /** Every group that is durable, in order: first those on disk at opening (see `fedUpTo`), then each new one. */
  readonly onGroup: (group: Group) => void
  /**
   * The last group that the books have; default 0. Those after it are handed over at opening, and it itself once more, so that
   * the books can see by its hash that this is their journal; more than that where the snapshot is older.
   */
  readonly fedUpTo?: number
  /** How long a segment of the journal gets; default 32 MiB. */
  readonly segmentBytes?: number
  /** Old segments are moved to `archiveFolder` when they are in the books, which know up to where. Without a folder they stay. */
  readonly archiveFolder?: string
  readonly archiveAfterMs?: number
  readonly coveredByBooks?: () => number
}

export interface Opened {
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  /** Resolves when everything written so far is durable and handed to `onGroup`. */
  flushed(): Promise<void>
  failed(): Error | undefined
  /** The disk does not come back, or has no room: nothing new is taken until it does. Ends by itself. */
  slow(): boolean
  readonly cutBytes: number
  /** The journal for whoever looks something up. */
  readonly reader: JournalReader
  /** Resolves when no snapshot is being made and nothing is on its way to the archive; with why the last one failed, if it did. */
  settled(): Promise<string | undefined>
}

/** @throws FolderError, JournalError with one sentence for the operator */
export function openEmbedded(options: EmbeddedOptions): Opened {
  const lock = lockFolder(options.folder)
  try {
    return opened(options, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

const DAY_MS = 86_400_000
const ARCHIVE_AFTER_MS = 90 * DAY_MS

function opened(options: EmbeddedOptions, lock: { release(): void }): Opened {
  const { clock, replayBytes, archiveFolder: archive, fedUpTo = 0 } = options
  const folder = join(options.folder, 'journal')
  const keeper = new Keeper({ folder, clock, replayBytes, archive: archiveRule(options) })
  const { journal, state, cutBytes, isDue } = start({ ...options, archive, fedUpTo, onSealed: (open) => keeper.sealed(open) })
  if (isDue) keeper.sealed(journal.end.segment)
  const counters = new Counters(clock)
  counters.spentBefore(state.spending)
  state.spending = undefined
  if (state.mode === undefined) begin(journal, state, options)
  const stock = new Stock(state, clock, { enabledByDefault: options.mode === 'sandbox' })
  const names = new Names(clock, state, state.answers)
  const parts = { clock, journal, state, stock, counters, names, paces: new Paces(clock), shares: new Shares(clock), leases: new Leases(journal, state, stock) }
  const store = new EmbeddedStore(parts)
  wasteLostLeases(journal, state, clock)
  const reader = new JournalReader({ folder, archive, end: () => journal.end })
  const close = store.close.bind(store)
  store.close = async () => {
    await close()
    await Promise.all([keeper.close(), reader.close()])
    lock.release()
  }
  return {
    ...{ store, cutBytes, reader },
    admin: new EmbeddedAdmin(parts),
    meters: new MemoryMeters(clock),
    flushed: () => journal.flushed(),
    failed: () => journal.failed,
    slow: () => journal.isSlow,
    settled: () => keeper.idle().then(() => keeper.failed),
  }
}

function archiveRule({ archiveFolder, archiveAfterMs = ARCHIVE_AFTER_MS, coveredByBooks = () => 0 }: EmbeddedOptions): ArchiveRule | undefined {
  return archiveFolder === undefined ? undefined : { folder: archiveFolder, afterMs: archiveAfterMs, coveredByBooks }
}

function begin(journal: Journal, state: State, { mode, name, clock }: EmbeddedOptions): void {
  const record: JournalRecord = { t: 'open', v: 1, mode, name, at: clock.nowMs() }
  state.apply(record)
  journal.append(JSON.stringify(record))
}

/** What a dead process had leased and not accounted for may have been used at the provider. */
function wasteLostLeases(journal: Journal, state: State, clock: Clock): void {
  for (const [connection, periods] of state.tallies) {
    for (const [period, tally] of periods) {
      const units = leaseLeft(tally)
      if (units <= 0) continue
      const record: JournalRecord = { t: 'wasted', connection, owner: '', period, units, at: clock.nowMs(), by: 'crash' }
      state.apply(record)
      journal.append(JSON.stringify(record))
    }
  }
}
