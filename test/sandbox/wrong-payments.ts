/** Payments with one thing wrong in each and the reason it is refused for: one table for the play facilitator and the official one. */

import type { Hex } from '../rig/compile.ts'
import type { Overrides, PaymentJson } from '../rig/client.ts'

type Json = Record<string, unknown>

export interface WrongPayment {
  readonly wrong: string
  readonly reason: string
  /** For the wallet that signs; the offer stays as it is. */
  readonly payment?: Overrides
  /** Changes what is asked for: the offer before it is signed. */
  readonly offer?: (offer: Json) => Json
  /** Changes what is asked for after it was signed. */
  readonly asked?: (offer: Json) => Json
  /** Only the play facilitator is that strict; the official server compares it before any facilitator is asked. */
  readonly playOnly?: true
}

/** Order of the curve: s and n - s sign the same. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const withSignature = (change: (signature: Hex) => string) => ({
  after: (payment: PaymentJson): PaymentJson => ({
    ...payment,
    payload: { ...payment.payload, signature: change(payment.payload.signature) as Hex },
  }),
})

const withAccepted = (change: Json) => ({
  after: (payment: PaymentJson): PaymentJson => ({ ...payment, accepted: { ...(payment.accepted as Json), ...change } }),
})

/** The other form of the same signature, which tokens refuse (EIP-2). */
function highS(signature: Hex): string {
  const s = N - BigInt(`0x${signature.slice(66, 130)}`)
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${signature.endsWith('1b') ? '1c' : '1b'}`
}

/** The v2 offer that all of them are made from costs 10000. */
export const AMOUNT = '10000'

/** v2 payments. `nowSeconds` is the time by which the facilitator judges; `other` is an address that has no part in the payment. */
export const wrongPayments = (nowSeconds: number, other: Hex): readonly WrongPayment[] => [
  { wrong: 'signature by another wallet', reason: 'invalid_exact_evm_signature', payment: { authorization: { from: other } } },
  { wrong: 'signature for another token', reason: 'invalid_exact_evm_signature', payment: { domain: { verifyingContract: other } } },
  { wrong: 'signature for another chain', reason: 'invalid_exact_evm_signature', payment: { domain: { chainId: 8453 } } },
  { wrong: 'signature for another name of the token', reason: 'invalid_exact_evm_signature', payment: { domain: { name: 'USD Coin' } } },
  { wrong: 'signature for another version of the token', reason: 'invalid_exact_evm_signature', payment: { domain: { version: '1' } } },
  { wrong: 'signature with a high s', reason: 'invalid_exact_evm_signature', payment: withSignature(highS), playOnly: true },
  { wrong: 'signature with v 2', reason: 'invalid_exact_evm_signature', payment: withSignature((s) => `${s.slice(0, 130)}02`) },
  { wrong: 'signature that is cut', reason: 'invalid_exact_evm_signature', payment: withSignature((s) => s.slice(0, 100)) },
  { wrong: 'signature of zeros', reason: 'invalid_exact_evm_signature', payment: withSignature(() => `0x${'00'.repeat(64)}1b`) },
  { wrong: 'recipient', reason: 'invalid_exact_evm_recipient_mismatch', payment: { authorization: { to: other } } },
  { wrong: 'amount one less', reason: 'invalid_exact_evm_payload_authorization_value_mismatch', payment: { authorization: { value: '9999' } } },
  { wrong: 'amount one more', reason: 'invalid_exact_evm_payload_authorization_value_mismatch', payment: { authorization: { value: '10001' } } },
  {
    wrong: 'validBefore in less than 6 seconds',
    reason: 'invalid_exact_evm_payload_authorization_valid_before',
    payment: { authorization: { validBefore: String(nowSeconds + 5) } },
  },
  {
    wrong: 'validAfter in the future',
    reason: 'invalid_exact_evm_payload_authorization_valid_after',
    payment: { authorization: { validAfter: String(nowSeconds + 60) } },
  },
  { wrong: 'scheme of the payment', reason: 'invalid_exact_evm_scheme', payment: withAccepted({ scheme: 'upto' }), playOnly: true },
  { wrong: 'network of the payment', reason: 'invalid_exact_evm_network_mismatch', payment: withAccepted({ network: 'eip155:8453' }), playOnly: true },
  {
    wrong: 'a network that is no EVM',
    reason: 'invalid_network',
    payment: withAccepted({ network: 'solana:x' }),
    asked: (offer) => ({ ...offer, network: 'solana:x' }),
    playOnly: true,
  },
  { wrong: 'asset of the payment', reason: 'invalid_payload', payment: withAccepted({ asset: other }), playOnly: true },
  { wrong: 'recipient in accepted', reason: 'invalid_exact_evm_recipient_mismatch', payment: withAccepted({ payTo: other }), playOnly: true },
  {
    wrong: 'amount in accepted',
    reason: 'invalid_exact_evm_payload_authorization_value_mismatch',
    payment: withAccepted({ amount: '1' }),
    playOnly: true,
  },
  { wrong: 'name in accepted', reason: 'invalid_exact_evm_token_name_mismatch', payment: withAccepted({ extra: { name: 'x', version: '2' } }), playOnly: true },
  { wrong: 'no name of the token', reason: 'invalid_exact_evm_missing_eip712_domain', asked: (offer) => ({ ...offer, extra: { version: '2' } }) },
  {
    wrong: 'name of the token',
    reason: 'invalid_exact_evm_token_name_mismatch',
    offer: (offer) => ({ ...offer, extra: { name: 'USD Coin', version: '2' } }),
  },
  {
    wrong: 'version of the token',
    reason: 'invalid_exact_evm_token_version_mismatch',
    offer: (offer) => ({ ...offer, extra: { name: 'USDC', version: '1' } }),
  },
  { wrong: 'more than the wallet has', reason: 'invalid_exact_evm_insufficient_balance', offer: (offer) => ({ ...offer, amount: '100000001' }) },
  {
    wrong: 'a payment by Permit2',
    reason: 'unsupported_payload_type',
    payment: { after: (payment) => ({ ...payment, payload: { signature: payment.payload.signature, permit2Authorization: {} } as never }) },
    playOnly: true,
  },
]
