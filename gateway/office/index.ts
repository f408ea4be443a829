/**
 * What operators ask of a gateway, running or not: keys, switches, status, reports. The JSON of `/api` and of `--json` is
 * made here; the doors only carry it.
 */
import { formatUsd, type LedgerCheck, type Log, type Month, type ReportRow, type Usd, type Vetted } from '#contract'
import type { Ground } from '../ground/index.ts'
import { AbuseDesk, type Suspects } from './abuse.ts'
import { type Act, AuditOffice, type By } from './audit.ts'
import { recordedCalls } from './calls.ts'
import { OfficeError } from './error.ts'
import { iso, KeyDesk } from './keys.ts'
import { isLedgerFormat, LEDGER_FORMATS, ledgerType, printLedger } from './ledger.ts'
import { type Health, Marketplace } from './marketplace.ts'
import { type PayoutRun, Payouts } from './payouts.ts'
import { figuresOf, NO_SALES, type Report } from './report.ts'
import { VaultDesk } from './vault.ts'

export type { By } from './audit.ts'
export { OfficeError } from './error.ts'
export type { Health } from './marketplace.ts'
export { Receipts, receiptsOf } from './receipts.ts'
export { PayoutSchedule } from './schedule.ts'
export { CreditDesk } from './credits.ts'

/** Text that may be longer than memory; bytes of it are UTF-8. */
export interface LongText {
  readonly type: string
  readonly text: AsyncIterable<string | Uint8Array>
}

interface Quality {
  readonly successRate: number | undefined
  readonly latencyMs: number | undefined
}

/** What only a running gateway knows, or all its workers. */
export interface Live {
  /** How a connection serves lately. */
  health(connection: string): Health | Promise<Health>
  /** Somebody says that all is well: it was enabled, or its credential rotated. */
  resume?(connection: string): void
  /** Networks and facilitators. */
  payments(): Promise<Record<string, unknown>>
  /** A new credential in the vault, under this name: the connections that have taken it. The bytes stay the caller's. */
  credential(entry: string, secret: Buffer): readonly string[]
  /** Scores of abuse. */
  readonly meters: Suspects | undefined
  /** How its calls went: 0 to 1, and a mean. */
  quality?(connection: string): Quality | Promise<Quality>
  /** Asks its provider, with one real call. */
  probe?(connection: string): Promise<Vetted>
  /** Takes the configuration as it stands in the file now. */
  reload?(): Promise<Reloaded>
  /** What that would change, of this text in place of the file. */
  diff?(text: string, file: string): Promise<object | Refused>
}

interface Refused {
  readonly taken: false
  readonly problems: readonly string[]
}

type Reloaded = { readonly taken: true } | Refused

const NOBODY: Live = {
  health: () => ({ health: 'unknown', lastFailure: undefined }),
  payments: async () => ({}),
  credential: () => [],
  meters: undefined,
}

export class Office {
  readonly audit: AuditOffice
  readonly keys: KeyDesk
  readonly marketplace: Marketplace
  readonly payouts: Payouts
  readonly vault: VaultDesk
  readonly abuse: AbuseDesk
  readonly #ground: Ground
  readonly #live: Live

  /** Without a gateway that runs, the ground alone answers. */
  constructor(ground: Ground, live: Live = NOBODY, by: By = 'from the command line') {
    this.#live = live
    this.#ground = ground
    this.audit = new AuditOffice(ground, by)
    this.keys = new KeyDesk(ground, this.audit)
    this.marketplace = new Marketplace(ground, live, this.audit)
    this.vault = new VaultDesk(ground, live, this.audit)
    this.abuse = new AbuseDesk(ground, live.meters, this.audit)
    const { books, admin, clock, chance, log, notices } = ground
    this.payouts = new Payouts({
      ...{ books, desk: admin.payouts, clock, chance, log, notices },
      get connections() {
        return ground.config.connections
      },
      get paying() {
        return ground.paying
      },
    })
  }

  get log(): Log {
    return this.#ground.log
  }

