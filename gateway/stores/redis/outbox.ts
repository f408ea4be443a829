/** The outbox: every line that the moves wrote, in order, for the ledgers. It is trimmed when every ledger that follows has it on disk. */
import type { Redis } from 'ioredis'
import { unusable } from './check.ts'
import { open, prefixOf } from './link.ts'
import { isAfter } from './mirrors.ts'

const WAIT_MS = 100

export interface OutboxLine {
  readonly id: string
  readonly line: string
  /** Whose line it is, where each process keeps books of its own. */
  readonly ledger: string
}

export class Outbox {
  readonly #redis: Redis
  /** A read waits for new lines, and nothing may wait behind it. */
  readonly #reading: Redis
  readonly #prefix: string

  private constructor(redis: Redis, reading: Redis, prefix: string) {
    this.#redis = redis
    this.#reading = reading
    this.#prefix = prefix
  }

  /** @throws StoreError */
  static async open(url: string, name: string): Promise<Outbox> {
    const redis = open(url)
    const reading = open(url)
    try {
      await Promise.all([redis.connect(), reading.connect()])
    } catch (cause) {
      redis.disconnect()
      reading.disconnect()
      throw unusable(url, cause)
    }
    return new Outbox(redis, reading, prefixOf(name))
  }

  /** After this id, oldest first; waits a moment for new ones where there are none. */
  async read(after: string, count: number): Promise<readonly OutboxLine[]> {
    const read = await this.#reading.xread('COUNT', count, 'BLOCK', WAIT_MS, 'STREAMS', `${this.#prefix}out`, after)
    return (read ?? []).flatMap(([, entries]) => entries.map(([id, fields]) => ({ id, ledger: fields[1] ?? '', line: fields[3] ?? '' })))
  }

  /** Of the newest line; `0-0` where there is none. */
  async lastId(): Promise<string> {
    const [last] = await this.#redis.xrevrange(`${this.#prefix}out`, '+', '-', 'COUNT', 1)
    // A stream that was trimmed to nothing still knows how far it has come.
    if (last !== undefined) return last[0]
    return (await this.#redis.hget(`${this.#prefix}followers`, 'last')) ?? '0-0'
  }

  /** From now on nothing is trimmed that this ledger has not got. */
  async follow(ledger: string): Promise<void> {
    await this.#redis.hsetnx(`${this.#prefix}followers`, `l:${ledger}`, '0-0')
  }

  /** Everything up to here is durable in this ledger. */
  async reached(ledger: string, id: string): Promise<void> {
    await this.#redis.hset(`${this.#prefix}followers`, `l:${ledger}`, id)
    const all = Object.entries(await this.#redis.hgetall(`${this.#prefix}followers`)).flatMap(([name, at]) => (name.startsWith('l:') ? [at] : []))
    const slowest = all.reduce((least, at) => (isAfter(least, at) ? at : least), id)
    const [ms = '0', number = '0'] = slowest.split('-')
    await this.#redis.hset(`${this.#prefix}followers`, 'last', slowest)
    await this.#redis.xtrim(`${this.#prefix}out`, 'MINID', '~', `${ms}-${BigInt(number) + 1n}`)
  }

  /** Up to where this ledger has it on disk. */
  async reachedBy(ledger: string): Promise<string> {
    return (await this.#redis.hget(`${this.#prefix}followers`, `l:${ledger}`)) ?? '0-0'
  }

  close(): void {
    this.#redis.disconnect()
    this.#reading.disconnect()
  }
}
