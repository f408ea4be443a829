/**
 * Hot state in Redis, for any number of processes that share a name. Read `script-parts.ts` for what is kept where,
 * `script-taking.ts` and `script-ending.ts` for the moves, `store.ts` for how they are made, `link.ts` for what happens when
 * Redis does not answer.
 */
import { randomBytes } from 'node:crypto'
import type { Clock, Log, Meters, Store, StoreAdmin } from '#contract'
import { MemoryMeters } from '../meters.ts'
import { RedisAdmin } from './admin.ts'
import { Shelves } from './arguments.ts'
import { check, StoreError, unusable } from './check.ts'
import { Groups } from './groups.ts'
import { Link, LostError, prefixOf } from './link.ts'
import { Mirrors } from './mirrors.ts'
import type { RedisParts } from './parts.ts'
import { RedisShelf } from './shelf.ts'
import { RedisStore } from './store.ts'
import { Sweeper } from './sweeper.ts'

export { Outbox } from './outbox.ts'

export interface RedisOptions {
  readonly url: string
  readonly name: string
  readonly mode: 'sandbox' | 'live'
  readonly durability: 'strict' | 'relaxed'
  readonly replayBytes: number
  readonly clock: Clock
  readonly log: Log
  /** Whose books the lines of this process are for. */
  readonly ledger: string
  /** Identity of the store that this gateway has used before; undefined: any. */
  readonly known?: string
  /** Why nothing may be charged now, such as a ledger that is out of reach. */
  readonly refuses?: () => Error | undefined
  /** For tests: the scripts take this time for theirs. */
  readonly time?: () => { readonly seconds: number; readonly micros: number }
}

export interface OpenedRedis {
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  /** Where the keys that sign receipts are, for all processes. */
  readonly shelf: RedisShelf
  /** Identity of the data. */
  readonly id: string
  /** What is wrong with the store now. */
  lost(): Error | undefined
  /** Why nothing is sold now: the store, or what it was told to heed. */
  failed(): Error | undefined
  flushed(): Promise<void>
  /** Looks at what is left, now. */
  look(): Promise<void>
  /** Looks for processes that are gone, now. */
  sweep(): Promise<void>
}

const READ_TRIES = 20
const READ_AGAIN_MS = 100
const CLOSE_WITHIN_MS = 3_000

/** @throws StoreError with one sentence for the operator */
export async function openRedis(options: RedisOptions): Promise<OpenedRedis> {
  const { url, name, clock, log, ledger } = options
  const prefix = prefixOf(name)
  const link = new Link(url, prefix)
  let mirrors: Mirrors | undefined
  try {
    const id = await check(link, options)
    const enabledByDefault = options.mode === 'sandbox'
    const shelves = new Shelves(() => clock.nowMs(), enabledByDefault)
    mirrors = new Mirrors({ redis: link.redis, url, prefix, shelves, enabledByDefault })
    await mirrors.start()
    return await opened(options, { link, mirrors, shelves, id, process: randomBytes(8).toString('hex'), ledger, log })
  } catch (error) {
    mirrors?.close()
    link.close()
    if (error instanceof StoreError) throw error
    throw unusable(url, error)
  }
}

interface Opening {
  readonly link: Link
  readonly mirrors: Mirrors
  readonly shelves: Shelves
  readonly id: string
  readonly process: string
  readonly ledger: string
  readonly log: Log
}

async function opened(options: RedisOptions, { link, mirrors, shelves, id, process, ledger, log }: Opening): Promise<OpenedRedis> {
  let lost: Error | undefined
  const testTime = (): string => {
    const time = options.time?.()
    return time === undefined ? '' : `${time.seconds} ${time.micros}`
  }
  const onLost = (error: Error): void => {
    lost ??= error
    log.error({}, error.message)
  }
  const sweeper = new Sweeper({ link, process, ledger, storeId: id, testTime, log, onLost })
  const failed = (): Error | undefined => lost ?? link.lost ?? options.refuses?.()
  const moves = new Moves()
  const flushed = async (): Promise<void> => {
    await Promise.all([moves.flushed(), groups.flushed()])
  }
  const groups = new Groups({ link, process, ledger, answers: options.replayBytes, testTime })
  const parts: RedisParts = {
    ...{ link, groups, clock: options.clock, shelves, mirrors, process, ledger, answers: options.replayBytes, testTime, failed },
    doing: (work) => moves.doing(work),
    flushed,
    reading: (work) => patiently(() => link.command(work)),
    async close() {
      await Promise.race([flushed(), new Promise((resolve) => setTimeout(resolve, CLOSE_WITHIN_MS).unref())])
      await sweeper.close()
      mirrors.close()
      link.close()
    },
  }
  await sweeper.start()
  return {
    ...{
      store: new RedisStore(parts),
      admin: new RedisAdmin(parts),
      meters: new MemoryMeters(options.clock),
      shelf: new RedisShelf(link),
      id,
      failed,
      lost: () => lost ?? link.lost,
    },
    flushed,
    look: () => mirrors.look(),
    sweep: () => sweeper.sweep(),
  }
}

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof LostError) || turn === READ_TRIES) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, READ_AGAIN_MS))
  }
}

/** Moves whose outcome is not known yet. */
class Moves {
  readonly #open = new Set<Promise<unknown>>()

  doing<T>(work: Promise<T>): Promise<T> {
    this.#open.add(work)
    const over = (): void => void this.#open.delete(work)
    work.then(over, over)
    return work
  }

  async flushed(): Promise<void> {
    await Promise.allSettled(this.#open)
  }
}
