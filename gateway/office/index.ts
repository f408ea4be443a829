/**
 * What operators ask of a gateway, running or not: keys, switches, status, reports. JSON shapes are those of CONTRACT
 * section 4; the doors only carry them.
 */
import { type Connection, compareRatios, formatUsd, type LedgerCheck, type Month, ratio, type ReportRow, type Usd } from '#contract'
import type { Ground } from '../ground.ts'
import { OfficeError } from './error.ts'
import { iso, KeyDesk } from './keys.ts'
import { isLedgerFormat, LEDGER_FORMATS, ledgerType, printLedger } from './ledger.ts'
import { Payouts } from './payouts.ts'
import { NO_SALES, printed, type Report, reportRow, sumOf } from './report.ts'

export { OfficeError } from './error.ts'
export { JWKS_PATH, type PageAsk, Receipts } from './receipts.ts'
export { PayoutSchedule } from './schedule.ts'
export type { KeyRequest } from './keys.ts'
export { CreditDesk, type CreditsAsk } from './credits.ts'
export { estimate, PlanError } from './report.ts'

export interface Check {
  readonly check: string
  readonly result: 'ok' | 'failed' | 'cannot be known here'
  readonly detail: string
}

/** Text that may be longer than memory. */
export interface LongText {
  readonly type: string
  readonly text: AsyncIterable<string>
}

interface Rows {
  readonly connections: readonly Record<string, unknown>[]
}

export type Health = (connection: string) => { readonly health: string; readonly lastFailure: string | undefined }

/** What is known of networks and facilitators; nothing where no gateway runs. */
type Payments = () => Promise<Record<string, unknown>>

export class Office {
  readonly keys: KeyDesk
  readonly payouts: Payouts
  readonly #ground: Ground
  readonly #health: Health
  readonly #payments: Payments

