/** The port of the store: hot state behind a few moves, each all or nothing and idempotent. Implementations: gateway/stores. */

import type { AuditDesk, AuditEntry } from './audit.ts'
import type { Alternative } from './call.ts'
import type { StoreClaim } from './claim.ts'
import type { Connection } from './connection.ts'
import type { Correction, CounterReading, CounterState, PayoutDesk } from './beside.ts'
import type { Units, Usd } from './money.ts'
import type { Payment, Settlement } from './payment.ts'
import type { KeyMirror, KeyRecord, StockMirror } from './ports.ts'
import type { CallRecord, StoredAnswer } from './record.ts'
import type { RefusalCode } from './refusal.ts'
import type { EpochMs } from './time.ts'

// ------------------------------------------------------------------ holds

export interface HoldRequest {
  /** Unguessable and new; becomes the receipt's id. */
  readonly id: string
  readonly claims: readonly StoreClaim[]
  /** Id of the key that asks: looked at again in this move, so that a mirror that lags admits nobody. */
  readonly key?: string
}

/** Credit that is to be bought: nothing is taken but the payment, by its names and its nonce, and what limits its sender. */
export interface PurchaseRequest extends HoldRequest {
  readonly payment: Payment
}

/** What a payment buys: credit of `account`, as much as was signed. */
export interface Purchase {
  readonly account: string
  readonly payment: Payment
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
  /** `available`: what is left to a payer by credits, with this call's price taken off. `upfront`: a settlement of this wallet has failed before. */
  | { readonly kind: 'held'; readonly chosen: Alternative; readonly rate: RateState | undefined; readonly available?: Usd; readonly upfront?: boolean }
  | { readonly kind: 'named'; readonly named: Exclude<Named, { state: 'absent' }>; readonly name: string }
  | {
      readonly kind: 'refused'
      readonly code: Extract<
        RefusalCode,
        | 'unauthenticated'
        | 'rate_limited'
        | 'blocked'
        | 'sold_out'
        | 'payment_pending'
        | 'insufficient_credits'
        | 'price_above_max'
        | 'payment_invalid'
        | 'unavailable'
      >
      readonly detail: string
      readonly retryAfterSeconds: number | undefined
      /** The price at which the call could be served now. */
      readonly price: Usd | undefined
      readonly rate: RateState | undefined
    }

/** Of a purchase. */
export type Begun = { readonly kind: 'begun' } | Exclude<Reserved, { kind: 'held' }>

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
  readonly buys: 'call' | 'credit'
  /** Of the call; undefined for a purchase of credits. */
  readonly connection?: string
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
  /** A hold for credit alone. */
  purchase(request: PurchaseRequest): Begun | Promise<Begun>
  /**
   * x402: the intent to settle for credit, of a purchase or of a hold that is paid upfront. Resolves when durable. Once it
   * is settled, what it paid is credit: held for the call that the hold is for, until `commit` charges it or `release` frees it.
   */
  buy(hold: string, purchase: Purchase): Promise<void>
  /**
   * The outcome of an intent. Resolves when durable. `unknown` keeps the hold, without units where no call was made yet;
   * `not_settled` gives the money claim back, the units of a call are wasted.
   */
  resolve(hold: string, settlement: Settlement): Promise<void>
  /** Given up before anything was charged. */
  release(hold: string, fate: UnitsFate): void
  /** The charge of a stream that the provider broke off becomes credit of the payer. Resolves when durable. */
  refund(refund: Refund): Promise<void>
  named(name: string, digest: string): Named | Promise<Named>
  /** Resolves when the call under this name is no longer under way. */
  ended(name: string): Promise<void>
  /** Those that this process has to end: its own, and those of processes that are gone. */
  unknowns(): Promise<readonly UnknownSettlement[]>
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
  /** Whose balance it spends; default: one of its own. */
  readonly account?: string
  readonly credits: Usd
  readonly capPerDay?: Usd
  readonly capPerMonth?: Usd
  readonly expiresAtMs?: EpochMs
  readonly note?: string
}

/** A new key for what another key was for: same account, owner, caps and expiry; the other is revoked in the same move. */
export interface KeyRotation {
  readonly id: string
  readonly hash: string
}

/**
 * Reads include every call that was answered before they were asked. `audit` stands in the chain with the act, or neither does;
 * an act that changes nothing leaves no line.
 */
export interface StoreAdmin {
  /** Tells the store what is configured. Called at start and at each reload, before the new generation serves. */
  configure(connections: readonly Connection[]): void
  createKey(key: NewKey, audit?: AuditEntry): Promise<KeyRecord>
  revokeKey(id: string, audit?: AuditEntry): Promise<boolean>
  /** Undefined where there is no such key, or it is revoked. */
  rotateKey(id: string, to: KeyRotation, audit?: AuditEntry): Promise<KeyRecord | undefined>
  key(id: string): Promise<KeyRecord | undefined>
  /** All of them, oldest first; with `note` those that bear it. */
  listKeys(note?: string): Promise<readonly KeyRecord[]>
  /** What is posted; what calls under way hold is not taken off. */
  balance(account: string): Promise<Usd>
  /** Every account that has ever had credit, with what is posted: what the books are compared with. */
  balances(): Promise<ReadonlyMap<string, Usd>>
  setEnabled(connection: string, enabled: boolean, vetted: boolean, audit?: AuditEntry): Promise<void>
  counters(connection: string): Promise<ConnectionCounters>
  /** Units by connection over all periods, ended ones and connections that are gone included: what the books are compared with. */
  usage(): Promise<ReadonlyMap<string, UnitsUsed>>
  /** A correction is an entry of its own; the same id twice is written once. Resolves when durable. */
  correct(correction: Correction, audit?: AuditEntry): Promise<void>
  payouts: PayoutDesk
  audit: AuditDesk
  /**
   * What the provider counts beyond ours becomes `external`: raised where ours with all that is under way cannot explain it,
   * lowered where ours without explains more. Resolves when durable; undefined for what is not configured or of an ended period.
   */
  external(reading: CounterReading): Promise<CounterState | undefined>
  /** True for whoever asks first, over all processes and restarts, until `untilMs`. Resolves when durable. */
  first(key: string, untilMs: EpochMs): Promise<boolean>
}

export interface UnitsUsed {
  readonly sold: Units
  readonly own: Units
  readonly wasted: Units
  readonly external: Units
}