  async credits(account: string): Promise<Record<string, unknown>> {
    const entries = await this.#ground.books.statement(account, 100)
    return {
      balance: formatUsd(await this.#ground.admin.balance(account)),
      entries: entries.map(({ atMs, kind, amount, receipt }) => ({ at: iso(atMs), kind, amount: formatUsd(amount), receipt: receipt ?? null })),
    }
  }

  /** Networks, facilitators, and settlements whose outcome is not known yet, oldest first. */
  async x402(): Promise<Record<string, unknown>> {
    const { store, clock } = this.#ground
    const unknown = [...(await store.unknowns())].sort((a, b) => a.sinceMs - b.sinceMs)
    return {
      ...{ networks: [], facilitators: [], ...(await this.#live.payments()) },
      unknown: unknown.map(({ hold, buys, payment, sinceMs, price }) => ({
        ...{ receipt: hold, buys, network: payment.network, payer: payment.payer, nonce: payment.nonce, amount: formatUsd(price), since: iso(sinceMs) },
        ...{ age_seconds: Math.floor((clock.nowMs() - sinceMs) / 1000), valid_before: iso(payment.validBeforeMs) },
      })),
    }
  }

  // ---------------------------------------------------------------- the configuration

  /** @throws OfficeError with every complaint where it is refused: then the one before keeps serving */
  async reload(): Promise<object> {
    const reloaded = await (this.#live.reload?.() ?? this.#nobodyRuns())
    return reloaded.taken ? reloaded : this.#refused(reloaded)
  }

  /** @throws OfficeError with every complaint about the text */
  async diff(text: string, file: string): Promise<object> {
    const difference = await (this.#live.diff?.(text, file) ?? this.#nobodyRuns())
    return 'taken' in difference ? this.#refused(difference as Refused) : difference
  }

  #refused(refused: Refused): never {
    throw new OfficeError(refused.problems.join('\n'), refused as unknown as OfficeError['members'])
  }

  #nobodyRuns(): never {
    throw new OfficeError('no gateway runs; it takes the configuration when it is started')
  }

  // ---------------------------------------------------------------- ledger

  /** Everything is read again and proven; `ok` where every proof holds. */
  async verify(): Promise<{ ok: boolean; checks: readonly LedgerCheck[] }> {
    const { admin, books } = this.#ground
    const checks = await books.verify(async () => ({ balances: await admin.balances(), usage: await admin.usage() }))
    return { ok: checks.every(({ ok }) => ok), checks }
  }

  /** Every entry, oldest first. */
  exportLedger(format: string): LongText {
    if (!isLedgerFormat(format)) throw new OfficeError(`${format} is no format; expected one of ${LEDGER_FORMATS.join(', ')}`)
    return { type: ledgerType(format), text: printLedger(this.#ground.books.entries(), format) }
  }

  /** An entry is set right by another one that reverses it; nothing is ever edited. */
  async correct(entry: string, reason: string): Promise<{ id: string; reverses: string }> {
    if (reason === '') throw new OfficeError('a correction needs a reason; expected --reason TEXT')
    const found = await this.#ground.books.entry(entry)
    if (found === undefined) throw new OfficeError(`the ledger has no entry ${entry}; atlas ledger export shows those there are`)
    const id = `${entry}-correction`
    const postings = found.postings.map(({ account, amount }) => ({ account, amount: -amount as Usd }))
    const act = this.audit.act({ action: 'ledger.correct', subject: entry, detail: `reversed by ${id}: ${reason}` })
    await this.#ground.admin.correct({ id, reason, ref: entry, postings }, act)
    return { id, reverses: entry }
  }

  /** Asked for first, so that a run that dies is known, too; then what became of each payout, for its owner to see. */
  async pay(actor: 'admin' | 'gateway', signal?: AbortSignal): Promise<PayoutRun> {
    const say = (act: Omit<Act, 'action'>): Promise<void> =>
      this.#ground.audit.write(actor === 'admin' ? this.audit.act({ action: 'payout.run', ...act }) : this.audit.actOf(actor, { action: 'payout.run', ...act }))
    if (actor === 'admin') await say({ subject: 'payouts', detail: 'begun' })
    const run = await this.payouts.run(signal)
    for (const { owner, amount, state, to, transaction, detail } of run.payouts)
      await say({ owner, subject: transaction ?? to, detail: `$${amount} to ${to}: ${state}${detail === null ? '' : `, ${detail}`}` })
    return run
  }

  // ---------------------------------------------------------------- report

  /** What is recorded of calls since then. */
  calls(sinceMs: number): LongText {
    return recordedCalls(this.#ground, sinceMs)
  }

  async report(month: Month, owner: string | undefined): Promise<Report> {
    const rows = await this.#ground.books.report(month)
    const found = rows.filter(({ connection }) => connection !== '').map((row) => ({ ...row, cost: this.#costOf(row) }))
    for (const { name, owner: whose } of this.#ground.config.connections) {
      if (!rows.some((row) => row.connection === name && row.owner === whose))
        found.push({ ...NO_SALES, connection: name, owner: whose, cost: this.#costOf({ connection: name, owner: whose }) })
    }
    const shown = found.filter((row) => owner === undefined || row.owner === owner).sort((a, b) => (a.connection < b.connection ? -1 : 1))
    return { month, connections: shown.map((row) => ({ name: row.connection, owner: row.owner, ...figuresOf([row]) })), total: figuresOf(shown) }
  }

  /** Paid by whoever owns the connection now; a former owner's row bears nothing of it, so that no total has it twice. */
  #costOf({ connection, owner }: Pick<ReportRow, 'connection' | 'owner'>): bigint {
    return this.#ground.config.connections.find((one) => one.name === connection && one.owner === owner)?.subscriptionCost ?? 0n
  }
}
