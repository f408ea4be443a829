/** Payments as they stand in a request, with a made-up signature: for chains whose facilitator is scripted, too. */

import { findNetwork } from '#contract'
import { PAY_TO } from './chains.ts'

export interface PaymentWish {
  /** Two payments of one number are byte-equal. */
  readonly number: number
  /** Default: a wallet of its own for each number. */
  readonly wallet?: number
  readonly micros?: bigint
  readonly nowMs: number
  readonly validMs?: number
}

const hex = (number: number, bytes: number): string => `0x${number.toString(16).padStart(bytes * 2, '0')}`
const USDC = findNetwork('base-sepolia')?.usdc

export const walletOf = (number: number): string => hex(0x1000 + number, 20)

/** An x402 v2 header; default: $0.15, good for an hour. */
export function paymentHeader({ number, wallet = number, micros = 150_000n, nowMs, validMs = 3_600_000 }: PaymentWish): Record<string, string> {
  const value = String(micros)
  const authorization = {
    from: walletOf(wallet),
    to: PAY_TO,
    value,
    validAfter: '0',
    validBefore: String(Math.floor((nowMs + validMs) / 1000)),
    nonce: hex(number + 1, 32),
  }
  const accepted = {
    ...{ scheme: 'exact', network: 'eip155:84532', asset: USDC?.address, amount: value, payTo: PAY_TO, maxTimeoutSeconds: 90 },
    extra: { name: USDC?.name, version: USDC?.version },
  }
  const payload = { authorization, signature: `0x${'11'.repeat(65)}` }
  const payment = { x402Version: 2, resource: { url: 'http://gateway.example' }, accepted, payload }
  return { 'payment-signature': Buffer.from(JSON.stringify(payment)).toString('base64') }
}
