/** What a network is offered with: the token, its EIP-712 name, and a price in its atomic units. */
import { chainIdOf, findNetwork, type PaymentRequirements, type Token, type Usd } from '#contract'

/** One network of the offer; the price is added call by call. */
export interface Offer {
  /** CAIP-2 */
  readonly network: string
  readonly chainId: number
  readonly v1Name: string | undefined
  readonly asset: string
  readonly decimals: number
  readonly extra: { readonly name: string; readonly version: string }
}

/** @throws Error with one sentence for the operator */
export function offerOf(nameOrCaip2: string, asset: Token | undefined): Offer {
  const network = findNetwork(nameOrCaip2)
  const caip2 = network?.caip2 ?? nameOrCaip2
  const token = asset ?? network?.usdc
  const chainId = chainIdOf(caip2)
  if (chainId === undefined) throw new Error(`x402-payment: network ${nameOrCaip2} is not known; expected a known name or eip155:<chain id>`)
  if (token === undefined) throw new Error(`x402-payment: no USDC is known on ${nameOrCaip2}; write asset: { address, name, version, decimals }`)
  const { address, decimals, name, version } = token
  return { network: caip2, chainId, v1Name: network?.v1Name, asset: address, decimals, extra: { name, version } }
}

const MICRO_DECIMALS = 6

/** Atomic units of the asset, rounded up where it is coarser than a micro-dollar. */
export function atomic(price: Usd, decimals: number): bigint {
  if (decimals >= MICRO_DECIMALS) return price * 10n ** BigInt(decimals - MICRO_DECIMALS)
  const coarse = 10n ** BigInt(MICRO_DECIMALS - decimals)
  return (price + coarse - 1n) / coarse
}

/** Rounded down where the asset is finer than a micro-dollar. */
export function micros(amount: bigint, decimals: number): Usd {
  if (decimals >= MICRO_DECIMALS) return (amount / 10n ** BigInt(decimals - MICRO_DECIMALS)) as Usd
  return (amount * 10n ** BigInt(MICRO_DECIMALS - decimals)) as Usd
}

/** What is the same in every offer of a till. */
export interface Terms {
  readonly payTo: string
  readonly maxTimeoutSeconds: number
}

/** x402 v2, section 5. `quote`: an unguessable word that the payment has to repeat. */
export const requirements = ({ network, asset, extra }: Offer, { payTo, maxTimeoutSeconds }: Terms, amount: string, quote?: string): PaymentRequirements => ({
  scheme: 'exact',
  network,
  asset,
  amount,
  payTo,
  maxTimeoutSeconds,
  extra: quote === undefined ? extra : { ...extra, quote },
})

/** x402 v1, section 5. `outputSchema` is left out: the official client refuses null there. */
export const requirementsV1 = (
  { v1Name, asset, extra }: Offer,
  { payTo, maxTimeoutSeconds }: Terms,
  amount: string,
  { url, description }: { readonly url: string; readonly description: string },
): Record<string, unknown> => ({
  ...{ scheme: 'exact', network: v1Name, maxAmountRequired: amount, asset, payTo },
  ...{ resource: url, description, mimeType: 'application/json', maxTimeoutSeconds, extra },
})
