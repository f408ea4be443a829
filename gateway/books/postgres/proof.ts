/**
 * Reads all of the books again on a view that does not move: the chain from its stored lines, every entry from its record,
 * every balance from its postings. Nothing that stands in a table is believed because it stands there.
 */
import type pg from 'pg'
import { type LedgerCheck, type LedgerEntry, monthOf } from '#contract'
import { Balances } from '../balances.ts'
import type { Posting } from '../balanced.ts'
import { said } from '../proof.ts'
import { type Effect, effectsOf, type Pending, readLines } from '../reading.ts'
import { connect, discard } from './connection.ts'
import { keptGroups } from './kept.ts'
import { ENTRY_COLUMNS, type EntryRow, entryOf } from './reader.ts'

const ENTRIES = 2000

export async function proven(url: string, s: string): Promise<readonly LedgerCheck[]> {
  const client = await connect(url, { use: 'proof' })
  try {
    await client.query('begin isolation level repeatable read read only')
    return await new Proof(client, s).prove()
  } finally {
    discard(client)
  }
}

class Proof {
  readonly #client: pg.Client
  readonly #s: string
  readonly #broken: string[] = []
  readonly #unbalanced: string[] = []
  readonly #wrong: string[] = []
  readonly #balances = new Balances()
  readonly #tallies = new Map<string, bigint[]>()
  #groups = 0
  #entries = 0

  constructor(client: pg.Client, s: string) {
    this.#client = client
    this.#s = s
  }

  async prove(): Promise<readonly LedgerCheck[]> {
    await this.#reread()
    await this.#compareBalances()
    await this.#compareTallies()
    const accounts = new Set([...this.#balances.rows()].map(({ account }) => account))
    return [
      { check: 'entries sum to zero', ok: this.#unbalanced.length === 0, detail: said(this.#unbalanced, `${this.#entries} entries`) },
      { check: 'balances equal postings', ok: this.#wrong.length === 0, detail: said(this.#wrong, `${accounts.size} accounts, each entry as its record says`) },
      { check: 'the chain is whole', ok: this.#broken.length === 0, detail: said(this.#broken, `${this.#groups} groups`) },
    ]
  }

  /** Records in the order of the chain beside entries in the order of their numbers: the same order. */
  async #reread(): Promise<void> {
    const stored = this.#stored()
    const pending = new Map<string, Pending>()
    let next = await stored.next()
    for await (const { sequence, lines } of keptGroups(this.#client, this.#s, this.#broken)) {
      this.#groups = sequence
      for (const effect of this.#effects(lines, sequence, pending)) {
        const id = effect.entry?.id
        if (id !== undefined && next.value?.id !== id) {
          const n = await this.#numberOf(id)
          // The same record a second time changes nothing.
          if (n !== undefined && (next.value === undefined || n < next.value.n)) continue
          if (n === undefined) this.#wrong.push(`${id} is in the records and not in the books`)
          else for (; next.value !== undefined && next.value.n < n; next = await stored.next()) this.#stray(next.value)
        }
        this.#count(effect)
        if (id === undefined || next.value?.id !== id) continue
        this.#check(next.value, effect)
        next = await stored.next()
      }
    }
    for (; next.value !== undefined; next = await stored.next()) this.#stray(next.value)
  }

  async #numberOf(id: string): Promise<bigint | undefined> {
    const { rows } = await this.#client.query<{ n: bigint }>(`select n from ${this.#s}.entry where id = $1`, [id])
    return rows[0]?.n
  }

  #stray(entry: StoredEntry): void {
    this.#take(entry)
    this.#wrong.push(`${entry.id} is in the books and in no record`)
  }

  *#effects(lines: readonly string[], sequence: number, pending: Map<string, Pending>): Iterable<Effect> {
    try {
      yield* effectsOf(readLines(lines, sequence), pending)
    } catch (error) {
      this.#broken.push(`group ${sequence} cannot be read (${error instanceof Error ? error.message : error})`)
    }
  }

  #check(stored: StoredEntry, { entry }: Effect): void {
    this.#take(stored)
    const expected = entry?.postings ?? []
    if (textOf(stored.postings) !== textOf(expected))
      this.#wrong.push(`${stored.id} is posted as ${textOf(stored.postings)}, its record says ${textOf(expected)}`)
  }

  #take({ id, atMs, postings }: LedgerEntry): void {
    this.#entries += 1
    let sum = 0n
    for (const { account, amount } of postings) {
      sum += amount
      this.#balances.add(monthOf(atMs), account, amount)
    }
    if (sum !== 0n) this.#unbalanced.push(`${id} sums to ${sum}`)
  }

  #count({ tally }: Effect): void {
    if (tally === undefined) return
    const key = `${tally.month} ${tally.connection} of ${tally.owner}`
    const before = this.#tallies.get(key) ?? [0n, 0n, 0n, 0n, 0n, 0n]
    const change = [BigInt(tally.calls), BigInt(tally.units), BigInt(tally.own), BigInt(tally.wasted), tally.revenue, tally.platform]
    this.#tallies.set(
      key,
      before.map((sum, index) => sum + (change[index] ?? 0n)),
    )
  }

  async *#stored(): AsyncGenerator<StoredEntry, undefined> {
    let after = 0n
    for (;;) {
      const { rows } = await this.#client.query<EntryRow>(`select ${ENTRY_COLUMNS} from ${this.#s}.entry where n > $1 order by n limit $2`, [after, ENTRIES])
      for (const row of rows) yield { ...entryOf(row), n: row.n }
      const last = rows.at(-1)
      if (last === undefined) return undefined
      after = last.n
    }
  }

  async #compareBalances(): Promise<void> {
    const { rows } = await this.#client.query<{ key: string; amount: bigint }>(`select account || ' in ' || month as key, amount from ${this.#s}.balance`)
    const expected = new Map([...this.#balances.rows()].map(({ account, month, amount }) => [`${account} in ${month}`, amount]))
    for (const { key, amount } of rows) {
      const sum = expected.get(key) ?? 0n
      if (amount !== sum) this.#wrong.push(`${key} is ${amount}, its postings are ${sum}`)
      expected.delete(key)
    }
    for (const [key, sum] of expected) if (sum !== 0n) this.#wrong.push(`${key} has no balance, its postings are ${sum}`)
  }

  async #compareTallies(): Promise<void> {
    const { rows } = await this.#client.query<{ key: string; sums: string[] }>(
      `select month || ' ' || connection || ' of ' || owner as key, array[calls, units, own, wasted, revenue, platform]::text[] as sums from ${this.#s}.tally`,
    )
    const expected = new Map([...this.#tallies].map(([key, sums]) => [key, sums.join(' ')]))
    for (const { key, sums } of rows) {
      const said = expected.get(key) ?? '0 0 0 0 0 0'
      if (sums.join(' ') !== said) this.#wrong.push(`the report has ${sums.join(' ')} for ${key}, the records say ${said}`)
      expected.delete(key)
    }
    for (const [key, said] of expected) if (said !== '0 0 0 0 0 0') this.#wrong.push(`the report lacks ${key}, the records say ${said}`)
  }
}

type StoredEntry = LedgerEntry & { readonly n: bigint }

const textOf = (postings: readonly Posting[]): string => postings.map(({ account, amount }) => `${account} ${amount}`).join(', ')
