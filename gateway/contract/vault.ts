/** The vault as others see it: where it stands, and what it answers to `vault:NAME`. How it keeps secrets is for gateway/vault. */
import type { EpochMs } from './time.ts'

/** Where the vault of one configuration is, and where the key to it comes from. Paths are absolute. */
export interface VaultPlace {
  readonly file: string
  readonly keyFile: string
  /** The file of the key is written in the configuration, and is not the one beside the data. */
  readonly keyFileNamed: boolean
  /** Program and arguments; run in `folder` without a shell. */
  readonly keyCommand?: readonly string[]
  readonly folder: string
}

export type VaultAnswer =
  /** The bytes belong to whoever asked, who clears them; UTF-8. */
  | { readonly kind: 'found'; readonly secret: Buffer; readonly addedAtMs: EpochMs }
  /** Taken as there and not opened, for commands that need no secret. */
  | { readonly kind: 'unread' }
  /** One sentence without the secret: why not, and what to do. */
  | { readonly kind: 'missing'; readonly why: string }

/** Answers every name, and never throws for what it finds; looking makes no file. */
export type VaultLook = (place: VaultPlace, names: readonly string[]) => Promise<ReadonlyMap<string, VaultAnswer>>

/** One sentence for the operator; never a secret. */
export class VaultError extends Error {
  override name = 'VaultError'
}

/** A credential in use for longer should be replaced. */
export const CREDENTIAL_DAYS = 90
