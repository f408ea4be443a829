/** Stored answers, bounded by their size in memory, oldest out first. */
import { LRUCache } from 'lru-cache'
import type { StoredAnswer } from '#contract'

const OVERHEAD_BYTES = 512

export class Answers {
  readonly #cache: LRUCache<string, StoredAnswer>

  constructor(maxBytes: number) {
    this.#cache = new LRUCache<string, StoredAnswer>({
      maxSize: maxBytes,
      sizeCalculation: (answer) => answer.body.length + OVERHEAD_BYTES,
    })
  }

  put(receipt: string, answer: StoredAnswer): void {
    this.#cache.set(receipt, answer)
  }

  get(receipt: string): StoredAnswer | undefined {
    return this.#cache.get(receipt)
  }
}
