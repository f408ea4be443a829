/** Joins store and ledger, whichever drivers the configuration names: the ground on which a gateway, or a single command, stands. */
import { type Notice, type Webhook, webhookId } from '#contract'
import type { GatewayConfig } from '../../config/model.ts'
import { type Post, WebhookNotices } from '../notices/index.ts'
import { AuditLog } from './audit.ts'
import { recordedCalls } from './recorded.ts'
import { onJournal } from './journal.ts'
import type { Around, Bare, Ground, Surroundings } from './parts.ts'
import { Paces } from '../stores/index.ts'
import { onRedis } from './redis.ts'
import { systemAlarm, systemChance, systemClock } from './system.ts'
import { Vault } from '../vault/index.ts'

export { begun, ended, loaded, versionOf } from './life.ts'
export { type Ground, payingOf, type Surroundings } from './parts.ts'
export { systemAlarm, systemChance, systemClock } from './system.ts'

/** Beyond so many the oldest paces go. */
const ADDRESSES = 200_000

/** @throws FolderError, JournalError, StoreError, BooksError, VaultError with one sentence for the operator */
export async function openGround(config: GatewayConfig, surroundings: Surroundings): Promise<Ground> {
  const { log, clock = systemClock, chance = systemChance, env = process.env, worker } = surroundings
  const vault = new Vault({ ...config.vault, env, clock })
  const around: Around = { log, clock, chance, ...(worker === undefined ? {} : { worker }) }
  const { trail, ...bare }: Bare = config.store.driver === 'redis' ? await onRedis(config, config.store, around) : await onJournal(config, around)
  const audit = new AuditLog({ desk: bare.admin.audit, trail, clock, log })
  let [current, paying] = [config, bare.paying]
  let reached = listensAt(config)
  const now = (): GatewayConfig => current
  const notices = worker === undefined ? noticesOf(now, around) : { tell: (notice: Notice) => worker.tell(notice), close: async () => undefined }
  return {
    ...bare,
    get config() {
      return current
    },
    get paying() {
      return paying
    },
    get origin() {
      return current.publicUrl ?? reached
    },
    reachedAt(url) {
      reached = url
    },
    take(next, payer) {
      current = next
      paying = payer
      bare.admin.configure(next.connections)
    },
    vault,
    audit,
    calls: (sinceMs) => recordedCalls(bare.books, config.store.path, sinceMs),
    paces: new Paces(clock, ADDRESSES),
    notices,
    async close() {
      await notices.close()
      await audit.close()
      await bare.close()
    },
  }
}

/** As it is written: port 0 becomes another one when the door opens. */
const listensAt = ({ listen: { host, port }, tls }: GatewayConfig): string =>
  `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`

const noticesOf = (now: () => GatewayConfig, around: Around): WebhookNotices =>
  new WebhookNotices({ ...around, alarm: systemAlarm, post: postTo(now), webhooks: (notice) => webhooksOf(now(), notice) })

/** The operator's, and that of its connection; what concerns an owner as a whole goes to each of his. Each once. */
function webhooksOf({ connections, webhooks }: GatewayConfig, { owner, connection }: Notice): readonly Webhook[] {
  const found = connections.filter((one) => (connection === undefined ? one.owner === owner : one.name === connection))
  const all = [...webhooks, ...found.flatMap(({ notify }) => notify ?? [])]
  return [...new Map(all.map((one) => [webhookId(one), one])).values()]
}

/** Loaded when somebody is told: most commands tell nobody. One for each way in which addresses are let through. */
function postTo(now: () => GatewayConfig): Post {
  const posts = new Map<boolean, Promise<Post>>()
  return async (url, text, signed, signal) => {
    const { allowPrivate } = now().upstream
    const post = posts.get(allowPrivate) ?? postOf(allowPrivate)
    posts.set(allowPrivate, post)
    return (await post)(url, text, signed, signal)
  }
}

async function postOf(allowPrivate: boolean): Promise<Post> {
  const [{ posting }, { guardedDispatcher }] = await Promise.all([import('../notices/post.ts'), import('../engine/upstream/dispatcher.ts')])
  return posting(guardedDispatcher({ allowPrivate }))
}
