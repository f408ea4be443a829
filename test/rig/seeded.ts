/** A sandbox with a month behind it, as a small shop would have one: four subscriptions, more calls on weekdays and from week to week. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { OPEN_RATE, sandbox } from './gateway.ts'
import { type Demand, type Market, type Seller, tradeAll, type Traded } from './market.ts'
import { OWNERS, writeMonth } from './month.ts'
import { randomFrom } from './random.ts'

const DAY_MS = 86_400_000
const SEED = 20_261_101
/** $500 for each key. */
const GRANT = '500000000'

interface Shop extends Seller {
  readonly subscription: string
  /** Operations with their units, and calls on a weekday at the end of the month. */
  readonly sells: readonly (readonly [operation: string, units: number])[]
  readonly callsADay: number
}

const shop = (name: string, owner: string, more: Omit<Shop, 'name' | 'owner' | 'period'>): Shop => ({ name, owner, period: 'month', ...more })

const NANSEN = [
  ['profiler-address-current-balance', 1],
  ['profiler-address-counterparties', 5],
] as const
const SHOPS: readonly Shop[] = [
  shop('nansen', 'alice', { api: 'nansen', quota: 10_000, reserved: 3000, unitPrice: 150_000n, subscription: '$500', sells: NANSEN, callsADay: 225 }),
  shop('kaito', 'bob', { api: 'kaito', quota: 10_000, reserved: 2000, unitPrice: 60_000n, subscription: '$200', sells: [['mindshare', 1]], callsADay: 300 }),
  shop('arkham', 'carol', {
    api: 'arkham',
    quota: 10_000,
    reserved: 2000,
    unitPrice: 45_000n,
    subscription: '$150',
    sells: [['intelligence-address', 1]],
    callsADay: 340,
  }),
  shop('messari', 'carol', {
    api: 'messari',
    quota: 10_000,
    reserved: 2000,
    unitPrice: 60_000n,
    subscription: '$80',
    sells: [['metrics-assets', 1]],
    callsADay: 45,
  }),
]
const MARKET: Market = { sellers: SHOPS, perMinute: 600, burst: 100, capPerDay: 50_000_000n }

const dollarsOf = (micros: bigint): string => `$${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`

/** The same shop as a configuration. */
export const shopConfig = (more: object = {}): object =>
  sandbox({
    api_connections: SHOPS.map(({ name, owner, api, quota, reserved, unitPrice, subscription }) => ({
      ...{ name, adapter: api, owner, monthly_quota: quota, reserved, base_cost: dollarsOf(unitPrice / 3n), markup: '3x' },
      ...{ subscription_cost: subscription, resale_terms: 'agreement:sandbox' },
    })),
    plugins: [
      ...['auth', { 'abuse-detect': { throttle_above: '40/minute', block_above: '80/minute' } }, OPEN_RATE, 'markup-billing'],
      ...[{ 'x402-payment': { network: 'base-sepolia', facilitator: 'sandbox', pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve'],
    ],
    ...more,
  })

/** Some buy much more than others. */
function consumerBy(random: () => number): string {
  const rank = Math.floor(random() ** 3 * 30)
  return random() < 0.7 ? `key:k${rank}` : `wallet:0x${(16 + (rank % 20)).toString(16).padStart(40, '0')}`
}

function demandsOf(nowMs: number, part: number): readonly Demand[] {
  const random = randomFrom(SEED)
  const demands: Demand[] = []
  const fromMs = nowMs - (nowMs % DAY_MS) - 29 * DAY_MS
  for (let startMs = fromMs; startMs < nowMs; startMs += DAY_MS) {
    const weekday = new Date(startMs).getUTCDay()
    const pace = (weekday % 6 === 0 ? 0.45 : 1) * (0.55 + (0.45 * (startMs - fromMs)) / (29 * DAY_MS)) * (0.8 + 0.4 * random())
    for (const { api, sells, callsADay, owner } of SHOPS) {
      for (let count = Math.round(callsADay * pace * part); count > 0; count -= 1) {
        const at = Math.floor(startMs + random() * DAY_MS)
        if (at >= nowMs - 60_000) continue
        const isOwn = random() < 0.06 && OWNERS[`key:own-${owner}`] !== undefined
        const [operation, units] = sells[random() < 0.9 ? 0 : sells.length - 1] as readonly [string, number]
        const fate = random() < 0.012 ? 'failed' : random() < 0.02 ? 'passed' : 'ok'
        demands.push({
          ...{ at, api, operation, requested: units, actual: units, fate, refunded: fate === 'ok' && !isOwn && random() < 0.001 },
          ...{ consumer: isOwn ? `key:own-${owner}` : consumerBy(random), owner: isOwn ? owner : undefined },
        })
      }
    }
  }
  let last = 0
  return demands
    .sort((a, b) => a.at - b.at)
    .map((demand) => {
      last = Math.max(last + 1, demand.at)
      return { ...demand, at: last }
    })
}

/** Into the store's folder of a configuration in `folder`; `part` of the calls, where a test needs few. */
export function writeShop(folder: string, nowMs: number, part = 1): readonly Traded[] {
  const traded = tradeAll(MARKET, demandsOf(nowMs, part))
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeMonth(join(folder, 'data'), MARKET, traded, nowMs, GRANT)
  return traded
}
