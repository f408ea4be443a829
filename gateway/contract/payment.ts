/** x402 as the rest of the house sees it. Wire formats: x402 specification v2 section 5; scheme exact on EVM (EIP-3009). */

import type { Usd } from './money.ts'
import type { EpochMs } from './time.ts'

/** What may be paid with: the v2 `PaymentRequirements`, in the order of the wire. */
export interface PaymentRequirements {
  readonly scheme: string
  /** CAIP-2, for example eip155:84532 */
  readonly network: string
  /** Contract address of the token. */
  readonly asset: string
  /** Atomic units of the asset, a decimal string. */
  readonly amount: string
  readonly payTo: string
  readonly maxTimeoutSeconds: number
  readonly extra: Readonly<Record<string, unknown>>
}

/** A payment as it stands in a request, decoded and checked against an offer, not yet verified. Plain data: it survives a restart. */
export interface Payment {
  readonly x402Version: 1 | 2
  /** SHA-256 (hex) of the header's bytes: the byte-equal header names a call. */
  readonly digest: string
  readonly network: string
  readonly asset: string
  /** Lower-case address. Only a claim until the payment is verified. */
  readonly payer: string
  readonly nonce: string
  readonly amount: Usd
  readonly validBeforeMs: EpochMs
  /** From the payment-identifier extension. */
  readonly identifier?: string
  /** What goes to the facilitator. */
  readonly payload: unknown
  readonly requirements: unknown
}

/** What became of a settlement. `unknown` is a state of its own, ended by the reconciler and by nobody else. */
export type Settlement =
  | { readonly state: 'settled'; readonly transaction: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly state: 'not_settled'; readonly reason: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly state: 'unknown'; readonly cause: unknown }

/** The 402 that both x402 versions read: v2 in a header, v1 as members of the body. */
export interface Challenge {
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>
}

/** A facilitator, over HTTP or inside the process (sandbox). Throws only for lost dependencies. */
export interface Facilitator {
  readonly name: string
  verify(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer>
  settle(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer>
}

export interface FacilitatorRequest {
  readonly x402Version: 1 | 2
  readonly paymentPayload: unknown
  readonly paymentRequirements: unknown
}

/** `lost`: no usable answer came (not sent, cut off, slow, garbage); whether it took effect is unknown unless `sent` is false. */
export type FacilitatorAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'lost'; readonly sent: boolean; readonly cause: unknown }
