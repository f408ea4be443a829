/** Opening the vault: the file, the key that it is under, the proof that nobody altered it, and the secrets in it. Needs no lock. */
import { type EpochMs, type VaultAnswer, VaultError, type VaultPlace } from '#contract'
import { codeOf, readIfThere } from './disk.ts'
import { MasterKey, open } from './envelope.ts'
import { keyBytesInFile, type KeyFound, type KeySource } from './master-key.ts'
import { isSealed, type Kept, MOST_FILE_BYTES, readVault, type VaultFile } from './vault-file.ts'

export interface Opened extends KeyFound {
  readonly file: VaultFile
}

/** The file may be replaced, and its key with it, between two looks. */
const LOOKS = 20
const RESTORE = 'restore it from a backup, or move it away and add its credentials again'

export class VaultReading {
  readonly #place: VaultPlace
  readonly #keys: KeySource

  constructor(place: VaultPlace, keys: KeySource) {
    this.#place = place
    this.#keys = keys
  }

  /** Undefined where nothing was ever put. @throws VaultError */
  async load(): Promise<VaultFile | undefined> {
    const { file } = this.#place
    let bytes: Buffer | undefined
    try {
      bytes = await readIfThere(file)
    } catch (error) {
      throw new VaultError(`the vault ${file} cannot be read (${codeOf(error)}); correct its permissions`, { cause: error })
    }
    if (bytes === undefined) return undefined
    if (bytes.length > MOST_FILE_BYTES) throw new VaultError(`the vault ${file} is larger than ${MOST_FILE_BYTES} bytes; expected what the gateway wrote`)
    return readVault(bytes.toString('utf8'), `the vault ${file}`)
  }

  /** With the key that it is under, for the caller to clear. @throws VaultError */
  async openWith(first: VaultFile): Promise<Opened> {
    let file = first
    for (let look = 0; ; look += 1) {
      const found = await this.#keys.found()
      const fits = found.find(({ key }) => key.id === file.masterKey)
      for (const { key } of found) if (key !== fits?.key) key.clear()
      if (fits !== undefined) return { file, ...fits }
      const now = await this.load()
      if (now === undefined || now.writing === file.writing || look === LOOKS) throw await this.#otherKey(file, found)
      file = now
    }
  }

  async #otherKey({ masterKey }: VaultFile, found: readonly KeyFound[]): Promise<VaultError> {
    const { file, keyFile } = this.#place
    const said = `the vault ${file} is under the master key ${masterKey}`
    if (found.length === 0) return new VaultError(`${said}, and there is no key at ${keyFile}; restore that file from a backup, or set ATLAS_MASTER_KEY`)
    const others = found.map(({ key, from }) => `${from} is key ${key.id}`).join(' and ')
    const remedy = (await this.#beside()) === masterKey ? `the key in ${keyFile} fits: use that one` : 'expected the key that it was put under'
    return new VaultError(`${said}, but ${others}; ${remedy}`)
  }

  /** A file's key that is not looked at, since another place comes before it. */
  async #beside(): Promise<string | undefined> {
    const bytes = this.#keys.kind === 'file' ? undefined : await keyBytesInFile(this.#place.keyFile).catch(() => undefined)
    if (bytes === undefined) return undefined
    const key = new MasterKey(bytes)
    key.clear()
    return key.id
  }

  /** Every name gets an answer. @throws VaultError where the vault does not open at all */
  async answers(names: readonly string[]): Promise<ReadonlyMap<string, VaultAnswer>> {
    const file = await this.load()
    if (file === undefined || !names.some((name) => file.entries.has(name))) return new Map(names.map((name) => [name, absent(name)]))
    const opened = await this.openWith(file)
    try {
      const whole = isSealed(opened.file, opened.key)
      return new Map(names.map((name) => [name, this.#answer(name, opened, whole)]))
    } finally {
      opened.key.clear()
    }
  }

  #answer(name: string, { file, key }: Opened, whole: boolean): VaultAnswer {
    const kept = file.entries.get(name)
    if (kept === undefined) return absent(name)
    const secret = open(kept, { name, version: kept.version }, key)
    if (secret !== undefined && whole) return { kind: 'found', secret, addedAtMs: Date.parse(kept.added) as EpochMs }
    secret?.fill(0)
    return { kind: 'missing', why: secret === undefined ? this.#altered(name, key.id) : this.#unsealed(key.id) }
  }

  /** @throws VaultError where anything in it is not as it was written */
  prove({ file, key }: Opened): void {
    if (!isSealed(file, key)) throw new VaultError(this.#unsealed(key.id))
  }

  /** For the caller to clear. @throws VaultError */
  secretOf(name: string, kept: Kept, key: MasterKey): Buffer {
    const secret = open(kept, { name, version: kept.version }, key)
    if (secret === undefined) throw new VaultError(this.#altered(name, key.id))
    return secret
  }

  #unsealed(keyId: string): string {
    return `the vault ${this.#place.file} was altered: its seal does not fit the master key ${keyId}; ${RESTORE}`
  }

  #altered(name: string, keyId: string): string {
    return `the credential of ${name} does not open with the master key ${keyId}: the vault ${this.#place.file} was altered after it was written; ${RESTORE}`
  }
}

const absent = (name: string): VaultAnswer => ({ kind: 'missing', why: `the vault has no ${name}; add it with: atlas connection add ${name}` })
