/** What was sold in a month, and what a plan would bring: sums in bigint, printed as plain decimals. */
import { formatUsd, type Month, type ReportRow, type Usd, units } from '#contract'

export interface Report {
  readonly month: Month
  readonly connections: readonly Record<string, unknown>[]
  readonly total: Record<string, unknown>
}

/** What a connection sold in a month, and what its subscription costs. */
type Sales = ReportRow & { readonly cost: bigint }

export interface Column {
  /** In JSON and CSV. */
  readonly member: string
  /** For people. */
  readonly title: string
  /** A result is an amount that is shown with its sign. */
  readonly kind: 'count' | 'amount' | 'result'
  of(sales: Sales): bigint
}

/** The figures of a report, in their order, wherever one is shown; each total is a sum. */
export const COLUMNS: readonly Column[] = [
  { member: 'calls_sold', title: 'calls', kind: 'count', of: ({ callsSold }) => BigInt(callsSold) },
  { member: 'units_sold', title: 'units', kind: 'count', of: ({ unitsSold }) => BigInt(unitsSold) },
  { member: 'own_units', title: 'own', kind: 'count', of: ({ ownUnits }) => BigInt(ownUnits) },
  { member: 'revenue', title: 'revenue', kind: 'amount', of: ({ revenue }) => revenue },
  { member: 'owner_share', title: "owner's share", kind: 'amount', of: ({ ownerShare }) => ownerShare },
  { member: 'platform_share', title: 'platform', kind: 'amount', of: ({ platformShare }) => platformShare },
  { member: 'subscription_cost', title: 'subscription', kind: 'amount', of: ({ cost }) => cost },
  { member: 'net_profit', title: 'net profit', kind: 'result', of: ({ ownerShare, cost }) => ownerShare - cost },
]

export const NO_SALES = { callsSold: 0, unitsSold: 0, ownUnits: 0, revenue: 0n as Usd, ownerShare: 0n as Usd, platformShare: 0n as Usd }

export const figuresOf = (rows: readonly Sales[]): Record<string, unknown> =>
  Object.fromEntries(
    COLUMNS.map(({ member, kind, of }) => {
      const sum = rows.reduce((before, row) => before + of(row), 0n)
      return [member, kind === 'count' ? Number(sum) : formatUsd(sum)]
    }),
  )

/** What a plan cannot be, in one sentence. */
class PlanError extends Error {
  override name = 'PlanError'
}

/**
 * Revenue, shares and profit of a plan; pure arithmetic. No configuration is asked: the platform's share is what markup-billing
 * takes where nothing is set. What was sold has the share of its own configuration, by engine/charge.ts. @throws PlanError when more is sold than there is
 */
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
