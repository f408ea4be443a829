/** A gateway that is killed at one named point of a call (test/torture/fault.ts), and what is left after the next start. */

import { randomBytes } from 'node:crypto'
import { startAtlas, type Started, UNBUNDLED } from './atlas.ts'
import { bearer, type Teardown, temporaryFolder, writeConfig } from './gateway.ts'
import { customConnection, type Provider, startProvider } from './provider.ts'
import { type Market, shopConfig } from './shop.ts'

export const KEY = { 'idempotency-key': 'a-name-that-nobody-guesses' }
const FAULT = new URL('../torture/fault.js', import.meta.url).href

export interface Got {
  readonly status: number
  readonly headers: Headers
  readonly code: unknown
}

/** A gateway that will be killed, its provider, and a consumer with $10. */
export interface Stage {
  readonly file: string
  readonly provider: Provider
  readonly gateway: Started
  readonly key: string
  /** Who is paid, here alone. */
  readonly seller: string
}

/** `ground`: sections `store` and `ledger`. */
export async function openStage(t: Teardown, market: Market, point: string, ground: object = {}): Promise<Stage> {
  const provider = await startProvider(t)
  const operations = [
    { id: 'read', method: 'GET', path: '/read', resale: 'allowed' },
    { id: 'write', method: 'POST', path: '/write', resale: 'allowed' },
    { id: 'feed', method: 'GET', path: '/feed', streaming: true, resale: 'allowed' },
  ]
  const acme = customConnection(provider.url, { name: 'acme', base_cost: '$0.05', markup: '3x', monthly_quota: 1_000, reserved: 300, operations })
  const seller = `0x${randomBytes(20).toString('hex')}`
  const there = { ...market, seller: { ...market.seller, address: seller } }
  const file = writeConfig(
    temporaryFolder(t),
    shopConfig(there as Market, { settleTimeout: '2s', change: (config) => ({ ...config, ...ground, api_connections: [acme] }) }),
  )
  const gateway = await startAtlas(t, file, { command: UNBUNDLED, env: { NODE_OPTIONS: `--import=${FAULT}`, ATLAS_TEST_FAULT: point } })
  const response = await fetch(`${gateway.adminUrl}/api/keys`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"credits":"$10"}' })
  const { key } = (await response.json()) as { key: string }
  return { file, provider, gateway, key, seller }
}

export async function ask({ publicUrl }: Started, path: string, headers: Readonly<Record<string, string>>): Promise<Got> {
  const write = path === '/acme/write'
  const init = write ? { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{}' } : { headers }
  const response = await fetch(publicUrl + path, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, code: response.status === 200 ? undefined : (JSON.parse(text) as { code?: unknown }).code }
}

/** What is left after the next start. */
export interface Left {
  readonly balance: string
  readonly sold: unknown
  readonly revenue: unknown
  /** Units used up without a sale, at most those of the call and of one lease. */
  readonly wasted: boolean
}

export async function left({ adminUrl, publicUrl }: Started, key: string): Promise<Left> {
  const json = async (url: string, headers = {}): Promise<Record<string, unknown>> => (await fetch(url, { headers })).json() as Promise<Record<string, unknown>>
  const { connections } = (await json(`${adminUrl}/api/status`)) as { connections: Record<string, number>[] }
  const { total } = (await json(`${adminUrl}/api/report`)) as { total: Record<string, string> }
  const { balance } = await json(`${publicUrl}/credits`, bearer(key))
  const [one = {}] = connections
  return { balance: String(balance), sold: one.sold_units, revenue: total.revenue, wasted: (one.wasted_units ?? 0) > 0 }
}

export async function killed(call: Promise<unknown>, { gateway }: Stage): Promise<void> {
  await call.then(
    (answer) => Promise.reject(new Error(`the call was answered: ${JSON.stringify(answer)}`)),
    () => undefined,
  )
  await gateway.stop()
}
