/**
 * The double-entry ledger behind one port (`Books`), derived from the journal or an outbox. Read `postings.ts` for what is
 * posted when, `reading.ts` for how lines become entries. Both drivers live in a thread of their own (`thread.ts`): this is the
 * embedded one, a file (`ledger.ts`); the other stands in `postgres/`.
 */
import { join } from 'node:path'
import { Feeder, type JournalSource } from './feeder.ts'
import { Follower, type Outbox } from './follower.ts'
import { caughtUp, type FedBooks } from './fed.ts'
import { type Elsewhere, ThreadBooks } from './front.ts'
import type { OpenBooks } from './open.ts'
import { type Applied, appliedIn, type BooksFile, prepare } from './prepare.ts'
import { Thread } from './thread.ts'
import { trailOf } from './trail.ts'
import type { Setting } from './worker.ts'
import type { Log } from '#contract'

export type { JournalSource } from './feeder.ts'
export type { Outbox } from './follower.ts'
export type { OpenBooks } from './open.ts'
export { BooksError } from './unfit.ts'
export type { Trail } from './trail.ts'

/** `outbox`: of its entries those for this ledger are taken (`ledgerId`). */
export type BooksOptions = BooksFile & (JournalSource | { readonly outbox: Outbox; readonly log: Log })

const fileOf = (folder: string): string => join(folder, 'books.db')

/** Whose books stand in this folder: they are made if they are not there. @throws BooksError with one sentence for the operator */
export const ledgerId = (options: BooksFile): string => prepare(fileOf(options.folder), options, 'outbox').id

/** The last group of the journal that the books in this folder have; 0 where there are none. Makes nothing. */
export const readUpTo = (folder: string): number => appliedIn(fileOf(folder))

/** @throws BooksError with one sentence for the operator */
export function openBooks(options: BooksOptions): OpenBooks {
  const file = fileOf(options.folder)
  if ('outbox' in options) return following(file, prepare(file, options, 'outbox'), options)
  return fed(file, prepare(file, options, 'journal'), options)
}

const threadOf = (setting: Setting): Thread => new Thread(new URL('./worker.js', import.meta.url), setting)

function fed(file: string, applied: Applied, source: JournalSource): OpenBooks {
  const thread = threadOf({ file, keepsLines: false })
  const feeder = new Feeder({
    source,
    from: applied,
    whose: `the ledger ${file}`,
    remedy: `choose another ledger.path, or remove ${file}* to have it made again`,
    take: (block) => thread.ask('take', [block], [block.memory]),
  })
  thread.onDurable = (upTo) => feeder.durable(upTo)
  const calls = source.calls?.bind(source)
  const elsewhere: Elsewhere = { charged: async (receipt) => source.charged?.(receipt), calls, chain: () => chainOf(source, thread) }
  const books = new ThreadBooks(thread, { settled: () => feeder.settled(), close: async () => feeder.close() }, elsewhere)
  const trail = trailOf(thread, feeder, source)
  return {
    ...{ books, trail, id: applied.id, feed: (group) => feeder.feed(group), joined: () => feeder.joined(), failed: () => thread.failed ?? feeder.failed },
    get fedUpTo() {
      return feeder.applied
    },
  }
}

/** The journal's own chain, and that the books have read this one. */
async function chainOf(source: JournalSource, thread: Thread): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const { sequence, hash } = await thread.ask('footing', [])
  const chain = (await source.chain?.()) ?? { ok: true, detail: `group ${sequence} is the last that the books have read` }
  if (!chain.ok || sequence === 0 || source.refeed === undefined) return chain
  for await (const group of source.refeed(sequence)) {
    const ok = group.sequence === sequence && group.hash === hash
    return ok ? chain : { ok, detail: `the books have read another group ${sequence} than the journal has` }
  }
  return { ok: false, detail: `the books have read group ${sequence}, which the journal does not have` }
}

/** Books that another process feeds, read here up to what was answered. Makes nothing: the other one has. */
export function openFedBooks({ folder, id, followed, failed }: FedBooks): OpenBooks {
  const thread = threadOf({ file: fileOf(folder), keepsLines: true })
  const feed = { settled: () => caughtUp(followed), close: async () => undefined }
  const books = new ThreadBooks(thread, feed)
  return {
    books,
    trail: trailOf(thread, feed),
    id,
    fedUpTo: 0,
    feed: () => undefined,
    joined: () => Promise.resolve(),
    failed: () => thread.failed ?? failed(),
  }
}

function following(file: string, applied: Applied, { outbox, log }: { readonly outbox: Outbox; readonly log: Log }): OpenBooks {
  const thread = threadOf({ file, keepsLines: true })
  const follower = new Follower({
    ...{ outbox, log, takes: ({ ledger }) => ledger === applied.id },
    target: { footing: () => thread.ask('footing', []), put: (groups, term) => thread.ask('put', [groups, term]) },
  })
  const books = new ThreadBooks(thread, { settled: () => follower.settled(), close: () => follower.close() })
  const trail = trailOf(thread, follower)
  return { books, trail, id: applied.id, fedUpTo: 0, feed: () => undefined, joined: () => Promise.resolve(), failed: () => thread.failed ?? follower.failed }
}
