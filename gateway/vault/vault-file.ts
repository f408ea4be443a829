/** The vault as a file: JSON that a person can read and that holds no secret. It is written in one way and read only when written in that way. */
import type { MasterKey, Box, Envelope } from './envelope.ts'
import { VaultError } from '#contract'

export interface Kept extends Envelope {
  /** Counts the credentials that this name has had. */
  readonly version: number
  /** ISO 8601: when the name came into the vault, and when this version did. */
  readonly created: string
  readonly added: string
}

export interface VaultFile {
  /** Id of the key that wraps all data keys. */
  readonly masterKey: string
  /** Counts the writings of the file. */
  readonly writing: number
  readonly entries: ReadonlyMap<string, Kept>
  /** Names that were removed, with their last version: a number is never given twice. */
  readonly removed: ReadonlyMap<string, number>
  readonly seal: string
}

const FORMAT_VERSION = 1
export const MOST_FILE_BYTES = 16 * 1024 * 1024
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

const ID = /^[0-9a-f]{16}$/
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/

/** Names that look like numbers come first in a JSON object: the order of reading is not that of writing. */
const sorted = <T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

/** What the seal covers: everything, each value in its place. */
function sealedText({ masterKey, writing, entries, removed }: Omit<VaultFile, 'seal'>): string {
  const rows = sorted(entries).map(([name, { version, created, added, data_key: key, secret }]) => [
    ...[name, version, created, added, key.id],
    ...[key.iv, key.data, key.tag, secret.iv, secret.data, secret.tag],
  ])
  return JSON.stringify(['atlas vault', FORMAT_VERSION, masterKey, writing, rows, sorted(removed)])
}

export const withSeal = (file: Omit<VaultFile, 'seal' | 'masterKey'>, key: MasterKey): VaultFile => {
  const whole = { ...file, masterKey: key.id }
  return { ...whole, seal: key.seal(sealedText(whole)) }
}

export const isSealed = (file: VaultFile, key: MasterKey): boolean => key.sealed(sealedText(file), file.seal)

const boxOf = ({ iv, data, tag }: Box): Box => ({ iv, data, tag })

export function printVault({ masterKey, writing, entries, removed, seal }: VaultFile): string {
  const shown = sorted(entries).map(([name, { version, created, added, data_key, secret }]) => [
    name,
    { version, created, added, data_key: { id: data_key.id, ...boxOf(data_key) }, secret: boxOf(secret) },
  ])
  const members = { format: 'atlas-vault', version: FORMAT_VERSION, master_key: masterKey, writing, entries: Object.fromEntries(shown) }
  return `${JSON.stringify({ ...members, removed: Object.fromEntries(sorted(removed)), seal }, null, 2)}\n`
}

type Members = Readonly<Record<string, unknown>>
const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
const isBase64 = (value: unknown): value is string => typeof value === 'string' && Buffer.from(value, 'base64url').toString('base64url') === value
const isBox = (value: unknown): value is Box => isMembers(value) && isBase64(value.iv) && isBase64(value.data) && isBase64(value.tag)

function isKept(value: unknown): value is Kept {
  if (!isMembers(value) || !isCount(value.version) || !isBox(value.secret) || !isBox(value.data_key)) return false
  const { created, added, data_key: key } = value
  return typeof created === 'string' && TIME.test(created) && typeof added === 'string' && TIME.test(added) && 'id' in key && ID.test(String(key.id))
}

/** @throws VaultError where it is not a vault as this version writes it; `where` is how the file is named to the operator */
export function readVault(text: string, where: string): VaultFile {
  const damaged = new VaultError(
    `${where} is damaged: it is not a vault as the gateway writes it; restore it from a backup, or move it away and add its credentials again`,
  )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw damaged
  }
  if (!isMembers(value) || value.format !== 'atlas-vault') throw damaged
  if (isCount(value.version) && value.version !== FORMAT_VERSION)
    throw new VaultError(`${where} has format version ${value.version}; this version of the gateway reads ${FORMAT_VERSION}: use the one that wrote it`)
  const { master_key: masterKey, writing, entries, removed, seal } = value
  if (typeof masterKey !== 'string' || !ID.test(masterKey) || !isCount(writing) || !isBase64(seal) || !isMembers(entries) || !isMembers(removed)) throw damaged
  const names = [...Object.keys(entries), ...Object.keys(removed)]
  if (!names.every((name) => NAME.test(name)) || !Object.values(entries).every(isKept) || !Object.values(removed).every(isCount)) throw damaged
  const read = {
    masterKey,
    writing,
    seal,
    entries: new Map(Object.entries(entries) as [string, Kept][]),
    removed: new Map(Object.entries(removed) as [string, number][]),
  }
  // What is written in another way (a member twice, one that nobody knows) was not written here.
  if (printVault(read) !== text) throw damaged
  return read
}
