/** Deadlines that are all equally long: first in, first due, so that one timer serves every call. Late by at most one beat. */

const BEAT_MS = 20

export class Deadlines<T> {
  readonly #lengthMs: number
  readonly #onDue: (item: T) => void
  /** In the order in which they are due: a Map keeps the order of insertion. */
  readonly #dueAtMs = new Map<T, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(lengthMs: number, onDue: (item: T) => void) {
    this.#lengthMs = lengthMs
    this.#onDue = onDue
  }

  /** Begins anew for an item that is there already. */
  start(item: T): void {
    this.#dueAtMs.delete(item)
    this.#dueAtMs.set(item, performance.now() + this.#lengthMs)
    if (this.#timer === undefined) this.#wait(this.#lengthMs)
  }

  stop(item: T): void {
    this.#dueAtMs.delete(item)
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#look(), Math.max(BEAT_MS, ms))
    this.#timer.unref()
  }

  /** Between looks, items come and go without touching the timer. */
  #look(): void {
    this.#timer = undefined
    const now = performance.now()
    for (const [item, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > now) return this.#wait(dueAtMs - now)
      this.#dueAtMs.delete(item)
      this.#onDue(item)
    }
  }
}
