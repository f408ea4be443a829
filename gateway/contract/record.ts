/** What is written down. One `CallRecord` per call, refusals included; reports, receipts, forecasts and simulations read these. */

import type { Attempt } from './outcome.ts'
import type { RefusalCode } from './refusal.ts'
import type { EpochMs } from './time.ts'

/** An answer as it left, kept for the same call again. `body` is base64 when it is not UTF-8. */
export interface StoredAnswer {
  readonly status: number
  /** Flat list: name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: string
  readonly encoding: 'utf8' | 'base64'
}

/** Everything about a charge but the money's way, which the store adds. Amounts are decimal strings of micro-dollars. */
export interface CallRecord {
  readonly v: 2
  /** X-Request-Id. */
  readonly id: string
  readonly at: EpochMs
  readonly generation: number
  /** SHA-256 (hex) of the configuration's text. */
  readonly config: string
  readonly api: string
  readonly operation: string
  readonly consumer: string
  readonly kind: 'charged' | 'free' | 'passed' | 'refused' | 'replayed' | 'abandoned' | 'unknown'
  readonly status: number
  readonly code?: RefusalCode | undefined
  readonly receipt?: string | undefined
  /** Units that the call could take at most, and the connections that could have served it, cheapest first. */
  readonly requested: number
  readonly candidates: readonly string[]
  /** Units charged. */
  readonly units: number
  readonly price: string
  readonly attempts: readonly Attempt[]
  readonly tookMs: number
}
