/** Connections on sale: what they are checked for before, and how they stand. */
import { type Adapter, type Connection, type ConnectionCounters, type EpochMs, formatUsd, unwise } from '#contract'
import type { Ground } from '../ground/index.ts'
import type { AuditOffice } from './audit.ts'
import { OfficeError } from './error.ts'
import type { Live } from './index.ts'
import { iso } from './keys.ts'
import { type Check, checksOf, risksOf } from './vetting.ts'

export type { Check } from './vetting.ts'

interface Rows {
  readonly connections: readonly Record<string, unknown>[]
}

/** In a word, with the last reason where it fails. */
export interface Health {
  readonly health: string
  readonly lastFailure: string | undefined
  /** One sentence, and when it ends by itself, where that is known. */
  readonly pausedBecause?: string | undefined
  readonly pausedUntilMs?: EpochMs | undefined
  /** What its provider takes, as far as that was found out: by kind of operation. */
  readonly pace?: Readonly<Record<string, unknown>> | undefined
}

interface Vetting {
  readonly connection: Connection
  readonly checks: readonly Check[]
  /** Why it does not go on sale. */
  readonly refused: string | undefined
}

export class Marketplace {
  readonly #ground: Ground
  readonly #live: Live
  readonly #audit: AuditOffice

  constructor(ground: Ground, live: Live, audit: AuditOffice) {
    this.#ground = ground
    this.#live = live
    this.#audit = audit
  }

  async status(): Promise<Rows> {
    return { connections: await this.#rows(this.#ground.config.connections) }
  }

  #rows(connections: readonly Connection[]): Promise<readonly Record<string, unknown>[]> {
    return Promise.all(connections.map((connection) => this.#statusRow(connection)))
  }

  async #statusRow(connection: Connection): Promise<Record<string, unknown>> {
    const counters = await this.#ground.admin.counters(connection.name)
    const { health, lastFailure, pausedBecause, pausedUntilMs, pace } = await this.#live.health(connection.name)
    const { successRate, latencyMs } = (await this.#live.quality?.(connection.name)) ?? {}
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
      drift_percent: percentOf(counters.external, connection.quota),
      revenue: formatUsd(counters.revenue),
      resets_at: iso(counters.resetsAtMs),
      health,
      paused_because: pausedBecause ?? null,
      paused_until: iso(pausedUntilMs),
      pace: pace ?? {},
      last_failure: lastFailure ?? null,
      success_rate: successRate ?? null,
      latency_ms: latencyMs ?? null,
      warnings: this.#warnings(connection, counters, lastFailure),
    }
  }

  /** What the owner should know: of his settings, and of how things stand. */
  #warnings(connection: Connection, counters: ConnectionCounters, lastFailure: string | undefined): readonly string[] {
    const { name, quota } = connection
    const { external, sold, own, wasted } = counters
    const told = unwise(connection, this.#adapterOf(connection), this.#ground.clock.nowMs()).map(({ sentence }) => sentence)
    if (lastFailure === 'credential-refused') told.push(`the provider has refused the credential of ${name}`)
    if (external * 100 > quota * DRIFT_PERCENT)
      told.push(`the provider counts ${external} units of ${name} (${percentOf(external, quota)} % of its quota) that were not used through this gateway`)
    const used = sold + own + wasted + external
    if (used * 100 >= quota * LOW_PERCENT) told.push(`${used} of ${quota} units of ${name} are used`)
    return told
  }

  #adapterOf({ adapter }: Connection): Adapter {
    return this.#ground.config.adapters.get(adapter) as Adapter
  }

  /** Live mode refuses what owners regret, any mode a credential that the provider refuses, unless they say that they accept it. */
  async enable(names: readonly string[], options: { readonly acceptRisk: boolean }): Promise<Rows> {
    const connections = this.#named(names)
    if (this.#ground.config.mode === 'live' && !options.acceptRisk) {
      const risks = connections.flatMap(risksOf)
      if (risks.length > 0) throw new OfficeError(`${risks.join('; ')}; correct this, or say --accept-risk`)
    }
    const rows: Record<string, unknown>[] = []
    // One after the other: many probes at once could meet one provider's pace.
    for (const connection of connections) rows.push(await this.#enabled(await this.#vet(connection, options.acceptRisk), options.acceptRisk))
    return { connections: rows }
  }

  async #vet(connection: Connection, acceptRisk: boolean): Promise<Vetting> {
    const adapter = this.#adapterOf(connection)
    const others = this.#ground.config.connections.filter((one) => one.adapter === connection.adapter && one.name !== connection.name)
    const shown = await this.#live.probe?.(connection.name)
    const checks = checksOf({ connection, adapter, others, shown })
    const isRefused = !acceptRisk && checks.some(({ check, result }) => check === 'credential' && result === 'failed')
    const refused = `the provider refuses the credential of ${connection.name}; correct it, or say --accept-risk`
    return { connection, checks, refused: isRefused ? refused : undefined }
  }

  /** A connection that is refused stays as it was, unvetted. */
  async #enabled({ connection, checks, refused }: Vetting, acceptRisk: boolean): Promise<Record<string, unknown>> {
    const { admin } = this.#ground
    const { name, owner } = connection
    const vetted = checks.every(({ result }) => result !== 'failed')
    const enabled = refused === undefined || (await admin.counters(name)).enabled
    const how = refused === undefined ? 'on sale' : `refused, ${enabled ? 'still on' : 'not on'} sale`
    const detail = `${how}, ${vetted ? 'vetted' : 'not vetted'}${acceptRisk ? ', risk accepted' : ''}`
    await admin.setEnabled(name, enabled, vetted, this.#audit.act({ action: 'connection.enable', owner, subject: name, detail }))
    if (refused === undefined) this.#live.resume?.(name)
    return { ...(await this.#statusRow(connection)), checks, refused: refused ?? null }
  }

  async disable(names: readonly string[]): Promise<Rows> {
    const connections = this.#named(names)
    for (const { name, owner } of connections) {
      const act = this.#audit.act({ action: 'connection.disable', owner, subject: name, detail: 'off sale' })
      await this.#ground.admin.setEnabled(name, false, (await this.#ground.admin.counters(name)).vetted, act)
    }
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
}

const DRIFT_PERCENT = 2
const LOW_PERCENT = 80

/** With one decimal. */
const percentOf = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((part * 1000) / whole) / 10)
