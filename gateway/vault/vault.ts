/**
 * Credentials at rest. Every change is one new file in place of the old one, under a lock among all processes.
 * Nothing here prints a secret or says how long it is; what is decrypted is the caller's to clear.
 */
import { randomBytes } from 'node:crypto'
import { type EpochMs, type VaultAnswer, VaultError, type VaultLook, type VaultPlace } from '#contract'
import { codeOf, writeWhole } from './disk.ts'
import { close, type Envelope, KEY_BYTES, type MasterKey, masterKeyId, rewrap } from './envelope.ts'
import { withLock } from './lock.ts'
import { type Env, KeySource, pendingOf } from './master-key.ts'
import { type Opened, VaultReading } from './reading.ts'
import { unfitSecret } from './secret.ts'
import { type Kept, MOST_FILE_BYTES, NAME, printVault, type VaultFile, withSeal } from './vault-file.ts'

export type RekeyStep = 'prepare' | 'write' | 'promote' | 'done'

export interface VaultOptions extends VaultPlace {
  readonly env: Env
  readonly clock: { nowMs(): number }
  /** Told before each step of `rekey`. */
  readonly step?: (name: RekeyStep) => void
}

/** What may be shown of a credential. */
export interface VaultRow {
  readonly name: string
  readonly version: number
  readonly dataKey: string
  readonly masterKey: string
  readonly createdMs: EpochMs
  /** When this version was added. */
  readonly addedMs: EpochMs
}

export interface Rekeyed {
  readonly from: string
  readonly to: string
  readonly credentials: number
  /** Where the new key has to go before the next start; undefined where it is there already. */
  readonly toBeSetIn: string | undefined
}

type Draft = Omit<VaultFile, 'seal' | 'masterKey'>

const EMPTY: Draft = { writing: 0, entries: new Map(), removed: new Map() }

export class Vault {
  readonly #options: VaultOptions
  readonly #keys: KeySource
  readonly #reading: VaultReading

  /** Looks at nothing yet. */
  constructor(options: VaultOptions) {
    this.#options = options
    this.#keys = new KeySource(options, options.env)
    this.#reading = new VaultReading(options, this.#keys)
  }

  /** Every name gets an answer. @throws VaultError where the vault does not open at all */
  read(names: readonly string[]): Promise<ReadonlyMap<string, VaultAnswer>> {
    return this.#reading.answers(names)
  }

  /** Names, versions, keys and dates as the file says them; that nobody altered them is proven by whoever opens it. @throws VaultError */
  async rows(): Promise<readonly VaultRow[]> {
    const file = await this.#reading.load()
    if (file === undefined) return []
    return [...file.entries].map(([name, kept]) => rowOf(name, kept, file.masterKey)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** A key that a file is to hold is made before there is a vault, so that the first credential finds it. One from elsewhere is not asked for. @throws VaultError */
  async prepareKey(): Promise<void> {
    if (this.#keys.kind !== 'file') return
    await this.#locked(async () => {
      if ((await this.#reading.load()) === undefined) (await this.#keys.first()).clear()
    })
  }

  /** The secret stays the caller's. @throws VaultError */
  add(name: string, secret: Buffer): Promise<VaultRow> {
    return this.#put(name, secret, (known) => (known ? `the vault has ${name} already; replace it with: atlas connection rotate ${name}` : undefined))
  }

  /** The version before goes, its number stays. @throws VaultError */
  rotate(name: string, secret: Buffer): Promise<VaultRow> {
    return this.#put(name, secret, (known) => (known ? undefined : `the vault has no ${name}; add it with: atlas connection add ${name}`))
  }

  /** @throws VaultError */
  remove(name: string): Promise<VaultRow> {
    const check = ({ entries }: Draft): void => {
      if (!entries.has(name)) throw new VaultError(`the vault has no ${shortened(name)}; atlas connection list shows what it has`)
    }
    return this.#change(check, (file, key) => {
      const kept = file.entries.get(name) as Kept
      const entries = new Map(file.entries)
      entries.delete(name)
      return { draft: { ...file, entries, removed: new Map(file.removed).set(name, kept.version) }, value: rowOf(name, kept, key.id) }
    })
  }

  /**
   * Another master key: every data key is wrapped again, or made anew with `dataKeys`. Wherever the process ends, the vault opens with
   * the old key or with the new one, and each is where it is looked for until it is not needed. `newKey` is taken and cleared.
   * @throws VaultError
   */
  rekey({ newKey, dataKeys }: { readonly newKey?: Buffer; readonly dataKeys: boolean }): Promise<Rekeyed> {
    return this.#locked(async () => {
      const { kind, from: place } = this.#keys
      if (newKey === undefined && kind !== 'file')
        throw new VaultError(`the master key comes from ${place}, so the new one has to be given; expected ATLAS_NEW_MASTER_KEY or --new-key-file`)
      const before = await this.#reading.load()
      if (before === undefined) throw new VaultError(`there is no vault at ${this.#options.file} yet; atlas connection add NAME makes it`)
      const opened = await this.#reading.openWith(before)
      const { file, key } = opened
      let next: MasterKey | undefined
      try {
        await this.#settle(opened)
        const bytes = newKey ?? randomBytes(KEY_BYTES)
        if (masterKeyId(bytes) === key.id) throw new VaultError(`the new master key is the old one, ${key.id}; expected another`)
        this.#options.step?.('prepare')
        next = await this.#keys.prepare(bytes)
        const keys = { from: key, to: next }
        const entries = new Map([...file.entries].map(([name, kept]) => [name, { ...kept, ...this.#moved(name, kept, keys, dataKeys) }]))
        this.#options.step?.('write')
        await this.#write({ ...file, entries }, next)
        this.#options.step?.('promote')
        await this.#keys.promote()
        this.#options.step?.('done')
        return { from: key.id, to: next.id, credentials: entries.size, toBeSetIn: kind === 'file' ? undefined : place }
      } finally {
        key.clear()
        next?.clear()
      }
    })
  }

  #moved(name: string, kept: Kept, keys: { readonly from: MasterKey; readonly to: MasterKey }, dataKeys: boolean): Envelope {
    const owner = { name, version: kept.version }
    const moved = dataKeys ? undefined : rewrap(kept, owner, keys)
    if (moved !== undefined) return moved
    const secret = this.#reading.secretOf(name, kept, keys.from)
    try {
      return close(secret, owner, keys.to)
    } finally {
      secret.fill(0)
    }
  }

  async #put(name: string, secret: Buffer, against: (known: boolean) => string | undefined): Promise<VaultRow> {
    if (!NAME.test(name)) throw new VaultError(`${shortened(name)} is no name; expected letters, digits, dots, dashes and underscores, at most 64`)
    const unfit = unfitSecret(secret)
    if (unfit !== undefined) throw new VaultError(unfit)
    const check = ({ entries }: Draft): void => {
      const refused = against(entries.has(name))
      if (refused !== undefined) throw new VaultError(refused)
    }
    return this.#change(check, (file, key) => {
      const before = file.entries.get(name)
      const version = (before?.version ?? file.removed.get(name) ?? 0) + 1
      const added = new Date(this.#options.clock.nowMs()).toISOString()
      const kept: Kept = { version, created: before?.created ?? added, added, ...close(secret, { name, version }, key) }
      const removed = new Map(file.removed)
      removed.delete(name)
      return { draft: { ...file, entries: new Map(file.entries).set(name, kept), removed }, value: rowOf(name, kept, key.id) }
    })
  }

