/** The audit lines in the embedded books' file: rows by their place in the chain, found by owner and by action. */
import type Database from 'libsql'
import { type AuditAsk, type PlacedLine, type Stretch, StretchDigest } from '#contract'
import { countOf } from './blobs.ts'

interface Row {
  readonly sequence: bigint
  readonly line: bigint
  readonly text: string
}

const placed = ({ sequence, line, text }: Row): PlacedLine => ({ sequence: countOf(sequence), line: countOf(line), text })

const BETWEEN = 'select sequence, line, text from audit where sequence between ? and ? order by sequence, line'

export class AuditRows {
  readonly #db: Database.Database

  constructor(db: Database.Database) {
    this.#db = db
  }

  tail({ limit, owner, action }: AuditAsk): readonly PlacedLine[] {
    const wanted = [...(owner === undefined ? [] : ['owner = ?']), ...(action === undefined ? [] : ['action = ?'])]
    const where = wanted.length === 0 ? '' : `where ${wanted.join(' and ')}`
    const values = [owner, action].filter((value) => value !== undefined)
    const rows = this.#db.prepare(`select sequence, line, text from audit ${where} order by sequence desc, line desc limit ?`).all(...values, limit)
    return (rows as Row[]).map(placed).reverse()
  }

  get count(): number {
    return countOf((this.#db.prepare('select count(*) as n from audit').get() as { n: bigint }).n)
  }

  between(from: number, to: number): readonly PlacedLine[] {
    return (this.#db.prepare(BETWEEN).all(from, to) as Row[]).map(placed)
  }

  /** However many they are, one is in memory at a time. */
  stretch(from: number, to: number): Stretch {
    const digest = new StretchDigest(from)
    for (const row of this.#db.prepare(BETWEEN).iterate(from, to) as Iterable<Row>) digest.add(placed(row))
    return digest.end(to)
  }
}
