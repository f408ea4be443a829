/** Keys of consumers and owners: made, rotated, revoked, listed. A key is shown once; what is kept is its hash. */
import { randomBytes } from 'node:crypto'
import { type AuditEntry, dollars, type EpochMs, formatUsd, type KeyRecord, sha256, type Usd } from '#contract'
import type { Ground } from '../ground/index.ts'
import type { AuditOffice } from './audit.ts'
import { OfficeError } from './error.ts'

export interface KeyRequest {
  readonly credits: Usd
  readonly owner?: string
  readonly capPerDay?: Usd
  readonly capPerMonth?: Usd
  readonly expiresInMs?: number
  readonly note?: string
}

export const iso = (atMs: number | undefined): string | null => (atMs === undefined ? null : new Date(atMs).toISOString())

const MOST_OF_A_WALLET = 10

export class KeyDesk {
  readonly #ground: Ground
  readonly #audit: AuditOffice

  constructor(ground: Ground, audit: AuditOffice) {
    this.#ground = ground
    this.#audit = audit
  }

  /** The key is in this answer and nowhere else. `actor`: the gateway hands out the sandbox's play key. */
  async create(request: KeyRequest, actor: 'admin' | 'gateway' = 'admin'): Promise<{ id: string; key: string; credits: string }> {
    const { owner, credits } = request
    if (owner !== undefined && !this.#ground.config.connections.some((connection) => connection.owner === owner)) {
      const owners = [...new Set(this.#ground.config.connections.map((connection) => connection.owner))].join(', ')
      throw new OfficeError(`no connection belongs to ${owner}; expected one of: ${owners}`)
    }
    const { key, id, hash } = newKey()
    const now = this.#ground.clock.nowMs()
    const act = { action: 'key.create', owner, subject: id, detail: describe(request) } as const
    await this.#ground.admin.createKey(
      {
        id,
        hash,
        role: owner === undefined ? 'consumer' : 'owner',
        credits,
        ...(owner === undefined ? {} : { owner }),
        ...(request.capPerDay === undefined ? {} : { capPerDay: request.capPerDay }),
        ...(request.capPerMonth === undefined ? {} : { capPerMonth: request.capPerMonth }),
        ...(request.expiresInMs === undefined ? {} : { expiresAtMs: (now + request.expiresInMs) as EpochMs }),
        ...(request.note === undefined ? {} : { note: request.note }),
      },
      actor === 'admin' ? this.#audit.act(act) : this.#audit.actOf(actor, act),
    )
    return { id, key, credits: formatUsd(credits) }
  }

  /** For the balance of a wallet that has signed in. The oldest beyond a few is revoked, so that nobody fills the store. */
  async createForWallet(account: string): Promise<{ id: string; key: string }> {
    const { admin, store } = this.#ground
    const { key, id, hash } = newKey()
    const before = store.keys.ofAccount(account)
    const made = this.#audit.actOf('consumer', { action: 'key.create', subject: id, detail: `${account} has signed in` })
    await admin.createKey({ id, hash, role: 'consumer', account, credits: 0n as Usd, note: 'signed in' }, made)
    const oldest = before.slice(0, Math.max(0, before.length + 1 - MOST_OF_A_WALLET))
    const ends = { action: 'key.revoke', detail: `${account} has newer ones` } as const
    await Promise.all(oldest.map((old) => admin.revokeKey(old.id, this.#audit.actOf('consumer', { ...ends, subject: old.id }))))
    return { id, key }
  }

  async revoke(id: string): Promise<{ id: string; revoked: true }> {
    const act = this.#audit.act({ action: 'key.revoke', owner: await this.#ownerOf(id), subject: id })
    if (!(await this.#ground.admin.revokeKey(id, act))) throw new OfficeError(`there is no key ${id}; atlas key list shows those there are`)
    return { id, revoked: true }
  }

  /** A new key for the same account; the old one ends in the same move. */
  async rotate(id: string): Promise<{ id: string; key: string; credits: string; replaces: string }> {
    const { key, ...fresh } = newKey()
    const act = this.#audit.act({ action: 'key.rotate', owner: await this.#ownerOf(id), subject: id, detail: `replaced by ${fresh.id}` })
    const rotated = await this.#ground.admin.rotateKey(id, fresh, act)
    if (rotated === undefined) throw new OfficeError(`there is no key ${id} that is valid; atlas key list shows those there are`)
    return { id: fresh.id, key, credits: formatUsd(await this.#ground.admin.balance(rotated.account)), replaces: id }
  }

  async list(): Promise<{ keys: readonly Record<string, unknown>[] }> {
    const keys = await this.#ground.admin.listKeys()
    return { keys: await Promise.all(keys.map((key) => this.#keyRow(key))) }
  }

  /** The newest ones, where there may be a million. */
  async latest(most: number): Promise<{ readonly keys: readonly Record<string, unknown>[]; readonly total: number }> {
    const all = await this.#ground.admin.listKeys()
    const newest = [...all].sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, most)
    return { keys: await Promise.all(newest.map((key) => this.#keyRow(key))), total: all.length }
  }

  /** Revokes what an earlier start of the sandbox handed out. */
  async revokeByNote(note: string): Promise<void> {
    const old = (await this.#ground.admin.listKeys(note)).filter((key) => key.revokedAtMs === undefined)
    const act = { action: 'key.revoke', detail: `it was the ${note}` } as const
    await Promise.all(old.map(({ id }) => this.#ground.admin.revokeKey(id, this.#audit.actOf('gateway', { ...act, subject: id }))))
  }

  /** Whose key it is, where it is an owner's. */
  async #ownerOf(id: string): Promise<string | undefined> {
    return (await this.#ground.admin.key(id))?.owner
  }

  async #keyRow(key: KeyRecord): Promise<Record<string, unknown>> {
    const expired = key.expiresAtMs !== undefined && key.expiresAtMs <= this.#ground.clock.nowMs()
    return {
      id: key.id,
      role: key.role,
      owner: key.owner ?? null,
      account: key.account,
      balance: formatUsd(await this.#ground.admin.balance(key.account)),
      cap_per_day: key.capPerDay === undefined ? null : formatUsd(key.capPerDay),
      cap_per_month: key.capPerMonth === undefined ? null : formatUsd(key.capPerMonth),
      state: key.revokedAtMs !== undefined ? 'revoked' : expired ? 'expired' : 'valid',
      created_at: iso(key.createdAtMs),
      expires_at: iso(key.expiresAtMs),
      note: key.note ?? null,
    }
  }
}

function describe({ credits, owner, capPerDay, capPerMonth, expiresInMs }: KeyRequest): string {
  const more = [
    capPerDay === undefined ? [] : [`at most ${dollars(capPerDay)} a day`],
    capPerMonth === undefined ? [] : [`at most ${dollars(capPerMonth)} a month`],
    expiresInMs === undefined ? [] : [`valid for ${expiresInMs / 1000} s`],
  ]
  return [owner === undefined ? `consumer, ${dollars(credits)} of credits` : `owner ${owner}`, ...more.flat()].join(', ')
}

/** The key is shown once; what is kept is its hash. */
export function newKey(): { readonly key: string; readonly id: string; readonly hash: string } {
  const key = `atlas_${randomBytes(32).toString('base64url')}`
  return { key, id: `k_${randomBytes(9).toString('hex')}`, hash: sha256(key) }
}

/** What the audit log says of a key that a purchase hands out. */
export const actOf = (action: 'key.create' | 'key.rotate', subject: string, ...said: readonly string[]): AuditEntry => ({
  ...{ action, actor: 'consumer', owner: undefined, subject, detail: said.join(', ') },
})
