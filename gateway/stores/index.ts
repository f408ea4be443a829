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
import type { ReplayedGroup } from './groups.ts'
import { type Group, Journal } from './journal.ts'
import { Leases } from './leases.ts'
import { FolderError, lockFolder } from './lock.ts'
import { MemoryMeters } from './meters.ts'
import { Names } from './names.ts'
import { Paces } from './paces.ts'
import type { JournalRecord } from './records.ts'
import { State } from './state.ts'
import { leaseLeft, Stock } from './stock.ts'

export type { Group } from './journal.ts'
export type * from './records.ts'
export { FolderError } from './lock.ts'
export { JournalError } from './groups.ts'
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
  const replay = ({ sequence, hash, lines }: ReplayedGroup): void => {
    for (const line of lines) {
      const record = JSON.parse(line) as JournalRecord
      countSpent(record, state, counters)
      state.apply(record)
    }
    // Before anything reaches the books: play money has no place in those of live mode.
    rightMode(state, options)
    options.onGroup({ sequence, hash, bytes: bytesOf(lines) })
  }
  const { journal, cutBytes } = Journal.open(join(options.folder, 'journal.log'), replay, options.onGroup)
  if (state.mode === undefined) begin(journal, state, options)
  const stock = new Stock(state, clock, { enabledByDefault: options.mode === 'sandbox' })
  const names = new Names(clock, state, answers)
  const parts = { clock, journal, state, stock, counters, names, paces: new Paces(clock), leases: new Leases(journal, state, stock) }
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

function bytesOf(lines: readonly string[]): Buffer {
  const text = `${lines.join('\n')}\n`
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text, 'utf8')
  return bytes
}

/** A store belongs to the mode that it was made in. */
function rightMode(state: State, { folder, mode }: EmbeddedOptions): void {
  if (state.mode === undefined || state.mode === mode) return
  throw new FolderError(`the data folder ${folder} was made in ${state.mode} mode, the configuration says ${mode}; choose another store.path`)
}

function begin(journal: Journal, state: State, { mode, name, clock }: EmbeddedOptions): void {
  const record: JournalRecord = { t: 'open', v: 1, mode, name, at: clock.nowMs() }
  state.apply(record)
  journal.append(JSON.stringify(record))
}

/** Caps hold over a restart. An intent counts until it is void. */
function countSpent(record: JournalRecord, state: State, counters: Counters): void {
  if ((record.t === 'charge' || record.t === 'intent') && record.by !== 'owner') {
    counters.spentBefore(record.call.consumer, BigInt(record.price), record.at)
  } else if (record.t === 'void') {
    const intent = state.intents.get(record.id)
    if (intent !== undefined) counters.spentBefore(intent.call.consumer, -BigInt(intent.price), intent.at)
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
