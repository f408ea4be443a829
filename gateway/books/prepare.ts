/** The file of the embedded books: made when it is not there, and only ever used in the mode and for the kind of store for which it was made. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import Database from 'libsql'
import { TABLES } from './schema.ts'
import { BooksError } from './unfit.ts'

export interface BooksFile {
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
}

/** The last group that the books have read; 0 for none. */
export interface Applied {
  readonly id: string
  readonly sequence: number
  readonly hash: string
}

const VERSION = '3'
/** Its pages stood in the order of accounts, or had a second index. */
const BEFORE = '2'
const FROM_BEFORE = `
  create table page_in_place (account text not null, sequence integer not null, lines text not null, primary key (account, sequence)) strict;
  insert into page_in_place select account, sequence, lines from page order by sequence, account;
  drop table page;
  alter table page_in_place rename to page;
  update meta set value = '${VERSION}' where name = 'version';
`
const STORES = { journal: 'an embedded store', outbox: 'a Redis store' }

/** Looks without making anything; what cannot be read is read in full later, and complained about then. */
export function appliedIn(file: string): number {
  if (!existsSync(file)) return 0
  try {
    const db = new Database(file, { readonly: true })
    const row = db.prepare("select value from meta where name = 'sequence'").get() as { value: string } | undefined
    db.close()
    return Number.parseInt(row?.value ?? '0', 10)
  } catch {
    return 0
  }
}

/** Makes the tables and says up to which group the books have read. @throws BooksError */
export function prepare(file: string, options: BooksFile, kind: 'journal' | 'outbox'): Applied {
  try {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    const db = new Database(file)
    db.exec('PRAGMA journal_mode=WAL')
    db.exec(TABLES)
    const meta = db.prepare('select value from meta where name = ?')
    const read = (name: string): string | undefined => (meta.get(name) as { value: string } | undefined)?.value
    const wanted = { mode: options.mode, kind, version: VERSION, id: randomBytes(8).toString('hex') }
    const isNew = read('mode') === undefined
    if (isNew) for (const [name, value] of Object.entries(wanted)) db.prepare('insert into meta values (?, ?)').run(name, value)
    if (read('mode') === options.mode && read('kind') === kind && read('version') === BEFORE) renew(db, read)
    const made = { mode: read('mode'), kind: read('kind'), version: read('version') }
    const applied = { id: read('id') ?? '', sequence: Number.parseInt(read('sequence') ?? '0', 10), hash: read('hash') ?? '' }
    db.close()
    if (made.mode !== options.mode) {
      throw new BooksError(`the ledger ${file} was made in ${made.mode} mode, the configuration says ${options.mode}; choose another ledger.path`)
    }
    if (made.version !== VERSION) {
      throw new BooksError(`the ledger ${file} was made by another version; choose another ledger.path, or remove ${file}* to have it made again`)
    }
    if (made.kind !== kind) {
      throw new BooksError(
        `the ledger ${file} was made from ${STORES[kind === 'journal' ? 'outbox' : 'journal']}, the configuration has ${STORES[kind]}; choose another ledger.path`,
      )
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

/** Another process may be at it. */
function renew(db: Database.Database, read: (name: string) => string | undefined): void {
  db.exec('PRAGMA busy_timeout=10000')
  db.transaction(() => {
    if (read('version') === BEFORE) db.exec(FROM_BEFORE)
  }).immediate()
}
