/** What the soaked gateway sells, in as many configurations as there are reloads: good ones that differ in what a call shows, and bad ones. */
import { usd } from '#contract'
import { OPEN_RATE, sandbox } from '../rig/gateway.ts'
import { customConnection } from '../rig/provider.ts'

export const QUOTAS = {
  plenty: { monthly_quota: 100_000_000, reserved: 50 },
  scarce: { monthly_quota: 1_500, reserved: 100 },
  nansen: { monthly_quota: 50_000_000, reserved: 50 },
  'nansen-2': { monthly_quota: 40_000_000, reserved: 0 },
} as const
export type Connection = keyof typeof QUOTAS
export const CONNECTIONS = Object.keys(QUOTAS) as Connection[]
export const OWNERS: Readonly<Record<Connection, string>> = { plenty: 'alice', scarce: 'alice', nansen: 'alice', 'nansen-2': 'bob' }

/** Operations of a custom API, with their units. */
export const UNITS = { search: 1, write: 2, feed: 3, big: 2, paced: 1 } as const
export type Operation = keyof typeof UNITS

const MARKUPS = ['1.37', '1.5', '2', '2.25', '3'] as const
const BASE_COST = 12_300n
const PACE = 30
export const BUFFER_KIB = 256
export const UPSTREAM_TIMEOUT_MS = 2_000

/** Rounded up to a micro-dollar. */
const unitPriceAt = (markup: string): bigint => (BASE_COST * usd(`$${markup}`) + 999_999n) / 1_000_000n
/** Whatever generation served. */
export const PRICES: ReadonlySet<bigint> = new Set(MARKUPS.map(unitPriceAt))
export const DEAREST = [...PRICES].reduce((most, price) => (price > most ? price : most), 0n)

export interface ShopWish {
  readonly providerUrl: string
  /** Sections `store` and `ledger`. */
  readonly ground: object
}

const ALLOWED = { resale: 'allowed' }
const operations = [
  { id: 'search', method: 'GET', path: '/search', query: ['q'], ...ALLOWED },
  { id: 'write', method: 'POST', path: '/write', units: UNITS.write, body: { text: { type: 'string' } }, ...ALLOWED },
  { id: 'feed', method: 'GET', path: '/feed', units: UNITS.feed, query: ['q'], streaming: true, ...ALLOWED },
  { id: 'big', method: 'GET', path: '/big', units: UNITS.big, query: ['q'], ...ALLOWED },
  { id: 'paced', method: 'GET', path: '/paced', query: ['q'], ...ALLOWED },
]
/** What the provider does not bill; everything else that reached it, it does. */
export const UNBILLED = [402, 404, 429, 503]
const failures = [
  { status: 402, means: 'quota-exhausted', bills: false },
  { status: 404, means: 'not-found', bills: false },
  { status: 429, means: 'rate-limited', bills: false },
  { status: 503, means: 'provider-down', bills: false },
]

/** The configuration with this number, from chance. */
export function goodText({ providerUrl, ground }: ShopWish, number: number, random: () => number): string {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const markup = `${pick(MARKUPS)}x`
  const priced = { base_cost: '$0.0123', markup, subscription_cost: '$10' }
  const custom = (name: 'plenty' | 'scarce'): object =>
    customConnection(providerUrl, { name, base_url: `${providerUrl}/${name}`, owner: OWNERS[name], operations, failures, ...QUOTAS[name], ...priced })
  const nansen = (name: 'nansen' | 'nansen-2'): object => ({
    ...{ name, adapter: 'nansen', base_url: `${providerUrl}/${name}`, api_key: `key-of-${name}`, owner: OWNERS[name], resale_terms: 'confirmed' },
    ...{ ...QUOTAS[name], ...priced },
  })
  const config = sandbox({
    ...ground,
    upstream: { allow_private: true, timeout: `${UPSTREAM_TIMEOUT_MS}ms`, buffer: `${BUFFER_KIB}KiB` },
    limits: { concurrent_per_consumer: pick([400, 500]) },
    api_connections: [custom('plenty'), custom('scarce'), nansen('nansen'), nansen('nansen-2')],
    plugins: [
      ...(random() < 0.5 ? ['cors'] : []),
      ...['auth', 'abuse-detect', { 'rate-limit': { ...OPEN_RATE['rate-limit'], operations: { paced: `${PACE}/minute` } } }],
      { 'markup-billing': { platform_share: pick(['5%', '10%', '12.5%']) } },
      { 'x402-payment': { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } },
      'quota-reserve',
    ],
  })
  return `${JSON.stringify(config, null, 2)}\n# ${number}\n`
}

/** Ways in which a file is bad; the gateway says so and serves on. */
export const spoiled: readonly ((text: string) => string)[] = [
  (text) => text.replace('"reserved": 50', '"reserved": 900000000'),
  (text) => text.replace(/"markup": "[\d.]+x"/, '"markup": "0.5x"'),
  (text) => text.slice(0, text.length / 2),
  (text) => text.replace('"listen": "127.0.0.1:0"', '"listen": "127.0.0.2:0"'),
  (text) => text.replace('"auth"', '"author"'),
  (text) => text.replace('"plugins"', '"plugin"'),
  (text) => text.replace('"facilitator": "sandbox"', '"facilitator": "ftp://nowhere"'),
]
