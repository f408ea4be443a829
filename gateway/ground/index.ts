/** Joins store and ledger, whichever drivers the configuration names: the ground on which a gateway, or a single command, stands. */
import type { GatewayConfig } from '../../config/model.ts'
import { AuditLog } from './audit.ts'
import { onJournal } from './journal.ts'
import type { Around, Bare, Ground, Surroundings } from './parts.ts'
import { Paces } from '../stores/index.ts'
import { onRedis } from './redis.ts'
import { systemChance, systemClock } from './system.ts'

export { begun, ended } from './life.ts'
export { type Ground, type Surroundings, storeIdOf } from './parts.ts'
export { systemAlarm, systemChance, systemClock } from './system.ts'

/** Beyond so many the oldest paces go. */
const ADDRESSES = 200_000

/** @throws FolderError, JournalError, StoreError, BooksError with one sentence for the operator */
export async function openGround(config: GatewayConfig, { log, clock = systemClock, chance = systemChance }: Surroundings): Promise<Ground> {
  const around: Around = { log, clock, chance }
  const { trail, ...bare }: Bare = config.store.driver === 'redis' ? await onRedis(config, config.store, around) : await onJournal(config, around)
  const audit = new AuditLog({ desk: bare.admin.audit, trail, clock, log })
  return {
    ...bare,
    audit,
    paces: new Paces(clock, ADDRESSES),
    notices: { tell: (notice) => log.warn({ ...notice }, notice.detail) },
    async close() {
      await audit.close()
      await bare.close()
    },
  }
}
