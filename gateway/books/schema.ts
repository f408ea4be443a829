/** The embedded books' tables, and the ways to write a group of records in few statements. */
import type Database from 'libsql'
import type { Entry, TallyChange } from './postings.ts'

export const TABLES = `
create table if not exists meta (name text primary key, value text not null) strict, without rowid;
create table if not exists entry (
  id text primary key, at integer not null, month text not null, kind text not null,
  account text not null, amount integer not null, receipt text, postings text not null
) strict, without rowid;
create index if not exists entry_by_account on entry (account, at);
create table if not exists balance (account text not null, month text not null, amount integer not null, primary key (account, month)) strict, without rowid;
create table if not exists tally (
  month text not null, connection text not null, owner text not null, calls integer not null, units integer not null,
  own integer not null, wasted integer not null, revenue integer not null, platform integer not null,
  primary key (month, connection, owner)
) strict, without rowid;
create table if not exists intent (id text primary key, line text not null) strict, without rowid;
`

/** SQLite integers are 64 bits; JSON carries amounts as text, so that none passes through a float. */
const PUT_ENTRIES = `insert or ignore into entry
  select value->>0, value->>1, value->>2, value->>3, value->>4, cast(value->>5 as integer), value->>6, value->>7 from json_each(?)`
const PUT_BALANCE = `insert into balance values (?, ?, ?) on conflict do update set amount = amount + excluded.amount`
const PUT_TALLY = `insert into tally values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
  calls = calls + excluded.calls, units = units + excluded.units, own = own + excluded.own, wasted = wasted + excluded.wasted,
  revenue = revenue + excluded.revenue, platform = platform + excluded.platform`

export class Writer {
  readonly #entries: Database.Statement
  readonly #balance: Database.Statement
  readonly #tally: Database.Statement

  constructor(db: Database.Database) {
    this.#entries = db.prepare(PUT_ENTRIES)
    this.#balance = db.prepare(PUT_BALANCE)
    this.#tally = db.prepare(PUT_TALLY)
  }

  /** Within a transaction of the caller. */
  write(entries: readonly Entry[], tallies: readonly TallyChange[]): void {
    if (entries.length > 0) this.#entries.run(JSON.stringify(entries.map(rowOf)))
    for (const [key, amount] of balancesOf(entries)) {
      const [account = '', month = ''] = key.split('\n')
      this.#balance.run(account, month, amount)
    }
    for (const t of summed(tallies).values()) {
      this.#tally.run(t.month, t.connection, t.owner, t.calls, t.units, t.own, t.wasted, t.revenue, t.platform)
    }
  }
}

const rowOf = (e: Entry): unknown[] => [
  e.id,
  e.at,
  e.month,
  e.kind,
  e.account,
  e.amount.toString(),
  e.receipt ?? null,
  e.postings.map(({ account, amount }) => `${account} ${amount}`).join('\n'),
]

function balancesOf(entries: readonly Entry[]): Map<string, bigint> {
  const sums = new Map<string, bigint>()
  for (const { month, postings } of entries) {
    for (const { account, amount } of postings) {
      const key = `${account}\n${month}`
      sums.set(key, (sums.get(key) ?? 0n) + amount)
    }
  }
  return sums
}

function summed(changes: readonly TallyChange[]): Map<string, TallyChange> {
  const sums = new Map<string, TallyChange>()
  for (const change of changes) {
    const key = `${change.month}\n${change.connection}\n${change.owner}`
    const sum = sums.get(key)
    sums.set(key, sum === undefined ? change : plus(sum, change))
  }
  return sums
}

const plus = (a: TallyChange, b: TallyChange): TallyChange => ({
  ...a,
  calls: a.calls + b.calls,
  units: a.units + b.units,
  own: a.own + b.own,
  wasted: a.wasted + b.wasted,
  revenue: a.revenue + b.revenue,
  platform: a.platform + b.platform,
})
