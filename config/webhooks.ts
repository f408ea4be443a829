/** `webhooks` and `notify`: who is told of what happens, and the secret with which it is signed. */

import { type Webhook, WebhookKey } from '#contract'
import type { Complaints } from './complaints.ts'
import type { CoreFields } from './core.ts'
import { isWritten } from './decode.ts'
import type { Decoded } from './fields.ts'
import { readUrl } from './urls.ts'
import { entryIn, type Vaulted } from './vault.ts'
import { childOf, entryOf, type MapNode, type Node } from './yaml.ts'

export interface WebhookRules {
  readonly allowPrivate: boolean
  readonly vaulted: Vaulted
  readonly complaints: Complaints
}

interface Written {
  /** The setting with the address, and its value. */
  readonly name: 'webhook' | 'url'
  readonly url: string | undefined
  readonly secret: string | undefined
  readonly node: Node | undefined
  /** As complaints call it. */
  readonly of: string
}

/** Undefined where none is written or it was complained about. */
export function readWebhook({ name, url, secret, node, of }: Written, rules: WebhookRules): Webhook | undefined {
  const place = childOf(node, name)
  if (url === undefined || place === undefined) return undefined
  const read = readUrl(name, url, place, rules, rules.complaints)
  const at = childOf(node, 'secret')
  if (secret === undefined || at === undefined) {
    if (!isWritten(at)) rules.complaints.warn(place, `what is sent to ${name} of ${of} is not signed; expected secret: \${WEBHOOK_SECRET} beside it`)
    return read === undefined ? undefined : { url: read.href, key: undefined }
  }
  const key = keyOf(secret, at, of, rules)
  const entry = entryIn(secret)
  return read === undefined || key === undefined ? undefined : { url: read.href, key, ...(entry === undefined ? {} : { vaultEntry: entry }) }
}

/** The operator's, who hears everything. */
export function readWebhooks(values: Decoded<CoreFields>, root: MapNode, rules: WebhookRules): readonly Webhook[] {
  const list = entryOf(root, 'webhooks')?.value
  return (values.webhooks ?? []).flatMap((one, index) => {
    const node = list?.kind === 'list' ? list.items[index] : undefined
    return readWebhook({ name: 'url', url: one?.url, secret: one?.secret, node, of: 'webhooks' }, rules) ?? []
  })
}

function keyOf(secret: string, node: Node, of: string, { vaulted, complaints }: WebhookRules): WebhookKey | undefined {
  const entry = entryIn(secret)
  const answer = entry === undefined ? undefined : vaulted(entry)
  if (answer?.kind === 'missing') return complaints.error(node, `vault:${entry} cannot be resolved: ${answer.why}`)
  // The vault was not opened: what looks only at the file does not need it.
  if (answer?.kind === 'unread') return undefined
  if (answer === undefined && node.kind === 'scalar' && !node.fromOutside)
    complaints.warn(node, `secret of ${of} stands in the file for all who can read it; expected \${WEBHOOK_SECRET} or vault:NAME`)
  const key = WebhookKey.from(answer === undefined ? secret : answer.secret.toString('latin1'))
  const how = `node -p "'whsec_' + crypto.randomBytes(32).toString('base64')"`
  return key ?? complaints.error(node, `secret of ${of} is none of Standard Webhooks; expected whsec_ and 24 to 64 bytes in base64, made by ${how}`)
}
