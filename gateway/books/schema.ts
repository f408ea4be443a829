/** The embedded books' tables, and how a booking is written into them. */
import type Database from 'libsql'
import { wordsOf } from './audit.ts'
import type { Booking } from './booking.ts'
import type { FedGroup } from './thread.ts'

/**
 * A page holds the entries of one account from one booking: a row a booking and account, not a row a call. Its rows stand in the order in
 * which they come, which is that of the chain: in that of accounts each of them would dirty blocks of its own. Only the index is.
 */
export const TABLES = `
create table if not exists meta (name text primary key, value text not null) strict, without rowid;
create table if not exists page (account text not null, sequence integer not null, lines text not null, primary key (account, sequence)) strict;
create table if not exists balance (account text not null, month text not null, amount integer not null, primary key (account, month)) strict, without rowid;
create table if not exists tally (
  month text not null, connection text not null, owner text not null, calls integer not null, units integer not null,
  own integer not null, wasted integer not null, revenue integer not null, platform integer not null,
  primary key (month, connection, owner)
) strict, without rowid;
-- Intents and payouts that have not ended yet, as they were recorded.
create table if not exists pending (id text primary key, text text not null, sequence integer not null, line integer not null) strict, without rowid;
-- Who did what, a row a line of the chain; text as it was recorded.
create table if not exists audit (sequence integer not null, line integer not null, action text not null, owner text, text text not null, primary key (sequence, line)) strict, without rowid;
create index if not exists audit_of_owner on audit (owner, sequence, line) where owner is not null;
create index if not exists audit_of_action on audit (action, sequence, line);
-- From an outbox, which is trimmed: the lines themselves, a row a group. charged names what was charged in it, a line each.
create table if not exists grp (sequence integer primary key, hash text not null, body blob not null) strict;
create table if not exists charged (sequence integer primary key, ids text not null) strict;
`

const ADD_UP = ' on conflict do update set amount = amount + excluded.amount'
const PUT_TALLY = `insert into tally values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
  calls = calls + excluded.calls, units = units + excluded.units, own = own + excluded.own, wasted = wasted + excluded.wasted,
  revenue = revenue + excluded.revenue, platform = platform + excluded.platform`

/** In one statement: the way through the driver costs as much as the row. */
const TOGETHER = 20

/** Rows of three values. */
class Rows {
  readonly #one: Database.Statement
  readonly #many: Database.Statement
  #values: unknown[] = []

  constructor(db: Database.Database, table: string, tail = '') {
    this.#one = db.prepare(`insert into ${table} values (?, ?, ?)${tail}`)
    this.#many = db.prepare(`insert into ${table} values ${Array<string>(TOGETHER).fill('(?, ?, ?)').join(', ')}${tail}`)
  }

  /** Nothing of what may have been put before is left. */
  begin(): void {
    this.#values = []
  }

  put(first: unknown, second: unknown, third: unknown): void {
    this.#values.push(first, second, third)
    if (this.#values.length < TOGETHER * 3) return
    this.#many.run(this.#values)
    this.#values = []
  }

  end(): void {
    for (let at = 0; at < this.#values.length; at += 3) this.#one.run(this.#values.slice(at, at + 3))
    this.#values = []
  }
}

export class Writer {
  readonly #pages: Rows
  readonly #balances: Rows
  readonly #tally: Database.Statement
  readonly #audit: Database.Statement
  readonly #group: Database.Statement
  readonly #charged: Database.Statement
  readonly #meta: Database.Statement

  constructor(db: Database.Database) {
    this.#pages = new Rows(db, 'page')
    this.#balances = new Rows(db, 'balance', ADD_UP)
    this.#tally = db.prepare(PUT_TALLY)
    this.#audit = db.prepare('insert into audit values (?, ?, ?, ?, ?)')
    this.#group = db.prepare('insert into grp values (?, ?, ?)')
    this.#charged = db.prepare('insert into charged values (?, ?)')
    this.#meta = db.prepare('insert or replace into meta values (?, ?)')
  }

  /** Within a transaction of the caller. Amounts are bigint: SQLite's integers have 64 bits. */
  write({ pages, batch, audit, kept }: Booking, last: Omit<FedGroup, 'bytes'>): void {
    this.#pages.begin()
    for (const { account, lines } of pages.rows()) this.#pages.put(account, last.sequence, lines)
    this.#pages.end()
    this.#balances.begin()
    for (const { account, month, amount } of batch.balances.rows()) this.#balances.put(account, month, amount)
    this.#balances.end()
    for (const t of batch.tallies()) this.#tally.run(t.month, t.connection, t.owner, t.calls, t.units, t.own, t.wasted, t.revenue, t.platform)
    for (const { sequence, line, text } of audit) {
      const { action, owner } = wordsOf(text)
      this.#audit.run(sequence, line, action, owner ?? null, text)
    }
    for (const { group, charged } of kept) {
      this.#group.run(group.sequence, group.hash, group.bytes)
      if (charged !== undefined) this.#charged.run(group.sequence, charged)
    }
    this.#meta.run('sequence', `${last.sequence}`)
    this.#meta.run('hash', last.hash)
    if (last.reached !== undefined) this.#meta.run('reached', last.reached)
  }
}
