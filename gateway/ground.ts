/** Joins store and ledger, whichever drivers the configuration names: the ground on which a gateway, or a single command, stands. */
import { randomFillSync } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Books, Chance, Clock, EpochMs, Log, Meters, Store, StoreAdmin } from '#contract'
import type { GatewayConfig } from '../config/model.ts'
import { type OpenBooks, openBooks } from './books/index.ts'
import { openEmbedded } from './stores/index.ts'

export const systemClock: Clock = {
  nowMs: () => Date.now() as EpochMs,
  monotonicNs: () => Math.round(performance.now() * 1e6),
}

const POOL_BYTES = 4096
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Strong random bytes from a pool: one system call for many ids. */
export const systemChance: Chance = {
  hex(bytes) {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    used += bytes
    return pool.toString('hex', used - bytes, used)
  },
}

/** Hot state and books of one configuration, with or without a gateway in front. */
export interface Ground {
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  readonly books: Books
  /** Tells one store from another; holds no password. */
  readonly storeId: string
  /** What is lost, in a word each; empty when all is well. */
  lost(): readonly string[]
  close(): Promise<void>
}

export interface Surroundings {
  readonly log: Log
  readonly clock?: Clock
  readonly chance?: Chance
}

export function storeIdOf({ store }: GatewayConfig): string {
  if (store.driver === 'embedded') return store.path
  const { host, pathname } = new URL(store.url)
  return `redis ${store.name} at ${host}${pathname === '/' ? '' : pathname}`
}

/** @throws FolderError, JournalError, BooksError with one sentence for the operator */
export async function openGround(config: GatewayConfig, { log, clock = systemClock, chance = systemChance }: Surroundings): Promise<Ground> {
  const { mode } = config
  const { path: folder, name, replayBytes } = config.store
  const before = existsSync(folder) ? readdirSync(folder) : undefined
  let flushed = (): Promise<void> => Promise.resolve()
  let ledger: OpenBooks | undefined
  let refused = false
  // Only behind the store's lock, and not for a store that is refused: such a start leaves no ledger behind.
  const books = (): OpenBooks => {
    ledger ??= openBooks({ folder: config.ledger.driver === 'embedded' ? config.ledger.path : folder, mode, flushed: () => flushed() })
    return ledger
  }
  const onGroup: Parameters<typeof openEmbedded>[0]['onGroup'] = (group) => {
    if (!refused) books().feed(group)
  }
  const opened = openEmbedded({ folder, mode, name, replayBytes, clock, onGroup })
  flushed = opened.flushed
  try {
    books().joined()
  } catch (error) {
    refused = true
    unmake(folder, before)
    void opened.store.close()
    throw error
  }
  if (opened.cutBytes > 0) log.warn({ bytes: opened.cutBytes }, 'an unfinished group at the end of the journal was cut off; nothing in it had been answered')
  opened.admin.configure(config.connections)
  const { store, admin, meters } = opened
  return {
    ...{ config, clock, chance, log, store, admin, meters, books: books().books, storeId: storeIdOf(config) },
    lost: () => [...(opened.failed() === undefined ? [] : ['store']), ...(books().failed() === undefined ? [] : ['ledger'])],
    async close() {
      await store.close()
      await books().books.close()
    },
  }
}

/** The store that a refused start has made goes with it; whatever was there before stays. */
function unmake(folder: string, before: readonly string[] | undefined): void {
  if (before === undefined) return rmSync(folder, { recursive: true, force: true })
  for (const file of readdirSync(folder))
    if (!before.includes(file) && /^(journal|lock\.db)/.test(file)) rmSync(join(folder, file), { recursive: true, force: true })
}