  /** Reads, changes and writes as one, with nobody in between. What cannot be done makes no key, either. */
  #change(check: (file: Draft) => void, work: (file: Draft, key: MasterKey) => { draft: Draft; value: VaultRow }): Promise<VaultRow> {
    return this.#locked(async () => {
      const before = await this.#reading.load()
      check(before ?? EMPTY)
      const opened = before === undefined ? undefined : await this.#reading.openWith(before)
      const key = opened?.key ?? (await this.#keys.first())
      try {
        if (opened !== undefined) await this.#settle(opened)
        const { draft, value } = work(opened?.file ?? EMPTY, key)
        await this.#write(draft, key)
        return value
      } finally {
        key.clear()
      }
    })
  }

  /** Nobody altered it; and a new key that an earlier run was ended with takes its place. */
  async #settle(opened: Opened): Promise<void> {
    this.#reading.prove(opened)
    if (opened.from === pendingOf(this.#options.keyFile)) await this.#keys.promote()
  }

  async #write(draft: Draft, key: MasterKey): Promise<void> {
    const text = printVault(withSeal({ ...draft, writing: draft.writing + 1 }, key))
    if (text.length > MOST_FILE_BYTES) throw new VaultError(`the vault would be larger than ${MOST_FILE_BYTES} bytes; remove what is not used`)
    await writeWhole(this.#options.file, text)
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    const { file } = this.#options
    const failed = (error: unknown): never => {
      const code = error instanceof VaultError ? '' : codeOf(error)
      if (!/^E[A-Z]+$/.test(code)) throw error
      throw new VaultError(`the vault ${file} cannot be written (${code}); nothing was changed`, { cause: error })
    }
    return withLock(`${file}.lock`, work).catch(failed)
  }
}

/** As an operator may have typed it. */
const shortened = (name: string): string => JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name)

const rowOf = (name: string, { version, created, added, data_key }: Kept, masterKey: string): VaultRow => ({
  ...{ name, version, dataKey: data_key.id, masterKey },
  ...{ createdMs: Date.parse(created) as EpochMs, addedMs: Date.parse(added) as EpochMs },
})

/** For whoever loads a configuration: opens the vault only where something refers to it. */
export const vaultLook =
  (env: Env): VaultLook =>
  async (place, names) => {
    try {
      return await new Vault({ ...place, env, clock: { nowMs: Date.now } }).read(names)
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      return new Map(names.map((name) => [name, { kind: 'missing', why: error.message }]))
    }
  }

/** For commands that need no secret: every name is taken as there, and nothing is opened. */
export const blindLook: VaultLook = async (_, names) => new Map(names.map((name) => [name, { kind: 'unread' }]))
