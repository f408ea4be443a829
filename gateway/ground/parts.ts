/** What a ground is made of, and what its makers share. */
import type { Alarm, Audit, Books, Chance, Clock, LocalPaces, Log, Meters, Notice, Notices, Store, StoreAdmin, Usd } from '#contract'
import type { GatewayConfig } from '../../config/model.ts'
import type { Trail } from '../books/index.ts'
import type { EvmPayer } from '../payouts/index.ts'
import type { SigningKeys, Vault } from '../vault/index.ts'

/** Hot state and books, with or without a gateway in front. */
export interface Ground {
  /** As it was taken last: read it when it is needed, since a reload takes another one. */
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  /** Of those who ask without paying: no move of the store. */
  readonly paces: LocalPaces
  readonly books: Books
  /** What is recorded of calls since then, and of some before, in lines (`readCallLines`) in UTF-8, piece by piece: charged ones first, then those that were not. */
  calls(sinceMs: number): AsyncIterable<Uint8Array>
  /** Who did what, in the one hash chain. */
  readonly audit: Audit
  /** Tells owners what concerns them. */
  readonly notices: Notices
  /** Signs receipts. */
  readonly signer: SigningKeys
  /** Credentials at rest. */
  readonly vault: Vault
  /** Pays owners; undefined where payouts are not configured. */
  readonly paying: { readonly payer: EvmPayer; readonly min: Usd } | undefined
  /** Tells one store from another; holds no password. */
  readonly storeId: string
  /** By which a Redis store knows the embedded ledger that is fed here. */
  readonly ledgerId?: string
  /** Where consumers reach the gateway: for URLs that it writes, and for what wallets sign. */
  readonly origin: string
  /** The public port answers here, unless the configuration says where consumers come from. */
  reachedAt(url: string): void
  /** What is lost, in a word each; empty when all is well. */
  lost(): readonly string[]
  /** From now on this configuration holds, for quotas, notices and payouts alike; what it runs on is the same. */
  take(config: GatewayConfig, paying: Ground['paying']): void
  close(): Promise<void>
}

export interface Surroundings {
  readonly log: Log
  readonly clock?: Clock
  readonly chance?: Chance
  /** Where ATLAS_MASTER_KEY may be; default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Wakes the gateway for what it asks providers of its own accord; without one it asks nothing. */
  readonly alarm?: Alarm
  /** This process is one of several that serve consumers. */
  readonly worker?: WorkerPart
  /** For one command: the audit log is told of what it does, not of a start and a stop. */
  readonly briefly?: true
}

/** What only one process of several may do is not done by a worker, but by the one that starts them. */
export interface WorkerPart {
  /** From 1; one that is started again has the number of the one before. */
  readonly number: number
  /** Of the embedded ledger, which the other process feeds; undefined where the ledger is in PostgreSQL. */
  readonly ledgerId: string | undefined
  /** Why that cannot be fed now. */
  ledgerFailed(): Error | undefined
  /** Owners hear it once, whichever workers found it out. */
  tell(notice: Notice): void
}

export type Around = Required<Omit<Surroundings, 'env' | 'alarm' | 'briefly' | 'worker'>> & Pick<Surroundings, 'worker'>

/** What differs between the drivers. */
export type Bare = Omit<Ground, 'audit' | 'calls' | 'notices' | 'origin' | 'paces' | 'reachedAt' | 'take' | 'vault'> & { readonly trail: Trail }

export function storeIdOf({ store }: GatewayConfig): string {
  if (store.driver === 'embedded') return store.path
  const { host, pathname } = new URL(store.url)
  return `redis ${store.name} at ${host}${pathname === '/' ? '' : pathname}`
}

/** The key of the wallet is read here and stays with the payer. */
export async function payingOf({ payout, routes }: GatewayConfig): Promise<Ground['paying']> {
  if (payout === undefined) return undefined
  const { EvmPayer, networksOf } = await import('../payouts/index.ts')
  const chains = routes.map(({ chain }) => chain.map(({ name, settings }) => ({ name, settings })))
  return { payer: new EvmPayer({ signer: payout.signer, rpc: payout.rpc, networks: networksOf(chains) }), min: payout.min }
}
