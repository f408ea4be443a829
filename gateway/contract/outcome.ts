/** How a call ended. Made once, by `finish`; seen by the plugins' `observe` and by the record. */

import type { Alternative } from './call.ts'
import type { FailureMeaning } from './adapter.ts'
import type { Units, Usd } from './money.ts'
import type { RefusalCode } from './refusal.ts'

/** One try at one connection, with what became of its units. */
export interface Attempt {
  readonly connection: string
  readonly units: Units
  readonly status: number | undefined
  /** `leaked`: the answer held the credential. `paused`: it was not asked, since its answers did; `kept`: a plugin had its answer. None of them says how well the provider serves. */
  readonly meaning: FailureMeaning | 'ok' | 'client-gone' | 'timeout' | 'broken' | 'not-sent' | 'shutdown' | 'leaked' | 'paused' | 'kept'
  readonly used: 'sold' | 'own' | 'wasted' | 'returned'
  readonly tookMs: number
}

export interface Outcome {
  readonly kind: 'charged' | 'free' | 'passed' | 'refused' | 'replayed' | 'abandoned' | 'unknown'
  readonly status: number
  /** Of the refusal; its cause is for the log alone. */
  readonly code: RefusalCode | undefined
  readonly attempts: readonly Attempt[]
  readonly chosen: Alternative | undefined
  readonly units: Units
  readonly price: Usd
  readonly receipt: string | undefined
  readonly tookMs: number
}
