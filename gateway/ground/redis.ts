/** The ground of several processes: hot state in Redis, books that follow its outbox. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '#contract'
import type { GatewayConfig, StoreSettings } from '../../config/model.ts'
import { type Outbox as BooksOutbox, ledgerId, type OpenBooks, openBooks, openFedBooks } from '../books/index.ts'
import type { Outbox } from '../stores/redis/outbox.ts'
import { SigningKeys } from '../vault/index.ts'
import { type Around, type Bare, payingOf, storeIdOf, type WorkerPart } from './parts.ts'

/** Several processes share everything; the books follow the store's outbox. What only this driver needs is loaded here. */
export async function onRedis(
  config: GatewayConfig,
  settings: Extract<StoreSettings, { driver: 'redis' }>,
  { log, clock, chance, worker }: Around,
): Promise<Bare> {
  const { Outbox, openRedis } = await import('../stores/redis/index.ts')
  const { mode } = config
  const { url, name, durability, replayBytes, path: folder } = settings
  const outbox = await Outbox.open(url, name)
  let ledger: Awaited<ReturnType<typeof ledgerOf>> | undefined
  try {
    ledger = await ledgerOf(config, settings, outbox, { log, worker })
    const { id, books, trail, failed } = ledger
    const known = knownStore(folder, name)
    const opened = await openRedis({ url, name, mode, durability, replayBytes, clock, log, ledger: id, refuses: failed, ...known })
    if (known.known !== opened.id) keepStore(folder, name, opened.id)
    opened.admin.configure(config.connections)
    const { store, admin, meters } = opened
    return {
      ...{ config, clock, chance, log, store, admin, meters, books, trail, storeId: storeIdOf(config), paying: await payingOf(config) },
      signer: new SigningKeys(opened.shelf, clock),
      ...(config.ledger.driver === 'embedded' ? { ledgerId: id } : {}),
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
async function ledgerOf(
  { ledger, mode }: GatewayConfig,
  { name, durability }: StoreSettings,
  stream: Outbox,
  { log, worker }: { readonly log: Log; readonly worker: WorkerPart | undefined },
): Promise<OpenBooks> {
  const outbox = (id: string): BooksOutbox => ({
    read: (after, count) => stream.read(after, count),
    lastId: () => stream.lastId(),
    reached: (at) => stream.reached(id, at),
  })
  if (ledger.driver === 'embedded' && worker?.ledgerId !== undefined) {
    const id = worker.ledgerId
    const followed = { lastId: () => stream.lastId(), reachedBy: () => stream.reachedBy(id) }
    return openFedBooks({ folder: ledger.path, id, followed, failed: () => worker.ledgerFailed() })
  }
  if (ledger.driver === 'embedded') {
    const file = { folder: ledger.path, mode }
    const id = ledgerId(file)
    await stream.follow(id)
    return openBooks({ ...file, outbox: outbox(id), log })
  }
  const { openPostgresBooks, postgresId } = await import('../books/postgres/index.ts')
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
