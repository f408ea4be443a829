/** An audit log on each ground there is: a store of either driver, books of either driver, joined as a gateway joins them. */
import { join } from 'node:path'
import type { AuditEntry, AuditLine } from '#contract'
import { discover } from '../../config/discover.ts'
import { loadConfig } from '../../config/load.ts'
import type { Adapter, Clock, Plugin } from '#contract'
import { type Ground, openGround } from '../../gateway/ground/index.ts'
import { type Teardown, temporaryFolder } from './folder.ts'
import { sandbox, writeConfig } from './gateway.ts'
import { memoryLog } from './scripted.ts'

export const noted = (index: number, owner: string | undefined = index % 3 === 0 ? 'bob' : 'alice'): AuditEntry => ({
  ...{ action: 'connection.enable', actor: 'admin', owner, subject: `connection-${index}`, detail: `act ${index}; "quoted" \\ and ünïcode` },
})

export const subjectsOf = (lines: readonly AuditLine[]): string[] => lines.map(({ subject }) => subject)

export interface GroundWish {
  readonly folder?: string
  readonly clock?: Clock
}

/** `more`: sections `store` and `ledger`. */
export async function openAuditGround(
  t: Teardown,
  more: object,
  { folder = temporaryFolder(t), clock }: GroundWish = {},
): Promise<Ground & { readonly folder: string }> {
  const file = writeConfig(folder, sandbox(more))
  const [plugins, adapters] = await Promise.all([
    discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin'),
    discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter'),
  ])
  const { config } = await loadConfig({ file, env: {}, plugins, adapters })
  if (config === undefined) throw new Error('the configuration is not good')
  const ground = await openGround(config, { log: memoryLog([]), ...(clock === undefined ? {} : { clock }) })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= ground.close()
    return closed
  }
  t.teardown(close)
  return { ...ground, folder, close }
}

export const journalOf = (folder: string): string => join(folder, 'data', 'journal')
