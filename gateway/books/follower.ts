/**
 * From an outbox (lines in the order in which they came, each with an id) to books: pulls, makes groups with the hash chain
 * that a journal would have, and tells the outbox what is durable here, so that it can be trimmed.
 */
import { createHash } from 'node:crypto'
import type { Log } from '#contract'
import type { FedGroup, Footing } from './thread.ts'

export interface OutboxEntry {
  readonly id: string
  /** A JSON record, as a line of the journal; several records of one moment between line feeds. */
  readonly line: string
  /** The ledger of the process that wrote it. */
  readonly ledger?: string
}

/** Implemented over a Redis stream; ids are those of the stream (`<ms>-<n>`). */
export interface Outbox {
  /** At most so many entries after this id (`0-0`: from the first); empty where there are none yet. May wait a little for the first. */
  read(after: string, count: number): Promise<readonly OutboxEntry[]>
  /** Of the newest entry; `0-0` where there has been none. */
  lastId(): Promise<string>
  /** Everything up to here is durable in these books. */
  reached(id: string): Promise<void>
}

/** Books that are fed by terms. */
export interface Target {
  footing(): Promise<Footing>
  /** Resolves when all of it is durable; rejects where it is not known to be. */
  put(groups: readonly FedGroup[], term: number): Promise<void>
}

const FIRST = '0-0'
const GENESIS = '0'.repeat(64)
/** Each holds the lines of a group of moves: some ten under load. */
const GROUP_ENTRIES = 64
/** Books run behind by at most this: a group costs far more than a line. Whoever asks them anything has them fed first. */
const FEED_EVERY_MS = 100
/** Groups under way at once: the next is read while one is written. */
const UNDER_WAY = 4
const IDLE_MS = 20
const AGAIN_MS = 100
/** Whoever asks waits no longer than this for what was answered before. */
const SETTLE_MS = 10_000

interface Settling {
  readonly id: string
  done(): void
}

export class Follower {
  readonly #outbox: Outbox
  readonly #target: Target
  readonly #log: Log
  readonly #takes: (entry: OutboxEntry) => boolean
  #reached = FIRST
  #settling: Settling[] = []
  #closed = false
  #wake: () => void = () => undefined
  readonly #ended: Promise<void>
  failed: Error | undefined

  /** `takes`: the entries that belong into these books; all, where nothing else is said. */
  constructor(parts: { readonly outbox: Outbox; readonly target: Target; readonly log: Log; readonly takes?: (entry: OutboxEntry) => boolean }) {
    this.#outbox = parts.outbox
    this.#target = parts.target
    this.#log = parts.log
    this.#takes = parts.takes ?? (() => true)
    this.#ended = this.#run()
  }

  /** Resolves when everything that is in the outbox now is in the books. @throws Error after 10 s */
  async settled(): Promise<void> {
    const id = await this.#outbox.lastId()
    if (compareIds(id, this.#reached) <= 0) return
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        this.#settling = this.#settling.filter((one) => one !== waiting)
        reject(new Error(`the books have not read what was answered${this.failed === undefined ? '' : `: ${this.failed.message}`}`))
      }, SETTLE_MS)
      const waiting = {
        id,
        done: () => {
          clearTimeout(late)
          resolve()
        },
      }
      this.#settling.push(waiting)
      this.#wake()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    await this.#ended
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        const footing = await this.#target.footing()
        this.#advance(footing.reached)
        this.failed = undefined
        if (footing.term === undefined) await this.#sleep(this.#settling.length > 0 ? IDLE_MS : AGAIN_MS)
        else await this.#lead({ ...footing, term: footing.term })
      } catch (error) {
        if (this.#closed) return
        const now = error instanceof Error ? error : new Error(String(error))
        if (this.failed === undefined) this.#log.warn({ error: now.message }, 'the books cannot follow the outbox; they go on as soon as they can')
        this.failed = now
        await this.#sleep(AGAIN_MS)
      }
    }
  }

  /** Until the term is over, which ends in an error. */
  async #lead(from: Footing & { readonly term: number }): Promise<void> {
    const underWay = new Set<Promise<void>>()
    try {
      await this.#feed(from, underWay)
    } finally {
      // Else the next term could begin before everything of this one is written or given up.
      await Promise.all(underWay)
    }
  }

  async #feed(from: Footing & { readonly term: number }, underWay: Set<Promise<void>>): Promise<void> {
    let { sequence, hash, reached } = from
    let error: unknown
    // What was durable when this process or the one before it ended may not have been told.
    if (reached === '') reached = FIRST
    else await this.#outbox.reached(reached)
    while (!this.#closed) {
      const entries = await this.#outbox.read(reached, GROUP_ENTRIES)
      const last = entries.at(-1)
      if (last === undefined) {
        await (underWay.size > 0 ? Promise.race(underWay) : this.#idle(from.term))
      } else {
        reached = last.id
        const bytes = Buffer.from(entries.flatMap((entry) => (this.#takes(entry) ? `${entry.line}\n` : [])).join(''))
        let written: Promise<void> = Promise.all(underWay).then(() => undefined)
        if (bytes.length > 0) {
          sequence += 1
          hash = createHash('sha256')
            .update(hash === '' ? GENESIS : hash)
            .update(bytes)
            .digest('hex')
          written = this.#target.put([{ sequence, hash, bytes, reached }], from.term)
        }
        const one: Promise<void> = this.#tellWhen(written, reached)
          .catch((cause: unknown) => {
            error ??= cause
          })
          .then(() => void underWay.delete(one))
        underWay.add(one)
        if (underWay.size >= UNDER_WAY) await Promise.race(underWay)
        if (entries.length < GROUP_ENTRIES && this.#settling.length === 0) await this.#sleep(FEED_EVERY_MS)
      }
      if (error !== undefined) throw error
    }
  }

  async #tellWhen(written: Promise<void>, reached: string): Promise<void> {
    await written
    this.#advance(reached)
    await this.#outbox.reached(reached)
  }

  /** Nothing to read: still the one who feeds? */
  async #idle(term: number): Promise<void> {
    await this.#sleep(IDLE_MS)
    if (this.#closed) return
    const footing = await this.#target.footing()
    if (footing.term !== term) throw new Error('another term of feeding has begun')
  }

  #advance(reached: string): void {
    if (compareIds(reached, this.#reached) <= 0) return
    this.#reached = reached
    const there = (one: Settling): boolean => compareIds(one.id, reached) <= 0
    const done = this.#settling.filter(there)
    this.#settling = this.#settling.filter((one) => !there(one))
    for (const one of done) one.done()
  }

  #sleep(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

const ID = /^(\d+)-(\d+)$/

/** Less than zero when `a` stands before `b`; '' stands before all. Both parts of a stream's id have up to 64 bits. */
export function compareIds(a: string, b: string): number {
  const [left, right] = [ID.exec(a), ID.exec(b)]
  const [ms, otherMs] = [BigInt(left?.[1] ?? 0), BigInt(right?.[1] ?? 0)]
  if (ms !== otherMs) return ms < otherMs ? -1 : 1
  const [n, otherN] = [BigInt(left?.[2] ?? 0), BigInt(right?.[2] ?? 0)]
  return n === otherN ? 0 : n < otherN ? -1 : 1
}
