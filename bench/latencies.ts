/** Latencies counted in buckets of 10 µs, up to a second: no list that grows while something is measured. */

const BUCKET_MS = 0.01
const BUCKETS = 100_000

export class Latencies {
  readonly #buckets = new Uint32Array(BUCKETS)
  #count = 0

  add(tookMs: number): void {
    const bucket = Math.max(0, Math.min(BUCKETS - 1, Math.floor(tookMs / BUCKET_MS)))
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1
    this.#count += 1
  }

  /** The upper end of the bucket, in ms; infinite where nothing was counted. */
  percentile(part: number): number {
    let left = Math.ceil(this.#count * part)
    if (left === 0) return Number.POSITIVE_INFINITY
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#buckets[bucket] as number
      if (left <= 0) return (bucket + 1) * BUCKET_MS
    }
    return Number.POSITIVE_INFINITY
  }
}
