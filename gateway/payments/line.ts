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

  async verify(request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const endMs = performance.now() + deadlineMs
    let answer = NOBODY
    for (const facilitator of this.#facilitators) {
      const leftMs = Math.ceil(endMs - performance.now())
      if (leftMs <= 0) break
      answer = await facilitator.verify(request, leftMs)
      if (!hasSpoken(answer)) continue
      request.verifier = facilitator
      break
    }
    return answer
  }

  async settle(request: PaymentRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    let answer = NOBODY
    for (const facilitator of this.#inOrder(request)) {
      answer = await facilitator.settle(request, deadlineMs)
      if (answer.kind === 'answer' || answer.sent) return answer
    }
    return answer
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

  #inOrder({ verifier: first }: PaymentRequest): readonly Facilitator[] {
    return first === undefined || first === this.#facilitators[0] ? this.#facilitators : [first, ...this.#facilitators.filter((one) => one !== first)]
  }
}
