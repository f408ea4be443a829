/** Chance for tests: the same again for the same seed, and the seed is printed. */

/** mulberry32: numbers from 0 up to 1. */
export function randomFrom(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A new seed at each run, or the one of a run that failed: ATLAS_TEST_SEED. */
export function seedOf(t: { comment(text: string): unknown }): number {
  const seed = Number(process.env.ATLAS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`seed ${seed}; the same run again: ATLAS_TEST_SEED=${seed}`)
  return seed
}
