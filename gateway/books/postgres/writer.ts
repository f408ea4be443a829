/** Writes groups into the books: one statement, so one transaction and one round trip, whatever the number of groups and lines. */
import type pg from 'pg'
import { auditIn, wordsOf } from '../audit.ts'
import { Batch } from '../batch.ts'
import { Balances } from '../balances.ts'
import { countOf, linesOf } from '../blobs.ts'
import type { Entry } from '../postings.ts'
import { type Changes, changesOf, type Effect, endedElsewhere, type Pending, type Place, type Read, readLines } from '../reading.ts'
import type { FedGroup, Standing } from '../thread.ts'

/** Up to where the books have read, and how many entries they have. */
export type Counted = Standing & { readonly entries: number }

/** What ends with `expect` finding something else: an id that is there, or somebody else who wrote. */
const UNEXPECTED = 'AT001'

const applySql = (s: string): string => `
with doc as (select $1::json as d),
g as (
  insert into ${s}.grp (sequence, hash, lines, body)
  select sequence, hash, lines, substring($2::bytea from start for size)
  from json_to_recordset((select d->'groups' from doc)) as x(sequence bigint, hash text, lines integer, start integer, size integer)
),
e as (
  insert into ${s}.entry (n, id, at, kind, account, amount, receipt, postings, sequence, line, transaction)
  select $3::bigint + ordinality, id, at, kind, account, amount, receipt, postings, sequence, line, transaction
  from unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::integer[], $13::text[])
    with ordinality as x(id, at, kind, account, amount, receipt, postings, sequence, line, transaction, ordinality)
  on conflict (id) do nothing returning 1
),
a as (
  insert into ${s}.shown select account, $3::bigint + ordinal, amount
  from json_to_recordset((select d->'shown' from doc)) as x(account text, ordinal bigint, amount bigint)
),
b as (
  insert into ${s}.balance as old select account, month, amount
  from json_to_recordset((select d->'balances' from doc)) as x(account text, month text, amount bigint)
  on conflict (account, month) do update set amount = old.amount + excluded.amount
),
t as (
  insert into ${s}.tally as old select month, connection, owner, calls, units, own, wasted, revenue, platform
  from json_to_recordset((select d->'tallies' from doc))
    as x(month text, connection text, owner text, calls bigint, units bigint, own bigint, wasted bigint, revenue bigint, platform bigint)
  on conflict (month, connection, owner) do update set
    calls = old.calls + excluded.calls, units = old.units + excluded.units, own = old.own + excluded.own, wasted = old.wasted + excluded.wasted,
    revenue = old.revenue + excluded.revenue, platform = old.platform + excluded.platform
),
i as (
  insert into ${s}.pending select id, text, sequence, line
  from json_to_recordset((select d->'begun' from doc)) as x(id text, text text, sequence bigint, line integer)
),
u as (
  insert into ${s}.audit select sequence, line, action, owner, text
  from json_to_recordset((select d->'audit' from doc)) as x(sequence bigint, line integer, action text, owner text, text text)
),
k as (delete from ${s}.pending where id in (select json_array_elements_text(d->'ended') from doc)),
p as (
  update ${s}.place set sequence = $14, hash = $15, reached = $16, entries = entries + $17
  where sequence = $18 and hash = $19 and entries = $3 returning 1
)
select ${s}.expect((select count(*) from e), $17, 'new entries'), ${s}.expect((select count(*) from p), 1, 'places to write from')`

export class Writer {
  readonly #client: pg.Client
  readonly #schema: string
  readonly #apply: string

  constructor(client: pg.Client, schema: string) {
    this.#client = client
    this.#schema = schema
    this.#apply = applySql(schema)
  }

  async standing(): Promise<Counted> {
    return standingOf(this.#client, this.#schema)
  }

  /** Those of a number that is there already are left out. @throws Error, after which nothing of them is written or all is: ask for the standing */
  async write(groups: readonly FedGroup[], at: Counted): Promise<Counted> {
    const fresh = groups.filter(({ sequence }) => sequence > at.sequence)
    const last = fresh.at(-1)
    if (last === undefined) return at
    const bodies = fresh.map(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    const lines = bodies.map(linesOf)
    let next = at.sequence
    const reads: Read[] = []
    const audit: object[] = []
    for (const [index, { sequence }] of fresh.entries()) {
      next += 1
      if (sequence !== next) throw new Error(`group ${sequence} does not follow group ${next - 1}`)
      reads.push(...readLines(lines[index] ?? [], sequence))
      audit.push(...auditIn(lines[index] ?? [], sequence).map((row) => ({ ...row, ...wordsOf(row.text) })))
    }
    const { effects: byRead, begun, ended } = await this.#changes(reads)
    const effects = byRead.flat()
    const groupRows = rowsOf(fresh, bodies, lines)
    const write = async (all: readonly Effect[]): Promise<number> => {
      const { values, entries } = parameters(all, { groups: groupRows, audit, begun, ended }, at)
      const to = [last.sequence, last.hash, last.reached ?? at.reached, entries, at.sequence, at.hash]
      await this.#client.query({ name: 'apply', text: this.#apply, values: [values[0], Buffer.concat(bodies), ...values.slice(1), ...to] })
      return entries
    }
    const entries = await write(once(effects)).catch(async (error) => {
      if (!(error instanceof Error && 'code' in error && error.code === UNEXPECTED)) throw error
      return write(await this.#unknownOnly(effects))
    })
    return { sequence: last.sequence, hash: last.hash, reached: last.reached ?? at.reached, entries: at.entries + entries }
  }

  async #changes(reads: readonly Read[]): Promise<Changes> {
    const ids = endedElsewhere(reads)
    return changesOf(reads, ids.length === 0 ? new Map() : await this.#pending(ids))
  }

  async #pending(ids: readonly string[]): Promise<Map<string, Pending>> {
    const { rows } = await this.#client.query<{ id: string; text: string; sequence: bigint; line: number }>(
      `select id, text, sequence, line from ${this.#schema}.pending where id = any($1)`,
      [ids],
    )
    return new Map(rows.map(({ id, text, sequence, line }) => [id, { text, place: { sequence: countOf(sequence), line } }]))
  }

  /** An id that is in the books is there with all that belongs to it. */
  async #unknownOnly(effects: readonly Effect[]): Promise<readonly Effect[]> {
    const ids = effects.flatMap(({ entry }) => (entry === undefined ? [] : [entry.id]))
    const { rows } = await this.#client.query<{ id: string }>(`select id from ${this.#schema}.entry where id = any($1)`, [ids])
    const known = new Set(rows.map(({ id }) => id))
    return effects.filter(({ entry }) => entry === undefined || !known.has(entry.id))
  }
}

