/**
 * Hot state behind one port (`Store`): quotas, limits, balances, names, used payments. Read `embedded.ts` for the moves,
 * `state.ts` for what the journal says, `journal.ts` for how it gets to disk. Never here: prices, HTTP.
 */
import { join } from 'node:path'
import type { Clock, Meters, Store, StoreAdmin } from '#contract'
import { EmbeddedAdmin } from './admin.ts'
import { Answers } from './answers.ts'
import { Counters } from './counters.ts'
import { EmbeddedStore } from './embedded.ts'
import { type Group, Journal } from './journal.ts'
import { Leases } from './leases.ts'
import { FolderError, lockFolder } from './lock.ts'
import { MemoryMeters } from './meters.ts'
import { Paces } from './paces.ts'
import type { JournalRecord } from './records.ts'
import { State } from './state.ts'
import { leaseLeft, Stock } from './stock.ts'

export type { Group } from './journal.ts'
export type * from './records.ts'
export { FolderError } from './lock.ts'
export { JournalError } from './journal.ts'
export { periodAt } from './periods.ts'

export interface EmbeddedOptions {
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
  readonly name: string
  readonly replayBytes: number
  readonly clock: Clock
  /** Every group that is durable, in order: first those on disk at opening, then each new one. */
  readonly onGroup: (group: Group) => void
}

export interface Opened {
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  /** Resolves when everything written so far is durable and handed to `onGroup`. */
  flushed(): Promise<void>
  failed(): Error | undefined
  readonly cutBytes: number
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

function opened(options: EmbeddedOptions, lock: { release(): void }): Opened {
  const { clock } = options
  const answers = new Answers(options.replayBytes)
  const state = new State(answers)
  const counters = new Counters(clock)
  const replay = (group: Group): void => {
    for (const line of group.lines) {
      const record = JSON.parse(line) as JournalRecord
      state.apply(record)
      if (record.t === 'charge' && record.by === 'credits') counters.spend(record.call.consumer, BigInt(record.price), record.at)
    }
    options.onGroup(group)
  }
  const { journal, cutBytes } = Journal.open(join(options.folder, 'journal.log'), replay, options.onGroup)
  begin(journal, state, options)
  const stock = new Stock(state, clock, { enabledByDefault: options.mode === 'sandbox' })
  const parts = { clock, journal, state, stock, counters, answers, paces: new Paces(clock), leases: new Leases(journal, state, stock) }
  const store = new EmbeddedStore(parts)
  wasteLostLeases(journal, state, clock)
  const close = store.close.bind(store)
  store.close = async () => {
    await close()
    lock.release()
  }
  return {
    store,
    admin: new EmbeddedAdmin(parts),
    meters: new MemoryMeters(clock),
    flushed: () => journal.flushed(),
    failed: () => journal.failed,
    cutBytes,
  }
}

/** A store belongs to the mode that it was made in. */
function begin(journal: Journal, state: State, options: EmbeddedOptions): void {
  if (state.mode === undefined) {
    const record: JournalRecord = { t: 'open', v: 1, mode: options.mode, name: options.name, at: options.clock.nowMs() }
    state.apply(record)
    journal.append(JSON.stringify(record))
  } else if (state.mode !== options.mode) {
    throw new FolderError(`the data folder ${options.folder} was made in ${state.mode} mode, the configuration says ${options.mode}; choose another store.path`)
  }
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
