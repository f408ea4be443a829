/**
 * Whose calls failed in a row, and at what. A failure that one caller or one operation alone has met may be the caller's own
 * doing; a call of another tells more, so nobody can switch an owner off by asking for failures.
 */
export class Culprits {
  count = 0
  #consumer: string | undefined
  #operation: string | undefined

  note(consumer: string, operation: string): void {
    if (this.count === 0) {
      this.#consumer = consumer
      this.#operation = operation
    }
    if (this.#consumer !== consumer) this.#consumer = undefined
    if (this.#operation !== operation) this.#operation = undefined
    this.count += 1
  }

  clear(): void {
    this.count = 0
    this.#consumer = undefined
    this.#operation = undefined
  }

  /** All failures were of one caller, or at one operation, and this is another. */
  spare(consumer: string, operation: string): boolean {
    return (this.#consumer !== undefined && this.#consumer !== consumer) || (this.#operation !== undefined && this.#operation !== operation)
  }
}
