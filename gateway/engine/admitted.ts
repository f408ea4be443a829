/** How an admission can stand and end, and what it tells of a call that came before under the same name. */
import { type Alternative, type Named, type Refusal, type Reserved, refuse, type StoredAnswer, unreachable, type Usd } from '#contract'
import type { EngineCall } from './call.ts'
import { type Paying, pending } from './settle.ts'
import type { Asking } from './unverified.ts'

export type Admitted =
  | {
      readonly kind: 'held'
      readonly hold: string
      readonly chosen: Alternative
      readonly payer: Paying
      readonly available: Usd | undefined
      readonly paid: readonly string[]
    }
  | { readonly kind: 'stored'; readonly answer: StoredAnswer }
  /** `price`: at which the call could be served now, where that differs from the quote. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly price: Usd | undefined }

export const NOTHING_TO_LEAVE = (): void => undefined

export function askingOf({ loopback, address, api, pool, price }: EngineCall): Asking {
  let forSale = 0
  for (const { quota, reserved } of pool) forSale += quota - reserved
  return { address: loopback ? undefined : address, pool: api, forSale, units: price.alternatives[0]?.units ?? 1 }
}

/** `queueing`: a payment that nobody has verified waits for room. `paying`: it is being settled; nothing is cancelled any more. */
export type AdmissionState = 'new' | 'preparing' | 'queueing' | 'reserving' | 'waiting' | 'authorizing' | 'paying' | 'ended'

/** What a name says that neither is under way nor has an answer to give. */
export function refusalOfNamed(named: Extract<Named, { state: 'unknown' | 'gone' | 'conflict' }>): Refusal {
  switch (named.state) {
    case 'unknown':
      return pending('the settlement of this call is not known yet')
    case 'gone':
      return refuse('replay_unavailable', `the answer is no longer stored; the call's receipt is ${named.receipt}`, { members: { receipt: named.receipt } })
    case 'conflict':
      return refuse('idempotency_conflict', 'the same Idempotency-Key or payment was used for another request')
    default:
      return unreachable(named)
  }
}

export const refusalOfReserved = ({ code, detail, retryAfterSeconds }: Extract<Reserved, { kind: 'refused' }>): Refusal =>
  refuse(code, detail, retryAfterSeconds === undefined ? {} : { retryAfterSeconds })

export const CROWDED = refuse('rate_limited', 'too many payments that are not verified yet; the payment was not used', { retryAfterSeconds: 2 })
