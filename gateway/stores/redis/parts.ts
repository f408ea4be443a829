/** What the parts of the Redis store share. */
import type { Clock } from '#contract'
import type { Redis } from 'ioredis'
import type { Shelves } from './arguments.ts'
import type { Groups } from './groups.ts'
import type { Link } from './link.ts'
import type { Mirrors } from './mirrors.ts'

export interface RedisParts {
  readonly link: Link
  /** The way of all moves of calls. */
  readonly groups: Groups
  readonly clock: Clock
  readonly shelves: Shelves
  readonly mirrors: Mirrors
  /** Of this process, until it ends. */
  readonly process: string
  /** Whose books the lines of this process are for, where each process keeps its own. */
  readonly ledger: string
  /** Bytes of stored answers. */
  readonly answers: number
  /** A test's time as the scripts read it; empty: the store's own. */
  testTime(): string
  /** Why nothing may be sold now. */
  failed(): Error | undefined
  /** Counts a move until its outcome is known. */
  doing<T>(work: Promise<T>): Promise<T>
  /** Resolves when every move that was begun has its outcome. */
  flushed(): Promise<void>
  /** A read that is worth waiting for: repeated a few times where Redis is out of reach. */
  reading<T>(work: (redis: Redis) => Promise<T>): Promise<T>
  close(): Promise<void>
}
