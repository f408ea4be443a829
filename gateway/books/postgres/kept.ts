/** The groups as they are kept in PostgreSQL, read in order with their chain made again; and the audit lines beside them. */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { type AuditAsk, type PlacedLine, type Stretch, StretchDigest } from '#contract'
import { auditIn, Beside, type OwnProof } from '../audit.ts'
import { connect, discard } from './connection.ts'
import { countOf, linesOf } from '../blobs.ts'
import { standingOf } from './writer.ts'

const GENESIS = '0'.repeat(64)
const GROUPS = 64
const ROWS = 2000

interface GroupRow {
  readonly sequence: bigint
  readonly hash: string
  readonly lines: number
  readonly body: Buffer
}

/** What is wrong with the chain is added to `broken`. */
export async function* keptGroups(client: pg.Client, s: string, broken: string[]): AsyncGenerator<{ sequence: number; lines: readonly string[] }> {
  let hash = GENESIS
  let last = 0
  for (;;) {
    const { rows } = await client.query<GroupRow>(`select sequence, hash, lines, body from ${s}.grp where sequence > $1 order by sequence limit $2`, [
      last,
      GROUPS,
    ])
    for (const { sequence, body, ...row } of rows) {
      if (countOf(sequence) !== last + 1) broken.push(`group ${last + 1} is not there`)
      const expected = createHash('sha256').update(hash).update(body).digest('hex')
      const lines = linesOf(body)
      if (row.hash !== expected || lines.length !== row.lines) broken.push(`group ${sequence} does not match its hash`)
      hash = row.hash
      last = countOf(sequence)
      yield { sequence: last, lines }
    }
    if (rows.length < GROUPS) break
  }
  const standing = await standingOf(client, s)
  if (standing.sequence !== last || (last > 0 && standing.hash !== hash)) {
    broken.push(`the chain ends with group ${last}, the books have read group ${standing.sequence} (${standing.hash.slice(0, 8)})`)
  }
}

/** On a view that does not move. */
export async function provenAudit(url: string, s: string): Promise<OwnProof> {
  const client = await connect(url, { use: 'proof' })
  try {
    await client.query('begin isolation level repeatable read read only')
    const standing = await standingOf(client, s)
    const rows = new AuditRows(client, s)
    const broken: string[] = []
    const beside = new Beside()
    let from = 1
    let chain: PlacedLine[] = []
    for await (const { sequence, lines } of keptGroups(client, s, broken)) {
      chain.push(...auditIn(lines, sequence))
      if (sequence < from + GROUPS) continue
      beside.block(chain, await rows.between(from, sequence))
      from = sequence + 1
      chain = []
    }
    beside.block(chain, await rows.between(from, Number.MAX_SAFE_INTEGER))
    const { sequence, hash } = standing
    return { sequence, hash, lines: beside.lines, groups: sequence, problems: [...broken.slice(0, 1), ...beside.problems] }
  } finally {
    discard(client)
  }
}

interface Row {
  readonly sequence: bigint
  readonly line: number
  readonly text: string
}

const placed = ({ sequence, line, text }: Row): PlacedLine => ({ sequence: countOf(sequence), line, text })

/** Rows by their place in the chain, found by owner and by action. */
export class AuditRows {
  readonly #client: Pick<pg.Client, 'query'>
  readonly #table: string

  constructor(client: Pick<pg.Client, 'query'>, schema: string) {
    this.#client = client
    this.#table = `${schema}.audit`
  }

  async tail({ limit, owner, action }: AuditAsk): Promise<readonly PlacedLine[]> {
    const wanted = [...(owner === undefined ? [] : ['owner = $2']), ...(action === undefined ? [] : [`action = $${owner === undefined ? 2 : 3}`])]
    const where = wanted.length === 0 ? '' : `where ${wanted.join(' and ')}`
    const values = [limit, ...[owner, action].filter((value) => value !== undefined)]
    const text = `select sequence, line, text from ${this.#table} ${where} order by sequence desc, line desc limit $1`
    return (await this.#client.query<Row>(text, values)).rows.map(placed).reverse()
  }

  async between(from: number, to: number): Promise<readonly PlacedLine[]> {
    const text = `select sequence, line, text from ${this.#table} where sequence between $1 and $2 order by sequence, line`
    return (await this.#client.query<Row>(text, [from, to])).rows.map(placed)
  }

  /** However many they are, so many are in memory at a time. */
  async stretch(from: number, to: number): Promise<Stretch> {
    const digest = new StretchDigest(from)
    const text = `select sequence, line, text from ${this.#table} where (sequence, line) > ($1, $2) and sequence <= $3 order by sequence, line limit $4`
    for (let after = { sequence: from - 1, line: LAST_LINE }; ; ) {
      const { rows } = await this.#client.query<Row>(text, [after.sequence, after.line, to, ROWS])
      for (const row of rows) digest.add(placed(row))
      const last = rows.at(-1)
      if (last === undefined) return digest.end(to)
      after = placed(last)
    }
  }
}

/** No group has so many lines. */
const LAST_LINE = 2_147_483_647
