/** The thread of the books as seen from the thread that takes calls: asked by name, answered by promise. */
import { Worker } from 'node:worker_threads'
import type { AuditAsk, CallAsk, CallPage, ChargedCall, LedgerCheck, LedgerEntry, Month, PlacedLine, ReportRow, StatementEntry, Stretch, Usd } from '#contract'
import type { UnitsBooked } from './agreement.ts'
import type { OwnProof } from './audit.ts'
import { BooksError } from './unfit.ts'

/** Lines with their number, the hash of the chain behind them and, from an outbox, the id of the last entry. */
export interface FedGroup {
  readonly sequence: number
  readonly hash: string
  /** Records, each with a line feed. */
  readonly bytes: Uint8Array
  readonly reached?: string
}

/** Groups that follow each other in one piece of memory, which goes to the thread and comes back. */
export interface Block {
  readonly memory: ArrayBuffer
  /** Number of the first group. */
  readonly first: number
  /** Of each group: its hash, and where it ends. */
  readonly hashes: readonly string[]
  readonly ends: readonly number[]
}

export function groupsIn({ memory, first, hashes, ends }: Block): readonly FedGroup[] {
  let from = 0
  return ends.map((end, index) => {
    const bytes = new Uint8Array(memory, from, end - from)
    from = end
    return { sequence: first + index, hash: hashes[index] as string, bytes }
  })
}

/** Up to where books have read. */
export interface Standing {
  readonly sequence: number
  readonly hash: string
  /** Id of an outbox; '' before the first. */
  readonly reached: string
}

/** `term` is that of whoever feeds them, if that is this process: then they stand where they stand until it feeds them. */
export type Footing = Standing & { readonly term: number | undefined }

/** One piece of all entries, and behind what the next begins; undefined: there is none. */
export interface EntryPage {
  readonly entries: readonly LedgerEntry[]
  readonly last: number | undefined
}

/** What a driver's thread can be asked. Whoever reads gets everything that was put before. */
export interface Asks {
  /** Once, before all else. */
  start(): Promise<Footing>
  footing(): Promise<Footing>
  /** Of an outbox. Resolves when all of it is durable. */
  put(groups: readonly FedGroup[], term: number): Promise<void>
  /** Of a journal. Resolves with the memory as soon as it is not needed; `durable` is told when all of it is. */
  take(block: Block): Promise<ArrayBuffer>
  report(month: Month): Promise<readonly ReportRow[]>
  statement(account: string, limit: number): Promise<readonly StatementEntry[]>
  balances(): Promise<ReadonlyMap<string, Usd>>
  unitsBooked(): Promise<readonly UnitsBooked[]>
  entriesAfter(after: number, count: number): Promise<EntryPage>
  entry(id: string): Promise<LedgerEntry | undefined>
  charged(receipt: string): Promise<ChargedCall | undefined>
  /** Where the lines are kept: a piece of the calls in them. */
  callsAfter(ask: CallAsk): Promise<CallPage>
  proof(): Promise<readonly LedgerCheck[]>
  /** The last ones, oldest first. */
  auditTail(ask: AuditAsk): Promise<readonly PlacedLine[]>
  /** Where the lines themselves are kept: that they are whole, and that each row is one of them. */
  auditProof(): Promise<OwnProof>
  /** Rows of the groups from the one to the other. */
  auditStretch(from: number, to: number): Promise<Stretch>
  auditLines(from: number, to: number): Promise<readonly PlacedLine[]>
  close(): Promise<void>
}

export interface Ask {
  readonly id: number
  readonly name: keyof Asks
  readonly args: readonly unknown[]
}

export type Told =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly unfit: boolean }
  /** Undefined: mended. */
  | { readonly failure: string | undefined }
  /** Of what was taken, everything up to this group. */
  | { readonly durable: number }

interface Asked {
  /** Somebody waits for the answer: until it is there the process may not end. */
  readonly isAwaited: boolean
  resolve(value: unknown): void
  reject(error: Error): void
}

const ENDS_WITHIN_MS = 3_000

export class Thread {
  readonly #url: URL
  readonly #setting: object
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #asks = 0
  #awaited = 0
  #failure: string | undefined
  #dead: Error | undefined
  #closing: Promise<void> | undefined
  /** Called when groups of a journal are durable. */
  onDurable: (upTo: number) => void = () => undefined

  constructor(url: URL, setting: object) {
    this.#url = url
    this.#setting = setting
  }

  get failed(): Error | undefined {
    return this.#dead ?? (this.#failure === undefined ? undefined : new Error(this.#failure))
  }

  ask<K extends keyof Asks>(name: K, args: Parameters<Asks[K]>, transfer: readonly ArrayBuffer[] = []): ReturnType<Asks[K]> {
    return this.#send(name, args, transfer) as ReturnType<Asks[K]>
  }

  /** What is put and not written yet is tried once more; a second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const worker = this.#worker
    if (worker !== undefined && this.#dead === undefined) {
      // Its own end closes its files in good order; being cut off would leave their logs behind.
      const ended = new Promise((resolve) => worker.once('exit', resolve))
      const closed = this.#send('close', [], []).then(() => ended)
      await Promise.race([closed.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, ENDS_WITHIN_MS).unref())])
    }
    await worker?.terminate()
    this.#end(new Error('the books are closed'))
  }

  /** Started when first needed: a start with nothing to post does not wait for a thread. */
  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker
    // Loaders and inspectors of the command line are for the main thread.
    const worker = new Worker(this.#url, { workerData: this.#setting, execArgv: [] })
    worker.on('message', (told: Told) => this.#hear(told))
    worker.on('error', (error) => this.#end(error))
    worker.on('exit', () => this.#end(new Error('the thread of the books has ended')))
    worker.unref()
    this.#worker = worker
    return worker
  }

  #send(name: keyof Asks, args: readonly unknown[], transfer: readonly ArrayBuffer[]): Promise<unknown> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead)
    this.#asks += 1
    const id = this.#asks
    return new Promise((resolve, reject) => {
      // What is put is written when it can be; until then it stands where it came from.
      const isAwaited = name !== 'put' && name !== 'take'
      this.#asked.set(id, { isAwaited, resolve, reject })
      const worker = this.#started()
      if (isAwaited) this.#awaited += 1
      if (this.#awaited > 0) worker.ref()
      worker.postMessage({ id, name, args } satisfies Ask, transfer)
    })
  }

  #hear(told: Told): void {
    if ('failure' in told) {
      this.#failure = told.failure
      return
    }
    if ('durable' in told) return this.onDurable(told.durable)
    const asked = this.#asked.get(told.id)
    this.#asked.delete(told.id)
    if (asked?.isAwaited === true) this.#awaited -= 1
    if (this.#awaited === 0 && this.#closing === undefined) this.#worker?.unref()
    if ('value' in told) asked?.resolve(told.value)
    else asked?.reject(told.unfit ? new BooksError(told.error) : new Error(told.error))
  }

  /** The first end is the one that is told. */
  #end(error: Error): void {
    this.#dead ??= this.#closing === undefined ? error : new Error('the books are closed')
    for (const { reject } of this.#asked.values()) reject(this.#dead)
    this.#asked.clear()
  }
}
