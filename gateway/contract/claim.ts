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

/** One key held to a rate. */
export interface Pace {
  readonly key: string
  readonly rate: Rate
  readonly burst: number
}

/**
 * `of` says whose the counter is. What is the consumer's is taken in a second move where the consumer is a wallet,
 * because until its payment is verified a wallet is only a claim.
 */
export interface RateClaim extends Pace {
  readonly kind: 'rate'
  readonly of: 'consumer' | 'address'
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

/**
 * At most `limit` of money in a UTC day or month: of what credits are charged, and of what payments are over. Counted in the
 * turn in which it was reserved. Several caps of one key are one count; the tightest refuses.
 */
export interface SpendClaim {
  readonly kind: 'spend'
  readonly key: string
  readonly of: 'consumer'
  readonly limit: Usd
  /** Default: day. */
  readonly per?: 'day' | 'month'
}

/**
 * Fair use of a pool. Where others have taken units of it within the window, `key` may have taken no more than a share of
 * what there was: of what is left for sale now and what everybody took within the window, rounded up to a whole unit. Who is
 * alone takes what he likes. The window is counted in tenths and ends with one of them: it lasts up to a tenth longer.
 */
export interface ShareClaim {
  readonly kind: 'share'
  readonly key: string
  readonly of: 'consumer'
  readonly pool: string
  /** Names of the connections whose units are for sale to this call. */
  readonly connections: readonly string[]
  readonly millionths: number
  readonly windowMs: number
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

export type Claim = RateClaim | SupplyClaim | OnceClaim | NameClaim | SpendClaim | ShareClaim | SlotClaim | UnpaidClaim
export type StoreClaim = Exclude<Claim, UnpaidClaim>
