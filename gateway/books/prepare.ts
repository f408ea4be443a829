/** The file of the embedded books: made when it is not there, and only ever used in the mode in which it was made. */
import { mkdirSync } from 'node:fs'
import Database from 'libsql'
import type { ChargedCall } from '#contract'
import { TABLES } from './schema.ts'

export class BooksError extends Error {
  override name = 'BooksError'
}

/** What the books ask of the journal. */
export interface Source {
  /** Resolves when everything that was answered is with the books. */
  readonly flushed: () => Promise<void>
  readonly charged?: (receipt: string) => Promise<ChargedCall | undefined>
  /** Recomputes every hash. */
  readonly chain?: () => Promise<{ readonly ok: boolean; readonly detail: string }>
}

export interface BooksOptions extends Source {
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
}

/** The last group of the journal that the books have read; 0 for none. */
export interface Applied {
  readonly sequence: number
  readonly hash: string
}

/** Makes the tables and says up to which group the books have read. */
export function prepare(file: string, options: BooksOptions): Applied {
  try {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const db = new Database(file)
    db.exec('PRAGMA journal_mode=WAL')
    db.exec(TABLES)
    const meta = db.prepare('select value from meta where name = ?')
    const read = (name: string): string | undefined => (meta.get(name) as { value: string } | undefined)?.value
    const mode = read('mode')
    if (mode === undefined) db.prepare('insert into meta values (?, ?)').run('mode', options.mode)
    const applied = { sequence: Number.parseInt(read('sequence') ?? '0', 10), hash: read('hash') ?? '' }
    db.close()
    if (mode !== undefined && mode !== options.mode) {
      throw new BooksError(`the ledger ${file} was made in ${mode} mode, the configuration says ${options.mode}; choose another ledger.path`)
    }
    return applied
  } catch (cause) {
    if (cause instanceof BooksError) throw cause
    throw new BooksError(
      `the ledger ${file} cannot be used (${cause instanceof Error ? cause.message : cause}); choose another ledger.path or correct its permissions`,
      { cause },
    )
  }
}
