/** How many calls of the last ten seconds may go to a second connection: a tenth, so that an outage never doubles the load. */

const SECONDS = 10
const PART = 0.1
/** As many as a breaker needs to open: also where few call, a connection that dies is noticed by nobody. */
const AT_LEAST = 5

export class RetryBudget {
  readonly #calls = new Uint32Array(SECONDS)
  readonly #retries = new Uint32Array(SECONDS)
  #second = 0
  #allCalls = 0
  #allRetries = 0

  call(nowMs: number): void {
    this.#turn(nowMs)
    ;(this.#calls[this.#second % SECONDS] as number) += 1
    this.#allCalls += 1
  }

  /** Takes one where one is left. */
  take(nowMs: number): boolean {
    this.#turn(nowMs)
    if (this.#allRetries >= Math.max(AT_LEAST, this.#allCalls * PART)) return false
    ;(this.#retries[this.#second % SECONDS] as number) += 1
    this.#allRetries += 1
    return true
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) return
    const steps = second < this.#second ? SECONDS : Math.min(SECONDS, second - this.#second)
    for (let step = 1; step <= steps; step += 1) {
      const at = (((second - steps + step) % SECONDS) + SECONDS) % SECONDS
      this.#allCalls -= this.#calls[at] as number
      this.#allRetries -= this.#retries[at] as number
      this.#calls[at] = 0
      this.#retries[at] = 0
    }
    this.#second = second
  }
}
