/** Reads a provider's answer as one of the few things that it can mean. The unlisted case ends in `unknown`. */
import {
  type Adapter,
  type Attempt,
  defaultMeaning,
  type FailureMeaning,
  type FailureRule,
  isRead,
  type Operation,
  type Refusal,
  refuse,
  type UnitsFate,
} from '#contract'
import { hasMember } from './member.ts'

export interface Reading {
  readonly meaning: FailureMeaning | 'ok'
  /** Does the provider take units for it? */
  readonly bills: boolean
}

export const fateOf = (reading: Reading): UnitsFate => (reading.bills ? 'wasted' : 'returned')

/** `body` is as much of the answer as was read; text is compared without regard to case. */
export function readAnswer(adapter: Adapter, status: number, body: Buffer): Reading {
  let text: string | undefined
  for (const rule of adapter.failures) {
    if (!covers(rule, status)) continue
    if (rule.bodyMember !== undefined && !hasMember(body, rule.bodyMember)) continue
    if (rule.bodyHas !== undefined) {
      text ??= body.toString('utf8').toLowerCase()
      if (!text.includes(rule.bodyHas.toLowerCase())) continue
    } else if (rule.status === '2xx' && rule.bodyMember === undefined) continue
    return { meaning: rule.means, bills: rule.bills ?? true }
  }
  return { meaning: defaultMeaning(status), bills: true }
}

const CLASSES = { '2xx': 2, '4xx': 4, '5xx': 5 } as const

const covers = ({ status: listed }: FailureRule, status: number): boolean =>
  typeof listed === 'number' ? listed === status : Math.floor(status / 100) === CLASSES[listed]

/**
 * Another connection may be tried where the provider did no work for this call: nothing can be billed twice. After a failure
 * of the provider itself only for what reads: nobody knows how far it came.
 */
export const mayFailOver = (reading: Reading, operation: Operation): boolean => {
  switch (reading.meaning) {
    case 'rate-limited':
    case 'quota-exhausted':
    case 'credential-refused':
    case 'plan-lacks-it':
      return !reading.bills
    case 'provider-down':
      return !reading.bills && isRead(operation)
    default:
      return false
  }
}

/** How an attempt ends for which the consumer is told that the provider did not answer well. */
export type Failure = Exclude<Attempt['meaning'], 'ok' | 'bad-request' | 'not-found' | 'client-gone' | 'timeout' | 'shutdown' | 'kept'>

const SENTENCES: Record<Failure, string> = {
  'rate-limited': 'the provider is limiting calls at the moment',
  'quota-exhausted': "the subscription's quota is used up at the provider",
  'credential-refused': 'the provider refused the subscription that would have served the call',
  'plan-lacks-it': 'the subscription does not include this operation',
  'provider-down': 'the provider failed',
  broken: 'the provider failed',
  'not-sent': 'the provider failed',
  leaked: 'the provider failed',
  paused: 'the operation is paused with the subscription that would have served the call',
  unknown: 'the provider answered in a way that is not known to be a success',
}

/** `waitMs`: after which another try makes sense, where it is known. */
export const upstreamRefusal = (meaning: Failure, cause: unknown, waitMs = 0): Refusal =>
  refuse('upstream_error', `${SENTENCES[meaning]}; nothing was charged`, { cause, ...(waitMs > 0 && { retryAfterSeconds: Math.ceil(waitMs / 1000) }) })
