/** What a Redis must be before anything is sold on it. */
import { randomBytes } from 'node:crypto'
import type { Link } from './link.ts'
import type { RedisOptions } from './index.ts'

/** One sentence for the operator. */
export class StoreError extends Error {
  override name = 'StoreError'
}

/** Without user and password. */
const nameOf = (url: string): string => {
  const { host, pathname } = new URL(url)
  return `redis://${host}${pathname === '/' ? '' : pathname}`
}

export const unusable = (url: string, cause: unknown): StoreError =>
  new StoreError(`the store at ${nameOf(url)} cannot be used (${cause instanceof Error ? cause.message : cause}); start Redis, or correct store.url`, { cause })

const OLDEST = 7

/** Connects, looks, and gives the identity of the data. @throws StoreError, Error */
export async function check(link: Link, options: RedisOptions): Promise<string> {
  await link.connect()
  const version = /redis_version:(\d+)/.exec(await link.redis.info('server'))?.[1]
  if (Number(version ?? 0) < OLDEST) throw new StoreError(`store.url leads to a Redis of version ${version ?? 'unknown'}; expected ${OLDEST}.0 or newer`)
  if (options.durability === 'strict') await durable(link)
  const meta = `${link.prefix}meta`
  const id = randomBytes(16).toString('hex')
  if (options.known === undefined) await link.redis.hsetnx(meta, 'id', id)
  const found = await link.redis.hget(meta, 'id')
  if (found === null || (options.known !== undefined && found !== options.known)) {
    throw new StoreError(
      `the Redis at store.url does not have the data of this gateway (name ${options.name}): they are gone, or it is another Redis; restore them, or choose another store.name`,
    )
  }
  await link.redis.hsetnx(meta, 'mode', options.mode)
  const mode = await link.redis.hget(meta, 'mode')
  if (mode !== options.mode)
    throw new StoreError(`the store ${options.name} was made in ${mode} mode, the configuration says ${options.mode}; choose another store.name`)
  return found
}

const DEMANDED = { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' } as const

async function durable({ redis }: Link): Promise<void> {
  const found = new Map<string, string>()
  for (const name of Object.keys(DEMANDED)) {
    const [, value = ''] = (await redis.config('GET', name)) as string[]
    found.set(name, value)
  }
  const wrong = Object.entries(DEMANDED).filter(([name, value]) => found.get(name) !== value)
  if (wrong.length === 0) return
  const told = wrong.map(([name, value]) => `${name} is ${found.get(name)}, expected ${value}`).join('; ')
  throw new StoreError(`Redis would forget charges that were answered: ${told}; set this in redis.conf, or write store.durability: relaxed`)
}
