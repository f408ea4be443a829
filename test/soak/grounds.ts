/** What a soaked gateway stands on: its own folder alone, or a Redis and a PostgreSQL that stand still, go away and come back. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Teardown } from '../rig/folder.ts'
import { openPostgres } from '../rig/postgres.ts'
import { startRedis, STRICT } from '../rig/redis.ts'
import type { Sample } from './samples.ts'

export type Driver = 'embedded' | 'redis'

export interface Ground {
  /** Sections `store` and `ledger`. */
  readonly config: object
  /** What can happen to it, by name; each is over when it stands again. */
  readonly faults: Readonly<Record<string, (random: () => number) => Promise<unknown>>>
  /** Units of a connection that a killed process may lose beside those of calls without an answer: its lease, or the ends of free calls that it had not told yet. */
  readonly lostAtKill: number
  figures(): Promise<Pick<Sample, 'redisBytes' | 'outbox' | 'postgresBytes'>>
  /** Holds that stand, where they can be seen. */
  holds(): Promise<number>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
/** Stored answers stop growing soon. */
const REPLAY_MB = 4
const NOTHING = { redisBytes: 0, outbox: 0, postgresBytes: 0 }

export async function openGround(t: Teardown, driver: Driver): Promise<Ground> {
  if (driver === 'embedded')
    return {
      config: { store: { driver, path: './data', replay_mb: REPLAY_MB }, ledger: { driver, path: './data' } },
      ...{ faults: {}, lostAtKill: 100, figures: async () => NOTHING, holds: async () => 0 },
    }
  const redis = await startRedis(t, STRICT)
  const postgres = await openPostgres(t)
  const name = `soak-${randomBytes(4).toString('hex')}`
  const store = { driver, url: redis.url, name, path: './data', replay_mb: REPLAY_MB }
  const client = new Redis(redis.url, { lazyConnect: true, retryStrategy: () => 200, maxRetriesPerRequest: 50 })
  client.on('error', () => undefined)
  t.teardown(() => client.disconnect())
  const key = (rest: string): string => `atlas:{${name}}:${rest}`
  return {
    config: { store, ledger: { driver: 'postgres', url: postgres.url } },
    lostAtKill: 20,
    faults: {
      'redis stands still': async (random) => {
        redis.pause()
        await pause(100 + random() * 2_000)
        redis.resume()
      },
      'redis is killed': async (random) => {
        await redis.kill()
        await pause(random() * 1_000)
        await redis.start()
      },
      'postgres is away': async (random) => {
        await postgres.kill()
        await pause(500 + random() * 4_000)
        await postgres.start()
      },
    },
    async figures() {
      const memory = await client.info('memory')
      const [row] = await postgres.sql<{ bytes: string }>('SELECT pg_database_size(current_database()) AS bytes')
      return { redisBytes: Number(/^used_memory:(\d+)/m.exec(memory)?.[1]), outbox: await client.xlen(key('out')), postgresBytes: Number(row?.bytes) }
    },
    async holds() {
      const keys = await client.keys(key('holds:*').replace(/[{}]/g, '?'))
      const sizes = await Promise.all(keys.map((one) => client.hlen(one)))
      return sizes.reduce((sum, size) => sum + size, 0)
    },
  }
}
