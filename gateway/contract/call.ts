/** `Call`: one object that travels the street once, bound to its generation of the configuration. */

import type { Adapter, Operation, OperationRequest } from './adapter.ts'
import type { Connection } from './connection.ts'
import { times, type Units, type Usd } from './money.ts'
import type { Challenge, Payment, SignedIn } from './payment.ts'
import type { EpochMs } from './time.ts'

/** Who calls. `wallet` is only a claim until its payment is verified; `signed` has signed in. `refused`: a key or a signature was shown that is not good. */
export type Consumer =
  | { readonly kind: 'owner'; readonly id: string; readonly keyId: string; readonly owner: string }
  | { readonly kind: 'key'; readonly id: string; readonly keyId: string; readonly account: string; readonly capPerDay?: Usd; readonly capPerMonth?: Usd }
  | { readonly kind: 'wallet'; readonly id: string; readonly wallet: string }
  | { readonly kind: 'signed'; readonly id: string; readonly wallet: string; readonly account: string }
  | { readonly kind: 'anonymous'; readonly id: string }
  | { readonly kind: 'refused'; readonly id: string; readonly why: string }

/** Whose money and whose share it is: a key in place of another keeps its account, and all keys of a wallet have one. */
export const accountOf = (consumer: Consumer): string => (consumer.kind === 'key' || consumer.kind === 'signed' ? consumer.account : consumer.id)

/** Who pays. One call has one payer. */
export type Payer =
  | { readonly by: 'owner'; readonly owner: string }
  | { readonly by: 'credits'; readonly account: string }
  | { readonly by: 'x402'; readonly payment: Payment }
  | { readonly by: 'nobody' }

/** What could serve this call: connections of the pool and the units that each would be asked for. */
export interface Supply {
  readonly connections: readonly Connection[]
  /** The most that the call can take. */
  readonly units: Units
}

/** One way to serve and charge the call. The split is fixed with the price. */
export interface Alternative {
  readonly connection: string
  readonly owner: string
  readonly units: Units
  readonly price: Usd
  /** Price of one unit, for operations whose actual units are known after the answer; undefined where the call has one price. */
  readonly unitPrice: Usd | undefined
  /** The platform's part of a price charged for these units; the owner gets the rest. */
  platformShare(charged: Usd, units: Units): Usd
}

/** What a call costs that took so many units. */
export const priceOfUnits = ({ price, unitPrice }: Pick<Alternative, 'price' | 'unitPrice'>, took: Units): Usd =>
  unitPrice === undefined ? price : times(unitPrice, took)

/** Cheapest first; the store orders those of one price by units left. */
export interface Price {
  readonly alternatives: readonly Alternative[]
}

/** Facts that plugins give each other, computed by their giver when first asked, once a call. */
export interface Facts {
  consumer: Consumer
  payment: Payment | undefined
  /** Of a SIGN-IN-WITH-X header; undefined where there is none. */
  signedIn: SignedIn | undefined
  supply: Supply
  price: Price
  /** Makes the 402 for a price; `error` is the sentence that both versions carry. */
  challenge: (price: Usd, error: string) => Challenge
}

export type FactName = keyof Facts

export interface Call extends Readonly<Facts> {
  /** X-Request-Id of the answer. */
  readonly id: string
  readonly generation: number
  readonly receivedAtMs: EpochMs
  /** The client's address; loopback is exempt from limits by address. */
  readonly address: string
  readonly loopback: boolean
  readonly method: string
  /** Normalised path and query at the gateway, as compared for repeats. */
  readonly target: string
  /** Path after the adapter's base with encoded segments, and the canonical query with its `?`, as the provider gets them. */
  readonly upstreamPath: string
  readonly upstreamQuery: string
  /** Absolute URL of the resource, as x402 names it. */
  readonly resource: string
  /** A request header, joined when repeated; names are lower case. */
  header(name: string): string | undefined
  readonly body: Uint8Array
  readonly adapter: Adapter
  /** Name of the API, the first segment of the gateway's path. */
  readonly api: string
  readonly operation: Operation
  /** Connections that carry this operation, whoever owns them. */
  readonly pool: readonly Connection[]
  readonly request: OperationRequest
  readonly maxPrice: Usd | undefined
  readonly idempotencyKey: string | undefined
  /** A fact of a plugin that this contract does not know. */
  fact(name: string): unknown
}

/** An owner's key is free and ignores payments; a payment beside a key pays. */
export function payerOf(call: Pick<Call, 'consumer' | 'payment'>): Payer {
  const consumer = call.consumer
  if (consumer.kind === 'owner') return { by: 'owner', owner: consumer.owner }
  if (call.payment !== undefined) return { by: 'x402', payment: call.payment }
  if (consumer.kind === 'key' || consumer.kind === 'signed') return { by: 'credits', account: consumer.account }
  return { by: 'nobody' }
}
