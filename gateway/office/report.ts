/** What was sold in a month, and what a plan would bring: sums in bigint, printed as plain decimals. Shapes: CONTRACT section 4. */
import { formatUsd, type Month, type ReportRow, type Usd, units } from '#contract'

export interface Report {
  readonly month: Month
  readonly connections: readonly Record<string, unknown>[]
  readonly total: Record<string, unknown>
}

export interface Row {
  readonly name: string
  readonly owner: string
  readonly calls_sold: number
  readonly units_sold: number
  readonly own_units: number
  readonly revenue: bigint
  readonly owner_share: bigint
  readonly platform_share: bigint
  readonly subscription_cost: bigint
}

export const NO_SALES = { callsSold: 0, unitsSold: 0, ownUnits: 0, revenue: 0n as Usd, ownerShare: 0n as Usd, platformShare: 0n as Usd }

export const reportRow = (row: ReportRow, cost: bigint): Row => ({
  name: row.connection,
  owner: row.owner,
  calls_sold: row.callsSold,
  units_sold: row.unitsSold,
  own_units: row.ownUnits,
  revenue: row.revenue,
  owner_share: row.ownerShare,
  platform_share: row.platformShare,
  subscription_cost: cost,
})

export function sumOf(rows: readonly Row[]): Omit<Row, 'name' | 'owner'> {
  const sum = { calls_sold: 0, units_sold: 0, own_units: 0, revenue: 0n, owner_share: 0n, platform_share: 0n, subscription_cost: 0n }
  for (const row of rows) {
    sum.calls_sold += row.calls_sold
    sum.units_sold += row.units_sold
    sum.own_units += row.own_units
    sum.revenue += row.revenue
    sum.owner_share += row.owner_share
    sum.platform_share += row.platform_share
    sum.subscription_cost += row.subscription_cost
  }
  return sum
}

export function printed(row: Row | Omit<Row, 'name' | 'owner'>): Record<string, unknown> {
  const amounts = Object.entries({ ...row, net_profit: row.owner_share - row.subscription_cost })
  return Object.fromEntries(amounts.map(([name, value]) => [name, typeof value === 'bigint' ? formatUsd(value) : value]))
}

/** What a plan cannot be, in one sentence. */
class PlanError extends Error {
  override name = 'PlanError'
}

/** Revenue, shares and profit of a plan; pure arithmetic. @throws PlanError when more is sold than there is */
export function estimate(plan: { quota: number; used: number; sold: number; unitPrice: Usd; subscription: Usd }): Record<string, unknown> {
  const available = plan.quota - plan.used
  if (available < 0) throw new PlanError(`--used ${plan.used} is more than --quota ${plan.quota}; expected 0 to ${plan.quota}`)
  if (plan.sold > available) throw new PlanError(`--sold ${plan.sold} is more than the ${available} units that are left; expected 0 to ${available}`)
  const revenue = plan.unitPrice * BigInt(units(plan.sold))
  const platform = revenue / 10n
  return {
    available,
    price: formatUsd(plan.unitPrice),
    revenue: formatUsd(revenue),
    owner_share: formatUsd(revenue - platform),
    platform_share: formatUsd(platform),
    subscription_cost: formatUsd(plan.subscription),
    net_profit: formatUsd(revenue - platform - plan.subscription),
  }
}
