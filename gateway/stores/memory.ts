/** Memory for what plugins may forget: bounded in bytes, the least recently used out first, in this process only. */
import type { Clock, Memory } from '#contract'
import { LRUCache } from 'lru-cache'

export function memoryOf<V extends object>(bytes: number, clock: Pick<Clock, 'nowMs'>): Memory<V> {
  const cache = new LRUCache<string, V>({ maxSize: bytes, ttlResolution: 0, perf: { now: () => clock.nowMs() } })
  return {
    get: (key) => cache.get(key),
    keep: (key, value, size, forMs) => void cache.set(key, value, { size: Math.max(1, Math.ceil(size)), ttl: forMs }),
    clear: () => cache.clear(),
  }
}
