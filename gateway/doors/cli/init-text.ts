/** The configuration that `atlas init` writes: what is set, and why, line by line. */
import type { Adapter } from '#contract'

export interface Wishes {
  readonly adapter: Adapter
  readonly quota: number
  readonly reserved: number
  /** As `$500`. */
  readonly cost: string
  readonly wallet: string
}

export function configText({ adapter, quota, reserved, cost, wallet }: Wishes): string {
  const variable = `${adapter.name.toUpperCase().replaceAll('-', '_')}_API_KEY`
  return `# gateway.config.yml: everything that this gateway does. atlas check says whether it is good, and what in it is unwise.

# Consumers come in here. Beyond this machine: 0.0.0.0:8080, behind something that speaks TLS.
listen: 127.0.0.1:8080

# The operator's port, for the atlas command. Beyond this machine it needs a token.
admin:
  listen: 127.0.0.1:8081
  token: \${ATLAS_ADMIN_TOKEN:-}

# sandbox: simulated providers and play money, everything between them real. live: real calls, real money; with an empty store.path.
mode: sandbox

# What is sold, paid and left is kept here.
store: { driver: embedded, path: ./data }

api_connections:
  # ${adapter.title}: ${adapter.docs}
  - name: ${adapter.name}
    # Kept out of this file: export ${variable}=..., or "atlas connection add ${adapter.name}" and vault:${adapter.name} here. Sandbox mode needs none.
    api_key: \${${variable}:-}
    # What the subscription has, in the provider's own units (${adapter.quota.unit}s).
    monthly_quota: ${quota}
    # Kept for yourself and never sold: ${quota - reserved} are for sale. "atlas key create --owner operator" makes a key that uses it.
    reserved: ${reserved}
    # A unit costs you ${cost} divided by ${quota}; a consumer pays three times as much. atlas estimate reckons with other figures.
    subscription_cost: "${cost}"
    markup: 3x
    # Some operations may be resold only with the provider's word. Once you have it: confirmed, or agreement:REFERENCE.
    # resale_terms: confirmed

${chainText(wallet)}`
}

const chainText = (wallet: string): string => `# What stands in front of every API, in this order.
plugins:
  # Who calls: a key, or the wallet that pays.
  - auth
  # Throttles and blocks what honest consumers do not do.
  - abuse-detect
  - rate-limit: { per_consumer: 60/minute, burst: 20 }
  # The platform's part of each sale; the owner of the connection gets the rest.
  - markup-billing: { platform_share: 10% }
  - x402-payment:
      # base in live mode, with the URL of a facilitator.
      network: base-sepolia
      facilitator: sandbox
      # The wallet that receives what consumers pay.
      pay_to: "${wallet}"
  # Sells no unit of the reserve.
  - quota-reserve
`
