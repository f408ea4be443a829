/** From a good answer to what is charged for it, and to the headers that say so. */
import { type Alternative, type CallRecord, type Charge, creditLineOf, dollars, priceOfUnits, type StoredAnswer, sha256, type Units, type Usd } from '#contract'
import type { EngineCall } from './call.ts'
import { fieldValue } from './headers.ts'
import type { Paying } from './settle.ts'

export interface Priced {
  readonly units: Units
  readonly price: Usd
  readonly platformShare: Usd
}

/** Credits pay the actual, x402 `exact` what was signed, owners nothing. An answer that was kept costs and is split as if it were new, and takes no units. */
export function pricedFor(call: EngineCall, payer: Paying, chosen: Alternative, body: Buffer, isKept: boolean): Priced {
  const units = actualUnits(call, chosen.units, body)
  if (payer.by === 'owner') return { units, price: 0n as Usd, platformShare: 0n as Usd }
  const price = 'payment' in payer ? payer.payment.amount : priceOfUnits(chosen, units)
  const platformShare = chosen.platformShare(price, units)
  if (platformShare < 0n || platformShare > price) throw new RangeError(`a platform share of ${platformShare} of ${price} micro-dollars`)
  return { units: isKept ? (0 as Units) : units, price, platformShare }
}

/** Never more than was held; what the answer does not tell is charged at the most. */
function actualUnits(call: EngineCall, most: Units, body: Buffer): Units {
  const rule = call.operation.units
  if (typeof rule !== 'object') return most
  try {
    const actual = rule.actual(call.request, JSON.parse(body.toString('utf8')))
    return Number.isSafeInteger(actual) && actual >= 0 && actual < most ? (actual as Units) : most
  } catch {
    return most
  }
}

/** A balance that pays for fewer calls of this price is said to be low, so that somebody can fill it up in time. */
const LOW_CALLS = 10n

/** Of every charged answer, on the stored one, too. */
export function addChargeHeaders(headers: string[], call: EngineCall, priced: Priced, receipt: string, available: Usd | undefined): void {
  headers.push('x-atlas-price', dollars(priced.price), 'x-atlas-units', String(priced.units), 'x-atlas-receipt', receipt, 'cache-control', 'private')
  if (available !== undefined && available < priced.price * LOW_CALLS) headers.push('x-atlas-low-balance', dollars(available))
  const attribution = creditLineOf(call.adapter, call.operation)
  if (attribution !== undefined) headers.push('x-atlas-attribution', fieldValue(attribution))
}

export function chargeOf(call: EngineCall, priced: Priced, body: Buffer, answer: StoredAnswer | undefined, record: CallRecord): Charge {
  return {
    units: priced.units,
    price: priced.price,
    platformShare: priced.platformShare,
    operation: call.operation.id,
    api: call.api,
    subject: { requestDigest: call.digest, answerDigest: sha256(body) },
    answer,
    call: record,
  }
}
