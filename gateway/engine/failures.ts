/** Reads a provider's answer as one of the few things that it can mean. The unlisted case ends in `unknown`. */
import { type Adapter, defaultMeaning, type FailureMeaning, type FailureRule, type Refusal, refuse } from '#contract'

export interface Reading {
  readonly meaning: FailureMeaning | 'ok'
  /** Does the provider take units for it? */
  readonly bills: boolean
}

/** `body` is as much of the answer as was read; text is compared without regard to case. */
export function readAnswer(adapter: Adapter, status: number, body: Buffer): Reading {
  let text: string | undefined
  for (const rule of adapter.failures) {
    if (!covers(rule, status)) continue
    if (rule.bodyHas !== undefined) {
      text ??= body.toString('utf8').toLowerCase()
      if (!text.includes(rule.bodyHas.toLowerCase())) continue
    } else if (rule.status === '2xx') continue
    return { meaning: rule.means, bills: rule.bills ?? true }
  }
  return { meaning: defaultMeaning(status), bills: true }
}

const covers = (rule: FailureRule, status: number): boolean => (rule.status === '2xx' ? status >= 200 && status < 300 : rule.status === status)

/** Another connection may be tried where the provider did no work for this call: nothing can be billed twice. */
export const mayFailOver = (reading: Reading): boolean => {
  switch (reading.meaning) {
    case 'rate-limited':
    case 'quota-exhausted':
    case 'credential-refused':
    case 'plan-lacks-it':
      return !reading.bills
    default:
      return false
  }
}

const SENTENCES: Record<Exclude<FailureMeaning, 'bad-request' | 'not-found'>, string> = {
  'rate-limited': 'the provider is limiting calls at the moment',
  'quota-exhausted': "the subscription's quota is used up at the provider",
  'credential-refused': 'the provider refused the subscription that would have served the call',
  'plan-lacks-it': 'the subscription does not include this operation',
  'provider-down': 'the provider failed',
  unknown: 'the provider answered in a way that is not known to be a success',
}

export const upstreamRefusal = (meaning: Exclude<FailureMeaning, 'bad-request' | 'not-found'>, cause: unknown): Refusal =>
  refuse('upstream_error', `${SENTENCES[meaning]}; nothing was charged`, { cause })
