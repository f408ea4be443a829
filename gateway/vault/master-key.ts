/**
 * Where the master key comes from: ATLAS_MASTER_KEY, else the command that prints it, else a file that is made when first needed.
 * One place only; what is written nowhere may stand beside (the file by default), and is then not looked at.
 */
import { randomBytes } from 'node:crypto'
import { constants, type FileHandle, open } from 'node:fs/promises'
import { bytesOfHex, hexOfBytes, VaultError, type VaultPlace } from '#contract'
import { outputOf } from './command.ts'
import { codeOf, renameDurably, writeWhole } from './disk.ts'
import { KEY_BYTES, MasterKey } from './envelope.ts'

export type Env = Readonly<Record<string, string | undefined>>

const VARIABLE = 'ATLAS_MASTER_KEY'
const MOST_KEY_FILE_BYTES = 1024
const OTHERS = 0o077

export interface KeyFound {
  readonly key: MasterKey
  /** How the place is called to the operator. */
  readonly from: string
}

/** The new key of a file while the vault is not under it yet, or the old one has not gone yet. */
export const pendingOf = (keyFile: string): string => `${keyFile}.next`

/** 64 hex digits, and one line break that an editor or a shell puts at the end. The characters are cleared. @throws VaultError */
export function masterKeyBytes(characters: Buffer, from: string): Buffer {
  const end = characters.at(-1) !== 0x0a ? characters.length : characters.at(-2) === 0x0d ? characters.length - 2 : characters.length - 1
  const bytes = bytesOfHex(characters.subarray(0, end), KEY_BYTES)
  characters.fill(0)
  if (bytes === undefined) throw new VaultError(`${from} holds no master key; expected 64 hex digits and nothing else, such as openssl rand -hex 32 prints`)
  return bytes
}

/** Undefined where there is no such file. @throws VaultError for one that others can read, or that is no key */
export async function keyBytesInFile(file: string): Promise<Buffer | undefined> {
  let handle: FileHandle
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new VaultError(`the master key file ${file} cannot be read (${codeOf(error)}); correct its permissions`, { cause: error })
  }
  try {
    const { mode, uid, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new VaultError(`the master key file ${file} is no file; expected one with 64 hex digits`)
    if ((mode & OTHERS) !== 0)
      throw new VaultError(`the master key file ${file} is open to others (mode 0${(mode & 0o777).toString(8)}); expected 0600: chmod 600 ${file}`)
    const me = process.geteuid?.() ?? uid
    if (uid !== me && uid !== 0)
      throw new VaultError(`the master key file ${file} belongs to user ${uid}, the gateway runs as ${me}; expected its own file: chown ${me} ${file}`)
    if (size > MOST_KEY_FILE_BYTES) throw new VaultError(`the master key file ${file} is larger than ${MOST_KEY_FILE_BYTES} bytes; expected 64 hex digits`)
    return masterKeyBytes(await handle.readFile(), `the master key file ${file}`)
  } finally {
    await handle.close()
  }
}

export class KeySource {
  readonly kind: 'environment' | 'command' | 'file'
  readonly #place: VaultPlace
  readonly #env: Env
  /** Under which the vault was put by this process, where the environment or the command still has the one before. */
  #given: Buffer | undefined

  /** @throws VaultError where two places are written */
  constructor(place: VaultPlace, env: Env) {
    const inEnv = env[VARIABLE] !== undefined
    const written = place.keyCommand !== undefined ? 'vault.key_command' : place.keyFileNamed ? 'vault.key_file' : undefined
    if (inEnv && written !== undefined)
      throw new VaultError(`the master key has two places, ${VARIABLE} of the environment and ${written}; expected one of them`)
    this.kind = inEnv ? 'environment' : place.keyCommand !== undefined ? 'command' : 'file'
    this.#place = place
    this.#env = env
  }

  /** How the place is called to the operator. */
  get from(): string {
    if (this.kind === 'environment') return VARIABLE
    return this.kind === 'command' ? `vault.key_command ${this.#place.keyCommand?.[0]}` : this.#place.keyFile
  }

  /** All that there are, for the caller to clear: one, or two while a file's key is being replaced. @throws VaultError */
  async found(): Promise<readonly KeyFound[]> {
    const given = this.#given === undefined ? [] : [{ key: new MasterKey(Buffer.from(this.#given)), from: 'the key of the last atlas vault rotate' }]
    if (this.kind !== 'file') return [...given, { key: new MasterKey(await this.#outside()), from: this.from }]
    const keys: KeyFound[] = []
    // The new one first: it comes to the place of the old one, and is then found there.
    for (const file of [pendingOf(this.#place.keyFile), this.#place.keyFile]) {
      const bytes = await keyBytesInFile(file)
      if (bytes !== undefined) keys.push({ key: new MasterKey(bytes), from: file })
    }
    return keys
  }

  /** For the first credential. An existing key is taken; a file is made where there is none. Only under the vault's lock. @throws VaultError */
  async first(): Promise<MasterKey> {
    const found = await this.found()
    for (const { key } of found.slice(0, -1)) key.clear()
    const last = found.at(-1)
    if (last !== undefined) return last.key
    const bytes = randomBytes(KEY_BYTES)
    await writeKeyFile(this.#place.keyFile, bytes)
    return new MasterKey(bytes)
  }

  /** The next key, where it can be found by whoever opens the vault before or after it is put under it. Takes the bytes. Only under the vault's lock. */
  async prepare(bytes: Buffer): Promise<MasterKey> {
    if (this.kind === 'file') await writeKeyFile(pendingOf(this.#place.keyFile), bytes)
    else this.#given = Buffer.from(bytes)
    return new MasterKey(bytes)
  }

  /** The vault is under the next key: the one before goes. */
  async promote(): Promise<void> {
    if (this.kind === 'file') await renameDurably(pendingOf(this.#place.keyFile), this.#place.keyFile)
  }

  async #outside(): Promise<Buffer> {
    const { keyCommand, folder } = this.#place
    if (this.kind === 'environment') return masterKeyBytes(Buffer.from(this.#env[VARIABLE] ?? ''), `${VARIABLE} of the environment`)
    return masterKeyBytes(await outputOf({ command: keyCommand ?? [], folder, env: this.#env }), `what ${this.from} prints`)
  }
}

async function writeKeyFile(file: string, bytes: Buffer): Promise<void> {
  const characters = hexOfBytes(bytes)
  const line = Buffer.alloc(characters.length + 1, '\n')
  characters.copy(line)
  await writeWhole(file, line)
  characters.fill(0)
  line.fill(0)
}
