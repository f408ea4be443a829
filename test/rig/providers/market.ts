/** One gateway that sells all six providers, in this process. */
import { bearer, OPEN_RATE, openGateway, type Answer, type Rig, sandbox } from '../gateway.ts'
import type { Test } from 'tap'
import { openAccount, type ProviderAccount, QUOTA } from './account.ts'
import { providers } from './index.ts'

export type Name = 'nansen' | 'kaito' | 'arkham' | 'messari' | 'glassnode' | 'defillama'

export interface Marketplace {
  readonly rig: Rig
  readonly accounts: Readonly<Record<Name, ProviderAccount>>
  readonly consumer: string
  readonly owner: string
  get(path: string, key?: string): Promise<Answer>
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Answer>
  row(name: Name): Promise<Readonly<Record<string, number>>>
  /** How many requests a provider got while `work` was done. */
  reached(name: Name, work: () => Promise<unknown>): Promise<number>
}

/** Ended with the test. `terms`: empty for nothing written. */
export async function openMarketplace(
  t: Test,
  { terms = 'agreement:test', connection = {} }: { readonly terms?: string; readonly connection?: object } = {},
): Promise<Marketplace> {
  const names = Object.keys(providers) as Name[]
  const opened = await Promise.all(names.map((name) => openAccount(t, providers[name] as never)))
  const accounts = Object.fromEntries(names.map((name, at) => [name, opened[at]])) as unknown as Marketplace['accounts']
  const connections = names.map((name) => ({
    ...{ name, base_url: accounts[name].url, monthly_quota: QUOTA, reserved: 1000, base_cost: '$0.01', markup: '1x' },
    ...(accounts[name].script.key === '' ? {} : { api_key: accounts[name].script.key }),
    ...(terms === '' ? {} : { resale_terms: terms }),
    ...connection,
  }))
  const plugins = ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve']
  const rig = await openGateway(t, sandbox({ upstream: { allow_private: true, timeout: '5s' }, api_connections: connections, plugins }))
  const { key: consumer } = await rig.key({ credits: '$1000' })
  const { key: owner } = await rig.key({ owner: 'operator' })
  return {
    ...{ rig, accounts, consumer, owner },
    get: (path, key = consumer) => rig.call('GET', path, { headers: bearer(key) }),
    post: (path, body, headers = {}) => rig.call('POST', path, { headers: { ...bearer(consumer), ...headers }, body }),
    row: async (name) => (await rig.office.marketplace.status()).connections.find((one) => one.name === name) as unknown as Record<string, number>,
    reached: async (name, work) => {
      const before = accounts[name].received.length
      await work()
      return accounts[name].received.length - before
    },
  }
}
