/** From a facilitator's words to what they prove. What proves nothing is unknown; its own text stays inside. */
import type { FacilitatorAnswer, Payment, Settlement } from '#contract'

/** 32 bytes: the id of a transaction. */
const WORD = /^0x[0-9a-fA-F]{64}$/
const isHash = (transaction: unknown): transaction is string => typeof transaction === 'string' && WORD.test(transaction)

/** A reason is a word of the protocol; free text may hold the facilitator's internals and stays here. */
export const reasonOf = (reason: unknown): string => (typeof reason === 'string' && /^[a-z0-9_]{1,80}$/.test(reason) ? reason : 'refused by the facilitator')

function headerOf({ x402Version }: Payment, said: string): Record<string, string> {
  const text = Buffer.from(said, 'utf8').toString('base64')
  return x402Version === 2 ? { 'payment-response': text } : { 'x-payment-response': text }
}

const networkOf = ({ requirements }: Payment): string => (requirements as { network: string }).network

/** Written by hand: transaction and payer are hexadecimal, and every paid call has one. */
export const settled = (payment: Payment, transaction: string): Settlement => ({
  state: 'settled',
  transaction,
  headers: headerOf(payment, `{"success":true,"transaction":"${transaction}","network":${JSON.stringify(networkOf(payment))},"payer":"${payment.payer}"}`),
})

export const notSettled = (payment: Payment, reason: string): Settlement => ({
  ...{ state: 'not_settled', reason },
  headers: headerOf(payment, JSON.stringify({ success: false, errorReason: reason, transaction: '', network: networkOf(payment), payer: payment.payer })),
})

/** The boolean decides, not the status. */
export function settlementOf(payment: Payment, answer: FacilitatorAnswer): Settlement {
  if (answer.kind === 'lost') return { state: 'unknown', cause: answer.cause }
  const { success, transaction, payer, errorReason } = answer.body
  if (success === true) {
    if (typeof payer === 'string' && payer.toLowerCase() !== payment.payer) return { state: 'unknown', cause: 'the facilitator settled for another payer' }
    return settled(payment, isHash(transaction) ? transaction : '')
  }
  const reason = reasonOf(errorReason)
  // A used nonce may have been used for this very payment, by anybody who saw it; pending is not an end; and a facilitator
  // whose node failed it while sending, so that it names no transaction, does not know itself what became of it.
  const unproven = /pending|nonce_already_used/.test(reason) || (/transaction_failed|transaction_state|unexpected/.test(reason) && !isHash(transaction))
  if (success !== false || answer.status >= 500 || unproven) return { state: 'unknown', cause: { status: answer.status, reason } }
  return notSettled(payment, reason)
}
