/** The last calls of one connection, good or bad, with whose they were and when: what its reliability is judged by. */

/** As many as a verdict needs. */
export const CALLS = 200

export interface Reliability {
  readonly calls: number
  readonly good: number
}

export class Tally {
  readonly #good = new Uint8Array(CALLS)
  readonly #atMs = new Float64Array(CALLS)
  readonly #consumers: string[] = []
  #next = 0
  #size = 0
  #bad = 0

  note(good: boolean, nowMs: number, consumer: string): void {
    if (this.#size === CALLS && this.#good[this.#next] === 0) this.#bad -= 1
    if (!good) this.#bad += 1
    this.#good[this.#next] = good ? 1 : 0
    this.#atMs[this.#next] = nowMs
    this.#consumers[this.#next] = consumer
    this.#next = (this.#next + 1) % CALLS
    if (this.#size < CALLS) this.#size += 1
  }

  get all(): Reliability {
    return { calls: this.#size, good: this.#size - this.#bad }
  }

  since(sinceMs: number): Reliability {
    let [calls, good] = [0, 0]
    for (let at = 0; at < this.#size; at += 1) {
      if ((this.#atMs[at] as number) < sinceMs) continue
      calls += 1
      good += this.#good[at] as number
    }
    return { calls, good }
  }

  /** Without the caller who met most failures: his requests may be what fails. */
  withoutWorst(): Reliability {
    const bad = new Map<string, number>()
    for (let at = 0; at < this.#size; at += 1) {
      const consumer = this.#consumers[at] as string
      if (this.#good[at] === 0) bad.set(consumer, (bad.get(consumer) ?? 0) + 1)
    }
    const [worst] = [...bad].reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0])
    let [calls, good] = [0, 0]
    for (let at = 0; at < this.#size; at += 1) {
      if (this.#consumers[at] === worst) continue
      calls += 1
      good += this.#good[at] as number
    }
    return { calls, good }
  }

  clear(): void {
    this.#next = 0
    this.#size = 0
    this.#bad = 0
    this.#consumers.length = 0
  }
}
