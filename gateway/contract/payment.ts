/** x402 as the rest of the house sees it. Wire formats: x402 specification v2 section 5; scheme exact on EVM (EIP-3009). */

import type { OnceClaim } from './claim.ts'
import type { Usd } from './money.ts'
import type { Token } from './networks.ts'
import type { Refusal } from './refusal.ts'
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
  readonly validAfterMs: EpochMs
  readonly validBeforeMs: EpochMs
  /** Settled before the call is made: its price becomes credit where the call fails. */
  readonly upfront: boolean
  /** From the payment-identifier extension. */
  readonly identifier?: string
  /** The unguessable word of the offer: not on the chain, so that nobody who reads the chain can write this payment. */
  readonly quote?: string
  /** What goes to the facilitator. */
  readonly payload: unknown
  readonly requirements: unknown
  /** The same two as JSON, where they have been written already. */
  readonly json?: { readonly payload: string; readonly requirements: string }
}

/** What became of a settlement. `unknown` is a state of its own, ended by the reconciler and by nobody else. */
export type Settlement =
  | { readonly state: 'settled'; readonly transaction: string; readonly headers: Readonly<Record<string, string>> }
  /** `blameless`: nobody was asked, so that it says nothing about the payer. */
  | { readonly state: 'not_settled'; readonly reason: string; readonly headers?: Readonly<Record<string, string>>; readonly blameless?: true }
  | { readonly state: 'unknown'; readonly cause: unknown }

/** The 402 that both x402 versions read: v2 in a header, v1 as members of the body. */
export interface Challenge {
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>
}

/** What a 402 is about. */
export interface Resource {
  readonly url: string
  readonly description: string
  /** Extension bazaar: for catalogues of facilitators. */
  readonly discovery?: object
  /** What is bought here is secret (a key): the offer carries a word that the payment repeats. */
  readonly isSecret?: boolean
}

/** A wallet that signed in; or why it did not; or that nobody could be asked. */
export type SignedIn =
  | { readonly wallet: string }
  /** For the consumer. */
  | { readonly why: string }
  | { readonly lost: unknown }

/** `former`: as the payment may have fitted before a reload. It buys nothing; what it has bought is found by it. */
export type ReadPayment = { readonly payment: Payment } | { readonly refusal: Refusal; readonly former?: Payment }

/** Where x402 payments are taken, on one set of terms. */
export interface Till {
  challenge(resource: Resource, price: Usd, error: string): Challenge
  /** Undefined where no payment is shown. */
  read(header: (name: string) => string | undefined, resource: () => Resource): ReadPayment | undefined
  /** A payment pays once; kept while clocks may differ. */
  once(payment: Payment): OnceClaim
  /** Asked when the reservation stands: what a payment has bought, or may have bought, is looked up before. */
  verify(payment: Payment): Promise<Refusal | undefined>
  settle(payment: Payment): Promise<Settlement>
  /** What became of a settlement that is unknown: by trying again, and by what the chain proves. */
  recover(payment: Payment, sinceMs: EpochMs): Promise<Settlement>
  /** Of a SIGN-IN-WITH-X header, without waiting; undefined: ask `signIn`. */
  knownSignIn(header: string): SignedIn | undefined
  signIn(header: string): Promise<SignedIn>
}

/** Finished settings of a till. */
export interface TillSettings {
  readonly network: readonly string[]
  readonly facilitator: readonly string[]
  readonly payTo: string
  readonly asset: Token | undefined
  /** JSON-RPC, in the order of the networks. */
  readonly rpc: readonly string[]
  readonly settleTimeoutMs: number
  readonly upfront: boolean
}

/** A facilitator, over HTTP or inside the process (sandbox). Throws only for lost dependencies. */
export interface Facilitator {
  readonly name: string
  verify(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer>
  settle(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer>
  /** What it can do: `kinds` of version, scheme and network. */
  supported(deadlineMs: number): Promise<FacilitatorAnswer>
  readonly state: FacilitatorState
}

/** Since the start of the process. */
export interface FacilitatorSums {
  readonly asked: number
  /** It said yes. */
  readonly answered: number
  readonly refused: number
  readonly lost: number
}

export interface FacilitatorState {
  /** Its origin; nothing that could be a credential. */
  readonly name: string
  /** It failed so often that it is left alone for a while. */
  readonly open: boolean
  readonly verify: FacilitatorSums
  readonly settle: FacilitatorSums
  readonly lastFailure: string | undefined
}

export interface FacilitatorRequest {
  readonly x402Version: 1 | 2
  readonly paymentPayload: unknown
  readonly paymentRequirements: unknown
}

/**
 * `lost`: no usable answer came; whether it took effect is unknown unless `sent` is false. `unreachable`: never connected;
 * `slow`: the deadline; `broken`: the connection; `garbage`: no JSON, or too much; `resting`: not asked, it fails too often.
 */
export type FacilitatorAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: Readonly<Record<string, unknown>> }
  | { readonly kind: 'lost'; readonly sent: boolean; readonly why: 'unreachable' | 'slow' | 'broken' | 'garbage' | 'resting'; readonly cause: unknown }
