/** Under which names a purchase is found again, what makes two purchases the same, and how one is answered. */
import { type KeyRecord, type NameClaim, type Payment, type Refusal, refuse, sha256 } from '#contract'
import type { Ordered } from './order.ts'

export interface CreditsAnswer {
  /** Flat list. */
  readonly headers: readonly string[]
  readonly body: Record<string, unknown>
}

/** A purchase under way. */
export interface Buying {
  readonly id: string
  readonly account: string
  readonly payment: Payment
  readonly names: readonly NameClaim[]
  readonly keyId: string | undefined
}

/** For a wallet the key is a capability of its own, so it must not be guessable. */
const LEAST_KEY = 16

export const again = (retryAfterSeconds: number | undefined): { retryAfterSeconds?: number } => (retryAfterSeconds === undefined ? {} : { retryAfterSeconds })

export const digestOf = ({ text }: Ordered, key: KeyRecord | undefined): string => sha256(`POST /credits ${key?.account ?? 'wallet'}\n${text}`)

export const nameOf = (idempotency: string, key: KeyRecord | undefined): string | Refusal => {
  if (!/^[\x20-\x7e]{1,255}$/.test(idempotency)) return refuse('bad_request', 'the Idempotency-Key must be 1 to 255 printable ASCII characters')
  if (key !== undefined) return `k:key:${key.id}:credits:${idempotency}`
  return idempotency.length < LEAST_KEY
    ? refuse('bad_request', `the Idempotency-Key of a purchase by a wallet must be at least ${LEAST_KEY} characters`)
    : `w:credits:${idempotency}`
}
