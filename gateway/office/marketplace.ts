/** Connections on sale: what they are checked for before, and how they stand. JSON shapes are those of CONTRACT section 4. */
import { type Connection, compareRatios, type EpochMs, formatUsd, ratio } from '#contract'
import type { Ground } from '../ground/index.ts'
import type { AuditOffice } from './audit.ts'
import { OfficeError } from './error.ts'
import type { Live } from './index.ts'
import { iso } from './keys.ts'

export interface Check {
  readonly check: string
  readonly result: 'ok' | 'failed' | 'cannot be known here'
  readonly detail: string
}

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
    const { health, lastFailure, pausedBecause, pausedUntilMs, pace } = this.#live.health(connection.name)
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
      paused_because: pausedBecause ?? null,
      paused_until: iso(pausedUntilMs),
      pace: pace ?? {},
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
      const { name, owner } = connection
      const isVetted = checks.every(({ result }) => result !== 'failed')
      const detail = `on sale, ${isVetted ? 'vetted' : 'not vetted'}${options.acceptRisk ? ', risk accepted' : ''}`
      const act = this.#audit.act({ action: 'connection.enable', owner, subject: name, detail })
      await this.#ground.admin.setEnabled(name, true, isVetted, act)
    }
    return { connections: await Promise.all(vetted.map(async ({ connection, checks }) => ({ ...(await this.#statusRow(connection)), checks }))) }
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
