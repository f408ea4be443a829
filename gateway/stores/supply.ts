/** The joint claim of quota and money: the first alternative that has the units at a price that the payer can and will pay. */
import type { Alternative, Payer, Reserved, SupplyClaim, Usd } from '#contract'
import { dollars } from '#contract'
import type { State } from './state.ts'
import type { Stock } from './stock.ts'

type Refused = Extract<Reserved, { kind: 'refused' }>
export type Chosen = { readonly alternative: Alternative; readonly refused?: undefined } | { readonly alternative?: undefined; readonly refused: Refused }

const refused = (code: Refused['code'], detail: string, more: Partial<Refused> = {}): { refused: Refused } => ({
  refused: { kind: 'refused', code, detail, retryAfterSeconds: undefined, price: undefined, rate: undefined, ...more },
})

export function choose(claim: SupplyClaim, state: State, stock: Stock, nowMs: number): Chosen {
  const alternative = claim.payer.by === 'owner' ? mostLeft(claim.alternatives, stock) : cheapest(claim.alternatives, stock)
  if (alternative === undefined) {
    return refused('sold_out', 'no connection has units for sale in this period', { retryAfterSeconds: secondsToReset(claim.alternatives, stock, nowMs) })
  }
  if (claim.payer.by === 'owner') return { alternative }
  return tooDear(alternative, claim, state) ?? { alternative }
}

/** Alternatives come cheapest first; within one price the one with most units left serves. */
function cheapest(alternatives: readonly Alternative[], stock: Stock): Alternative | undefined {
  let best: Alternative | undefined
  let bestLeft = 0
  for (const alternative of alternatives) {
    if (best !== undefined && alternative.price > best.price) return best
    const left = stock.left(alternative.connection)
    if (left >= alternative.units && left > bestLeft && stock.enabled(alternative.connection)) {
      best = alternative
      bestLeft = left
    } else if (alternative.units === 0 && best === undefined && stock.enabled(alternative.connection)) best = alternative
  }
  return best
}

function mostLeft(alternatives: readonly Alternative[], stock: Stock): Alternative | undefined {
  let best: Alternative | undefined
  let bestLeft = -1
  for (const alternative of alternatives) {
    const left = stock.leftForOwner(alternative.connection)
    if (left >= alternative.units && left > bestLeft) {
      best = alternative
      bestLeft = left
    }
  }
  return best
}

function tooDear(alternative: Alternative, claim: SupplyClaim, state: State): { refused: Refused } | undefined {
  const { price } = alternative
  if (claim.maxPrice !== undefined && price > claim.maxPrice) {
    return refused('price_above_max', `the call costs ${dollars(price)} now, above the ${dollars(claim.maxPrice)} that it allows`, { price })
  }
  if (claim.payer.by === 'x402' && price > claim.payer.payment.amount) {
    return refused(
      'payment_invalid',
      `the payment is over ${dollars(claim.payer.payment.amount)}, the call costs ${dollars(price)} now; the payment was not used`,
      { price },
    )
  }
  if (claim.payer.by === 'credits' && price > availableTo(claim.payer, state)) {
    return refused('insufficient_credits', `the call costs ${dollars(price)}, the balance is ${dollars(availableTo(claim.payer, state))}`, { price })
  }
  return undefined
}

function availableTo(payer: Extract<Payer, { by: 'credits' }>, state: State): Usd {
  const account = state.accounts.get(payer.account)
  return (account === undefined ? 0n : account.posted - account.held) as Usd
}

/** A disabled pool has no next period: nothing is promised. */
function secondsToReset(alternatives: readonly Alternative[], stock: Stock, nowMs: number): number | undefined {
  let soonest: number | undefined
  for (const { connection } of alternatives) {
    const at = stock.enabled(connection) ? stock.resetsAtMs(connection) : undefined
    if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at
  }
  return soonest === undefined ? undefined : Math.max(1, Math.ceil((soonest - nowMs) / 1000))
}
