/** What somebody wants to buy: an amount, or calls of an API. */
import { dollars, type Payment, parseUsd, type ReadPayment, type Refusal, refuse, type Till, type Usd } from '#contract'

export interface Ordered {
  readonly price: Usd
  readonly description: string
  /** The same order has the same text. */
  readonly text: string
  /** For the answer. */
  readonly shown: Readonly<Record<string, unknown>>
}

const EXPECTED = 'expected {"amount": "$15"} or {"api": "nansen", "calls": 100}'
const MOST_CALLS = 1_000_000
/** $100,000: what a mistyped amount may cost has an end. */
const MOST: Usd = 100_000_000_000n as Usd

const wrong = (what: string): Refusal => refuse('bad_request', `${what}; ${EXPECTED}`)

export function orderIn(body: Uint8Array, unitPrice: (api: string) => Usd | undefined): Ordered | Refusal {
  const order = objectIn(body)
  if (order === undefined) return wrong('the body is not a JSON object')
  const names = Object.keys(order).sort().join()
  if (names === 'amount') return ofAmount(order.amount)
  return names === 'api,calls' ? ofCalls(order.api, order.calls, unitPrice) : wrong('the body names neither an amount alone nor api and calls')
}

function ofAmount(amount: unknown): Ordered | Refusal {
  const price = typeof amount === 'string' ? parseUsd(amount) : undefined
  if (price === undefined || price <= 0n) return wrong('amount is not a positive amount of dollars')
  return ordered(price, `Credits of ${dollars(price)}`, {})
}

function ofCalls(api: unknown, calls: unknown, unitPrice: (api: string) => Usd | undefined): Ordered | Refusal {
  if (typeof api !== 'string' || typeof calls !== 'number') return wrong('api is not text or calls is not a number')
  if (!Number.isSafeInteger(calls) || calls < 1 || calls > MOST_CALLS) return wrong(`calls is not a whole number from 1 to ${MOST_CALLS}`)
  const unit = unitPrice(api)
  if (unit === undefined) return refuse('unknown_operation', 'no API of this name is on sale; GET /catalog lists those that are')
  const price = (unit * BigInt(calls)) as Usd
  return ordered(price, `Credits for ${calls} calls of ${api}`, { api, calls })
}

function ordered(price: Usd, description: string, shown: Ordered['shown']): Ordered | Refusal {
  if (price > MOST) return refuse('bad_request', `at most ${dollars(MOST)} are sold at once`)
  return { price, description, text: description, shown }
}

function objectIn(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What the offer names. */
export const resourceOf = ({ origin }: { readonly origin: () => string }, { description }: Ordered) =>
  ({ url: `${origin()}/credits`, description, isSecret: true }) as const

interface Asked {
  readonly body: Uint8Array
  header(name: string): string | undefined
}

interface Seller {
  readonly till: Pick<Till, 'read'>
  readonly origin: () => string
  readonly unitPrice: (api: string) => Usd | undefined
}

/** A payment is shown that this seller can read, and that is enough for what is ordered. */
export function isPaid(ask: Asked, seller: Seller): boolean {
  const order = orderIn(ask.body, seller.unitPrice)
  if ('code' in order) return false
  const shown = seller.till.read(
    (name) => ask.header(name),
    () => resourceOf(seller, order),
  )
  return shown !== undefined && 'payment' in shown && shown.payment.amount >= order.price
}

/** Why a payment does not buy what is ordered. */
export function misfit(shown: ReadPayment, { price }: Ordered): { readonly refusal: Refusal; readonly payment: Payment | undefined } | undefined {
  if ('refusal' in shown) return { refusal: shown.refusal, payment: shown.former }
  const { payment } = shown
  const no = (why: string) => ({ refusal: refuse('payment_invalid', `${why}; it was not used`), payment })
  if (payment.amount < price) return no(`the payment is over ${dollars(payment.amount)}, the credits cost ${dollars(price)}`)
  return payment.x402Version === 2 && payment.quote === undefined ? no('the payment does not repeat the offer (accepted.extra.quote)') : undefined
}
