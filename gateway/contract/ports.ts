/** Ports: what the rooms offer each other. Implementations live in the rooms; `gateway.ts` joins them. */

import type { Alternative } from './call.ts'
import type { StoreClaim } from './claim.ts'
import type { Connection } from './connection.ts'
import type { Units, Usd } from './money.ts'
import type { Facilitator, Payment, Settlement } from './payment.ts'
import type { CallRecord, StoredAnswer } from './record.ts'
import type { RefusalCode } from './refusal.ts'
import type { EpochMs, Month } from './time.ts'

export interface Clock {
  nowMs(): EpochMs
  /** Never goes back; for paces and durations. Nanoseconds since some start, a whole number. */
  monotonicNs(): number
}

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
  readonly createdAtMs: EpochMs
  readonly expiresAtMs?: EpochMs
  readonly revokedAtMs?: EpochMs
  readonly note?: string
}

/** Local copy fed by the store's changes; looking up is synchronous and constant work. */
export interface KeyMirror {
  byHash(hash: string): KeyRecord | undefined
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

// ------------------------------------------------------------------ holds

export interface HoldRequest {
  /** Unguessable and new; becomes the receipt's id. */
  readonly id: string
  readonly claims: readonly StoreClaim[]
}

export interface RateState {
  readonly limit: number
  readonly windowSeconds: number
  /** Calls that could come at once right now. */
  readonly remaining: number
  /** Until the full burst is there again. */
  readonly resetSeconds: number
}

/** What the table of named calls says of a name. */
export type Named =
  /** Nothing under this name. */
  | { readonly state: 'absent' }
  /** Under way (waiting or settling): wait for `Store.ended`, then ask again. */
  | { readonly state: 'waiting' }
  | { readonly state: 'unknown' }
  | { readonly state: 'stored'; readonly answer: StoredAnswer; readonly receipt: string }
  /** Charged, but the answer is not stored (any more). */
  | { readonly state: 'gone'; readonly receipt: string }
  | { readonly state: 'conflict' }

export type Reserved =
  | { readonly kind: 'held'; readonly chosen: Alternative; readonly rate: RateState | undefined }
  | { readonly kind: 'named'; readonly named: Exclude<Named, { state: 'absent' }>; readonly name: string }
  | {
      readonly kind: 'refused'
      readonly code: Extract<
        RefusalCode,
        'rate_limited' | 'blocked' | 'sold_out' | 'insufficient_credits' | 'price_above_max' | 'payment_invalid' | 'unavailable'
      >
      readonly detail: string
      readonly retryAfterSeconds: number | undefined
      /** The price at which the call could be served now. */
      readonly price: Usd | undefined
      readonly rate: RateState | undefined
    }

/** What a served call is charged. Written with the hold's money in one record. */
export interface Charge {
  readonly units: Units
  readonly price: Usd
  readonly platformShare: Usd
  readonly operation: string
  readonly api: string
  readonly subject: { readonly requestDigest: string; readonly answerDigest: string }
  /** For calls with a name that may be asked again. */
  readonly answer: StoredAnswer | undefined
  readonly call: CallRecord
}

/** What becomes of the units of a hold that is given up. */
export type UnitsFate = 'returned' | 'wasted'

export interface Refund {
  /** Receipt of the charge that is reversed. */
  readonly receipt: string
  readonly connection: string
  readonly owner: string
  /** The payer's account: a key's, or `wallet:0x…`. */
  readonly account: string
  readonly price: Usd
  readonly platformShare: Usd
}

export interface UnknownSettlement {
  readonly hold: string
  readonly payment: Payment
  readonly sinceMs: EpochMs
  readonly price: Usd
}

/**
 * Hot state. Every move is idempotent by hold id. A move answers synchronously where nothing has to be waited for.
 * States of a hold: held → calling → settling → done | unknown.
 */
export interface Store {
  readonly keys: KeyMirror
  readonly stock: StockMirror
  /** All claims or none. */
  reserve(request: HoldRequest): Reserved | Promise<Reserved>
  /** The second move, for what belongs to a wallet once it is verified: all or none; a refusal leaves the hold as it was. */
  extend(hold: string, claims: readonly StoreClaim[]): Reserved | Promise<Reserved>
  /** The provider is about to be asked. Resolves when a durable name is on disk (in parallel to the call). */
  calling(hold: string): void
  /** Another connection serves; the units of the first are returned or wasted. False where it has none left. Never dearer. */
  switch(hold: string, to: Alternative, fate: UnitsFate): boolean | Promise<boolean>
  /** Credits and owners: charged, done. Resolves when durable. */
  commit(hold: string, charge: Charge): Promise<void>
  /** x402: the intent to settle, with the answer. Resolves when durable; from here the hold has no deadline. */
  intend(hold: string, charge: Charge, payment: Payment): Promise<void>
  /** The outcome of an intent. Resolves when durable. `unknown` keeps the hold; `not_settled` gives the money claim back, the units are wasted. */
  resolve(hold: string, settlement: Settlement): Promise<void>
  /** Given up before anything was charged. */
  release(hold: string, fate: UnitsFate): void
  /** The charge of a stream that the provider broke off becomes credit of the payer. Resolves when durable. */
  refund(refund: Refund): Promise<void>
  named(name: string, digest: string): Named
  /** Resolves when the call under this name is no longer under way. */
  ended(name: string): Promise<void>
  unknowns(): readonly UnknownSettlement[]
  close(): Promise<void>
}

// ------------------------------------------------------------------ operator's side of the store

export interface ConnectionCounters {
  readonly enabled: boolean
  readonly vetted: boolean
  readonly sold: Units
  readonly own: Units
  readonly wasted: Units
  readonly external: Units
  readonly left: Units
  readonly revenue: Usd
  readonly resetsAtMs: EpochMs | undefined
}

export interface NewKey {
  readonly id: string
  readonly hash: string
  readonly role: 'consumer' | 'owner'
  readonly owner?: string
  readonly credits: Usd
  readonly capPerDay?: Usd
  readonly expiresAtMs?: EpochMs
  readonly note?: string
}

export interface StoreAdmin {
  /** Tells the store what is configured. Called at start and at each reload, before the new generation serves. */
  configure(connections: readonly Connection[]): void
  createKey(key: NewKey): Promise<KeyRecord>
  revokeKey(id: string): Promise<boolean>
  listKeys(): readonly KeyRecord[]
  balance(account: string): Usd
  setEnabled(connection: string, enabled: boolean, vetted: boolean): Promise<void>
  counters(connection: string): ConnectionCounters
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
  readonly kind: 'credit' | 'charge' | 'refund'
  /** Positive when the balance rises. */
  readonly amount: Usd
  readonly receipt: string | undefined
}

/** The double-entry ledger, derived from the journal; reading first waits for everything answered before. */
export interface Books {
  report(month: Month): Promise<readonly ReportRow[]>
  statement(account: string, limit: number): Promise<readonly StatementEntry[]>
  close(): Promise<void>
}

// ------------------------------------------------------------------ plugins

/** Decaying counters for abuse scores: bounded, in memory, counted also for refused calls. */
export interface Meters {
  add(key: string, points: number): void
  /** Points of the last 60 s, sliding. */
  perMinute(key: string): number
  block(key: string, untilMs: EpochMs): void
  blockedUntilMs(key: string): EpochMs | undefined
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
  readonly upstreamTimeoutMs: number
  readonly concurrentPerConsumer: number
  /** `sandbox` or the URL of a facilitator. */
  facilitator(urlOrSandbox: string): Facilitator
}
