/** The configuration of this gateway in a benchmark: the default one, with a quota, a pace and a price that last for the run. */

export interface Setup {
  readonly upstreamPort: number
  /**
   * `whole` is the chain that a file without `plugins:` has. `off` is the shortest that loads: the engine wants to know who calls,
   * who could serve and at what price, so that an empty list is refused; with the key of an owner nothing is charged or limited.
   */
  readonly chain?: 'whole' | 'off' | undefined
  readonly redisUrl?: string | undefined
  readonly postgresUrl?: string | undefined
  /** Of a facilitator that is asked over HTTP; without one that of the sandbox. */
  readonly facilitatorPort?: number | undefined
  readonly workers?: number | undefined
  readonly storeName?: string | undefined
}

const wholeChain = (facilitator: string): string => `
  - auth
  - abuse-detect
  - rate-limit: { per_consumer: 100000000/minute, burst: 1000000 }
  - markup-billing: { platform_share: 10%, platform_share_of: revenue }
  - x402-payment: { network: base-sepolia, facilitator: "${facilitator}", pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C" }
  - quota-reserve`

const CHAIN_OFF = `
  - auth
  - markup-billing
  - quota-reserve`

export function configurationOf({ upstreamPort, chain = 'whole', redisUrl, postgresUrl, facilitatorPort, workers, storeName = 'atlas' }: Setup): string {
  const store = redisUrl === undefined ? 'driver: embedded' : `driver: redis, url: "${redisUrl}"`
  const ledger = postgresUrl === undefined ? 'driver: embedded' : `driver: postgres, url: "${postgresUrl}"`
  const facilitator = facilitatorPort === undefined ? 'sandbox' : `http://127.0.0.1:${facilitatorPort}`
  return `mode: sandbox
store: { ${store}, path: ./data, name: ${storeName} }
ledger: { ${ledger}, path: ./data }
api_connections:
  - name: nansen
    base_url: http://127.0.0.1:${upstreamPort}
    api_key: bench-credential
    monthly_quota: 1000000000
    reserved: 0
    base_cost: $0.05
    markup: 3x
    subscription_cost: $500
    resale_terms: agreement:bench
plugins:${chain === 'off' ? CHAIN_OFF : wholeChain(facilitator)}
upstream: { allow_private: true }
${workers === undefined ? '' : `workers: ${workers}\n`}`
}
