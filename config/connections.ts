/** `api_connections`: each subscription with its price, period and place, and the adapter that it is called through. */

import type { Adapter, Connection, ResaleTerms, Units, Webhook } from '#contract'
import { type Complaints, hint } from './complaints.ts'
import { type ConnectionFields, CUSTOM } from './connection-fields.ts'
import { credentialOf, readCredential } from './credentials.ts'
import { customAdapter } from './custom.ts'
import { type Draft, itemsOf, placeOf, type Surroundings, textOf } from './draft.ts'
import type { Decoded } from './fields.ts'
import { readOperations } from './operations.ts'
import { checkPrices, checkReserve, readPrice, subscriptionCost } from './prices.ts'
import { readUrl } from './urls.ts'
import { readWebhook } from './webhooks.ts'
import { childOf, entryOf, type Node, shown } from './yaml.ts'

export interface Subscription {
  readonly draft: Draft
  readonly connection: Connection
  readonly adapter: Adapter
  readonly secret: string | Buffer | undefined
}

/** All of them, and those that are complete. */
export function readConnections(
  written: readonly (Decoded<ConnectionFields> | undefined)[],
  nodes: readonly Node[],
  around: Surroundings,
): { drafts: readonly Draft[]; subscriptions: readonly Subscription[] } {
  const drafts: Draft[] = []
  for (const [index, values] of written.entries()) if (values?.name !== undefined) drafts.push(draftOf(values, values.name, nodes[index] as Node, around))
  checkNames(drafts, around)
  const subscriptions = drafts.flatMap((draft) => subscribe(draft, around) ?? [])
  return { drafts, subscriptions }
}

function draftOf(values: Decoded<ConnectionFields>, name: string, node: Node, around: Surroundings): Draft {
  const named = entryOf(node, 'adapter') === undefined ? name : values.adapter
  const custom = named === CUSTOM
  if (custom) return { values, node, name, custom, adapter: customAdapter(values, name, node, around) }
  const adapter = named === undefined ? undefined : around.adapters.get(named)
  if (adapter === undefined && named !== undefined)
    around.complaints.error(
      placeOf({ node }, 'name'),
      `unknown adapter ${shown(childOf(node, 'name'), named)}; ${hint(named, around.adapters.keys())}; a custom API needs adapter: custom`,
    )
  if (values.failures !== undefined)
    around.complaints.error(placeOf({ node }, 'failures'), `failures of ${named} are its adapter's; expected them at a connection with adapter: custom`)
  return { values, node, name, custom, adapter }
}

function checkNames(drafts: readonly Draft[], { complaints, adapters }: Surroundings): void {
  const first = new Map<string, Draft>()
  for (const draft of drafts) {
    const { name, custom } = draft
    const before = first.get(name)
    if (before !== undefined)
      complaints.error(placeOf(draft, 'name'), `connection ${name} is there twice; the first is in line ${complaints.place(before.node.at).line}`)
    else first.set(name, draft)
    if (custom && adapters.has(name)) complaints.error(placeOf(draft, 'name'), `${name} is the name of an adapter; expected another name for a custom API`)
  }
}

function subscribe(draft: Draft, around: Surroundings): Subscription | undefined {
  const { values, name, adapter, custom } = draft
  const { complaints } = around
  checkReserve(draft, complaints)
  const price = readPrice(draft, complaints)
  const zone = readZone(draft, complaints)
  checkDay(draft, complaints)
  const operations = adapter === undefined || custom ? [] : readOperations(values.operations ?? [], itemsOf(draft, 'operations'), adapter, complaints)
  const ids = new Set([...(adapter?.operations ?? []), ...operations].map(({ id }) => id))
  if (adapter !== undefined) checkPrices(draft, ids, complaints)
  const baseUrl = readBase(draft, around)
  const notify = notifyOf(draft, around)
  const simulated = around.mode === 'sandbox' && baseUrl === undefined
  const credential = readCredential(draft, { ...around, simulated })
  if (adapter === undefined || price === undefined || values.monthly_quota === undefined || values.reserved === undefined || values.owner === undefined)
    return undefined
  const connection: Connection = {
    ...{ name, adapter: adapter.name, owner: values.owner, quota: values.monthly_quota as Units, reserved: values.reserved as Units },
    ...price,
    prices: values.prices ?? new Map(),
    subscriptionCost: subscriptionCost(draft),
    period: { every: values.period ?? PERIODS[adapter.quota.resets], billingDay: values.billing_day ?? 1, zone },
    terms: termsOf(values.resale_terms),
    baseUrl: simulated ? undefined : (baseUrl ?? adapter.baseUrl),
    credential: custom ? adapter.credential : (credentialOf(draft, complaints) ?? adapter.credential),
    ...{ simulated, operations },
    ...(notify !== undefined && { notify }),
    ...(values.pay_to !== undefined && { payTo: values.pay_to }),
    ...credential?.from,
  }
  return { draft, connection, adapter, secret: credential?.secret }
}

const PERIODS = { 'billing-day': 'month', 'first-of-month': 'month', day: 'day', never: 'none' } as const

function checkDay(draft: Draft, complaints: Complaints): void {
  const { adapter, values, name } = draft
  if (adapter?.quota.resets !== 'first-of-month' || values.billing_day === undefined || values.billing_day === 1) return
  const sentence = `billing_day ${values.billing_day} of ${name} is not when its quota starts again: ${adapter.title} gives it anew on the 1st of each month`
  complaints.warn(placeOf(draft, 'billing_day'), sentence)
}

function termsOf(written: string | undefined): ResaleTerms {
  if (written === undefined) return 'unstated'
  return written === 'confirmed' ? 'confirmed' : { agreement: written.slice('agreement:'.length).trim() }
}

function readZone(draft: Draft, complaints: Complaints): string {
  const zone = draft.values.billing_zone ?? 'UTC'
  if (zone === 'UTC' || isZone(zone)) return zone
  complaints.error(placeOf(draft, 'billing_zone'), `unknown time zone ${textOf(draft, 'billing_zone')}; ${zoneHint(zone)}`)
  return 'UTC'
}

/** Names only: what is written as an offset is the same all year, and no contract means that. */
function isZone(zone: string): boolean {
  try {
    return /^[A-Za-z]/.test(zone) && new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}

const zoneHint = (zone: string): string => {
  const near = hint(zone, Intl.supportedValuesOf('timeZone'))
  return near.startsWith('nearest') ? near : 'expected an IANA name such as Europe/Berlin'
}

function readBase(draft: Draft, { allowPrivate, complaints, mode }: Surroundings): string | undefined {
  const { values, node, adapter, custom } = draft
  const written = childOf(node, 'base_url')
  if (values.base_url === undefined || written === undefined) {
    if (mode === 'live' && !custom && adapter !== undefined && adapter.baseUrl === undefined && written === undefined)
      complaints.missing(node, `missing setting base_url of ${draft.name}; expected a URL, since ${adapter.name} has none of its own`)
    return undefined
  }
  const url = readUrl('base_url', values.base_url, written, { allowPrivate, base: true }, complaints)
  return url?.href.replace(/\/+$/, '')
}

function notifyOf({ values, node, name }: Draft, around: Surroundings): Webhook | undefined {
  const { webhook: url, secret } = values.notify ?? {}
  return readWebhook({ name: 'webhook', url, secret, node: childOf(node, 'notify'), of: name }, around)
}
