/** Joins store and ledger, whichever drivers the configuration names: the ground on which a gateway, or a single command, stands. */
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Books, Chance, Clock, EpochMs, Log, Meters, Reserved, Store, StoreAdmin, Usd } from '#contract'
import type { GatewayConfig, StoreSettings } from '../config/model.ts'
import { type Outbox as BooksOutbox, type JournalSource, ledgerId, type OpenBooks, openBooks, readUpTo } from './books/index.ts'
import type { EvmPayer } from './payouts/index.ts'
import { type Group, type Opened, openEmbedded } from './stores/index.ts'
import type { Outbox } from './stores/redis/outbox.ts'
import { FileShelf, SigningKeys } from './vault/index.ts'

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
  /** Signs receipts. */
  readonly signer: SigningKeys
  /** Pays owners; undefined where payouts are not configured. */
  readonly paying: { readonly payer: EvmPayer; readonly min: Usd } | undefined
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

/** @throws FolderError, JournalError, StoreError, BooksError with one sentence for the operator */
export function openGround(config: GatewayConfig, { log, clock = systemClock, chance = systemChance }: Surroundings): Promise<Ground> {
  const around = { log, clock, chance }
  return config.store.driver === 'redis' ? onRedis(config, config.store, around) : onJournal(config, around)
}

type Around = Required<Surroundings>

/** Several processes share everything; the books follow the store's outbox. What only this driver needs is loaded here. */
async function onRedis(config: GatewayConfig, settings: Extract<StoreSettings, { driver: 'redis' }>, { log, clock, chance }: Around): Promise<Ground> {
  const { Outbox, openRedis } = await import('./stores/redis/index.ts')
  const { mode } = config
  const { url, name, durability, replayBytes, path: folder } = settings
  const outbox = await Outbox.open(url, name)
  let ledger: Awaited<ReturnType<typeof ledgerOf>> | undefined
  try {
    ledger = await ledgerOf(config, settings, outbox, log)
    const { id, books, failed } = ledger
    const opened = await openRedis({ url, name, mode, durability, replayBytes, clock, log, ledger: id, refuses: failed, ...knownStore(folder, name) })
    keepStore(folder, name, opened.id)
    opened.admin.configure(config.connections)
    const { store, admin, meters } = opened
    return {
      ...{ config, clock, chance, log, store, admin, meters, books, storeId: storeIdOf(config), paying: await payingOf(config) },
      signer: new SigningKeys(opened.shelf, clock),
      lost: () => [...(opened.lost() === undefined ? [] : ['store']), ...(failed() === undefined ? [] : ['ledger'])],
      async close() {
        await store.close()
        await books.close()
        outbox.close()
      },
    }
  } catch (error) {
    await ledger?.books.close()
    outbox.close()
    throw error
  }
}

/** Books that follow the outbox: in PostgreSQL those of all processes, embedded those of the calls that this process finished. */
async function ledgerOf({ ledger, mode }: GatewayConfig, { name, durability }: StoreSettings, stream: Outbox, log: Log): Promise<OpenBooks> {
  const outbox = (id: string): BooksOutbox => ({
    read: (after, count) => stream.read(after, count),
    lastId: () => stream.lastId(),
    reached: (at) => stream.reached(id, at),
  })
  if (ledger.driver === 'embedded') {
    const file = { folder: ledger.path, mode }
    const id = ledgerId(file)
    await stream.follow(id)
    return openBooks({ ...file, outbox: outbox(id), log })
  }
  const { openPostgresBooks, postgresId } = await import('./books/postgres/index.ts')
  await stream.follow(postgresId(name))
  return openPostgresBooks({ url: ledger.url, name, mode, source: { outbox: outbox(postgresId(name)) }, relaxed: durability === 'relaxed', log })
}

/** A store that was used once is known by its identity: an empty one in its place is no store of this gateway. */
const storeFile = (folder: string, name: string): string => join(folder, `store-${name}.id`)

function knownStore(folder: string, name: string): { known?: string } {
  const file = storeFile(folder, name)
  return existsSync(file) ? { known: readFileSync(file, 'utf8').trim() } : {}
}

function keepStore(folder: string, name: string, id: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(storeFile(folder, name), `${id}\n`, { mode: 0o600 })
}

/** The key of the wallet is read here and stays with the payer. */
async function payingOf({ payout, routes }: GatewayConfig): Promise<Ground['paying']> {
  if (payout === undefined) return undefined
  const { EvmPayer, networksOf } = await import('./payouts/index.ts')
  const chains = routes.map(({ chain }) => chain.map(({ name, settings }) => ({ name, settings })))
  return { payer: new EvmPayer({ signer: payout.signer, rpc: payout.rpc, networks: networksOf(chains) }), min: payout.min }
}

