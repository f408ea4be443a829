/** The ground of one process: hot state in memory and in the journal of one folder. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Log, Reserved, Store } from '#contract'
import type { GatewayConfig } from '../../config/model.ts'
import { type JournalSource, type OpenBooks, openBooks, readUpTo } from '../books/index.ts'
import { type Group, type Opened, openEmbedded } from '../stores/index.ts'
import { FileShelf, SigningKeys } from '../vault/index.ts'
import { type Around, type Bare, payingOf, storeIdOf } from './parts.ts'

/** One process, one folder, nothing else to run. */
export async function onJournal(config: GatewayConfig, { log, clock, chance }: Around): Promise<Bare> {
  const { mode, ledger: where } = config
  const { path: folder, name, replayBytes, archive, archiveAfterMs } = config.store
  const before = existsSync(folder) ? readdirSync(folder) : undefined
  let journal: Opened | undefined
  let ledger: OpenBooks | undefined
  let refused = false
  const source = sourceOf(() => journal)
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
    ...{ config, clock, chance, log, store, admin, meters, storeId: storeIdOf(config), paying: await payingOf(config) },
    ...{ books: books().books, trail: books().trail },
    signer: new SigningKeys(new FileShelf(folder), clock),
    lost: () => [...(opened.failed() === undefined && !opened.slow() ? [] : ['store']), ...(books().failed() === undefined ? [] : ['ledger'])],
    async close() {
      await store.close()
      await books().books.close()
    },
  }
}

/** The books are there before the journal is. */
function sourceOf(journal: () => Opened | undefined): JournalSource {
  const open = (): Opened => {
    const opened = journal()
    if (opened === undefined) throw new Error('the journal is not open')
    return opened
  }
  return {
    flushed: async () => journal()?.flushed(),
    refeed: (from) => groupsFrom(journal(), from),
    charged: async (receipt) => journal()?.reader.chargedCall(receipt),
    calls: (ask) => open().reader.calls(ask),
    chain: async () => open().reader.verifyChain(),
    audited: async (upTo) => open().reader.audited(upTo),
    auditLines: async (from, to) => open().reader.auditLines(from, to),
  }
}

/** Loaded here, so that nobody else needs its driver. */
async function postgresOf({ mode, store: { name, durability } }: GatewayConfig, url: string, source: JournalSource, log: Log): Promise<OpenBooks> {
  const { openPostgresBooks } = await import('../books/postgres/index.ts')
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
