/** The books beside a real store, joined as the gateway joins them, and groups of the journal by hand for books alone. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Books } from '#contract'
import { type OpenBooks, openBooks } from '../../gateway/books/index.ts'
import { openEmbedded } from '../../gateway/stores/index.ts'
import { connectionOf } from './acme.ts'
import { memoryFolder, type Teardown } from './folder.ts'
import { ScriptedClock } from './scripted.ts'

export type Fed = Parameters<OpenBooks['feed']>[0]

/** A group as the journal hands it over; its memory goes to the thread, so each is used once. */
export function groupOf(sequence: number, records: readonly object[], hash = `hash ${sequence}`): Fed {
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('')
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return { sequence, hash, bytes }
}

/** Books alone; closed with the test. */
export function booksAlone(t: Teardown, folder: string, mode: 'sandbox' | 'live' = 'sandbox'): OpenBooks {
  const opened = openBooks({ folder, mode, flushed: () => Promise.resolve() })
  t.teardown(() => opened.books.close())
  return opened
}

type Opened = ReturnType<typeof openEmbedded>

export interface Ledger extends Opened {
  readonly folder: string
  readonly clock: ScriptedClock
  readonly books: Books
  booksFailed(): Error | undefined
  close(): Promise<void>
  reopen(): Promise<Ledger>
}

export interface LedgerWish {
  readonly folder?: string
  readonly clock?: ScriptedClock
}

/** Store and books in one folder; closed with the test. */
export function openLedger(t: Teardown, { folder = join(memoryFolder(t), 'data'), clock = new ScriptedClock() }: LedgerWish = {}): Ledger {
  let flushed = (): Promise<void> => Promise.resolve()
  const ledger = openBooks({ folder, mode: 'sandbox', flushed: () => flushed() })
  const opened = openEmbedded({ folder, mode: 'sandbox', name: 'test', replayBytes: 2 ** 20, clock, onGroup: ledger.feed })
  flushed = opened.flushed
  opened.admin.configure([connectionOf('acme'), connectionOf('other', { owner: 'bob' })])
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= opened.store.close().then(() => ledger.books.close())
    return closed
  }
  t.teardown(close)
  // Whoever opens books of another journal by mistake fails here, loudly.
  void ledger.joined().catch(async (error: unknown) => {
    await close()
    throw error
  })
  return {
    ...{ ...opened, folder, clock, books: ledger.books, booksFailed: ledger.failed, close },
    reopen: async () => {
      await close()
      return openLedger(t, { folder, clock })
    },
  }
}

/** The books are lost, the journal is not. */
export function removeBooks(folder: string): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) if (name.startsWith('books.db')) rmSync(join(folder, name))
}
