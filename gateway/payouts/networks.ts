/** On which networks and in which tokens this gateway is paid, and so pays. */
import type { PayerOptions } from './payer.ts'

interface Link {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
}

/** From the settings of x402-payment in all chains; empty where nothing is paid by x402. */
export function networksOf(chains: Iterable<readonly Link[]>): PayerOptions['networks'] {
  const found = new Map<string, PayerOptions['networks'][number]>()
  for (const chain of chains) {
    for (const { name, settings } of chain) {
      if (name !== 'x402-payment') continue
      const asset = assetOf(settings.asset)
      for (const network of [settings.network].flat()) {
        if (typeof network === 'string') found.set(network, asset === undefined ? { network } : { network, asset })
      }
    }
  }
  return [...found.values()]
}

function assetOf(value: unknown): { readonly address: string; readonly decimals: number } | undefined {
  if (typeof value !== 'object' || value === null || !('address' in value) || typeof value.address !== 'string') return undefined
  return { address: value.address, decimals: 'decimals' in value && typeof value.decimals === 'number' ? value.decimals : 6 }
}
