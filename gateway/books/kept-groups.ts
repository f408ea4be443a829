/** The groups that the embedded books keep where they are made from an outbox; none where there is a journal. */
import type Database from 'libsql'
import type { KeptGroup, KeptGroups } from './call-pages.ts'
import { bytesOf, countOf } from './blobs.ts'

interface Row {
  readonly sequence: bigint
  readonly body: Uint8Array
}

export class KeptRows implements KeptGroups {
  readonly #db: Database.Database

  constructor(db: Database.Database) {
    this.#db = db
  }

  async after(sequence: number, count: number): Promise<readonly KeptGroup[]> {
    const rows = this.#db.prepare('select sequence, body from grp where sequence > ? order by sequence limit ?').all(sequence, count) as Row[]
    return rows.map((row) => ({ sequence: countOf(row.sequence), body: bytesOf(row.body) }))
  }

  async span(): Promise<{ readonly first: number; readonly last: number } | undefined> {
    const row = this.#db.prepare('select min(sequence) as first, max(sequence) as last from grp').get() as { first: bigint | null; last: bigint | null }
    return row.first === null || row.last === null ? undefined : { first: countOf(row.first), last: countOf(row.last) }
  }
}
