/**
 * The one feeder: holds the advisory lock on the connection that writes, writes what is queued, and goes on by itself when
 * PostgreSQL or the lock comes back. Nothing here is lost or written twice: where the books stand is read again first.
 */
import type pg from 'pg'
import { textOf } from '../answering.ts'
import type { FedGroup } from '../thread.ts'
import { connect, discard, WRITE_MS } from './connection.ts'
import { lockOf } from './schema.ts'
import { type Counted, Writer } from './writer.ts'

/** More in one statement gains nothing and keeps the thread from answering. */
const BATCH_BYTES = 1024 * 1024
const AGAIN_MS = 100
const AGAIN_AT_MOST_MS = 1000
const LOCK_EVERY_MS = 150

interface Queued {
  readonly group: FedGroup
  done(): void
  drop(error: Error): void
}

export interface FeedingParts {
  readonly url: string
  readonly address: string
  readonly schema: string
  /** Groups of a journal stay queued over a lost connection; those of an outbox may have been written by somebody else meanwhile. */
  readonly keeps: boolean
  /** Undefined: all is well. */
  readonly tell: (failure: string | undefined) => void
}

interface Waiting {
  readonly last: Queued
  ok(): void
  no(error: Error): void
}

export class Feeding {
  readonly #parts: FeedingParts
  #client: pg.Client | undefined
  #writer: Writer | undefined
  #standing: Counted | undefined
  #queue: Queued[] = []
  #waiting: Waiting[] = []
  #failure: string | undefined
  #closed = false
  #terms = 0
  #wake: () => void = () => undefined
  #again = AGAIN_MS
  readonly #ended: Promise<void>

  constructor(parts: FeedingParts) {
    this.#parts = parts
    this.#ended = this.#run()
  }

  /** Where the books stand and which term of feeding this is; undefined while another process feeds them, or nobody can. */
  get leads(): { readonly standing: Counted; readonly term: number } | undefined {
    return this.#standing === undefined ? undefined : { standing: this.#standing, term: this.#terms }
  }

  /** Resolves when all of it is durable. @throws Error where the term is over: then the feeder asks where the books stand */
  put(groups: readonly FedGroup[], term: number): Promise<void> {
    if (!this.#parts.keeps && (this.#standing === undefined || term !== this.#terms)) return Promise.reject(new Error('the term of feeding is over'))
    const all = groups.map((group) => new Promise<void>((done, drop) => this.#queue.push({ group, done, drop })))
    this.#wake()
    return Promise.all(all).then(() => undefined)
  }

  /** Resolves when everything that is queued now is written. @throws Error as soon as writing has failed */
  caughtUp(): Promise<void> {
    const last = this.#queue.at(-1)
    if (last === undefined) return Promise.resolve()
    return new Promise((ok, no) => {
      this.#waiting.push({ last, ok, no })
      this.#wake()
    })
  }

  /** What is queued is tried once more. */
  async close(): Promise<void> {
    if (this.#standing !== undefined) await this.caughtUp().catch(() => undefined)
    this.#closed = true
    this.#wake()
    await this.#ended
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        if (!(await this.#lead())) {
          await this.#sleep(LOCK_EVERY_MS)
          continue
        }
        if (this.#queue.length === 0) await this.#sleep(undefined)
        else await this.#write()
      } catch (error) {
        this.#fail(textOf(error))
        await this.#sleep(this.#again)
        this.#again = Math.min(this.#again * 2, AGAIN_AT_MOST_MS)
      }
    }
    this.#leave()
  }

  /** Connected, with the lock, knowing where the books stand. */
  async #lead(): Promise<boolean> {
    if (this.#standing !== undefined) return true
    const { url, schema, keeps, tell } = this.#parts
    if (this.#client === undefined) {
      const client = await connect(url, { use: 'feeder', queryMs: WRITE_MS })
      this.#client = client
      client.once('end', () => this.#broken(client))
    }
    const { rows } = await this.#client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [lockOf(schema).toString()])
    if (rows[0]?.locked !== true) {
      // With one journal there is one process; with an outbox whoever has the lock feeds for all.
      if (keeps && this.#queue.length > 0) throw new Error('another process holds the lock of its feeder')
      this.#failure = undefined
      tell(undefined)
      return false
    }
    const writer = new Writer(this.#client, schema)
    const standing = await writer.standing()
    this.#writer = writer
    this.#standing = standing
    this.#terms += 1
    if (this.#queue.length === 0) this.#mended()
    return true
  }

  async #write(): Promise<void> {
    const batch = this.#batch()
    if (this.#writer === undefined || this.#standing === undefined) return
    const groups = batch.map(({ group }) => group)
    // A second group of one number is the same one only where one journal is all there is.
    if (!this.#parts.keeps && groups[0]?.sequence !== this.#standing.sequence + 1) throw new Error(`group ${groups[0]?.sequence} is out of its turn`)
    this.#standing = await this.#writer.write(groups, this.#standing)
    this.#queue.splice(0, batch.length)
    for (const { done } of batch) done()
    this.#mended()
    const written = new Set(batch)
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ last }) => !written.has(last))
    for (const { last, ok } of waiting) if (written.has(last)) ok()
  }

  #batch(): readonly Queued[] {
    let bytes = 0
    let count = 0
    for (const { group } of this.#queue) {
      if (count > 0 && bytes + group.bytes.length > BATCH_BYTES) break
      bytes += group.bytes.length
      count += 1
    }
    return this.#queue.slice(0, count)
  }

  #mended(): void {
    this.#again = AGAIN_MS
    if (this.#failure !== undefined) this.#parts.tell(undefined)
    this.#failure = undefined
  }

  #broken(client: pg.Client): void {
    if (client !== this.#client || this.#closed) return
    this.#fail('the connection has ended')
    this.#wake()
  }

  #fail(text: string): void {
    this.#leave()
    const { address, keeps, tell } = this.#parts
    this.#failure = `the ledger at ${address} cannot be written: ${text}`
    tell(this.#failure)
    const error = new Error(this.#failure)
    const waiting = this.#waiting
    this.#waiting = []
    for (const { no } of waiting) no(error)
    if (keeps) return
    const queue = this.#queue
    this.#queue = []
    for (const { drop } of queue) drop(error)
  }

  /** The lock goes with the connection. */
  #leave(): void {
    const client = this.#client
    this.#client = undefined
    this.#writer = undefined
    this.#standing = undefined
    discard(client)
  }

  /** Until there is something to do; undefined: as long as it takes. */
  #sleep(ms: number | undefined): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = () => undefined
        resolve()
      }
    })
  }
}
