/**
 * The double-entry ledger behind one port (`Books`), derived from the journal: losing it costs a rebuild, never money.
 * Read `postings.ts` for what is posted when. The writer is a thread of its own (`worker.ts`); groups reach it in batches.
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Books, ChargedCall, EpochMs, LedgerCheck, LedgerEntry, Month, ReportRow, StatementEntry, StoreFigures, Usd } from '#contract'
import { agreement, type UnitsBooked } from './agreement.ts'
import { parseEntry } from './batch.ts'
import { type Applied, BooksError, type BooksOptions, prepare, type Source } from './prepare.ts'
import type { Ask, FedGroup, PagePlace, Told } from './worker.ts'

/** Books run behind by at most this; asking them anything feeds them first. */
const FEED_EVERY_MS = 100
const FEED_BYTES = 4 * 1024 * 1024

export { BooksError } from './prepare.ts'

export interface OpenBooks {
  readonly books: Books
  feed(group: FedGroup): void
  /** Everything that was in the journal has been fed. @throws BooksError when the books were made from another one */
  joined(): void
  failed(): Error | undefined
}

/** @throws BooksError with one sentence for the operator */
export function openBooks(options: BooksOptions): OpenBooks {
  const file = join(options.folder, 'books.db')
  const applied = prepare(file, options)
  const books = new EmbeddedBooks(file, applied, options)
  return { books, feed: (group) => books.feed(group), joined: () => books.joined(), failed: () => books.failed }
}

type WithoutId<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never
/** What the thread is asked, but to close. */
type Question = Exclude<WithoutId<Ask>, { readonly kind: 'close' }>

interface Asked {
  resolve(rows: readonly unknown[]): void
  reject(error: Error): void
}

class EmbeddedBooks implements Books {
  readonly #file: string
  readonly #source: Source
  readonly #asked = new Map<number, Asked>()
  readonly #applied: Applied
  #isJoined: boolean
  #worker: Worker | undefined
  #sequence: number
  #asks = 0
  #groups: FedGroup[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #closing = false
  failed: Error | undefined

  constructor(file: string, applied: Applied, source: Source) {
    this.#file = file
    this.#applied = applied
    this.#isJoined = applied.sequence === 0
    this.#sequence = applied.sequence
    this.#source = source
  }

