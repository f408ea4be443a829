/** Rests after failures in a row, so that nobody waits for what is known to be gone; then lets one call through to see. */
import type { Clock } from '#contract'

const MOST_FAILURES = 5
const REST_NS = 1_000_000_000

export class Breaker {
  readonly #clock: Pick<Clock, 'monotonicNs'>
  #failures = 0
  #restsUntilNs = 0
  #isProbing = false

  constructor(clock: Pick<Clock, 'monotonicNs'>) {
    this.#clock = clock
  }

  get isOpen(): boolean {
    return this.#failures >= MOST_FAILURES
  }

  /** False: not now. Whoever may has to say how it ended. */
  mayTry(): boolean {
    if (!this.isOpen) return true
    if (this.#isProbing || this.#clock.monotonicNs() < this.#restsUntilNs) return false
    this.#isProbing = true
    return true
  }

  ended(well: boolean): void {
    this.#isProbing = false
    if (well) {
      this.#failures = 0
      return
    }
    this.#failures += 1
    if (this.isOpen) this.#restsUntilNs = this.#clock.monotonicNs() + REST_NS
  }
}
