/** Intents and payouts that have not ended yet, in the embedded books' file; those written last are at hand. */
import type Database from 'libsql'
import { PassingMap } from '#contract'
import { countOf } from './blobs.ts'
import type { Changes, Pending } from './reading.ts'

/** A few kB each; what does not end is in the file alone. */
const BEGUN = 1000

export class Pendings {
  readonly #db: Database.Database
  /** Of the rows those written last: nearly all end within a moment. */
  readonly #begun = new PassingMap<Pending>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  /** Those of these that are there. */
  before(ids: readonly string[]): ReadonlyMap<string, Pending> {
    const found = new Map<string, Pending>()
    for (const id of ids) {
      const pending = this.#begun.get(id) ?? this.#read(id)
      if (pending !== undefined) found.set(id, pending)
    }
    return found
  }

  /** Within a transaction of the caller; where it fails, this has to be made anew. */
  write({ begun, ended }: Changes): void {
    if (begun.size > 0) {
      const put = this.#db.prepare('insert or replace into pending values (?, ?, ?, ?)')
      for (const [id, pending] of begun) {
        put.run(id, pending.text, pending.place.sequence, pending.place.line)
        if (this.#begun.size < BEGUN) this.#begun.set(id, pending)
      }
    }
    if (ended.length > 0) {
      const drop = this.#db.prepare('delete from pending where id = ?')
      for (const id of ended) {
        drop.run(id)
        this.#begun.delete(id)
      }
    }
  }

  #read(id: string): Pending | undefined {
    const row = this.#db.prepare('select text, sequence, line from pending where id = ?').get(id) as
      | { text: string; sequence: bigint; line: bigint }
      | undefined
    return row && { text: row.text, place: { sequence: countOf(row.sequence), line: countOf(row.line) } }
  }
}
