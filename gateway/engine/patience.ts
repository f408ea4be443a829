/**
 * How long a call waits for the store. A part that is slow is treated as gone: the call is refused in time, and what the
 * store does afterwards is undone, so that nobody pays for an answer that he did not get.
 */
import { Deadlines } from './deadlines.ts'
import type { Timed } from './ports.ts'

/** With the beat of the deadlines, and the provider's part before it, it stays under the 250 ms in which a lost dependency has to show. */
const STORE_WITHIN_MS = 185

/** The store has not answered in time. It may still do what it was asked for. */
export class LateError extends Error {
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
    return new Promise((resolve, reject) => {
      let late = false
      const deadline = this.#deadlines.start({
        onDeadline: () => {
          late = true
          reject(new LateError(this.#withinMs))
        },
      })
      work.then(
        (value) => {
          this.#deadlines.stop(deadline)
          if (late) undo(value)
          else resolve(value)
        },
        (error: unknown) => {
          this.#deadlines.stop(deadline)
          if (!late) reject(error)
        },
      )
    })
  }
}
