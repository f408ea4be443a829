/**
 * What operators ask of a gateway, running or not: keys, switches, status, reports. JSON shapes are those of CONTRACT
 * section 4; the doors only carry them.
 */
import { randomBytes } from 'node:crypto'
import { type Connection, compareRatios, type EpochMs, formatUsd, type KeyRecord, type Month, ratio, type ReportRow, sha256, type Usd } from '#contract'
import type { Ground } from '../gateway.ts'
import { NO_SALES, printed, type Report, reportRow, sumOf } from './report.ts'

export { estimate, PlanError } from './report.ts'

/** One sentence for the person who asked. */
export class OfficeError extends Error {
  override name = 'OfficeError'
}

export interface KeyRequest {
  readonly credits: Usd
  readonly owner?: string
  readonly capPerDay?: Usd
  readonly expiresInMs?: number
  readonly note?: string
}

export interface Check {
  readonly check: string
  readonly result: 'ok' | 'failed' | 'cannot be known here'
  readonly detail: string
}

export type Health = (connection: string) => { readonly health: string; readonly lastFailure: string | undefined }

const iso = (atMs: number | undefined): string | null => (atMs === undefined ? null : new Date(atMs).toISOString())

export class Office {
  readonly #ground: Ground
  readonly #health: Health

  constructor(ground: Ground, health: Health = () => ({ health: 'unknown', lastFailure: undefined })) {
    this.#ground = ground
    this.#health = health
  }

  // ---------------------------------------------------------------- keys

  /** The key is in this answer and nowhere else. */
  async createKey(request: KeyRequest): Promise<{ id: string; key: string; credits: string }> {
    const { owner, credits } = request
    if (owner !== undefined && !this.#ground.config.connections.some((connection) => connection.owner === owner)) {
      const owners = [...new Set(this.#ground.config.connections.map((connection) => connection.owner))].join(', ')
      throw new OfficeError(`no connection belongs to ${owner}; expected one of: ${owners}`)
    }
    const key = `atlas_${randomBytes(32).toString('base64url')}`
    const id = `k_${randomBytes(9).toString('hex')}`
    const now = this.#ground.clock.nowMs()
    await this.#ground.admin.createKey({
      id,
      hash: sha256(key),
      role: owner === undefined ? 'consumer' : 'owner',
      credits,
      ...(owner === undefined ? {} : { owner }),
      ...(request.capPerDay === undefined ? {} : { capPerDay: request.capPerDay }),
      ...(request.expiresInMs === undefined ? {} : { expiresAtMs: (now + request.expiresInMs) as EpochMs }),
      ...(request.note === undefined ? {} : { note: request.note }),
    })
    return { id, key, credits: formatUsd(credits) }
  }

  async revokeKey(id: string): Promise<{ id: string; revoked: true }> {
    if (!(await this.#ground.admin.revokeKey(id))) throw new OfficeError(`there is no key ${id}; atlas key list shows those there are`)
    return { id, revoked: true }
  }

  listKeys(): { keys: readonly Record<string, unknown>[] } {
    return { keys: this.#ground.admin.listKeys().map((key) => this.#keyRow(key)) }
  }

  /** Revokes what an earlier start of the sandbox handed out. */
  async revokeByNote(note: string): Promise<void> {
    const old = this.#ground.admin.listKeys().filter((key) => key.note === note && key.revokedAtMs === undefined)
    await Promise.all(old.map(({ id }) => this.#ground.admin.revokeKey(id)))
  }

  #keyRow(key: KeyRecord): Record<string, unknown> {
    const expired = key.expiresAtMs !== undefined && key.expiresAtMs <= this.#ground.clock.nowMs()
    return {
      id: key.id,
      role: key.role,
      owner: key.owner ?? null,
      balance: formatUsd(this.#ground.admin.balance(key.account)),
      cap_per_day: key.capPerDay === undefined ? null : formatUsd(key.capPerDay),
      state: key.revokedAtMs !== undefined ? 'revoked' : expired ? 'expired' : 'valid',
      created_at: iso(key.createdAtMs),
      expires_at: iso(key.expiresAtMs),
      note: key.note ?? null,
    }
  }

  async credits(account: string): Promise<Record<string, unknown>> {
    const entries = await this.#ground.books.statement(account, 100)
    return {
      balance: formatUsd(this.#ground.admin.balance(account)),
      entries: entries.map(({ atMs, kind, amount, receipt }) => ({ at: iso(atMs), kind, amount: formatUsd(amount), receipt: receipt ?? null })),
    }
  }

  // ---------------------------------------------------------------- marketplace

  status(): { connections: readonly Record<string, unknown>[] } {
    return { connections: this.#ground.config.connections.map((connection) => this.#statusRow(connection)) }
  }

  #statusRow(connection: Connection): Record<string, unknown> {
    const counters = this.#ground.admin.counters(connection.name)
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
  async enable(names: readonly string[], options: { readonly acceptRisk: boolean }): Promise<{ connections: readonly Record<string, unknown>[] }> {
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
    return { connections: vetted.map(({ connection, checks }) => ({ ...this.#statusRow(connection), checks })) }
  }

  async disable(names: readonly string[]): Promise<{ connections: readonly Record<string, unknown>[] }> {
    const connections = this.#named(names)
    for (const { name } of connections) await this.#ground.admin.setEnabled(name, false, this.#ground.admin.counters(name).vetted)
    return { connections: connections.map((connection) => this.#statusRow(connection)) }
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
