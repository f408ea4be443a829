/** Credentials in the vault: added, replaced, removed, listed; and the key that they are under. No answer of it holds one, or says how long it is. */
import { VaultError, walletKeyOf } from '#contract'
import type { Ground } from '../ground/index.ts'
import type { Act, AuditOffice } from './audit.ts'
import { OfficeError } from './error.ts'
import type { Live } from './index.ts'
import { iso } from './keys.ts'

type Row = Awaited<ReturnType<Ground['vault']['rows']>>[number]
type Shown = Record<string, unknown>

const DAY_MS = 86_400_000

export class VaultDesk {
  readonly #ground: Ground
  readonly #live: Pick<Live, 'credential'>
  readonly #audit: AuditOffice

  constructor(ground: Ground, live: Pick<Live, 'credential'>, audit: AuditOffice) {
    this.#audit = audit
    this.#ground = ground
    this.#live = live
  }

  async list(name: string | undefined): Promise<{ connections: readonly Shown[] }> {
    const rows = await said(() => this.#ground.vault.rows())
    const shown = rows.filter((row) => name === undefined || row.name === name)
    if (name !== undefined && shown.length === 0) throw new OfficeError(`the vault has no ${name}; add it with: atlas connection add ${name}`)
    return { connections: shown.map((row) => this.#shown(row)) }
  }

  /** When the credential of each connection was added or last replaced; of one that is not in the vault nobody knows. */
  async ages(): Promise<ReadonlyMap<string, number>> {
    const rows = new Map((await said(() => this.#ground.vault.rows())).map(({ name, addedMs }) => [name, addedMs]))
    return new Map(
      this.#ground.config.connections.flatMap(({ name, vaultEntry }) => {
        const addedMs = vaultEntry === undefined ? undefined : rows.get(vaultEntry)
        return addedMs === undefined ? [] : [[name, addedMs] as const]
      }),
    )
  }

  /** A gateway that runs takes it at once. The secret is the caller's to clear. */
  add(name: string, secret: Buffer): Promise<Shown> {
    return this.#put('connection.add', name, secret)
  }

  rotate(name: string, secret: Buffer): Promise<Shown> {
    return this.#put('connection.rotate', name, secret)
  }

  /** What is in use stays, unless `force` says otherwise: without it the gateway would not start. */
  async remove(name: string, { force }: { readonly force: boolean }): Promise<Shown> {
    const usedBy = this.#usedBy(name)
    if (usedBy.length > 0 && !force)
      throw new OfficeError(
        `${usedBy.join(', ')} of the configuration use${usedBy.length === 1 ? 's' : ''} vault:${name}; take it out there first, or say --force`,
      )
    const row = await said(() => this.#ground.vault.remove(name))
    await this.#noted('connection.remove', name, `version ${row.version} removed${force ? ', by force' : ''}`)
    return { ...this.#shown(row), removed: true }
  }

  /** Another master key; see the vault's `rekey`. `newKey` is taken and cleared. */
  async rekey(wish: { readonly newKey?: Buffer; readonly dataKeys: boolean }): Promise<Shown> {
    const { from, to, credentials, toBeSetIn } = await said(() => this.#ground.vault.rekey(wish)).finally(() => wish.newKey?.fill(0))
    const what = `${credentials} credential${credentials === 1 ? '' : 's'} ${wish.dataKeys ? 'encrypted with new data keys' : 'wrapped again'}`
    await this.#note({ action: 'vault.rotate', subject: to, detail: `master key ${from} replaced by ${to}; ${what}` })
    return { from, to, credentials, data_keys: wish.dataKeys, to_be_set_in: toBeSetIn ?? null }
  }

  async #put(action: 'connection.add' | 'connection.rotate', name: string, secret: Buffer): Promise<Shown> {
    if (this.#ground.config.payout?.signerEntry === name) checkWallet(name, secret)
    const { vault } = this.#ground
    const row = await said(() => (action === 'connection.add' ? vault.add(name, secret) : vault.rotate(name, secret)))
    const taken = this.#live.credential(name, secret)
    await this.#noted(action, name, `version ${row.version} under the data key ${row.dataKey}`)
    return { ...this.#shown(row), taken_by: taken }
  }

  /** After the act: what stands in the log has happened. */
  #note(act: Act): Promise<void> {
    return this.#ground.audit.write(this.#audit.act(act))
  }

  #noted(action: 'connection.add' | 'connection.rotate' | 'connection.remove', name: string, detail: string): Promise<void> {
    const owner = this.#ground.config.connections.find(({ vaultEntry }) => vaultEntry === name)?.owner
    return this.#note({ action, owner, subject: name, detail })
  }

  #usedBy(name: string): string[] {
    const { connections, payout, webhooks } = this.#ground.config
    const users = connections.filter(({ vaultEntry }) => vaultEntry === name).map((connection) => connection.name)
    if (payout?.signerEntry === name) users.push('payout.signer')
    for (const { name: of, notify } of connections) if (notify?.vaultEntry === name) users.push(`notify of ${of}`)
    if (webhooks.some(({ vaultEntry }) => vaultEntry === name)) users.push('webhooks')
    return users
  }

  #shown({ name, version, dataKey, masterKey, createdMs, addedMs }: Row): Shown {
    return {
      ...{ name, version, key_id: dataKey, master_key_id: masterKey, created_at: iso(createdMs), rotated_at: version === 1 ? null : iso(addedMs) },
      age_days: Math.max(0, Math.floor((this.#ground.clock.nowMs() - addedMs) / DAY_MS)),
      used_by: this.#usedBy(name),
    }
  }
}

function checkWallet(name: string, secret: Buffer): void {
  const key = walletKeyOf(secret)
  key?.fill(0)
  if (key === undefined) throw new OfficeError(`payout.signer uses vault:${name}, and this is no private key of a wallet; expected 64 hex digits`)
}

/** What the vault has against it is a sentence for the person who asked. */
async function said<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof VaultError ? new OfficeError(error.message, { cause: error }) : error
  }
}
