/** The Redis store for a test: on a real Redis, under a name of its own, with a clock that the test moves. */

import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Connection } from '#contract'
import { type OpenedRedis, openRedis, type RedisOptions } from '../../gateway/stores/redis/index.ts'
import { connectionOf } from './acme.ts'
import type { Teardown } from './folder.ts'
import type { RigRedis } from './redis.ts'
import { memoryLog, type LogLine, ScriptedClock } from './scripted.ts'

export interface RedisStoreWish extends Partial<Pick<RedisOptions, 'mode' | 'durability' | 'replayBytes' | 'known' | 'name' | 'ledger'>> {
  readonly connections?: readonly Connection[]
  readonly clock?: ScriptedClock
  /** The store's own time instead of the scripted one. */
  readonly realTime?: boolean
}

export interface RedisStoreRig extends OpenedRedis {
  readonly clock: ScriptedClock
  readonly name: string
  readonly logged: readonly LogLine[]
  /** Another process of the same gateway name. */
  again(more?: RedisStoreWish): Promise<RedisStoreRig>
  /** A stop and a start. */
  reopen(more?: RedisStoreWish): Promise<RedisStoreRig>
  /** As if this process had died: its holds are swept by the one that is returned. */
  crash(more?: RedisStoreWish): Promise<RedisStoreRig>
  /** Straight at Redis. */
  raw<T>(work: (redis: Redis, prefix: string) => Promise<T>): Promise<T>
}

/** What Redis forgets at a time it forgets by its own clock: a scripted one has to be ahead of it. */
const LATER_MS = Date.UTC(2099, 10, 23, 12)

/** Ended with the test. */
export async function openRedisStore(t: Teardown, redis: RigRedis, wish: RedisStoreWish = {}): Promise<RedisStoreRig> {
  const { connections = [connectionOf('acme')], clock = new ScriptedClock(LATER_MS), name = `t-${randomBytes(6).toString('hex')}`, realTime = false } = wish
  const logged: LogLine[] = []
  const opened = await openRedis({
    ...{ url: redis.url, name, clock, log: memoryLog(logged) },
    ...{ mode: wish.mode ?? 'sandbox', durability: wish.durability ?? 'relaxed', replayBytes: wish.replayBytes ?? 2 ** 20, ledger: wish.ledger ?? 'books' },
    ...(wish.known === undefined ? {} : { known: wish.known }),
    ...(realTime ? {} : { time: () => timeOf(clock) }),
  })
  opened.admin.configure(connections)
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= opened.store.close()
    return closed
  }
  t.teardown(close)
  const same = { ...wish, connections, clock, name }
  const again = (more: RedisStoreWish = {}): Promise<RedisStoreRig> => openRedisStore(t, redis, { ...same, ...more })
  return {
    ...{ ...opened, clock, name, logged, again },
    reopen: async (more) => {
      await opened.flushed()
      await close()
      const next = await again(more)
      await next.sweep()
      return next
    },
    crash: async (more) => {
      await opened.flushed()
      // Without a word: nothing of what it holds is given back by itself.
      await close()
      const next = await again(more)
      await next.sweep()
      return next
    },
    raw: async (work) => {
      const client = new Redis(redis.url)
      try {
        return await work(client, `atlas:{${name}}:`)
      } finally {
        client.disconnect()
      }
    },
  }
}

function timeOf(clock: ScriptedClock): { seconds: number; micros: number } {
  const nowMs = clock.nowMs()
  return { seconds: Math.floor(nowMs / 1000), micros: (nowMs % 1000) * 1000 }
}
