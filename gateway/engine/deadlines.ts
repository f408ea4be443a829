/**
 * Deadlines that are all equally long: first in, first due, so that one timer serves every call. Late by at most one beat, and
 * by a moment more where the event loop stood still: what has come back meanwhile is heard before anybody is given up.
 */

const BEAT_MS = 20
/** A look that comes so late was kept from coming. */
const STALLED_MS = 25
/** Enough for what was waiting to be heard, and for a write and its fdatasync after it. */
const HEARING_MS = 30

/** In the order in which they are due: linked by themselves, and by nothing once they are over (see contract/passing.ts). */
export class Deadline<T> {
  item: T | undefined
  readonly dueAtMs: number
  before: Deadline<T> | undefined = undefined
  after: Deadline<T> | undefined = undefined

  constructor(item: T, dueAtMs: number) {
    this.item = item
    this.dueAtMs = dueAtMs
  }
}

export class Deadlines<T> {
  readonly #lengthMs: number
  readonly #onDue: (item: T) => void
  #first: Deadline<T> | undefined
  #last: Deadline<T> | undefined
  #timer: NodeJS.Timeout | undefined
  #lookAtMs = 0
  /** The last look was put off: the next one is not. */
  #putOff = false

  constructor(lengthMs: number, onDue: (item: T) => void) {
    this.#lengthMs = lengthMs
    this.#onDue = onDue
  }

  start(item: T): Deadline<T> {
    const deadline = new Deadline(item, performance.now() + this.#lengthMs)
    deadline.before = this.#last
    if (this.#last === undefined) this.#first = deadline
    else this.#last.after = deadline
    this.#last = deadline
    if (this.#timer === undefined) this.#wait(this.#lengthMs)
    return deadline
  }

  /** Begins anew, whether it had begun or not. */
  restart(deadline: Deadline<T> | undefined, item: T): Deadline<T> {
    this.stop(deadline)
    return this.start(item)
  }

  /** One that is over stays over. */
  stop(deadline: Deadline<T> | undefined): void {
    if (deadline?.item === undefined) return
    const { before, after } = deadline
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    deadline.item = undefined
    deadline.before = undefined
    deadline.after = undefined
  }

  #wait(ms: number): void {
    const waitMs = Math.max(BEAT_MS, ms)
    this.#lookAtMs = performance.now() + waitMs
    this.#timer = setTimeout(() => this.#look(), waitMs)
    this.#timer.unref()
  }

  /** Between looks, items come and go without touching the timer. */
  #look(): void {
    this.#timer = undefined
    const now = performance.now()
    this.#putOff = !this.#putOff && now - this.#lookAtMs > STALLED_MS
    if (this.#putOff) return this.#wait(HEARING_MS)
    for (let deadline = this.#first; deadline?.item !== undefined; deadline = this.#first) {
      if (deadline.dueAtMs > now) return this.#wait(deadline.dueAtMs - now)
      const { item } = deadline
      this.stop(deadline)
      this.#onDue(item)
    }
  }
}
