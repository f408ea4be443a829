/** The embedded books' tables, and how a batch is written into them. */
import type Database from 'libsql'
import type { PlacedLine } from '#contract'
import { wordsOf } from './audit.ts'
import type { Batch } from './batch.ts'
import type { Pages } from './pages.ts'

/**
 * A page holds the entries of one account from one batch: a row a batch and account, not a row a call. Its rows stand in the order in which
 * they come: in that of accounts (as in files of before) each of them would dirty blocks of its own. Only its two indexes are in other orders.
 */
export const TABLES = `
create table if not exists meta (name text primary key, value text not null) strict, without rowid;
create table if not exists page (account text not null, sequence integer not null, lines text not null, primary key (account, sequence)) strict;
create index if not exists page_in_order on page (sequence, account);
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

const PUT_PAGE = 'insert into page values (?, ?, ?)'
const PUT_BALANCE = 'insert into balance values (?, ?, ?) on conflict do update set amount = amount + excluded.amount'
const PUT_TALLY = `insert into tally values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
  calls = calls + excluded.calls, units = units + excluded.units, own = own + excluded.own, wasted = wasted + excluded.wasted,
  revenue = revenue + excluded.revenue, platform = platform + excluded.platform`

export class Writer {
  readonly #page: Database.Statement
  readonly #balance: Database.Statement
  readonly #tally: Database.Statement
  readonly #audit: Database.Statement

  constructor(db: Database.Database) {
    this.#page = db.prepare(PUT_PAGE)
    this.#balance = db.prepare(PUT_BALANCE)
    this.#tally = db.prepare(PUT_TALLY)
    this.#audit = db.prepare('insert into audit values (?, ?, ?, ?, ?)')
  }

  /** Within a transaction of the caller; `sequence` is that of the batch's last group. Amounts are bigint: SQLite's integers have 64 bits. */
  write(batch: Batch, pages: Pages, sequence: number): void {
    for (const { account, lines } of pages.rows()) this.#page.run([account, sequence, lines])
    for (const { account, month, amount } of batch.balances.rows()) this.#balance.run([account, month, amount])
    for (const t of batch.tallies()) this.#tally.run(t.month, t.connection, t.owner, t.calls, t.units, t.own, t.wasted, t.revenue, t.platform)
  }

  /** The same. */
  audit(lines: readonly PlacedLine[]): void {
    for (const { sequence, line, text } of lines) {
      const { action, owner } = wordsOf(text)
      this.#audit.run(sequence, line, action, owner ?? null, text)
    }
  }
}
