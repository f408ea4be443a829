/** Names of a call: a payment header or an Idempotency-Key. The same name is the same call again. */
import { type Call, type EpochMs, isRead, type NameClaim, type Refusal, refuse } from '#contract'

const DAY_MS = 86_400_000
/** For a wallet the key is a capability of its own, so it must not be guessable. */
const WALLET_KEY_LENGTH = 16

/** Scoped to the consumer; a wallet's stands alone, so that an unpaid request can ask for the answer. */
export function keyName(call: Call): string | undefined {
  const key = call.idempotencyKey ?? call.payment?.identifier
  if (key === undefined) return undefined
  const { consumer } = call
  return consumer.kind === 'key' || consumer.kind === 'owner' ? `k:${consumer.id}:${key}` : `w:${key}`
}

export const paymentName = (digest: string): string => `p:${digest}`

export function nameClaims(call: Call & { readonly digest: string }): readonly NameClaim[] | Refusal {
  const claims: NameClaim[] = []
  const durable = !isRead(call.operation)
  const { payment, consumer } = call
  if (payment !== undefined && consumer.kind !== 'owner') {
    claims.push({ kind: 'name', name: paymentName(payment.digest), of: 'payment', digest: call.digest, untilMs: payment.validBeforeMs, durable })
  }
  const name = keyName(call)
  if (name === undefined) return claims
  if ((consumer.kind === 'wallet' || consumer.kind === 'signed') && name.length - 2 < WALLET_KEY_LENGTH) {
    return refuse('bad_request', `the Idempotency-Key of a call paid by a wallet must be at least ${WALLET_KEY_LENGTH} characters`)
  }
  claims.push({ kind: 'name', name, of: 'consumer', digest: call.digest, untilMs: (call.receivedAtMs + DAY_MS) as EpochMs, durable })
  return claims
}
