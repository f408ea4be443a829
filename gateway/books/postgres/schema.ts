/** The tables of one gateway's books in PostgreSQL, and what has to be true of the server before they are used. */
import { createHash } from 'node:crypto'
import type pg from 'pg'
import { UnfitError } from '../unfit.ts'

const VERSION = '1'

export interface Wish {
  /** Of the gateway. */
  readonly name: string
  readonly mode: 'sandbox' | 'live'
  /** What the books are made from: groups of a journal, or lines of an outbox. Never both. */
  readonly kind: 'journal' | 'outbox'
  /** A server that may forget what it has confirmed is accepted. */
  readonly relaxed: boolean
}

/** One feeder at a time holds this advisory lock. */
export const lockOf = (schema: string): bigint => createHash('sha256').update(schema).digest().readBigInt64BE()

const tables = (s: string): string => `
create schema if not exists ${s};
create table if not exists ${s}.meta (name text primary key, value text not null);
-- Up to where the books have read: one row, changed in the transaction that writes what was read.
create table if not exists ${s}.place (
  one boolean primary key default true check (one), sequence bigint not null, hash text not null, reached text not null, entries bigint not null
);
insert into ${s}.place values (true, 0, '', '', 0) on conflict do nothing;
create table if not exists ${s}.grp (sequence bigint primary key, hash text not null, lines integer not null, body bytea not null);
-- n counts entries from 1 without gaps; sequence and line are the place of the record in grp. account is null where no statement shows it.
create table if not exists ${s}.entry (
  n bigint primary key, id text not null unique, at bigint not null, kind text not null, account text, amount bigint not null, receipt text,
  postings text not null, sequence bigint not null, line integer not null, transaction text
);
create index if not exists entry_of_account on ${s}.entry (account, n) where account is not null;
-- Entries in the statements of further accounts.
create table if not exists ${s}.shown (account text not null, n bigint not null, amount bigint not null, primary key (account, n));
create table if not exists ${s}.balance (account text not null, month text not null, amount bigint not null, primary key (account, month));
create table if not exists ${s}.tally (
  month text not null, connection text not null, owner text not null, calls bigint not null, units bigint not null,
  own bigint not null, wasted bigint not null, revenue bigint not null, platform bigint not null, primary key (month, connection, owner)
);
create table if not exists ${s}.pending (id text primary key, text text not null, sequence bigint not null, line integer not null);
-- Who did what, a row a line of grp; text as it was recorded.
create table if not exists ${s}.audit (
  sequence bigint not null, line integer not null, action text not null, owner text, text text not null, primary key (sequence, line)
);
create index if not exists audit_of_owner on ${s}.audit (owner, sequence, line) where owner is not null;
create index if not exists audit_of_action on ${s}.audit (action, sequence, line);
-- A statement that finds something else than it was written for is undone as a whole.
create or replace function ${s}.expect(actual bigint, expected bigint, what text) returns boolean language plpgsql as $$
begin
  if actual <> expected then raise exception '% %, expected %', actual, what, expected using errcode = 'AT001'; end if;
  return true;
end $$;
`

/** @throws UnfitError where the server or the books are not what they have to be */
export async function prepare(client: pg.Client, s: string, address: string, { mode, kind, relaxed }: Wish): Promise<void> {
  if (!relaxed) await demandDurability(client, address)
  // Two processes may start at once.
  await client.query('begin')
  try {
    await client.query('select pg_advisory_xact_lock($1)', [lockOf(`${s} made`).toString()])
    await client.query(tables(s))
    await client.query(`insert into ${s}.meta values ('mode', $1), ('kind', $2), ('version', $3) on conflict do nothing`, [mode, kind, VERSION])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
  const { rows } = await client.query<{ name: string; value: string }>(`select name, value from ${s}.meta`)
  const made = new Map(rows.map(({ name, value }) => [name, value]))
  const whose = `the ledger ${s} at ${address}`
  const remedy = 'choose another store.name or ledger.url'
  if (made.get('mode') !== mode) throw new UnfitError(`${whose} was made in ${made.get('mode')} mode, the configuration says ${mode}; ${remedy}`)
  if (made.get('kind') !== kind) {
    const from = (one: string | undefined): string => (one === 'outbox' ? 'a Redis store' : 'an embedded store')
    throw new UnfitError(`${whose} was made from ${from(made.get('kind'))}, the configuration has ${from(kind)}; ${remedy}`)
  }
  if (made.get('version') !== VERSION) throw new UnfitError(`${whose} has version ${made.get('version')}, expected ${VERSION}; ${remedy}`)
}

/** With either of them off, PostgreSQL forgets what it has confirmed when it is killed (measured: 112 of 257,000 rows). */
async function demandDurability(client: pg.Client, address: string): Promise<void> {
  for (const setting of ['synchronous_commit', 'fsync']) {
    const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [setting])
    if (rows[0]?.value !== 'off') continue
    throw new UnfitError(`the ledger at ${address} has ${setting} off and may forget what it has confirmed; set it to on, or write store.durability: relaxed`)
  }
}