export async function standingOf(client: pg.Client | pg.Pool, s: string): Promise<Counted> {
  const { rows } = await client.query<{ sequence: bigint; hash: string; reached: string; entries: bigint }>(
    `select sequence, hash, reached, entries from ${s}.place`,
  )
  const [row] = rows
  if (row === undefined) throw new Error(`the ledger ${s} has lost its place`)
  return { ...row, sequence: countOf(row.sequence), entries: countOf(row.entries) }
}

function once(effects: readonly Effect[]): readonly Effect[] {
  const seen = new Set<string>()
  return effects.filter(({ entry }) => {
    if (entry === undefined) return true
    const isNew = !seen.has(entry.id)
    seen.add(entry.id)
    return isNew
  })
}

function rowsOf(groups: readonly FedGroup[], bodies: readonly Buffer[], lines: readonly (readonly string[])[]): readonly object[] {
  let start = 1
  return groups.map(({ sequence, hash }, index) => {
    const size = bodies[index]?.length ?? 0
    const row = { sequence, hash, lines: lines[index]?.length ?? 0, start, size }
    start += size
    return row
  })
}

const STATEMENT: ReadonlySet<string> = new Set(['credit', 'charge', 'refund', 'correction'])

const isShown = ({ account, kind }: Entry): boolean => STATEMENT.has(kind) && account !== ''

/** Parameters 1 and 3 to 13 of the statement. */
function parameters(
  effects: readonly Effect[],
  { groups, audit, begun, ended }: { groups: readonly object[]; audit: readonly object[]; begun: ReadonlyMap<string, Pending>; ended: readonly string[] },
  at: Counted,
): { values: readonly unknown[]; entries: number } {
  const batch = new Batch()
  const balances = new Balances()
  const rows: { entry: Entry; effect: Effect }[] = []
  const shown: object[] = []
  for (const effect of effects) {
    if (effect.tally !== undefined) batch.tally(effect.tally)
    if (effect.entry === undefined) continue
    rows.push({ entry: effect.entry, effect })
    for (const { account, amount } of effect.entry.postings) balances.add(effect.entry.month, account, amount)
    for (const { account, amount } of effect.also) shown.push({ account, ordinal: rows.length, amount: amount.toString() })
  }
  const doc = {
    ...{ groups, audit, shown, ended },
    balances: [...balances.rows()].map((row) => ({ ...row, amount: row.amount.toString() })),
    tallies: [...batch.tallies()].map((tally) => ({ ...tally, revenue: tally.revenue.toString(), platform: tally.platform.toString() })),
    begun: [...begun].map(([id, { text, place }]) => ({ id, text, ...place })),
  }
  const column = (value: (row: { entry: Entry; effect: Effect }) => string | undefined): string => arrayOf(rows.map(value))
  const placeOf = ({ effect }: { effect: Effect }): Place => effect.place
  const values = [
    JSON.stringify(doc),
    at.entries,
    column(({ entry }) => entry.id),
    column(({ entry }) => entry.at.toString()),
    column(({ entry, effect }) => (effect.charge !== undefined && entry.postings.length === 0 ? 'free' : entry.kind)),
    column(({ entry }) => (isShown(entry) ? entry.account : undefined)),
    column(({ entry }) => entry.amount.toString()),
    column(({ entry }) => entry.receipt),
    column(({ entry }) => packed(entry)),
    column((row) => placeOf(row).sequence.toString()),
    column((row) => placeOf(row).line.toString()),
    column(({ effect }) => effect.charge?.transaction),
  ]
  return { values, entries: rows.length }
}

/** An array as PostgreSQL reads it: made by hand, because it is the most of what is sent. */
function arrayOf(values: readonly (string | undefined)[]): string {
  let text = '{'
  for (const value of values) text += `${text === '{' ? '' : ','}${value === undefined ? 'NULL' : quoted(value)}`
  return `${text}}`
}

const PLAIN = /^[\w.:-]+$/

const quoted = (value: string): string => (PLAIN.test(value) && value !== 'NULL' && value !== 'null' ? value : `"${value.replace(/["\\]/g, '\\$&')}"`)

/** Account and amount of each posting, between tabs. */
const packed = ({ postings }: Entry): string => postings.map(({ account, amount }) => `${account}\t${amount}`).join('\t')
