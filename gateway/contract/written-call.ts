/** The call of a charge as it is written: nearly all that a call's record says stands in its charge already. */

import type { Units } from './money.ts'
import type { Attempt } from './outcome.ts'
import type { CallRecord } from './record.ts'

/** What a charge says by itself, and its call says again. */
interface Charged {
  readonly id: string
  readonly connection: string
  readonly units: number
  readonly price: string
  readonly by: 'owner' | 'credits' | 'x402'
  readonly account: string
  readonly api: string
  readonly operation: string
}

type Own = 'id' | 'at' | 'generation' | 'config' | 'tookMs'

/**
 * The call of a charge as stores write it: what is missing is as the charge says. `upstreamMs` stands for the one attempt of nearly
 * every charged call: it was at the connection charged, answered well, and took so long. Version 2 says everything.
 */
export type WrittenCall = Pick<CallRecord, Own> & {
  readonly v: 2 | 3
  readonly api?: string | undefined
  readonly operation?: string | undefined
  readonly consumer?: string | undefined
  readonly kind?: CallRecord['kind'] | undefined
  readonly status?: number | undefined
  readonly code?: CallRecord['code']
  readonly receipt?: string | undefined
  readonly requested?: number | undefined
  readonly candidates?: readonly string[] | undefined
  readonly units?: number | undefined
  readonly price?: string | undefined
  readonly attempts?: readonly Attempt[] | undefined
  readonly upstreamMs?: number | undefined
}

const OK = 200
const kindOf = ({ by }: Pick<Charged, 'by'>): 'free' | 'charged' => (by === 'owner' ? 'free' : 'charged')
const usedBy = ({ by }: Pick<Charged, 'by'>): 'own' | 'sold' => (by === 'owner' ? 'own' : 'sold')
const other = <T>(said: T, known: T): T | undefined => (said === known ? undefined : said)

/** Is it the attempt that the charge implies? */
const isPlain = ({ connection, units, status, meaning, used }: Attempt, charge: Charged, call: CallRecord): boolean =>
  connection === charge.connection && units === charge.units && status === call.status && meaning === 'ok' && used === usedBy(charge)

/** Leaves out what the charge says. A call that has no receipt, or says that it was refused, says everything. */
export function shortCall(charge: Charged, call: CallRecord): WrittenCall {
  if (call.receipt !== charge.id || call.code !== undefined) return call
  const { candidates, attempts } = call
  const [attempt] = attempts
  const isOne = attempt !== undefined && attempts.length === 1 && isPlain(attempt, charge, call)
  return {
    v: 3,
    id: call.id,
    at: call.at,
    generation: call.generation,
    config: call.config,
    api: other(call.api, charge.api),
    operation: other(call.operation, charge.operation),
    consumer: other(call.consumer, charge.account),
    kind: other(call.kind, kindOf(charge)),
    status: other(call.status, OK),
    requested: other(call.requested, charge.units),
    candidates: candidates.length === 1 && candidates[0] === charge.connection ? undefined : candidates,
    units: other(call.units, charge.units),
    price: other(call.price, charge.price),
    attempts: isOne ? undefined : attempts,
    upstreamMs: isOne ? attempt.tookMs : undefined,
    tookMs: call.tookMs,
  }
}

/** Who made the call. */
export const consumerIn = ({ account, call }: { readonly account: string; readonly call: Pick<WrittenCall, 'consumer'> }): string => call.consumer ?? account

/** The call as it was before `shortCall`. */
export function wholeCall(charge: Charged & { readonly call: WrittenCall }): CallRecord {
  const { call } = charge
  const { api = charge.api, operation = charge.operation, kind = kindOf(charge), status = OK, units = charge.units, price = charge.price } = call
  const { receipt = charge.id, requested = charge.units, candidates = [charge.connection], upstreamMs: tookMs = 0 } = call
  const plain = (): Attempt => ({ connection: charge.connection, units: charge.units as Units, status, meaning: 'ok', used: usedBy(charge), tookMs })
  const { attempts = [plain()] } = call
  return {
    ...{ v: 2, id: call.id, at: call.at, generation: call.generation, config: call.config, api, operation, consumer: consumerIn(charge), kind, status },
    ...{ code: call.code, receipt: call.v === 2 ? call.receipt : receipt, requested, candidates, units, price, attempts, tookMs: call.tookMs },
  }
}
