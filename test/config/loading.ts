/** Loading a text with the stand-ins, and the least that loads. */

import type { Connection, EpochMs, VaultAnswer, VaultLook } from '#contract'
import { formatComplaint } from '../../config/complaints.ts'
import { type Loaded, type LoadOptions, loadConfig } from '../../config/load.ts'
import type { GatewayConfig } from '../../config/model.ts'
import { adapters, plugins } from './standins.ts'

export const load = (text: string, more: Partial<LoadOptions> = {}): Promise<Loaded> =>
  loadConfig({ file: 'gateway.config.yml', text, env: {}, adapters, plugins, ...more })

/** @throws Error with the complaints where there are any */
export async function loaded(text: string, more: Partial<LoadOptions> = {}): Promise<GatewayConfig> {
  const { config, problems } = await load(text, more)
  if (config === undefined) throw new Error(problems.map(formatComplaint).join('\n'))
  return config
}

export const FOUR = `api_connections:\n  - name: nansen\n    api_key: \${KEY:-k}\n    monthly_quota: 10000\n    reserved: 3000\n`

export const first = ({ connections }: GatewayConfig): Connection => connections[0] as Connection

export const DAY_MS = 86_400_000
export const NOW_MS = Date.UTC(2026, 10, 1)

/** A vault that holds these, so many days old; one with `why` does not open. */
export function vaultWith(entries: Readonly<Record<string, { readonly secret?: string; readonly days?: number; readonly why?: string }>>): VaultLook {
  const answer = (name: string): VaultAnswer => {
    const { secret, days = 0, why = `the vault has no ${name}; add it with: atlas connection add ${name}` } = entries[name] ?? {}
    return secret === undefined ? { kind: 'missing', why } : { kind: 'found', secret: Buffer.from(secret), addedAtMs: (NOW_MS - days * DAY_MS) as EpochMs }
  }
  return async (_, names) => new Map(names.map((name) => [name, answer(name)]))
}
