/** The unpaid request is itself the quote: 402 with the exact price, or sold out where nothing can be had for money. */
import { type Alternative, type Call, dollars, type Refusal, refuse, type StockMirror } from '#contract'

/** The alternative that would serve now, by the local copy of the stock. */
export function quoteOf(call: Call, stock: StockMirror): Alternative | undefined {
  return call.price.alternatives.find(({ connection, units }) => stock.enabled(connection) && stock.left(connection) >= units)
}

export function unpaidRefusal(call: Call, stock: StockMirror, nowMs: number): Refusal {
  const quote = quoteOf(call, stock)
  if (quote !== undefined && call.maxPrice !== undefined && quote.price > call.maxPrice)
    return refuse('price_above_max', `the call costs ${dollars(quote.price)} now, above the ${dollars(call.maxPrice)} that it allows`)
  if (quote !== undefined) return refuse('payment_required', `the call costs ${dollars(quote.price)}`)
  const resets = call.price.alternatives
    .filter(({ connection }) => stock.enabled(connection))
    .map(({ connection }) => stock.resetsAtMs(connection))
    .filter((at) => at !== undefined)
  const more = resets.length === 0 ? {} : { retryAfterSeconds: Math.max(1, Math.ceil((Math.min(...resets) - nowMs) / 1000)) }
  return refuse('sold_out', 'no connection has units for sale in this period', more)
}
