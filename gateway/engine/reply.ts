/** What a call says about itself: the headers of its answers, its problems with the offer, its record. */
import {
  type Alternative,
  type Attempt,
  type CallRecord,
  dollars,
  isRefusal,
  type Outcome,
  type RateState,
  type Refusal,
  refusals,
  refuse,
  type Units,
  type Usd,
} from '#contract'
import type { EngineCall } from './call.ts'
import type { Priced } from './charge.ts'
import type { EnginePorts } from './ports.ts'
import type { Paying } from './settle.ts'
import { quoteOf } from './unpaid.ts'

/** draft-ietf-httpapi-ratelimit-headers-10 */
export function addRateHeaders(headers: string[], rate: RateState | undefined): void {
  if (rate === undefined) return
  headers.push('ratelimit-policy', `"default";q=${rate.limit};w=${rate.windowSeconds}`, 'ratelimit', `"default";r=${rate.remaining};t=${rate.resetSeconds}`)
}

/** A 402 carries the offer at `price`, or at what the call costs now. */
export function withOffer(ports: EnginePorts, call: EngineCall, refusal: Refusal, price: Usd | undefined): Refusal {
  if (refusals[refusal.code].status !== 402) return refusal
  if (!call.chain.gives('challenge')) return { ...refusal, members: { x402Version: 1, error: refusal.detail, accepts: [], ...refusal.members } }
  try {
    const quote = quoteOf(call, ports.health)
    const asked = price ?? (isRefusal(quote) ? undefined : quote?.price) ?? call.price.alternatives[0]?.price
    if (asked === undefined) throw new Error(`operation ${call.operation.id} has no price`)
    const offer = call.challenge(asked, refusal.detail)
    return { ...refusal, headers: { ...offer.headers, ...refusal.headers }, members: { ...offer.members, ...refusal.members } }
  } catch (cause) {
    return refuse('unavailable', 'the offer for this call could not be made; nothing was charged', { cause })
  }
}

/** Of a call that was paid upfront and came to nothing: what it paid is credit. @param paid headers of its settlement */
export const creditedOf = (payer: Paying, paid: readonly string[]): readonly string[] =>
  payer.by === 'upfront' ? [...paid, 'x-atlas-credit', dollars(payer.payment.amount)] : []

export interface Ending {
  readonly kind: Outcome['kind']
  readonly status: number
  readonly refusal: Refusal | undefined
  readonly attempts: readonly Attempt[]
  readonly priced: Priced | undefined
  readonly receipt: string | undefined
  readonly tookMs: number
}

export function outcomeOf({ kind, status, refusal, attempts, priced, receipt, tookMs }: Ending, chosen: Alternative | undefined): Outcome {
  const [units, price] = [priced?.units ?? (0 as Units), priced?.price ?? (0n as Usd)]
  return { kind, status, code: refusal?.code, attempts, chosen, units, price, receipt, tookMs }
}

export function recordOf(call: EngineCall, ending: Ending): CallRecord {
  const { kind, status, refusal, priced, receipt } = ending
  const { requested, candidates } = asked(call)
  return {
    v: 2,
    id: call.id,
    at: call.receivedAtMs,
    generation: call.generation,
    config: call.config,
    api: call.api,
    operation: call.operation.id,
    consumer: consumerOf(call),
    kind,
    status,
    code: refusal?.code,
    receipt,
    requested,
    candidates,
    units: priced?.units ?? 0,
    price: (priced?.price ?? 0n).toString(),
    attempts: ending.attempts,
    tookMs: ending.tookMs,
  }
}

/** Undefined facts are no reason to write nothing: what cannot be told is told as nothing. */
function asked(call: EngineCall): { requested: number; candidates: readonly string[] } {
  try {
    const { alternatives } = call.price
    return { requested: alternatives[0]?.units ?? 0, candidates: alternatives.map(({ connection }) => connection) }
  } catch {
    return { requested: 0, candidates: [] }
  }
}

/** A record is written whatever broke: also where the giver of the consumer is what broke. */
function consumerOf(call: EngineCall): string {
  try {
    return call.consumer.id
  } catch {
    return `address:${call.address}`
  }
}
