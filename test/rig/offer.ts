/** What a 402 offers, in both versions of x402, for tests that need no gateway to make one. */

import { networks } from '../../gateway/contract/index.ts'
import type { Hex } from './compile.ts'

export interface OfferOptions {
  readonly payTo: Hex
  /** Atomic units; 10000 is one cent. */
  readonly amount: string
  readonly maxTimeoutSeconds?: number
  readonly extra?: Readonly<Record<string, unknown>>
}

const RESOURCE = 'http://127.0.0.1/play'

const { caip2, usdc } = networks['base-sepolia']
const common = ({ payTo, maxTimeoutSeconds = 90, extra = { name: usdc.name, version: usdc.version } }: OfferOptions) => ({
  scheme: 'exact',
  asset: usdc.address as Hex,
  payTo,
  maxTimeoutSeconds,
  extra,
})

/** v2 `PaymentRequirements`. */
const requirementsV2 = (options: OfferOptions) => ({ ...common(options), network: caip2, amount: options.amount })

/** v2 `PaymentRequired`: the decoded PAYMENT-REQUIRED header. */
export const offerV2 = (options: OfferOptions) => ({ x402Version: 2 as const, resource: { url: RESOURCE }, accepts: [requirementsV2(options)] })

/** v1 `PaymentRequirements`. */
const requirementsV1 = (options: OfferOptions) => ({
  ...common(options),
  network: 'base-sepolia',
  maxAmountRequired: options.amount,
  resource: RESOURCE,
  description: '',
  mimeType: 'application/json',
})

/** The v1 body of a 402. */
export const offerV1 = (options: OfferOptions) => ({ x402Version: 1 as const, error: 'Payment required', accepts: [requirementsV1(options)] })
