/** What the gateway runs on: drivers of store and ledger with their addresses, and the wallet that pays owners. Addresses hold passwords: none is printed. */

import { type VaultAnswer, walletKeyOf } from '#contract'
import { type Complaints, START } from './complaints.ts'
import type { CoreFields } from './core.ts'
import type { Complete, Decoded } from './fields.ts'
import type { GatewayConfig, PayoutSettings } from './model.ts'
import { isLoopback } from './urls.ts'
import { entryIn, ownCopy, type Vaulted } from './vault.ts'
import { childOf, entryOf, type MapNode, type Node } from './yaml.ts'

const DRIVERS = {
  store: { remote: 'redis', schemes: ['redis:', 'rediss:'], example: 'redis://127.0.0.1:6379' },
  ledger: { remote: 'postgres', schemes: ['postgres:', 'postgresql:'], example: 'postgres://atlas@127.0.0.1/atlas' },
} as const

export function checkDrivers(values: Decoded<CoreFields>, root: MapNode, complaints: Complaints): void {
  for (const [section, { remote, schemes, example }] of Object.entries(DRIVERS)) {
    const { driver, url } = values[section as keyof typeof DRIVERS] ?? {}
    const within = childOf(root, section)
    const place = entryOf(within, 'url')?.value ?? entryOf(within, 'driver')?.value ?? START
    if (complaints.spoiled(childOf(within, 'url'))) continue
    if (driver === remote && url === undefined) complaints.error(place, `${section}.driver ${driver} needs ${section}.url; expected such as ${example}`)
    if (url === undefined) continue
    if (driver === 'embedded') complaints.error(place, `${section}.url has no meaning for ${section}.driver embedded; remove it, or choose driver ${remote}`)
    else if (!hasScheme(url, schemes)) complaints.error(place, `${section}.url is no address of ${remote}; expected such as ${example}`)
  }
}

function hasScheme(text: string, schemes: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && schemes.includes(url.protocol) && url.hostname !== ''
}

const PRIVATE_KEY = /^(0x)?[0-9a-fA-F]{64}$/

export function checkPayout(values: Decoded<CoreFields>, root: MapNode, vaulted: Vaulted, complaints: Complaints): void {
  const { payout } = values
  if (payout === undefined) return
  const within = childOf(root, 'payout')
  const at = (name: string): Node | typeof START => childOf(within, name) ?? entryOf(root, 'payout')?.key ?? START
  const { signer, rpc } = payout
  const entry = entryIn(signer)
  const why = entry === undefined ? undefined : againstSigner(entry, vaulted(entry))
  if (why !== undefined) complaints.error(at('signer'), why)
  else if (entry === undefined && signer !== undefined && !PRIVATE_KEY.test(signer))
    complaints.error(at('signer'), 'payout.signer is no private key; expected 64 hex digits')
  if (rpc !== undefined && !isNode(rpc, values.mode ?? 'sandbox'))
    complaints.error(at('rpc'), 'payout.rpc is no address of a node; expected https://…, or http:// on loopback in sandbox mode')
}

function againstSigner(name: string, answer: VaultAnswer): string | undefined {
  if (answer.kind === 'missing') return `vault:${name} cannot be resolved: ${answer.why}`
  if (answer.kind === 'unread' || isPrivateKey(answer.secret)) return undefined
  return `vault:${name} is no private key of a wallet; expected 64 hex digits: atlas connection rotate ${name}`
}

function isPrivateKey(characters: Buffer): boolean {
  const bytes = walletKeyOf(characters)
  bytes?.fill(0)
  return bytes !== undefined
}

function isNode(text: string, mode: 'sandbox' | 'live'): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && mode === 'sandbox' && isLoopback(url.hostname))
}

/** Store, ledger and payouts as the gateway reads them. `resolve` makes a path absolute. */
export function groundOf(
  values: Complete<CoreFields>,
  resolve: (path: string) => string,
  vaulted: Vaulted,
): Pick<GatewayConfig, 'store' | 'ledger' | 'payout'> {
  const { store, ledger, payout } = values
  const common = {
    path: resolve(store.path),
    replayBytes: store.replay_mb * 1024 * 1024,
    name: store.name,
    durability: store.durability,
    archiveAfterMs: store.archive_after,
    ...(store.archive === undefined ? {} : { archive: resolve(store.archive) }),
  }
  return {
    store: store.driver === 'redis' ? { ...common, driver: 'redis', url: store.url ?? '' } : { ...common, driver: 'embedded' },
    ledger: ledger.driver === 'postgres' ? { driver: 'postgres', url: ledger.url ?? '' } : { driver: 'embedded', path: resolve(ledger.path) },
    ...(payout === undefined ? {} : { payout: payoutOf(payout, vaulted) }),
  }
}

function payoutOf({ signer, rpc, min, every }: NonNullable<Complete<CoreFields>['payout']>, vaulted: Vaulted): PayoutSettings {
  const entry = entryIn(signer)
  const answer = entry === undefined ? undefined : vaulted(entry)
  return {
    ...{ signer: answer === undefined ? (signer ?? '') : answer.kind === 'found' ? ownCopy(answer.secret) : '', rpc: rpc ?? '' },
    min: min ?? (0n as PayoutSettings['min']),
    ...(every === undefined ? {} : { everyMs: every }),
    ...(entry === undefined ? {} : { signerEntry: entry }),
  }
}
