/** What a client may be told, by what it did; everything else is a difference. */
import type { Call, Told } from './calls.ts'

export const outcomeOf = ({ status, code, left, whole }: Told): string => {
  if (left) return 'left'
  if (typeof status !== 'number') return status
  if (status < 400) return whole ? String(status) : 'cut'
  return code ?? `${status} of the provider`
}

const ALWAYS = ['200', 'down', 'open', 'unavailable', 'upstream_error', 'upstream_timeout', '404 of the provider', 'left']
const MORE: Readonly<Record<string, readonly string[]>> = {
  write: ['replay_unavailable'],
  twins: ['replay_unavailable'],
  scarce: ['sold_out'],
  feed: ['cut'],
  big: ['cut'],
  paced: ['rate_limited'],
  poor: ['insufficient_credits'],
  bought: ['insufficient_credits'],
  leaver: ['cut', 'rate_limited', 'blocked'],
  wallet: ['payment_pending'],
}

/** A sentence for what nobody may be told. */
export function strangeIn(call: Call): string | undefined {
  const outcome = outcomeOf(call)
  if (ALWAYS.includes(outcome) || MORE[call.kind]?.includes(outcome) === true) return undefined
  return `a client of the kind ${call.kind} was told ${outcome} (${call.status}) for ${call.path}`
}
