/** What a loaded gateway.config.yml is: finished values with defaults filled in. Made by load.ts alone; nothing in it is checked again. */

import type { Adapter, Connection, Plugin, Usd, VaultPlace, Webhook } from '#contract'
import type { CertificateFiles } from './certificates.ts'

/** Where the gateway listens. Port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

interface AdminAddress extends ListenAddress {
  readonly token?: string
  /** Undefined: plain HTTP. */
  readonly tls?: CertificateFiles
}

/** One plugin of a chain, with the values that its `create` gets, and where the file names it (1:1 in the default chain). */
interface ChainLink {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly plugin: Plugin
  readonly line: number
  readonly column: number
}

/** Routes that change nothing about the chain share one array, so that `===` tells who may share instances. */
export type Chain = readonly ChainLink[]

export interface Route {
  /** First segment of the gateway's path with its slash: `/nansen`. */
  readonly prefix: string
  /** The same without the slash. */
  readonly api: string
  /** With the operations that the connections of this route add. */
  readonly adapter: Adapter
  readonly connections: readonly Connection[]
  readonly chain: Chain
}

interface StoreCommon {
  /** Absolute. Also of a Redis store: call logs and the keys that sign receipts are here. */
  readonly path: string
  readonly replayBytes: number
  readonly name: string
  readonly durability: 'strict' | 'relaxed'
  /** Absolute; undefined: the journal's old parts stay where they are. */
  readonly archive?: string
  readonly archiveAfterMs: number
}

/** `url` may hold a password and is never printed. */
export type StoreSettings = (StoreCommon & { readonly driver: 'embedded' }) | (StoreCommon & { readonly driver: 'redis'; readonly url: string })

type LedgerSettings =
  /** `path` is absolute. */
  { readonly driver: 'embedded'; readonly path: string } | { readonly driver: 'postgres'; readonly url: string }

export interface PayoutSettings {
  /** Private key, in hex digits; read in one place, never printed. Bytes where it comes from the vault, empty where that was not opened. */
  readonly signer: string | Buffer
  /** NAME where it is `vault:NAME`. */
  readonly signerEntry?: string
  /** May hold a token; never printed. */
  readonly rpc: string
  readonly min: Usd
  /** Undefined: only when told to. */
  readonly everyMs?: number
}

interface UpstreamSettings {
  readonly allowPrivate: boolean
  /** Over all attempts of a call. */
  readonly timeoutMs: number
  /** An answer up to this size is read whole before money moves. */
  readonly bufferBytes: number
  /** 0 to 1: a connection that serves a smaller part of its calls is paused. */
  readonly floor: number
}

export interface Limits {
  readonly headerBytes: number
  readonly headers: number
  readonly bodyBytes: number
  readonly headersWithinMs: number
  readonly idleMs: number
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly concurrentPerConsumer: number
}

/** No credential of a provider is in here; those are handed over beside it, once. */
export interface GatewayConfig {
  /** As the operator named it. */
  readonly file: string
  /** SHA-256 of the text, hex. */
  readonly digest: string
  /** The text, with every credential in it masked. */
  readonly shown: string
  /** Absolute; what the file names is relative to it. */
  readonly folder: string
  readonly mode: 'sandbox' | 'live'
  readonly listen: ListenAddress
  readonly admin: AdminAddress
  /** Of the public port; undefined: plain HTTP. */
  readonly tls?: CertificateFiles
  readonly store: StoreSettings
  readonly ledger: LedgerSettings
  readonly payout?: PayoutSettings
  readonly vault: VaultPlace
  /** Where the operator is told. */
  readonly webhooks: readonly Webhook[]
  readonly connections: readonly Connection[]
  /** Every adapter that has connections, by `Connection.adapter`: the API's name. A custom connection is an adapter of its own. */
  readonly adapters: ReadonlyMap<string, Adapter>
  readonly routes: readonly Route[]
  readonly upstream: UpstreamSettings
  readonly limits: Limits
  /** Processes that serve consumers; with more than one another one serves the operator. */
  readonly workers: number
  /** Origin at which consumers reach the gateway, where it is not the address that it listens on. */
  readonly publicUrl?: string
  /** Addresses and networks whose X-Forwarded-For counts. */
  readonly trustedProxies: readonly string[]
}
