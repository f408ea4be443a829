/** What the scripts answer, in the words of the port: the same refusals, in the same sentences, as the embedded store's. */
import { type Alternative, dollars, type EpochMs, type Named, type RateState, type Reserved, type StoreClaim, type SupplyClaim, type Usd } from '#contract'
import { type LimitClaim, limitRefusal, rateState } from '../limits.ts'
import { refusal } from '../supply.ts'
import type { Reply } from './link.ts'

const NS = 1e9
const PENDING_RETRY_SECONDS = 2

type Refused = Extract<Reserved, { kind: 'refused' }>

export interface Question {
  readonly claims: readonly StoreClaim[]
  readonly supply: SupplyClaim | undefined
  /** When the soonest of the connections on sale turns; undefined where none ever does. */
  readonly resetsAtMs: EpochMs | undefined
  readonly nowMs: number
}

export const UNAVAILABLE: Refused = refusal('unavailable', 'the store is out of reach')

const textOf = (reply: Reply | undefined): string => (typeof reply === 'string' ? reply : String(reply ?? ''))
const numberOf = (reply: Reply | undefined): number => Number.parseInt(textOf(reply), 10)

/** Claims as the script counts them: all but the supply. */
const claimAt = (claims: readonly StoreClaim[], index: number): StoreClaim | undefined => claims.filter(({ kind }) => kind !== 'supply')[index]

/** Of `<index> <nanoseconds ahead>`. */
export function rateOf(claims: readonly StoreClaim[], reply: Reply | undefined): RateState | undefined {
  const [index = '', ahead = ''] = textOf(reply).split(' ')
  const claim = index === '' ? undefined : claimAt(claims, numberOf(index))
  return claim?.kind === 'rate' ? rateState(claim, numberOf(ahead)) : undefined
}

/** Names whose call is charged need a second look for their answer: `stored` says where. */
export function namedOf(
  digest: string,
  [was, receipt, state]: readonly [string, string, string],
  stored: Named | undefined,
): Exclude<Named, { state: 'absent' }> {
  if (was !== digest) return { state: 'conflict' }
  if (state === 'waiting' || state === 'settling') return { state: 'waiting' }
  if (state === 'unknown') return { state: 'unknown' }
  return stored !== undefined && stored.state === 'stored' ? stored : { state: 'gone', receipt }
}

/** Everything but `held`, `named` and `turn`. */
export function refusedOf(reply: readonly Reply[], question: Question): Refused {
  const [what, first, second, third] = reply
  switch (what) {
    case 'unauthenticated':
      return refusal('unauthenticated', 'the key is not valid')
    case 'pending':
      return refusal('payment_pending', 'the payment is in use by a call that has not ended', { retryAfterSeconds: PENDING_RETRY_SECONDS })
    case 'used':
      return refusal('payment_invalid', 'the payment was used before')
    case 'limited':
      return limitRefusal(claimAt(question.claims, numberOf(first)) as LimitClaim, numberOf(second) / NS, rateOf(question.claims, third))
    case 'dear':
      return dear(textOf(first), alternativeAt(question, second), question)
    case 'poor': {
      const { price } = alternativeAt(question, second)
      return refusal('insufficient_credits', `the call costs ${dollars(price)}, the balance is ${dollars(BigInt(textOf(first)))}`, { price })
    }
    case 'sold_out': {
      const { resetsAtMs, nowMs } = question
      const retryAfterSeconds = resetsAtMs === undefined ? undefined : Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1000))
      return refusal('sold_out', 'no connection has units for sale in this period', { retryAfterSeconds })
    }
    default:
      return UNAVAILABLE
  }
}

function alternativeAt({ supply }: Question, index: Reply | undefined): Alternative {
  const found = supply?.alternatives[numberOf(index)]
  if (found === undefined) throw new Error(`the store chose alternative ${textOf(index)}, which was not offered`)
  return found
}

function dear(what: string, { price }: Alternative, { supply }: Question): Refused {
  if (what === 'payment' && supply?.payer.by === 'x402') {
    const over = dollars(supply.payer.payment.amount)
    return refusal('payment_invalid', `the payment is over ${over}, the call costs ${dollars(price)} now; the payment was not used`, { price })
  }
  return refusal('price_above_max', `the call costs ${dollars(price)} now, above the ${dollars(supply?.maxPrice ?? (0n as Usd))} that it allows`, { price })
}

export function heldOf(
  reply: readonly Reply[],
  question: Question,
): { readonly chosen: Alternative; readonly rate: RateState | undefined; readonly available: Usd } {
  const [, index, ahead, available] = reply
  return { chosen: alternativeAt(question, index), rate: rateOf(question.claims, ahead), available: BigInt(textOf(available) || '0') as Usd }
}
