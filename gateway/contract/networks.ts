/** Networks that have a name in the configuration, and the USDC of each where its EIP-712 domain is known for sure. */

/** A token that settles by EIP-3009; `name` and `version` are those of its EIP-712 domain, which differ from network to network. */
export interface Token {
  readonly address: string
  readonly name: string
  readonly version: string
  readonly decimals: number
}

export interface Network {
  /** CAIP-2, as x402 v2 writes it. */
  readonly caip2: string
  /** As x402 v1 writes it; undefined where v1 has no name for it, so that v1 clients get no offer. */
  readonly v1Name: string | undefined
  readonly chainId: number
  /** Undefined where the token has to be named in the configuration. */
  readonly usdc: Token | undefined
}

/** Every USDC has 6 decimals and version 2. The name is "USD Coin" on main networks and "USDC" on Base Sepolia: a wrong one makes each payment fail. */
const usdc = (address: string, name: string): Token => ({ address, name, version: '2', decimals: 6 })

export const networks = {
  base: { caip2: 'eip155:8453', v1Name: 'base', chainId: 8453, usdc: usdc('0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', 'USD Coin') },
  'base-sepolia': { caip2: 'eip155:84532', v1Name: 'base-sepolia', chainId: 84532, usdc: usdc('0x036CbD53842c5426634e7929541eC2318f3dCF7e', 'USDC') },
  ethereum: { caip2: 'eip155:1', v1Name: undefined, chainId: 1, usdc: usdc('0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', 'USD Coin') },
  polygon: { caip2: 'eip155:137', v1Name: 'polygon', chainId: 137, usdc: usdc('0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359', 'USD Coin') },
  arbitrum: { caip2: 'eip155:42161', v1Name: undefined, chainId: 42161, usdc: usdc('0xaf88d065e77c8cC2239327C5EDb3A432268e5831', 'USD Coin') },
  avalanche: { caip2: 'eip155:43114', v1Name: 'avalanche', chainId: 43114, usdc: usdc('0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E', 'USD Coin') },
  'avalanche-fuji': { caip2: 'eip155:43113', v1Name: 'avalanche-fuji', chainId: 43113, usdc: undefined },
} as const satisfies Record<string, Network>

const byAnyName = new Map<string, Network>()
for (const [name, network] of Object.entries<Network>(networks)) {
  byAnyName.set(name, network).set(network.caip2, network)
}

/** By the name in the configuration or by CAIP-2; undefined where nothing is known of it. */
export const findNetwork = (nameOrCaip2: string): Network | undefined => byAnyName.get(nameOrCaip2)

const EIP155 = /^eip155:([1-9]\d{0,14})$/

/** The chain id of any EVM network in CAIP-2 (namespace eip155), known or not; undefined for other namespaces. */
export function chainIdOf(caip2: string): number | undefined {
  const found = EIP155.exec(caip2)
  return found === null ? undefined : Number(found[1])
}
