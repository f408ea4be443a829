/** What commands on a traded month have to say, reckoned from what was traded and with nothing of the product. */
import type { Market, Seller, Traded } from './market.ts'
import { chargedAt } from './month.ts'

const DAY_MS = 86_400_000

/** Micro-dollars as they are printed. */
export const plain = (micros: bigint): string => {
  const size = micros < 0n ? -micros : micros
  const places = String(size % 1_000_000n).padStart(6, '0')
  return `${micros < 0n ? '-' : ''}${size / 1_000_000n}.${places.slice(0, 2)}${places.slice(2).replace(/0+$/, '')}`
}

interface Sums {
  calls_sold: number
  units_sold: number
  own_units: number
  wasted_units: number
  revenue: bigint
  platform: bigint
}

/** Of what passes: revenue of what was reversed is none, unless it was asked for again. */
export function sumsOf(traded: readonly Traded[]): Sums {
  const sums = { calls_sold: 0, units_sold: 0, own_units: 0, wasted_units: 0, revenue: 0n, platform: 0n }
  for (const { demand, result } of traded) {
    if (result.kind === 'failed') sums.wasted_units += result.wasted
    if (result.kind === 'own') sums.own_units += result.units
    if (result.kind !== 'sold') continue
    sums.calls_sold += 1
    sums.units_sold += result.units
    if (demand.refunded) continue
    sums.revenue += result.price
    sums.platform += result.platform
  }
  return sums
}

export const printed = ({ revenue, platform, ...rest }: Sums): object => ({
  ...rest,
  ...{ revenue: plain(revenue), owner_share: plain(revenue - platform), platform_share: plain(platform) },
})

export function refusalsOf(traded: readonly Traded[], apis?: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { demand, result } of traded) {
    if (apis !== undefined && !apis.includes(demand.api)) continue
    const code = result.kind === 'refused' ? result.code : result.kind === 'failed' ? 'upstream_error' : undefined
    if (code !== undefined) counts[code] = (counts[code] ?? 0) + 1
  }
  return counts
}

export const of = (traded: readonly Traded[], fits: (seller: Seller) => boolean): readonly Traded[] =>
  traded.filter(({ result }) => result.kind !== 'refused' && fits(result.seller))

export const sideOf = (traded: readonly Traded[]): object => ({ ...printed(sumsOf(traded)), refusals: refusalsOf(traded) })

export function reportOf(traded: readonly Traded[], month: string, { sellers }: Market): object {
  const within = traded.filter(({ demand }) => new Date(chargedAt(demand)).toISOString().startsWith(month))
  const rows = [...sellers]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, owner }) => {
      const { wasted_units: _wasted, ...sums } = sumsOf(of(within, (one) => one.name === name))
      return { name, owner, sums }
    })
  const line = (sums: Omit<Sums, 'wasted_units'>, cost: bigint): object => ({
    ...printed({ ...sums, wasted_units: 0 }),
    ...{ subscription_cost: plain(cost), net_profit: plain(sums.revenue - sums.platform - cost) },
  })
  const { wasted_units: _all, ...total } = sumsOf(within)
  return {
    month,
    connections: rows.map(({ name, owner, sums }) => without({ name, owner, ...line(sums, 500_000_000n) }, 'wasted_units')),
    total: without(line(total, 500_000_000n * BigInt(sellers.length)), 'wasted_units'),
  }
}

function without(value: object, member: string): object {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== member))
}

/** Units of each of the last seven days by one connection, and what follows. */
export function forecastOf(traded: readonly Traded[], { name, reserved, period }: Seller, at: number, left: number): object {
  const days = Array.from({ length: 7 }, () => ({ sale: 0, own: 0 }))
  for (const { demand, result } of of(traded, (one) => one.name === name)) {
    const index = Math.floor((demand.at - (at - 7 * DAY_MS)) / DAY_MS)
    const day = days[index]
    if (day === undefined || result.kind === 'refused' || result.kind === 'passed') continue
    if (result.kind === 'own') day.own += result.units
    else day.sale += result.kind === 'failed' ? result.wasted : result.units
  }
  const sale = days.map((day) => day.sale)
  const mean = sale.reduce((sum, units) => sum + units, 0) / 7
  const spread = Math.sqrt(sale.reduce((sum, units) => sum + (units - mean) ** 2, 0) / 6)
  const ownMean = days.reduce((sum, day) => sum + day.own, 0) / 7
  const now = new Date(at)
  const end = period === 'day' ? at - (at % DAY_MS) + DAY_MS : Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
  const start = period === 'day' ? end - DAY_MS : Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)
  const owned = of(traded, (one) => one.name === name).reduce(
    (sum, { demand, result }) => (result.kind === 'own' && demand.at >= start ? sum + result.units : sum),
    0,
  )
  // Minute by minute would do; by halves it is quicker: what is left after so many days only falls.
  const leftAfter = (rate: number, n: number): number => left - rate * n - Math.max(0, ownMean * n - Math.max(0, reserved - owned))
  const out = (rate: number): number | null => {
    let [low, high] = [0, (end - at) / DAY_MS]
    if (leftAfter(rate, high) >= 0) return null
    for (let step = 0; step < 80; step += 1) {
      const middle = (low + high) / 2
      if (leftAfter(rate, middle) > 0) low = middle
      else high = middle
    }
    return at + high * DAY_MS
  }
  const unsold = (rate: number): number => Math.max(0, Math.floor(leftAfter(rate, (end - at) / DAY_MS)))
  const [low, high] = [Math.max(0, mean - spread), mean + spread]
  return {
    ...{ units_left: left, units: sale, own_units: days.map((day) => day.own), resets_at: new Date(end).toISOString() },
    ...{ mean, out: out(mean), earliest: out(high), latest: out(low), unsold: unsold(mean), most: unsold(low), least: unsold(high) },
  }
}
