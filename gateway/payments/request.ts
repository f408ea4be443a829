/** What a facilitator is asked about one payment: made once, for verify and settle, the journal, and whoever is asked again. */
import type { Facilitator, FacilitatorRequest } from '#contract'

export class PaymentRequest implements FacilitatorRequest {
  readonly x402Version: 1 | 2
  readonly paymentPayload: unknown
  readonly paymentRequirements: unknown
  #verifier: Facilitator | undefined
  #payload: string | undefined
  #requirements: string | undefined
  #body: string | undefined

  constructor(x402Version: 1 | 2, payload: unknown, requirements: unknown) {
    this.x402Version = x402Version
    this.paymentPayload = payload
    this.paymentRequirements = requirements
  }

  /** Who verified it settles it. No facilitator sees it. */
  get verifier(): Facilitator | undefined {
    return this.#verifier
  }

  set verifier(verifier: Facilitator) {
    this.#verifier = verifier
  }

  /** The payload as JSON. @throws where it cannot be written so */
  get payload(): string {
    this.#payload ??= JSON.stringify(this.paymentPayload)
    return this.#payload
  }

  get requirements(): string {
    this.#requirements ??= JSON.stringify(this.paymentRequirements)
    return this.#requirements
  }

  /** As it is posted (x402 specification v2 section 7). */
  get body(): string {
    this.#body ??= `{"x402Version":${this.x402Version},"paymentPayload":${this.payload},"paymentRequirements":${this.requirements}}`
    return this.#body
  }
}
