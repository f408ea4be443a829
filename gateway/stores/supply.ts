/** The joint claim of quota and money: the first alternative that has the units at a price that the payer can and will pay. */
import type { Alternative, Payer, Reserved, SupplyClaim, Usd } from '#contract'
import { dollars } from '#contract'
import type { State } from './state.ts'
import type { Stock } from './stock.ts'

export type Refused = Extract<Reserved, { kind: 'refused' }>

export const refusal = (code: Refused['code'], detail: string, more: Partial<Refused> = {}): Refused => ({
  kind: 'refused',
  code,
  detail,
  retryAfterSeconds: undefined,
  price: undefined,
  rate: undefined,
  ...more,
})

/** What would serve; `refused` where it may not, with the alternative that was judged. */
export interface Chosen {
  readonly alternative: Alternative | undefined
  readonly refused: Refused | undefined
}

/**
 * 402 comes before 503: whoever could not pay for the call anyway is told so first. Then the price is that of the cheapest
 * connection on sale, although it has nothing left.
 */
export function choose(claim: SupplyClaim, state: State, stock: Stock, nowMs: number): Chosen {
  const own = claim.payer.by === 'owner'
  const onSale = own ? claim.alternatives : enabledOf(claim.alternatives, stock)
  const serving = own ? mostLeft(onSale, stock) : cheapest(onSale, stock)
  const alternative = serving ?? onSale[0]
  const dear = alternative === undefined || own ? undefined : tooDear(alternative, claim, state)
  if (serving !== undefined || dear !== undefined) return { alternative, refused: dear }
  const retryAfterSeconds = secondsToReset(onSale, stock, nowMs)
  return { alternative, refused: refusal('sold_out', 'no connection has units for sale in this period', { retryAfterSeconds }) }
}

function enabledOf(alternatives: readonly Alternative[], stock: Stock): readonly Alternative[] {
  const enabled = ({ connection }: Alternative): boolean => stock.enabled(connection)
  return alternatives.every(enabled) ? alternatives : alternatives.filter(enabled)
}

/** Alternatives come cheapest first; within one price the one with most units left serves. */
function cheapest(alternatives: readonly Alternative[], stock: Stock): Alternative | undefined {
  let best: Alternative | undefined
  let bestLeft = 0
  for (const alternative of alternatives) {
    if (best !== undefined && alternative.price > best.price) return best
    const left = stock.left(alternative.connection)
    if (left >= alternative.units && (best === undefined || left > bestLeft)) {
      best = alternative
      bestLeft = left
    }
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

function tooDear(alternative: Alternative, claim: SupplyClaim, state: State): Refused | undefined {
  const { price } = alternative
  if (claim.maxPrice !== undefined && price > claim.maxPrice) {
    return refusal('price_above_max', `the call costs ${dollars(price)} now, above the ${dollars(claim.maxPrice)} that it allows`, { price })
  }
  if (claim.payer.by === 'x402' && price > claim.payer.payment.amount) {
    return refusal(
      'payment_invalid',
      `the payment is over ${dollars(claim.payer.payment.amount)}, the call costs ${dollars(price)} now; the payment was not used`,
      { price },
    )
  }
  if (claim.payer.by === 'credits' && price > availableTo(claim.payer, state)) {
    return refusal('insufficient_credits', `the call costs ${dollars(price)}, the balance is ${dollars(availableTo(claim.payer, state))}`, { price })
  }
  return undefined
}

/** What is posted, less what calls under way hold. */
export function availableTo(payer: Extract<Payer, { by: 'credits' }>, state: State): Usd {
  const account = state.accounts.get(payer.account)
  return (account === undefined ? 0n : account.posted - account.held) as Usd
}

/** Where nothing is on sale, or nothing ever renews, nothing is promised. */
function secondsToReset(onSale: readonly Alternative[], stock: Stock, nowMs: number): number | undefined {
  let soonest: number | undefined
  for (const { connection } of onSale) {
    const at = stock.resetsAtMs(connection)
    if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at
  }
  return soonest === undefined ? undefined : Math.max(1, Math.ceil((soonest - nowMs) / 1000))
}
