/**
 * A small market for torture: a provider that remembers what it was asked, a few consumers with money, an owner, and one
 * gateway or several on the same ground. Whatever is killed is started again; the checks (checks.ts) look at what is left.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { COMMAND, type Started, startAtlas } from '../rig/atlas.ts'
import { Crowd, type CrowdCall, type Spender } from '../rig/crowd.ts'
import { OPEN_RATE, sandbox, type Teardown, temporaryFolder, writeConfig } from '../rig/gateway.ts'
import { customConnection, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

export const QUOTAS = { plenty: { monthly_quota: 10_000_000, reserved: 1_000 }, scarce: { monthly_quota: 900, reserved: 200 } }
export type Api = keyof typeof QUOTAS
export const APIS = Object.keys(QUOTAS) as Api[]
export const UNITS = { search: 1, write: 2 }
/** $0.0123 × 1.37, rounded up to a micro-dollar; a tenth is the platform's, rounded down. */
export const UNIT_PRICE = 16_851n
export const CREDITS = ['$1000', '$1000', '$1000', '$0.40']
const CLIENTS = 32

export interface WorldWish {
  readonly random: () => number
  readonly gateways?: number
  /** Sections `store` and `ledger`; default: embedded, beside each configuration. */
  readonly ground?: Readonly<Record<string, object>>
  /** Environment of the gateways. */
  readonly env?: Readonly<Record<string, string>>
  /** What is run in place of the command. */
  readonly command?: string
}

export interface World {
  readonly provider: Provider
  /** Those who pay. */
  readonly spenders: readonly Spender[]
  readonly crowd: Crowd
  readonly files: readonly string[]
  readonly gateways: Started[]
  kill(index: number): Promise<void>
  start(index: number): Promise<void>
  /** Named calls that have no final answer yet. */
  open(): CrowdCall[]
}

const config = (provider: Provider, ground: object): object =>
  sandbox({
    ...ground,
    upstream: { ...UPSTREAM, timeout: '20s' },
    limits: { concurrent_per_consumer: 1_000 },
    api_connections: APIS.map((name) =>
      customConnection(provider.url, {
        name,
        base_url: `${provider.url}/${name}`,
        base_cost: '$0.0123',
        markup: '1.37x',
        subscription_cost: '$10',
        owner: 'alice',
        ...QUOTAS[name],
        operations: [
          { id: 'search', method: 'GET', path: '/search', query: ['q'], resale: 'allowed' },
          { id: 'write', method: 'POST', path: '/write', units: 2, body: { text: { type: 'string' } }, resale: 'allowed' },
        ],
      }),
    ),
    plugins: [
      'auth',
      'abuse-detect',
      OPEN_RATE,
      { 'markup-billing': { platform_share: '10%' } },
      { 'x402-payment': { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } },
      'quota-reserve',
    ],
  })

/** Asks and insists on 200. @throws Error with what was answered instead */
export async function asked<T>(url: string, headers: Readonly<Record<string, string>> = {}, body?: object): Promise<T> {
  const init = body === undefined ? { headers } : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(url, init)
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}

const keyFor = ({ adminUrl }: Started, wish: object): Promise<Spender> => asked(`${adminUrl}/api/keys`, {}, wish)

/** Ended with the test. */
export async function openWorld(t: Teardown, { random, gateways: count = 1, ground = {}, env = {}, command = COMMAND }: WorldWish): Promise<World> {
  const provider = await startProvider(t, { forgetsHeads: true })
  let answers = 0
  provider.always((response, seen) => {
    answers += 1
    // Never the same body twice, so that a replay cannot be a new answer.
    const answer = reply(200, { answer: answers, to: seen.url, text: seen.body, rows: 'ä'.repeat(Math.floor(random() * 300)) })
    setTimeout(() => answer(response, seen), random() * 4)
  })
  const folder = temporaryFolder(t)
  const files = Array.from({ length: count }, (_, index) => {
    const own = join(folder, String(index))
    mkdirSync(own)
    return writeConfig(own, config(provider, ground))
  })
  const gateways: Started[] = []
  for (const file of files) gateways.push(await startAtlas(t, file, { env, command }))
  const first = gateways[0] as Started
  const spenders: Spender[] = []
  for (const credits of CREDITS) spenders.push(await keyFor(first, { credits }))
  const owner = await keyFor(first, { owner: 'alice' })
  const crowd = new Crowd({ apis: ['plenty', 'plenty', 'scarce'], spenders: [...spenders, owner], clients: CLIENTS, random })
  return {
    ...{ provider, spenders, crowd, files, gateways },
    async kill(index) {
      await gateways[index]?.stop('SIGKILL')
    },
    async start(index) {
      gateways[index] = await startAtlas(t, files[index] as string, { env, command })
    },
    open: () => crowd.calls.filter(({ name, status, code }) => name !== undefined && (status === 'open' || code === 'unavailable')),
  }
}
