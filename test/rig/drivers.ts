/** Both drivers of the store behind one rig, for tests that hold of either. */

import type { Connection, Store, StoreAdmin } from '#contract'
import type { Teardown } from './folder.ts'
import { openRedisStore, type RedisStoreRig } from './redis-store.ts'
import { type RigRedis, startRedis } from './redis.ts'
import type { ScriptedClock } from './scripted.ts'
import { openStore, settled, type StoreRig } from './store.ts'

export interface DriverWish {
  readonly connections?: readonly Connection[]
  readonly replayBytes?: number
}

export interface DriverRig {
  readonly store: Store
  readonly admin: StoreAdmin
  readonly clock: ScriptedClock
  /** A stop and a start. */
  reopen(): Promise<DriverRig>
  /** As if the process had died; another one has swept what it held. */
  crash(): Promise<DriverRig>
  /** Everything is written, and the local copies are up to date. */
  still(): Promise<void>
}

export type OpenDriver = (t: Teardown, wish?: DriverWish) => Promise<DriverRig>

const embedded = (rig: StoreRig): DriverRig => {
  const still = async (): Promise<void> => {
    // What a lease has too much is given back a moment after it was.
    await rig.flushed()
    await settled()
    await rig.flushed()
  }
  return {
    ...{ store: rig.store, admin: rig.admin, clock: rig.clock, still },
    reopen: async () => embedded(await rig.reopen()),
    crash: async () => embedded(rig.crash()),
  }
}

const remote = (rig: RedisStoreRig): DriverRig => ({
  ...{ store: rig.store, admin: rig.admin, clock: rig.clock },
  still: async () => {
    await rig.flushed()
    await rig.look()
  },
  reopen: async () => remote(await rig.reopen()),
  crash: async () => remote(await rig.crash()),
})

/** Name -> how it is opened. One Redis serves the file, each store under a name of its own. */
export function drivers(t: Teardown): ReadonlyMap<string, OpenDriver> {
  let redis: Promise<RigRedis> | undefined
  return new Map<string, OpenDriver>([
    ['embedded', async (t, wish) => embedded(openStore(t, wish))],
    [
      'redis',
      async (inner, wish) => {
        redis ??= startRedis(t)
        return remote(await openRedisStore(inner, await redis, wish))
      },
    ],
  ])
}
