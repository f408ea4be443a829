/** Time and chance as they really are. */
import { randomFillSync } from 'node:crypto'
import type { Alarm, Chance, Clock, EpochMs } from '#contract'

export const systemClock: Clock = {
  nowMs: () => Date.now() as EpochMs,
  monotonicNs: () => Math.round(performance.now() * 1e6),
}

const POOL_BYTES = 4096
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Strong random bytes from a pool: one system call for many ids. */
export const systemChance: Chance = {
  hex(bytes) {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    used += bytes
    return pool.toString('hex', used - bytes, used)
  },
}

/** Never keeps the process. */
export const systemAlarm: Alarm = (ms, wake) => {
  const timer = setTimeout(wake, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