/** One process, one folder, nothing else to run. */
async function onJournal(config: GatewayConfig, { log, clock, chance }: Around): Promise<Ground> {
  const { mode, ledger: where } = config
  const { path: folder, name, replayBytes, archive, archiveAfterMs } = config.store
  const before = existsSync(folder) ? readdirSync(folder) : undefined
  let journal: Opened | undefined
  let ledger: OpenBooks | undefined
  let refused = false
  const source: JournalSource = {
    flushed: async () => journal?.flushed(),
    refeed: (from) => groupsFrom(journal, from),
    charged: async (receipt) => journal?.reader.chargedCall(receipt),
    chain: async () => journal?.reader.verifyChain() ?? { ok: false, detail: 'the journal is not open' },
  }
  if (where.driver === 'postgres') ledger = await postgresOf(config, where.url, source, log)
  const fedUpTo = ledger?.fedUpTo ?? (where.driver === 'embedded' ? readUpTo(where.path) : 0)
  // Only behind the store's lock, and not for a store that is refused: such a start leaves no ledger behind.
  const books = (): OpenBooks => {
    ledger ??= openBooks({ folder: where.driver === 'embedded' ? where.path : folder, mode, ...source })
    return ledger
  }
  const onGroup = (group: Group): void => {
    if (!refused) books().feed(group)
  }
  const archiving = archive === undefined ? {} : { archiveFolder: archive, archiveAfterMs, coveredByBooks: () => books().fedUpTo }
  try {
    journal = openEmbedded({ folder, mode, name, replayBytes, clock, onGroup, fedUpTo, ...archiving })
    await books().joined()
  } catch (error) {
    refused = true
    if (journal !== undefined) unmake(folder, before)
    await journal?.store.close()
    await ledger?.books.close()
    throw error
  }
  const opened = journal
  if (opened.cutBytes > 0) log.warn({ bytes: opened.cutBytes }, 'an unfinished group at the end of the journal was cut off; nothing in it had been answered')
  opened.admin.configure(config.connections)
  const { store, admin, meters } = opened
  if (where.driver === 'postgres') heed(store, () => books().failed())
  return {
    ...{ config, clock, chance, log, store, admin, meters, books: books().books, storeId: storeIdOf(config), paying: await payingOf(config) },
    signer: new SigningKeys(new FileShelf(folder), clock),
    lost: () => [...(opened.failed() === undefined && !opened.slow() ? [] : ['store']), ...(books().failed() === undefined ? [] : ['ledger'])],
    async close() {
      await store.close()
      await books().books.close()
    },
  }
}

/** Loaded here, so that nobody else needs its driver. */
async function postgresOf({ mode, store: { name, durability } }: GatewayConfig, url: string, source: JournalSource, log: Log): Promise<OpenBooks> {
  const { openPostgresBooks } = await import('./books/postgres/index.ts')
  return openPostgresBooks({ url, name, mode, source, relaxed: durability === 'relaxed', log })
}

/** Nothing is sold while the ledger is out of reach. */
function heed(store: Store, failed: () => Error | undefined): void {
  const reserve = store.reserve.bind(store)
  store.reserve = (request) => (failed() === undefined ? reserve(request) : LEDGER_LOST)
}

const LEDGER_LOST: Reserved = {
  ...{ kind: 'refused', code: 'unavailable', detail: 'the ledger is out of reach' },
  ...{ retryAfterSeconds: undefined, price: undefined, rate: undefined },
}

/** As the books take them: records in lines, in memory of their own. */
async function* groupsFrom(journal: Opened | undefined, from: number): AsyncIterable<Group> {
  if (journal === undefined) return
  for await (const { sequence, hash, lines } of journal.reader.groups(from)) {
    const text = lines.map((line) => `${line}\n`).join('')
    const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
    bytes.write(text, 'utf8')
    yield { sequence, hash, bytes }
  }
}

/** The store that a refused start has made goes with it; whatever was there before stays. */
function unmake(folder: string, before: readonly string[] | undefined): void {
  if (before === undefined) return rmSync(folder, { recursive: true, force: true })
  for (const file of readdirSync(folder))
    if (!before.includes(file) && /^(journal|lock\.db)/.test(file)) rmSync(join(folder, file), { recursive: true, force: true })
}
