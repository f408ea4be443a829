/**
 * Local copies, so that admitting is synchronous: keys and switches follow the store's stream of changes, what is left of
 * each connection is looked at again and again. They may lag by a moment; the reserve move checks again and its refusal wins.
 */
import { WalletKeys } from '../wallet-keys.ts'
import type { EpochMs, KeyMirror, KeyRecord, StockMirror, Units, Usd } from '#contract'
import type { Redis } from 'ioredis'
import type { KeyCreated } from '../records.ts'
import type { Tally } from '../state.ts'
import { keyFrom, noTally, storedKey } from '../state-parts.ts'
import { leftForSale, usedOf } from '../stock.ts'
import type { Shelves } from './arguments.ts'
import { open } from './link.ts'

const STOCK_EVERY_MS = 100
const CHANGES_WAIT_MS = 500
const PAGE = 1_000
const BACK_OFF_MS = 100

export const keyText = (key: KeyRecord): string => JSON.stringify(storedKey(key))

export const keyOf = (text: string): KeyRecord => keyFrom({ key: JSON.parse(text) as KeyCreated['key'] })

const FIELDS = ['s', 'o', 'w', 'x', 'hs', 'ho', 'r'] as const

/** Of HMGET with these fields. */
export function tallyOf(values: readonly (string | null)[]): Tally {
  const [sold = 0, own = 0, wasted = 0, external = 0, heldSold = 0, heldOwn = 0] = values.slice(0, 6).map((value) => Number.parseInt(value ?? '0', 10))
  return { ...noTally(), sold, own, wasted, external, heldSold, heldOwn, revenue: BigInt(values[6] ?? '0') as Usd }
}

export const readTally = (redis: Redis, prefix: string, connection: string, startMs: number): Promise<(string | null)[]> =>
  redis.hmget(`${prefix}t:${connection}:${startMs}`, ...FIELDS)

export class Mirrors {
  readonly keys: KeyMirror
  readonly #walletKeys = new WalletKeys()
  readonly stock: StockMirror
  readonly #redis: Redis
  readonly #following: Redis
  readonly #prefix: string
  readonly #shelves: Shelves
  readonly #enabledByDefault: boolean
  readonly #byHash = new Map<string, KeyRecord>()
  readonly #switches = new Map<string, string>()
  readonly #tallies = new Map<string, Tally>()
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #after = '0-0'

  constructor(options: { redis: Redis; url: string; prefix: string; shelves: Shelves; enabledByDefault: boolean }) {
    this.#redis = options.redis
    this.#following = open(options.url)
    this.#prefix = options.prefix
    this.#shelves = options.shelves
    this.#enabledByDefault = options.enabledByDefault
    this.keys = { byHash: (hash) => this.#byHash.get(hash), ofAccount: (account) => this.#walletKeys.of(account) }
    this.stock = {
      enabled: (name) => this.enabled(name),
      left: (name) => this.#left(name, ({ connection }, tally) => leftForSale(connection, tally)),
      leftForOwner: (name) => this.#left(name, ({ connection }, tally) => Math.max(0, connection.quota - usedOf(tally))),
      resetsAtMs: (name) => this.#shelves.get(name)?.period.endMs as EpochMs | undefined,
    }
  }

  /** Everything once, then whatever changes. */
  async start(): Promise<void> {
    await this.#following.connect()
    await this.#reload()
    void this.#follow()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#following.disconnect()
  }

  enabled(name: string): boolean {
    const text = this.#switches.get(name)
    return text === undefined ? this.#enabledByDefault : text.startsWith('1')
  }

  vetted(name: string): boolean {
    return this.#switches.get(name)?.endsWith('1') ?? false
  }

  put(key: KeyRecord): void {
    this.#walletKeys.put(key)
    this.#byHash.set(key.hash, key)
  }

  turn(connection: string, state: string): void {
    this.#switches.set(connection, state)
  }

  /** What is left now; then again, until the store is closed. */
  async look(): Promise<void> {
    clearTimeout(this.#timer)
    try {
      // All in one write, however many connections there are.
      const asked = this.#redis.pipeline()
      const keys: string[] = []
      for (const { connection } of this.#shelves) {
        const key = `${connection.name}:${this.#shelves.startMs(connection.name)}`
        keys.push(key)
        asked.hmget(`${this.#prefix}t:${key}`, ...FIELDS)
      }
      const found = (await asked.exec()) ?? []
      for (const [index, key] of keys.entries()) {
        const [error, values] = found[index] ?? []
        if (error === null) this.#tallies.set(key, tallyOf(values as (string | null)[]))
      }
    } catch {
      // Out of reach: the copy stays as it is, and the reserve move refuses.
    }
    if (!this.#closed) this.#timer = setTimeout(() => void this.look(), STOCK_EVERY_MS).unref()
  }

  #left(name: string, of: (shelf: NonNullable<ReturnType<Shelves['get']>>, tally: Tally) => number): Units {
    const shelf = this.#shelves.get(name)
    if (shelf === undefined) return 0 as Units
    return of(shelf, this.#tallies.get(`${name}:${shelf.period.startMs}`) ?? noTally()) as Units
  }

  /** From the end of the stream on; what came before is in the hashes. */
  async #reload(): Promise<void> {
    const last = await this.#following.xrevrange(`${this.#prefix}changes`, '+', '-', 'COUNT', 1)
    this.#after = last[0]?.[0] ?? '0-0'
    for (let cursor = '0'; ; ) {
      const [next, found] = await this.#following.hscan(`${this.#prefix}keys`, cursor, 'COUNT', PAGE)
      for (let index = 1; index < found.length; index += 2) this.put(keyOf(found[index] as string))
      cursor = next
      if (cursor === '0') break
    }
    for (const [connection, state] of Object.entries(await this.#following.hgetall(`${this.#prefix}switch`))) this.turn(connection, state)
  }

  async #follow(): Promise<void> {
    while (!this.#closed) {
      try {
        if (await this.#missed()) await this.#reload()
        const read = await this.#following.xread('COUNT', PAGE, 'BLOCK', CHANGES_WAIT_MS, 'STREAMS', `${this.#prefix}changes`, this.#after)
        for (const [, entries] of read ?? []) for (const [id, fields] of entries) this.#changed(id, fields)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, BACK_OFF_MS))
      }
    }
  }

  /** Whether the stream begins after the last change that was seen: then some are gone. */
  async #missed(): Promise<boolean> {
    const [first] = await this.#following.xrange(`${this.#prefix}changes`, '-', '+', 'COUNT', 1)
    return first !== undefined && this.#after !== '0-0' && isAfter(first[0], this.#after)
  }

  #changed(id: string, [what, value = '']: readonly string[]): void {
    this.#after = id
    if (what === 'key') this.put(keyOf(value))
    else if (what === 'switch') this.turn(value.slice(0, value.lastIndexOf(' ')), value.slice(value.lastIndexOf(' ') + 1))
  }
}

/** Ids of streams are `<milliseconds>-<number>`. */
export function isAfter(a: string, b: string): boolean {
  const [aMs = '0', aNumber = '0'] = a.split('-')
  const [bMs = '0', bNumber = '0'] = b.split('-')
  return BigInt(aMs) === BigInt(bMs) ? BigInt(aNumber) > BigInt(bNumber) : BigInt(aMs) > BigInt(bMs)
}
