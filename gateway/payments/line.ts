/**
 * Several facilitators in order. Who verified a payment settles it; another one is asked only where that can do no harm: to
 * verify, always; to settle, only where the one before certainly did nothing.
 */
import type { Facilitator, FacilitatorAnswer } from '#contract'
import type { PaymentRequest } from './request.ts'

const NOBODY: FacilitatorAnswer = { kind: 'lost', sent: false, why: 'unreachable', cause: 'no facilitator is configured' }

/** It answered, and what it says is worth something. */
const hasSpoken = (answer: FacilitatorAnswer): boolean => answer.kind === 'answer' && answer.status < 500

export class FacilitatorLine {
  readonly #facilitators: readonly Facilitator[]

  constructor(facilitators: readonly Facilitator[]) {
    this.#facilitators = facilitators
  }

  verify(request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    return this.#verifyBy(0, request, deadlineMs, performance.now() + deadlineMs)
  }

  #verifyBy(at: number, request: PaymentRequest, leftMs: number, endMs: number): Promise<FacilitatorAnswer> {
    const facilitator = this.#facilitators[at]
    if (facilitator === undefined) return Promise.resolve(NOBODY)
    return facilitator.verify(request, leftMs).then((answer) => {
      if (hasSpoken(answer)) {
        request.verifier = facilitator
        return answer
      }
      const nextMs = Math.ceil(endMs - performance.now())
      return at + 1 < this.#facilitators.length && nextMs > 0 ? this.#verifyBy(at + 1, request, nextMs, endMs) : answer
    })
  }

  settle(request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const { verifier } = request
    const order = verifier === undefined || verifier === this.#facilitators[0] ? this.#facilitators : this.#after(verifier)
    return this.#settleBy(order, 0, request, deadlineMs)
  }

  #settleBy(order: readonly Facilitator[], at: number, request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const facilitator = order[at]
    if (facilitator === undefined) return Promise.resolve(NOBODY)
    const asked = facilitator.settle(request, deadlineMs)
    if (at + 1 === order.length) return asked
    return asked.then((answer) => (answer.kind === 'answer' || answer.sent ? answer : this.#settleBy(order, at + 1, request, deadlineMs)))
  }

  #after(first: Facilitator): readonly Facilitator[] {
    return [first, ...this.#facilitators.filter((one) => one !== first)]
  }

  /** A settlement whose outcome is unknown: whoever knows that it took effect says so; anything else proves nothing. */
  async again(request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    let answer = NOBODY
    for (const facilitator of this.#facilitators) {
      answer = await facilitator.settle(request, deadlineMs)
      if (answer.kind === 'answer' && answer.body.success === true) return answer
    }
    return answer
  }
}