  constructor(ground: Ground, health: Health = () => ({ health: 'unknown', lastFailure: undefined }), payments: Payments = async () => ({})) {
    this.#payments = payments
    this.#ground = ground
    this.keys = new KeyDesk(ground)
    const { books, admin, config, clock, chance, log, paying } = ground
    this.payouts = new Payouts({ books, desk: admin.payouts, connections: config.connections, clock, chance, log, paying })
    this.#health = health
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
      ...{ networks: [], facilitators: [], ...(await this.#payments()) },
      unknown: unknown.map(({ hold, buys, payment, sinceMs, price }) => ({
        ...{ receipt: hold, buys, network: payment.network, payer: payment.payer, nonce: payment.nonce, amount: formatUsd(price), since: iso(sinceMs) },
        ...{ age_seconds: Math.floor((clock.nowMs() - sinceMs) / 1000), valid_before: iso(payment.validBeforeMs) },
      })),
    }
  }

  // ---------------------------------------------------------------- marketplace

  async status(): Promise<Rows> {
    return { connections: await this.#rows(this.#ground.config.connections) }
  }

  #rows(connections: readonly Connection[]): Promise<readonly Record<string, unknown>[]> {
    return Promise.all(connections.map((connection) => this.#statusRow(connection)))
  }

  async #statusRow(connection: Connection): Promise<Record<string, unknown>> {
    const counters = await this.#ground.admin.counters(connection.name)
    const { health, lastFailure } = this.#health(connection.name)
    return {
      name: connection.name,
      adapter: connection.adapter,
      owner: connection.owner,
      enabled: counters.enabled,
      vetted: counters.vetted,
      quota: connection.quota,
      reserved: connection.reserved,
      sold_units: counters.sold,
      own_units: counters.own,
      wasted_units: counters.wasted,
      external_units: counters.external,
      units_left: counters.left,
      revenue: formatUsd(counters.revenue),
      resets_at: iso(counters.resetsAtMs),
      health,
      paused_because: null,
      last_failure: lastFailure ?? null,
    }
  }

  /** Live mode refuses what owners regret, unless they say that they accept it. */
  async enable(names: readonly string[], options: { readonly acceptRisk: boolean }): Promise<Rows> {
    const connections = this.#named(names)
    const vetted = connections.map((connection) => ({ connection, checks: checksOf(connection) }))
    if (this.#ground.config.mode === 'live' && !options.acceptRisk) {
      const risks = connections.flatMap(risksOf)
      if (risks.length > 0) throw new OfficeError(`${risks.join('; ')}; correct this, or say --accept-risk`)
    }
    for (const { connection, checks } of vetted) {
      await this.#ground.admin.setEnabled(
        connection.name,
        true,
        checks.every(({ result }) => result !== 'failed'),
      )
    }
    return { connections: await Promise.all(vetted.map(async ({ connection, checks }) => ({ ...(await this.#statusRow(connection)), checks }))) }
  }

  async disable(names: readonly string[]): Promise<Rows> {
    const connections = this.#named(names)
    for (const { name } of connections) await this.#ground.admin.setEnabled(name, false, (await this.#ground.admin.counters(name)).vetted)
    return { connections: await this.#rows(connections) }
  }

  /** No name means all. */
  #named(names: readonly string[]): readonly Connection[] {
    const all = this.#ground.config.connections
    for (const name of names) {
      if (!all.some((connection) => connection.name === name))
        throw new OfficeError(`there is no connection ${name}; expected one of: ${all.map((one) => one.name).join(', ')}`)
    }
    return names.length === 0 ? all : all.filter(({ name }) => names.includes(name))
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
    await this.#ground.admin.correct({ id, reason, ref: entry, postings })
    return { id, reverses: entry }
  }

  // ---------------------------------------------------------------- report

  async report(month: Month, owner: string | undefined): Promise<Report> {
    const rows = await this.#ground.books.report(month)
    const found = rows.filter(({ connection }) => connection !== '').map((row) => reportRow(row, this.#costOf(row)))
    for (const { name, owner: whose } of this.#ground.config.connections) {
      if (!rows.some((row) => row.connection === name && row.owner === whose))
        found.push(reportRow({ ...NO_SALES, connection: name, owner: whose }, this.#costOf({ connection: name, owner: whose })))
    }
    const shown = found.filter((row) => owner === undefined || row.owner === owner).sort((a, b) => (a.name < b.name ? -1 : 1))
    return { month, connections: shown.map(printed), total: printed(sumOf(shown)) }
  }

  /** Paid by whoever owns the connection now; a former owner's row bears nothing of it, so that no total has it twice. */
  #costOf({ connection, owner }: Pick<ReportRow, 'connection' | 'owner'>): bigint {
    return this.#ground.config.connections.find((one) => one.name === connection && one.owner === owner)?.subscriptionCost ?? 0n
  }
}

const HIGH_MARKUP = ratio(10n, 1n)

function risksOf(connection: Connection): string[] {
  const risks: string[] = []
  if (connection.reserved === 0) risks.push(`${connection.name} keeps no reserve for its owner`)
  if (compareRatios(connection.markup, HIGH_MARKUP) > 0) risks.push(`${connection.name} has a markup above 10x`)
  return risks
}

function checksOf(connection: Connection): readonly Check[] {
  const risks = risksOf(connection)
  const terms = connection.terms === 'unstated' ? 'only operations that are allowed without asking are sold' : 'stated by the owner'
  return [
    { check: 'reserve', result: connection.reserved > 0 ? 'ok' : 'failed', detail: `${connection.reserved} of ${connection.quota} units` },
    { check: 'markup', result: risks.some((risk) => risk.includes('markup')) ? 'failed' : 'ok', detail: `a unit sells at $${formatUsd(connection.unitPrice)}` },
    { check: 'terms', result: 'ok', detail: terms },
    { check: 'credential', result: 'cannot be known here', detail: 'no probe is made by this version' },
    { check: 'quota', result: 'cannot be known here', detail: "the provider's own counter is not asked by this version" },
  ]
}
