/** The unpaid request is itself the quote: 402 with the exact price, or why nothing can be had for money. */
import { type Alternative, type Call, dollars, isRefusal, type Refusal, refuse } from '#contract'
import type { Health } from './health/index.ts'
import type { EnginePorts } from './ports.ts'

/** The alternative that would serve now, by the local copy of the stock; a refusal where those with units serve nobody for long. */
export const quoteOf = (call: Call, health: Pick<Health, 'offer'>): Alternative | Refusal | undefined => health.offer(call, call.price.alternatives)

export function unpaidRefusal(call: Call, { store: { stock }, health, clock }: Pick<EnginePorts, 'store' | 'health' | 'clock'>): Refusal {
  const quote = quoteOf(call, health)
  if (isRefusal(quote)) return quote
  if (quote !== undefined && call.maxPrice !== undefined && quote.price > call.maxPrice)
    return refuse('price_above_max', `the call costs ${dollars(quote.price)} now, above the ${dollars(call.maxPrice)} that it allows`)
  if (quote !== undefined) return refuse('payment_required', `the call costs ${dollars(quote.price)}`)
  const resets = call.price.alternatives
    .filter(({ connection }) => stock.enabled(connection))
    .map(({ connection }) => stock.resetsAtMs(connection))
    .filter((at) => at !== undefined)
  const more = resets.length === 0 ? {} : { retryAfterSeconds: Math.max(1, Math.ceil((Math.min(...resets) - clock.nowMs()) / 1000)) }
  return refuse('sold_out', 'no connection has units for sale in this period', more)
}
