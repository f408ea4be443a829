/**
 * The books in PostgreSQL: for several processes on one Redis, or for one whose ledger others read. Read `schema.ts` for the
 * tables, `writer.ts` for the one statement that writes, `feeding.ts` for who writes and what happens when the server goes.
 */
import type { Log } from '#contract'
import { BooksError, UnfitError } from '../unfit.ts'
import { Feeder, type JournalSource } from '../feeder.ts'
import { Follower, type Outbox } from '../follower.ts'
import { ThreadBooks } from '../front.ts'
import type { OpenBooks } from '../open.ts'
import { type FedGroup, Thread } from '../thread.ts'
import { trailOf } from '../trail.ts'
import { addressOf, schemaOf } from './address.ts'
import type { Setting } from './worker.ts'

export interface PostgresOptions {
  /** postgres://…; may hold a password and is never printed. */
  readonly url: string
  /** Of the gateway: its books stand in the schema atlas_<name>. */
  readonly name: string
  readonly mode: 'sandbox' | 'live'
  readonly source: JournalSource | { readonly outbox: Outbox }
  /** Accept a server with synchronous_commit or fsync off. */
  readonly relaxed?: boolean
  readonly log: Log
}

/** By which an outbox knows these books. */
export const postgresId = (name: string): string => `postgres ${name}`

/** @throws BooksError with one sentence for the operator */
export async function openPostgresBooks({ url, name, mode, source, relaxed = false, log }: PostgresOptions): Promise<OpenBooks> {
  const address = addressOf(url)
  const id = postgresId(name)
  const kind = 'outbox' in source ? 'outbox' : 'journal'
  const thread = begin(() => {
    schemaOf(name)
    return new Thread(new URL('./worker.js', import.meta.url), { url, name, mode, kind, relaxed } satisfies Setting)
  })
  const footing = await thread.ask('start', []).catch(async (error: Error) => {
    await thread.close()
    if (error instanceof BooksError) throw error
    throw new BooksError(`the ledger at ${address} cannot be used (${error.message}); correct ledger.url, or start PostgreSQL`, { cause: error })
  })
  if ('outbox' in source) return following(thread, id, { outbox: source.outbox, log })
  const feeder = new Feeder({
    source,
    from: footing,
    whose: `the ledger ${schemaOf(name)} at ${address}`,
    remedy: 'choose another store.name or ledger.url',
    take: (block) => thread.ask('take', [block], [block.memory]),
  })
  thread.onDurable = (upTo) => feeder.durable(upTo)
  const books = new ThreadBooks(thread, { settled: () => feeder.settled(), close: async () => feeder.close() })
  return {
    ...{
      books,
      trail: trailOf(thread, feeder, source),
      id,
      feed: (group) => feeder.feed(group),
      joined: () => feeder.joined(),
      failed: () => thread.failed ?? feeder.failed,
    },
    get fedUpTo() {
      return feeder.applied
    },
  }
}

function following(thread: Thread, id: string, { outbox, log }: { readonly outbox: Outbox; readonly log: Log }): OpenBooks {
  const target = { footing: () => thread.ask('footing', []), put: (groups: readonly FedGroup[], term: number) => thread.ask('put', [groups, term]) }
  const follower = new Follower({ outbox, log, target })
  const books = new ThreadBooks(thread, { settled: () => follower.settled(), close: () => follower.close() })
  return {
    ...{ books, trail: trailOf(thread, follower), id, fedUpTo: 0, feed: () => undefined, joined: () => Promise.resolve() },
    failed: () => thread.failed ?? follower.failed,
  }
}

function begin(work: () => Thread): Thread {
  try {
    return work()
  } catch (error) {
    if (error instanceof UnfitError) throw new BooksError(error.message)
    throw error
  }
}