  feed(group: FedGroup): void {
    if (group.sequence === this.#applied.sequence) this.#isJoined = group.hash === this.#applied.hash
    // After a failure the rest stays in the journal, for the next start.
    if (group.sequence <= this.#sequence || this.failed !== undefined) return
    this.#sequence = group.sequence
    this.#groups.push(group)
    this.#bytes += group.bytes.length
    if (this.#bytes >= FEED_BYTES) this.#post()
    else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#post(), FEED_EVERY_MS)
      this.#timer.unref()
    }
  }

  /** Else groups of the one journal would be taken for those of the other, and be left out. */
  joined(): void {
    if (this.#isJoined) return
    throw new BooksError(
      `the ledger ${this.#file} was not made from the journal at store.path; choose another ledger.path, or remove ${this.#file}* to have it made again`,
    )
  }

  async report(month: Month): Promise<readonly ReportRow[]> {
    const rows = (await this.#ask({ kind: 'report', month })) as TallyRow[]
    return rows.filter(isShown).map((row) => ({
      connection: row.connection,
      owner: row.owner,
      callsSold: countOf(row.calls),
      unitsSold: countOf(row.units),
      ownUnits: countOf(row.own),
      revenue: row.revenue,
      ownerShare: (row.revenue - row.platform) as Usd,
      platformShare: row.platform,
    }))
  }

  async statement(account: string, limit: number): Promise<readonly StatementEntry[]> {
    const rows = (await this.#ask({ kind: 'statement', account, limit })) as {
      at: number
      kind: StatementEntry['kind']
      amount: Usd
      receipt: string | undefined
    }[]
    return rows.map((row) => ({ atMs: row.at as EpochMs, kind: row.kind, amount: row.amount, receipt: row.receipt }))
  }

  async balances(): Promise<ReadonlyMap<string, Usd>> {
    const rows = (await this.#ask({ kind: 'balances' })) as { account: string; amount: Usd }[]
    return new Map(rows.map(({ account, amount }) => [account, amount]))
  }

  async *entries(): AsyncIterable<LedgerEntry> {
    let after: PagePlace = { sequence: 0, account: '' }
    for (;;) {
      const pages = (await this.#ask({ kind: 'pages', after })) as { account: string; sequence: bigint; lines: string }[]
      for (const { lines } of pages) for (const entry of lines.split('\n').map(parseEntry)) if (entry.postings.length > 0) yield entry
      const last = pages.at(-1)
      if (last === undefined) return
      after = { sequence: countOf(last.sequence), account: last.account }
    }
  }

  async entry(id: string): Promise<LedgerEntry | undefined> {
    return ((await this.#ask({ kind: 'entry', entry: id })) as LedgerEntry[])[0]
  }

  async charged(receipt: string): Promise<ChargedCall | undefined> {
    return this.#source.charged?.(receipt)
  }

  async verify(store: () => Promise<StoreFigures>): Promise<readonly LedgerCheck[]> {
    const chain = (await this.#source.chain?.()) ?? { ok: true, detail: 'no chain is kept here' }
    const proofs = (await this.#ask({ kind: 'verify' })) as readonly LedgerCheck[]
    const booked = async () => ({ balances: await this.balances(), units: (await this.#ask({ kind: 'units' })) as readonly UnitsBooked[] })
    return [...proofs, { check: 'the chain is whole', ...chain }, ...(await agreement(booked, store))]
  }

  /** A failure of the books is no failure of the stop: what they lack stands in the journal. */
  async close(): Promise<void> {
    this.#post()
    const worker = this.#worker
    if (worker !== undefined && this.failed === undefined) {
      // The thread keeps the process until it has ended: whoever waits for the close hears of it.
      this.#closing = true
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      await this.#send({ kind: 'close' }).then(
        () => ended,
        () => undefined,
      )
    }
    await worker?.terminate()
    this.#fail(new Error('the books are closed'))
  }

  async #ask(ask: Question): Promise<readonly unknown[]> {
    await this.#source.flushed()
    this.#post()
    return this.#send(ask)
  }

  #send(ask: Question | { kind: 'close' }): Promise<readonly unknown[]> {
    if (this.failed !== undefined) return Promise.reject(this.failed)
    this.#asks += 1
    const id = this.#asks
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      const thread = this.#thread()
      thread.ref()
      thread.postMessage({ ...ask, id } satisfies Ask)
    })
  }

  #post(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#groups.length === 0 || this.failed !== undefined) return
    const groups = this.#groups
    this.#groups = []
    this.#bytes = 0
    // The memory moves over: nothing is copied, and nothing of it stays on this thread's heap.
    this.#thread().postMessage(
      { kind: 'groups', groups } satisfies Ask,
      groups.map(({ bytes }) => bytes.buffer as ArrayBuffer),
    )
  }

  /** Started when first needed: a start with nothing to post does not wait for a thread. */
  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker
    // Loaders and inspectors of the command line are for the main thread.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: { file: this.#file }, execArgv: [] })
    worker.on('message', (told: Told) => {
      if ('failed' in told) return this.#fail(new Error(`the books cannot be written: ${told.failed}`))
      this.#asked.get(told.id)?.resolve(told.rows)
      this.#asked.delete(told.id)
      if (this.#asked.size === 0 && !this.#closing) worker.unref()
    })
    worker.on('error', (error) => this.#fail(error))
    worker.on('exit', () => this.#fail(new Error(this.#closing ? 'the books are closed' : 'the thread of the books has ended')))
    worker.unref()
    this.#worker = worker
    return worker
  }

  /** The first failure is the one that is told. */
  #fail(error: Error): void {
    this.failed ??= error
    this.#groups = []
    this.#worker?.unref()
    for (const { reject } of this.#asked.values()) reject(this.failed)
    this.#asked.clear()
  }
}

interface TallyRow {
  readonly connection: string
  readonly owner: string
  readonly calls: bigint
  readonly units: bigint
  readonly own: bigint
  readonly revenue: Usd
  readonly platform: Usd
}

/** What was only wasted is nobody's sale: the rest of a lease has no owner. */
const isShown = ({ calls, units, own, revenue, platform }: TallyRow): boolean => [calls, units, own, revenue, platform].some((sum) => sum !== 0n)

const countOf = (value: bigint): number => Number.parseInt(value.toString(), 10)
