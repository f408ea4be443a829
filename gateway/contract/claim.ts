/** Claims: what a call takes from the store, all in one move or nothing. */

import type { Alternative, Payer } from './call.ts'
import type { Usd } from './money.ts'
import type { RefusalCode } from './refusal.ts'
import type { EpochMs } from './time.ts'

/** A steady pace: one call each `everyNs` nanoseconds, `burst` at once. Algorithm: GCRA. */
export interface Rate {
  readonly count: number
  readonly windowSeconds: number
  /** Nanoseconds between two calls. */
  readonly everyNs: number
}

/**
 * `of` says whose the counter is. What is the consumer's is taken in a second move where the consumer is a wallet,
 * because until its payment is verified a wallet is only a claim.
 */
export interface RateClaim {
  readonly kind: 'rate'
  readonly key: string
  readonly of: 'consumer' | 'address'
  readonly rate: Rate
  readonly burst: number
  readonly refusal: Extract<RefusalCode, 'rate_limited' | 'blocked'>
}

/** Quota and money in one: the first alternative that has the units at a price that the payer can and will pay. */
export interface SupplyClaim {
  readonly kind: 'supply'
  readonly alternatives: readonly Alternative[]
  readonly payer: Payer
  /** X-Atlas-Max-Price. A payment's own amount is a limit, too. */
  readonly maxPrice: Usd | undefined
}

/** Something that may be used once, such as a payment's nonce; kept until `untilMs` once the hold is charged. */
export interface OnceClaim {
  readonly kind: 'once'
  readonly key: string
  readonly untilMs: EpochMs
}

/** A name for the call: the same name and digest is the same call again. */
export interface NameClaim {
  readonly kind: 'name'
  readonly name: string
  readonly of: 'consumer' | 'payment'
  /** SHA-256 of method, normalised target and body. */
  readonly digest: string
  /** How long the stored answer is kept. */
  readonly untilMs: EpochMs
  /** The provider does more than read: the name is made durable in parallel to the call. */
  readonly durable: boolean
}

/** At most `limit` of money in a UTC day. */
export interface SpendClaim {
  readonly kind: 'spend'
  readonly key: string
  readonly of: 'consumer'
  readonly limit: Usd
}

/** At most `limit` calls at once. */
export interface SlotClaim {
  readonly kind: 'slot'
  readonly key: string
  readonly of: 'consumer'
  readonly limit: number
}

/** Nobody pays: judged after everything that the chain refuses, before the store is asked for anything but a replay. */
export interface UnpaidClaim {
  readonly kind: 'unpaid'
}

export type Claim = RateClaim | SupplyClaim | OnceClaim | NameClaim | SpendClaim | SlotClaim | UnpaidClaim
export type StoreClaim = Exclude<Claim, UnpaidClaim>
