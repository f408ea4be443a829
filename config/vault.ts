/** `vault:NAME`: where the vault is, which of its credentials the file refers to, and what it says of them. It is asked once, and only where something refers to it. */

import { bytesOfHex, type VaultAnswer, type VaultLook, type VaultPlace } from '#contract'
import { type Complaints, type Placed, START } from './complaints.ts'
import { NAME } from './connection-fields.ts'
import type { CoreFields } from './core.ts'
import type { Decoded } from './fields.ts'
import type { Env } from './references.ts'
import { childOf, entryOf, type MapNode } from './yaml.ts'

const MARK = 'vault:'
const VARIABLE = 'ATLAS_MASTER_KEY'

/** Answers each name that the file refers to. */
export type Vaulted = (name: string) => VaultAnswer

/** NAME of `vault:NAME`. */
export const entryIn = (text: string | undefined): string | undefined => (text?.startsWith(MARK) ? text.slice(MARK.length) : undefined)

export async function askVault(values: Decoded<CoreFields>, look: VaultLook | undefined, place: VaultPlace): Promise<Vaulted> {
  const written = [
    ...(values.api_connections ?? []).flatMap((connection) => [connection?.api_key, connection?.notify?.secret]),
    ...(values.webhooks ?? []).map((webhook) => webhook?.secret),
    values.payout?.signer,
  ]
  const names = [...new Set(written.flatMap((text) => entryIn(text) ?? []))].filter((name) => new RegExp(NAME).test(name))
  const answers = names.length === 0 ? new Map<string, VaultAnswer>() : await look?.(place, names)
  const none = (name: string): string =>
    new RegExp(NAME).test(name) ? 'no vault is at hand here' : 'that is no name; expected vault: and the name of a credential'
  return (name) => answers?.get(name) ?? { kind: 'missing', why: none(name) }
}

/** In memory of its own, which can be cleared without a trace elsewhere. */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.alloc(bytes.length)
  bytes.copy(copy)
  return copy
}

/** `resolve` makes a path absolute. */
export function vaultPlaceOf({ store, vault }: Decoded<CoreFields>, folder: string, resolve: (path: string) => string): VaultPlace {
  const { key_file: keyFile, key_command: keyCommand } = vault ?? {}
  const data = resolve(store?.path ?? '.')
  return {
    file: `${data}/vault.json`,
    keyFile: keyFile === undefined ? `${data}/master.key` : resolve(keyFile),
    keyFileNamed: keyFile !== undefined,
    ...(keyCommand === undefined ? {} : { keyCommand }),
    folder,
  }
}

/** The master key comes from one place, and what stands in the environment is one. */
export function checkVault({ vault }: Decoded<CoreFields>, root: MapNode, env: Env, complaints: Complaints): void {
  const given = env[VARIABLE]
  const bytes = given === undefined ? undefined : bytesOfHex(Buffer.from(given), 32)
  if (given !== undefined && bytes === undefined) complaints.missing(START, `${VARIABLE} of the environment is no master key; expected 64 hex digits`)
  bytes?.fill(0)
  const within = childOf(root, 'vault')
  const at = (name: string): Placed => entryOf(within, name)?.key ?? START
  if (vault?.key_command?.length === 0) complaints.error(at('key_command'), 'vault.key_command is empty; expected a program and its arguments')
  const places = (['key_file', 'key_command'] as const).filter((name) => vault?.[name] !== undefined)
  const [first, second] = places
  if (first !== undefined && second !== undefined)
    complaints.error(at(second), 'vault.key_command and vault.key_file both give the master key; expected one of them')
  else if (first !== undefined && given !== undefined)
    complaints.error(at(first), `vault.${first} and ${VARIABLE} of the environment both give the master key; expected one of them`)
}
