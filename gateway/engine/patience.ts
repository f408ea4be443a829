/**
 * How long a call waits for the store. A part that is slow is treated as gone: the call is refused in time, and what the
 * store does afterwards is undone, so that nobody pays for an answer that he did not get. With Redis its own limits come
 * first (stores/redis/link.ts `ANSWER_WITHIN_MS`, stores/redis/groups.ts); this one stands behind them.
 */
import { Deadlines } from './deadlines.ts'
import type { Timed } from './ports.ts'

/** With the beat of the deadlines, and the provider's part before it, it stays under the 250 ms in which a lost dependency has to show. */
const STORE_WITHIN_MS = 185

/** The store has not answered in time. It may still do what it was asked for. */
class LateError extends Error {
  override name = 'LateError'

  constructor(withinMs: number) {
    super(`the store did not answer within ${withinMs} ms`)
  }
}

export class Patience {
  readonly #withinMs: number
  readonly #deadlines: Deadlines<Timed>

  constructor(withinMs = STORE_WITHIN_MS) {
    this.#withinMs = withinMs
    this.#deadlines = new Deadlines(withinMs, (wait) => wait.onDeadline())
  }

  /**
   * The work, or LateError. A work that ends well after it was given up on is told to `undo`; one that fails then has
   * changed nothing.
   */
  within<T>(work: Promise<T>, undo: (value: T) => void): Promise<T> {
    return new Promise((done, failed) => this.watch(work, { done, failed, undo }))
  }

  /** The same for who needs no promise: exactly one of `done` and `failed` is called. */
  watch<T>(work: Promise<T>, told: Watched<T>): void {
    const wait = new Wait(told, this.#withinMs)
    const deadline = this.#deadlines.start(wait)
    work.then(
      (value) => {
        this.#deadlines.stop(deadline)
        if (wait.isLate) told.undo(value)
        else told.done(value)
      },
      (error: unknown) => {
        this.#deadlines.stop(deadline)
        if (!wait.isLate) told.failed(error)
      },
    )
  }
}

export interface Watched<T> {
  done(value: T): void
  failed(cause: unknown): void
  undo(value: T): void
}

class Wait<T> implements Timed {
  readonly #told: Watched<T>
  readonly #withinMs: number
  isLate = false

  constructor(told: Watched<T>, withinMs: number) {
    this.#told = told
    this.#withinMs = withinMs
  }

  onDeadline(): void {
    this.isLate = true
    this.#told.failed(new LateError(this.#withinMs))
  }
}
