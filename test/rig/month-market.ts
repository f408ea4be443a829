/** The market in which a month of traffic is traded, and what it changes into; as configurations, too. */
import { sandbox } from './gateway.ts'
import type { Market, Seller } from './market.ts'

const seller = (name: string, owner: string, more: Pick<Seller, 'quota' | 'reserved' | 'unitPrice'>): Seller => ({
  name,
  owner,
  api: 'nansen',
  period: 'month',
  ...more,
})
const acme = (quota: number, unitPrice: bigint): Seller => ({ name: 'acme', owner: 'carol', api: 'acme', period: 'day', quota, reserved: 300, unitPrice })

export const NOW: Market = {
  sellers: [
    seller('nansen', 'alice', { quota: 200_000, reserved: 4_000, unitPrice: 150_000n }),
    seller('nansen-2', 'bob', { quota: 190_000, reserved: 0, unitPrice: 150_000n }),
    acme(3_200, 20_000n),
  ],
  ...{ perMinute: 60, burst: 20, capPerDay: 40_000_000n },
}
export const CHANGED: Market = {
  sellers: [
    seller('nansen', 'alice', { quota: 120_000, reserved: 20_000, unitPrice: 200_000n }),
    seller('nansen-2', 'bob', { quota: 100_000, reserved: 1_000, unitPrice: 120_000n }),
    seller('nansen-3', 'dave', { quota: 60_000, reserved: 0, unitPrice: 120_000n }),
    acme(5_000, 30_000n),
  ],
  ...{ perMinute: 30, burst: 15, capPerDay: 60_000_000n },
}

const dollarsOf = (micros: bigint): string => `$${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`
export function fileOf({ sellers, perMinute, burst, capPerDay }: Market): object {
  const connections = sellers.map(({ name, owner, api, quota, reserved, unitPrice, period }) => ({
    ...{
      name,
      owner,
      monthly_quota: quota,
      reserved,
      base_cost: dollarsOf(unitPrice),
      markup: '1x',
      period,
      subscription_cost: '$500',
      resale_terms: 'agreement:test',
    },
    ...(api === 'nansen'
      ? { adapter: 'nansen' }
      : {
          adapter: 'custom',
          base_url: 'https://acme.example',
          credential: { in: 'none' },
          operations: [{ id: 'search', method: 'GET', path: '/search', units: 2 }],
        }),
  }))
  const limits = { per_consumer: `${perMinute}/minute`, burst, spend_per_day: dollarsOf(capPerDay) }
  const payment = { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' }
  return sandbox({ api_connections: connections, plugins: ['auth', { 'rate-limit': limits }, 'markup-billing', { 'x402-payment': payment }, 'quota-reserve'] })
}
