/** Wrong tokens are paced by address: some at once, then one every few seconds. Who waits for his turn is not even compared. */
const AT_ONCE = 5
const EVERY_MS = 5_000
const ADDRESSES = 10_000

export class Attempts {
  /** By address: when its failures will have been paid off. */
  readonly #due = new Map<string, number>()

  /** How long until the next attempt; 0: now. */
  waitMs(address: string, nowMs: number): number {
    const due = this.#due.get(address) ?? 0
    return Math.max(0, due - nowMs - (AT_ONCE - 1) * EVERY_MS)
  }

  failed(address: string, nowMs: number): void {
    const due = Math.max(this.#due.get(address) ?? 0, nowMs) + EVERY_MS
    this.#due.delete(address)
    if (this.#due.size >= ADDRESSES) this.#due.delete(this.#due.keys().next().value as string)
    this.#due.set(address, due)
  }
}
