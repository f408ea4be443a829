/** Ports: what the rooms offer each other. Implementations live in the rooms; `gateway.ts` joins them. */

import type { Meters } from './abuse.ts'
import type { Pace } from './claim.ts'
import type { Units, Usd } from './money.ts'
import type { Till, TillSettings } from './payment.ts'
import type { EpochMs, Month } from './time.ts'

export interface Clock {
  nowMs(): EpochMs
  /** Never goes back; for paces and durations. Nanoseconds since some start, a whole number. */
  monotonicNs(): number
}

/** Wakes up after `ms`; what is returned takes it back. */
export type Alarm = (ms: number, wake: () => void) => () => void

export interface Chance {
  /** `bytes` random bytes as lower-case hex, cryptographically strong. */
  hex(bytes: number): string
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

// ------------------------------------------------------------------ keys

export interface KeyRecord {
  readonly id: string
  /** SHA-256 of the key, hex. The key itself is shown once and kept nowhere. */
  readonly hash: string
  readonly role: 'consumer' | 'owner'
  readonly owner?: string
  readonly account: string
  readonly capPerDay?: Usd
  readonly capPerMonth?: Usd
  readonly createdAtMs: EpochMs
  readonly expiresAtMs?: EpochMs
  readonly revokedAtMs?: EpochMs
  readonly note?: string
}

/** Local copy fed by the store's changes; looking up is synchronous and constant work. */
export interface KeyMirror {
  byHash(hash: string): KeyRecord | undefined
  /** Of a wallet: those that are not revoked. */
  ofAccount(account: string): readonly KeyRecord[]
}

// ------------------------------------------------------------------ stock

/** Local copy of what is left, for quotes; the reserve move checks again and its refusal wins. */
export interface StockMirror {
  enabled(connection: string): boolean
  /** Units that may still be sold in this period. */
  left(connection: string): Units
  /** Units that the owner may still use: reserve first, then what is for sale. */
  leftForOwner(connection: string): Units
  /** When the period ends; undefined where it never does. */
  resetsAtMs(connection: string): EpochMs | undefined
}

// ------------------------------------------------------------------ books

export interface ReportRow {
  readonly connection: string
  readonly owner: string
  readonly callsSold: number
  readonly unitsSold: number
  readonly ownUnits: number
  readonly revenue: Usd
  readonly ownerShare: Usd
  readonly platformShare: Usd
}

export interface StatementEntry {
  readonly atMs: EpochMs
  readonly kind: 'credit' | 'charge' | 'refund' | 'correction'
  /** Positive when the balance rises. */
  readonly amount: Usd
  readonly receipt: string | undefined
}

/** One transaction of double entry. Debit is positive; the postings sum to zero. */
export interface LedgerEntry {
  readonly id: string
  readonly atMs: EpochMs
  readonly kind: 'credit' | 'charge' | 'refund' | 'correction' | 'intent' | 'payout'
  readonly receipt: string | undefined
  readonly postings: readonly { readonly account: string; readonly amount: Usd }[]
}

/** What a receipt attests, and where it stands in the hash chain. */
export interface ChargedCall {
  readonly receipt: string
  readonly atMs: EpochMs
  readonly api: string
  readonly operation: string
  readonly connection: string
  readonly owner: string
  readonly by: 'owner' | 'credits' | 'x402'
  readonly units: number
  readonly price: Usd
  readonly platformShare: Usd
  readonly requestDigest: string
  readonly answerDigest: string
  readonly config: string
  readonly generation: number
  /** x402: of the settlement. */
  readonly transaction: string | undefined
  /** The group of the chain that holds the record; `line` counts from 0 within it. */
  readonly chain: { readonly sequence: number; readonly hash: string; readonly line: number }
}

/** A proof that failed, or that everything was proven. */
export interface LedgerCheck {
  readonly check: 'entries sum to zero' | 'balances equal postings' | 'the chain is whole' | 'books agree with the store' | 'units add up'
  readonly ok: boolean
  /** What was looked at, or the first differences. */
  readonly detail: string
}

/** What the store holds, to compare the books with. */
export interface StoreFigures {
  readonly balances: ReadonlyMap<string, Usd>
  readonly usage: ReadonlyMap<string, { readonly sold: number; readonly own: number; readonly wasted: number; readonly external: number }>
}

/** The double-entry ledger, derived from the journal; reading first waits for everything answered before. */
export interface Books {
  report(month: Month): Promise<readonly ReportRow[]>
  statement(account: string, limit: number): Promise<readonly StatementEntry[]>
  /** Balance of every account, debit positive: `liab:owner:alice` at −135000 is owed $0.135. */
  balances(): Promise<ReadonlyMap<string, Usd>>
  /** Every entry, oldest first. */
  entries(): AsyncIterable<LedgerEntry>
  /** One entry; for corrections. */
  entry(id: string): Promise<LedgerEntry | undefined>
  /** Undefined where no charge has this id. */
  charged(receipt: string): Promise<ChargedCall | undefined>
  /** Charged and free calls received since then and some before, in lines (`readCallLines`) in UTF-8, piece by piece; in the order in which they were charged. */
  calls(sinceMs: number): AsyncIterable<Uint8Array>
  /** Reads everything again and proves it. */
  verify(store: () => Promise<StoreFigures>): Promise<readonly LedgerCheck[]>
  close(): Promise<void>
}

// ------------------------------------------------------------------ plugins

/** Paces for what makes no move of the store: bounded, in memory, of this process alone. */
export interface LocalPaces {
  /** Takes one where the pace allows it, and answers 0; else the seconds to wait: then nothing is taken. */
  tried(pace: Pace): number
}

/** Memory for what may be forgotten: what nobody has asked for longest goes first. Of this process alone. */
export interface Memory<V extends object> {
  get(key: string): V | undefined
  /** @param bytes how much it takes; more than there is room for in all is not kept @param forMs after which it is gone */
  keep(key: string, value: V, bytes: number, forMs: number): void
  clear(): void
}

/** What `create` of a plugin may use. */
export interface PluginPorts {
  readonly mode: 'sandbox' | 'live'
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly keys: KeyMirror
  readonly stock: StockMirror
  readonly meters: Meters
  readonly paces: LocalPaces
  /** Room of so many bytes, for as long as it is held. */
  memory<V extends object>(bytes: number): Memory<V>
  readonly upstreamTimeoutMs: number
  readonly concurrentPerConsumer: number
  /** Where x402 payments are taken on these terms; one for all who name the same. @throws Error with one sentence for the operator */
  till(settings: TillSettings): Till
}
