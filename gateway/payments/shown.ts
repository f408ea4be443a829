/** A payment that a request shows: plain data for everybody else, and beside it, once made, what a facilitator is asked about it. */
import type { EpochMs, Payment, Usd } from '#contract'
import { PaymentRequest } from './request.ts'

type Facts = Omit<Payment, 'identifier' | 'quote' | 'json'>

export class ShownPayment implements Payment {
  readonly x402Version: 1 | 2
  readonly digest: string
  readonly network: string
  readonly asset: string
  readonly payer: string
  readonly nonce: string
  readonly amount: Usd
  readonly validAfterMs: EpochMs
  readonly validBeforeMs: EpochMs
  readonly upfront: boolean
  readonly payload: unknown
  readonly requirements: unknown
  declare readonly identifier?: string
  declare readonly quote?: string
  #request: PaymentRequest | undefined

  constructor(facts: Facts, identifier: string | undefined, quote: string | undefined) {
    this.x402Version = facts.x402Version
    this.digest = facts.digest
    this.network = facts.network
    this.asset = facts.asset
    this.payer = facts.payer
    this.nonce = facts.nonce
    this.amount = facts.amount
    this.validAfterMs = facts.validAfterMs
    this.validBeforeMs = facts.validBeforeMs
    this.upfront = facts.upfront
    this.payload = facts.payload
    this.requirements = facts.requirements
    if (identifier !== undefined) this.identifier = identifier
    if (quote !== undefined) this.quote = quote
  }

  /** Of any payment; one that was read back from a journal has none yet. */
  static requestOf(payment: Payment): PaymentRequest {
    if (!(payment instanceof ShownPayment)) return new PaymentRequest(payment.x402Version, payment.payload, payment.requirements)
    payment.#request ??= new PaymentRequest(payment.x402Version, payment.payload, payment.requirements)
    return payment.#request
  }

  /** No member of its own, so that no copy has it. */
  get json(): { readonly payload: string; readonly requirements: string } {
    return ShownPayment.requestOf(this)
  }
}
