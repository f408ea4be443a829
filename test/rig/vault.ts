/** A vault in a folder of the test, and what is known of it from outside. */

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { VaultAnswer, VaultPlace } from '#contract'
import { Vault } from '../../gateway/vault/index.ts'
import type { RekeyStep } from '../../gateway/vault/vault.ts'

export interface VaultWish {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly keyFile?: string
  readonly keyCommand?: readonly string[]
  readonly nowMs?: () => number
  readonly step?: (name: RekeyStep) => void
}

export const placeIn = (folder: string, { keyFile, keyCommand }: VaultWish = {}): VaultPlace => ({
  ...{ file: join(folder, 'vault.json'), keyFile: keyFile ?? join(folder, 'master.key'), keyFileNamed: keyFile !== undefined, folder },
  ...(keyCommand === undefined ? {} : { keyCommand }),
})

export const vaultIn = (folder: string, wish: VaultWish = {}): Vault =>
  new Vault({
    ...placeIn(folder, wish),
    env: wish.env ?? {},
    clock: { nowMs: wish.nowMs ?? (() => Date.UTC(2026, 10, 1)) },
    ...(wish.step === undefined ? {} : { step: wish.step }),
  })

export const fileOf = (folder: string): string => join(folder, 'vault.json')
export const textOf = (folder: string): string => readFileSync(fileOf(folder), 'utf8')
export const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8)

/** A key that is not there by chance: 64 times the same digit. */
export const keyOf = (digit: string): string => digit.repeat(64)

const shown = (answer: VaultAnswer | undefined): string =>
  answer?.kind === 'found' ? answer.secret.toString() : answer?.kind === 'missing' ? `(${answer.why})` : '?'

/** The secret, or why not in brackets. */
export async function secretIn(vault: Vault, name: string): Promise<string> {
  return shown((await vault.read([name])).get(name))
}

/** All that it holds. */
export async function secretsIn(vault: Vault): Promise<Readonly<Record<string, string>>> {
  const names = (await vault.rows()).map(({ name }) => name)
  const answers = await vault.read(names)
  return Object.fromEntries(names.map((name) => [name, shown(answers.get(name))]))
}
