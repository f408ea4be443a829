/**
 * The way to Redis. A question is asked once and answered in time, or not at all; a move whose outcome has to be known is
 * repeated until it is: scripts are idempotent by the id of their hold. Slow counts as gone, and what is gone is probed.
 */
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'

/** Together with what else a call does it stays under the 250 ms in which a lost dependency has to show. */
export const ANSWER_WITHIN_MS = 150
const PROBE_EVERY_MS = 200
/** A repeated move waits longer: it is not on the way of an answer any more. */
export const MOVE_WITHIN_MS = 1_000
const AGAIN_AFTER_MS = [20, 50, 100, 200, 500] as const

/** Before the next try of what has to be known. */
export const againAfterMs = (turn: number): number => AGAIN_AFTER_MS[Math.min(turn, AGAIN_AFTER_MS.length - 1)] ?? 0

/** Redis is out of reach: whether the command was carried out is not known. */
export class LostError extends Error {
  override name = 'LostError'
}

export const outOfReach = (cause: Error): LostError => new LostError('Redis is out of reach', { cause })

export type Reply = string | number | null | readonly Reply[]
export type Argument = string | number

/** What Redis says when it cannot write or is not up yet; anything else that it refuses is a mistake of ours. */
const NOT_NOW = /^(OOM|MISCONF|READONLY|LOADING|BUSY|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|UNBLOCKED)/

/** A script by the digest of its text, which is how Redis knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') })

/** All keys of one gateway name share a hash tag: right on a cluster, and one script may touch any of them. */
export const prefixOf = (name: string): string => `atlas:{${name}}:`

export const open = (url: string): Redis => {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableAutoPipelining: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    retryStrategy: (times) => Math.min(200, times * 20),
  })
  // Each command hears of it by itself; without a listener the process would end.
  redis.on('error', () => undefined)
  return redis
}

export class Link {
  readonly redis: Redis
  readonly prefix: string
  #lost: Error | undefined
  #closed = false
  #probe: NodeJS.Timeout | undefined

  constructor(url: string, prefix: string) {
    this.redis = open(url)
    this.prefix = prefix
  }

  /** @throws Error where it cannot be reached now */
  connect(): Promise<void> {
    return this.redis.connect()
  }

  /** What is wrong with Redis now. */
  get lost(): Error | undefined {
    return this.#lost
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A plain command, in time. @throws LostError */
  async command<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#lost !== undefined) throw outOfReach(this.#lost)
    return this.#within(ANSWER_WITHIN_MS, work(this.redis))
  }

  /** Repeated until its outcome is known. @throws LostError when the link is closed before */
  async surely(one: Script, args: readonly Argument[]): Promise<Reply> {
    for (let turn = 0; ; turn += 1) {
      if (this.#closed) throw new LostError('the store is closed')
      try {
        return await this.#within(MOVE_WITHIN_MS, this.run(one, args))
      } catch (error) {
        if (!(error instanceof LostError)) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, againAfterMs(turn)))
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#probe)
    this.redis.disconnect()
  }

  /** However long it takes. */
  async run({ sha, lua }: Script, args: readonly Argument[]): Promise<Reply> {
    try {
      return (await this.redis.evalsha(sha, 1, this.prefix, ...args)) as Reply
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return (await this.redis.eval(lua, 1, this.prefix, ...args)) as Reply
      throw error
    }
  }

  #within<T>(ms: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const unless = late(ms, (error) => reject(this.failed(error)))
      work.then(
        (value) => {
          unless()
          resolve(value)
        },
        (error: Error) => {
          unless()
          reject(isOurs(error) ? error : this.failed(error))
        },
      )
    })
  }

  /** From here on nothing is asked until Redis answers a probe. */
  failed(cause: Error): LostError {
    this.#lost = cause
    this.#probe ??= setTimeout(() => void this.#look(), PROBE_EVERY_MS).unref()
    return outOfReach(cause)
  }

  /** Asks until it answers in time and takes writes. */
  async #look(): Promise<void> {
    this.#probe = undefined
    if (this.#closed) return
    try {
      await this.#within(ANSWER_WITHIN_MS, this.redis.set(`${this.prefix}probe`, '1', 'EX', 10))
      this.#lost = undefined
    } catch {
      // `failed` has set the next look.
    }
  }
}

/**
 * Calls back after so long, unless it is told not to. Answers that are there already are read first: a process that had to
 * wait for a processor itself has no slow Redis.
 */
export function late(ms: number, then: (error: Error) => void): () => void {
  let isOver = false
  const tell = (): void => {
    if (!isOver) then(new Error(`Redis did not answer within ${Math.round(ms)} ms`))
  }
  const timer = setTimeout(() => setImmediate(() => setImmediate(tell)), ms)
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

/** A script or command that is wrong, as against a Redis that cannot. */
export const isOurs = (error: Error): boolean => error.name === 'ReplyError' && !NOT_NOW.test(error.message)
