/** What a unit of a connection costs its owner and its buyers. */

import { parseUsd, type Ratio, ratio, unitPriceOf, type Usd } from '#contract'
import { type Complaints, hint } from './complaints.ts'
import { type Draft, placeOf, textOf } from './draft.ts'
import { childOf, entryOf } from './yaml.ts'

/** What a month costs: as written, else the adapter's list price. */
export const subscriptionCost = ({ values, adapter }: Draft): Usd | undefined =>
  values.subscription_cost ?? (adapter?.subscriptionCostUsd === undefined ? undefined : parseUsd(adapter.subscriptionCostUsd))

/** The base cost itself stays exact. */
export function readPrice(draft: Draft, complaints: Complaints): { baseCost: Ratio; markup: Ratio; unitPrice: Usd } | undefined {
  const { markup } = draft.values
  if (markup !== undefined && markup.num < markup.den)
    complaints.error(placeOf(draft, 'markup'), `markup ${textOf(draft, 'markup')} is below 1x and sells at a loss; expected 1x or more`)
  const baseCost = readBaseCost(draft, complaints)
  if (baseCost === undefined || markup === undefined) return undefined
  return { baseCost, markup, unitPrice: unitPriceOf(baseCost, markup) }
}

function readBaseCost(draft: Draft, complaints: Complaints): Ratio | undefined {
  const { values, node, name, adapter } = draft
  const written = ['base_cost', 'subscription_cost'].filter((setting) => entryOf(node, setting) !== undefined)
  if (values.base_cost === 0n) return complaints.error(placeOf(draft, 'base_cost'), 'base_cost $0.00 sells for nothing; expected more than $0')
  if (values.base_cost !== undefined) return ratio(values.base_cost, 1n)
  if (written.includes('base_cost') && complaints.spoiled(childOf(node, 'base_cost'))) return undefined
  const cost = subscriptionCost(draft)
  if (cost === 0n) return complaints.error(placeOf(draft, 'subscription_cost'), 'subscription_cost $0.00 gives no price; expected more than $0, or base_cost')
  if (cost !== undefined) return values.monthly_quota === undefined ? undefined : ratio(cost, BigInt(values.monthly_quota))
  const unknown = adapter === undefined || complaints.spoiled(childOf(node, 'subscription_cost'))
  if (!unknown) complaints.missing(node, `no price is known for ${name}; expected base_cost such as $0.05, or subscription_cost such as $500`)
  return undefined
}

export function checkReserve(draft: Draft, complaints: Complaints): void {
  const { monthly_quota: quota, reserved } = draft.values
  if (quota !== undefined && reserved !== undefined && reserved > quota)
    complaints.error(placeOf(draft, 'reserved'), `reserved ${reserved} is more than monthly_quota ${quota}; expected 0 to ${quota}`)
}

export function checkPrices(draft: Draft, ids: ReadonlySet<string>, complaints: Complaints): void {
  const prices = childOf(draft.node, 'prices')
  if (prices?.kind !== 'map') return
  for (const { key } of prices.entries.values())
    if (!ids.has(key.name)) complaints.error(key, `unknown operation ${key.name} of ${draft.name}; ${hint(key.name, ids)}`)
}
