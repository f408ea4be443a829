/** The port `Books` over a thread, whichever driver is in it: what was answered reaches the thread first, then it is asked. */
import { setImmediate } from 'node:timers/promises'
import {
  type Books,
  type CallAsk,
  type CallPage,
  type ChargedCall,
  type LedgerCheck,
  type LedgerEntry,
  type Month,
  type ReportRow,
  type StatementEntry,
  type StoreFigures,
  piecesOf,
  type Usd,
} from '#contract'
import { agreement } from './agreement.ts'
import type { EntryPage, Thread } from './thread.ts'

/** Where what was answered comes from. */
export interface Feed {
  /** Resolves when everything that was answered is with the thread or in the books. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** What the journal knows better than the books that are made from it. */
export interface Elsewhere {
  readonly charged?: (receipt: string) => Promise<ChargedCall | undefined>
  readonly calls?: ((ask: CallAsk) => Promise<CallPage>) | undefined
  readonly chain?: () => Promise<{ readonly ok: boolean; readonly detail: string }>
}

const ENTRIES = 1000

export class ThreadBooks implements Books {
  readonly #thread: Thread
  readonly #feed: Feed
  readonly #elsewhere: Elsewhere

  constructor(thread: Thread, feed: Feed, elsewhere: Elsewhere = {}) {
    this.#thread = thread
    this.#feed = feed
    this.#elsewhere = elsewhere
  }

  async report(month: Month): Promise<readonly ReportRow[]> {
    await this.#feed.settled()
    return this.#thread.ask('report', [month])
  }

  async statement(account: string, limit: number): Promise<readonly StatementEntry[]> {
    await this.#feed.settled()
    return this.#thread.ask('statement', [account, limit])
  }

  async balances(): Promise<ReadonlyMap<string, Usd>> {
    await this.#feed.settled()
    return this.#thread.ask('balances', [])
  }

  async *entries(): AsyncIterable<LedgerEntry> {
    await this.#feed.settled()
    let after: number | undefined = 0
    while (after !== undefined) {
      const page: EntryPage = await this.#thread.ask('entriesAfter', [after, ENTRIES])
      yield* page.entries
      after = page.last
    }
  }

  async entry(id: string): Promise<LedgerEntry | undefined> {
    await this.#feed.settled()
    return this.#thread.ask('entry', [id])
  }

  async charged(receipt: string): Promise<ChargedCall | undefined> {
    if (this.#elsewhere.charged !== undefined) return this.#elsewhere.charged(receipt)
    await this.#feed.settled()
    return this.#thread.ask('charged', [receipt])
  }

  async *calls(sinceMs: number): AsyncIterable<Uint8Array> {
    await this.#feed.settled()
    const pageOf = this.#elsewhere.calls ?? ((ask) => this.#thread.ask('callsAfter', [ask]))
    let coming: Promise<CallPage> | undefined = pageOf({ sinceMs, after: undefined, open: [] })
    while (coming !== undefined) {
      const page: CallPage = await coming
      const { next, open } = page
      // The next piece is read while this one is on its way.
      coming = next === undefined ? undefined : pageOf({ sinceMs, after: next, open })
      // It may fail before whoever reads is there, who hears it then; and whoever reads no further never does.
      coming?.catch(() => undefined)
      for (const piece of piecesOf(page)) {
        yield piece
        // Calls have their turn.
        await setImmediate()
      }
    }
  }

  async verify(store: () => Promise<StoreFigures>): Promise<readonly LedgerCheck[]> {
    await this.#feed.settled()
    const proofs = await this.#thread.ask('proof', [])
    const chain = await this.#elsewhere.chain?.()
    const booked = async () => ({ balances: await this.balances(), units: await this.#thread.ask('unitsBooked', []) })
    return [...proofs, ...(chain === undefined ? [] : [{ check: 'the chain is whole' as const, ...chain }]), ...(await agreement(booked, store))]
  }

  async close(): Promise<void> {
    await this.#feed.close()
    await this.#thread.close()
  }
}
