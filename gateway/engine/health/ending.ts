/** What one attempt's end says of its connection: each class of failure has a consequence of its own. */
import type { Attempt } from '#contract'

/**
 * `good`: served. `bad`: the provider failed. `odd`: an answer that nobody knows. `alive`: the provider works, and has a reason of
 * its own to refuse. `nothing`: the client left, the gateway stops, or no byte was tried.
 */
export type Verdict = 'good' | 'bad' | 'odd' | 'alive' | 'nothing'

const VERDICTS: Record<Attempt['meaning'], Verdict> = {
  ok: 'good',
  'bad-request': 'good',
  'not-found': 'good',
  'rate-limited': 'alive',
  'quota-exhausted': 'alive',
  'credential-refused': 'alive',
  'plan-lacks-it': 'alive',
  'provider-down': 'bad',
  timeout: 'bad',
  broken: 'bad',
  kept: 'nothing',
  'not-sent': 'bad',
  unknown: 'odd',
  // What a consumer may have made leak, or what was not asked for that or since a plugin had the answer, says nothing about the provider.
  leaked: 'nothing',
  paused: 'nothing',
  'client-gone': 'nothing',
  shutdown: 'nothing',
}

export const verdictOf = ({ meaning }: Pick<Attempt, 'meaning'>): Verdict => VERDICTS[meaning]
