/** Joins store and ledger, whichever drivers the configuration names: the ground on which a gateway, or a single command, stands. */
import type { GatewayConfig } from '../../config/model.ts'
import { onJournal } from './journal.ts'
import type { Around, Bare, Ground, Surroundings } from './parts.ts'
import { onRedis } from './redis.ts'
import { systemChance, systemClock } from './system.ts'

export { type Ground, type Surroundings, storeIdOf } from './parts.ts'
export { systemChance, systemClock } from './system.ts'

/** @throws FolderError, JournalError, StoreError, BooksError with one sentence for the operator */
export async function openGround(config: GatewayConfig, { log, clock = systemClock, chance = systemChance }: Surroundings): Promise<Ground> {
  const around: Around = { log, clock, chance }
  const bare: Bare = config.store.driver === 'redis' ? await onRedis(config, config.store, around) : await onJournal(config, around)
  return {
    ...bare,
    audit: {
      write: async () => undefined,
      used: () => undefined,
      entries: async () => [],
      verify: async () => ({ ok: true, detail: 'nothing is written yet' }),
    },
    notices: { tell: (notice) => log.warn({ ...notice }, notice.detail) },
  }
}
