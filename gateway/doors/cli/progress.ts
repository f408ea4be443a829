/** How far long work is: one line on a terminal that is written over; nothing where nobody looks. */

const EVERY_MS = 100

export class Progress {
  readonly #what: string
  readonly #stream: NodeJS.WriteStream
  #shownMs = Number.NEGATIVE_INFINITY
  #isShown = false

  /** `what` follows the number: `12,000 calls read`. */
  constructor(what: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#what = what
    this.#stream = stream
  }

  at(count: number): void {
    const nowMs = performance.now()
    if (this.#stream.isTTY !== true || nowMs - this.#shownMs < EVERY_MS) return
    this.#shownMs = nowMs
    this.#isShown = true
    this.#stream.write(`\r\u001b[K${count.toLocaleString('en-US')} ${this.#what}`)
  }

  /** The line is taken away: what follows is the answer. */
  done(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K')
    this.#isShown = false
  }
}
