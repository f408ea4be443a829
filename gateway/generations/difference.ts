/** What a changed configuration means: connections with their prices and what is for sale, routes, the chain, limits. Secrets are never told. Read `Difference` first. */
import { dollars, formatUsd, type Connection, type Usd } from '#contract'
import type { GatewayConfig, Route } from '../../config/model.ts'
import { chainChanges } from './difference-chain.ts'
import { flat, same, shown } from './difference-values.ts'
import { needingRestart } from './restart.ts'

export type Area = 'connections' | 'routes' | 'plugins' | 'limits' | 'other'

export interface Change {
  readonly area: Area
  /** What it is about: a connection, a route, a plugin; empty for the gateway as a whole. */
  readonly of: string
  /** The setting, or what follows from settings: `price`, `for_sale`, `most_revenue`. */
  readonly what: string
  /** As it is written in the file, or in plain numbers; null: there is none. */
  readonly before: string | null
  readonly after: string | null
  /** What else follows, in a sentence. */
  readonly note?: string
}

export interface Difference {
  readonly changes: readonly Change[]
  /** Settings for which the gateway has to be started again. */
  readonly needs_restart: readonly string[]
}

export function differenceOf(from: GatewayConfig, to: GatewayConfig): Difference {
  const changes = [...connectionChanges(from, to), ...routeChanges(from, to), ...chainChanges(from, to), ...wholeChanges(from, to)]
  return { changes, needs_restart: needingRestart(from, to) }
}

// ---------------------------------------------------------------- connections

function connectionChanges(from: GatewayConfig, to: GatewayConfig): Change[] {
  const before = new Map(from.connections.map((one) => [one.name, one]))
  const after = new Map(to.connections.map((one) => [one.name, one]))
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return names.flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)]
    const told = changed('connections', name, was && factsOf(was), is && factsOf(is))
    if (was === undefined || is === undefined) return [existence(name, was, is), ...told.filter(({ what }) => MONEY.has(what))]
    return told.map((change) => (change.what === 'owner' ? { ...change, note: `what is owed so far stays with ${was.owner}` } : change))
  })
}

const MONEY: ReadonlySet<string> = new Set(['price', 'for_sale', 'most_revenue'])

function existence(name: string, was: Connection | undefined, is: Connection | undefined): Change {
  const [before, after] = [was === undefined ? null : `${was.adapter} of ${was.owner}`, is === undefined ? null : `${is.adapter} of ${is.owner}`]
  const change: Change = { area: 'connections', of: name, what: 'connection', before, after }
  return was === undefined ? change : { ...change, note: `what is owed to ${was.owner} stays; calls under way finish` }
}

/** The settings of a connection as an owner writes them, then what they come to. */
function factsOf(connection: Connection): ReadonlyMap<string, string> {
  const { quota, reserved, baseCost, markup, unitPrice, period, terms, notify, operations, prices } = connection
  const forSale = quota - reserved
  const a = period.every === 'none' ? '' : ` a ${period.every}`
  return new Map([
    ...flat({
      ...{ adapter: connection.adapter, owner: connection.owner, monthly_quota: quota, reserved },
      base_cost: shown(baseCost, 'cost'),
      markup: shown(markup, 'factor'),
      subscription_cost: connection.subscriptionCost === undefined ? undefined : dollars(connection.subscriptionCost),
      prices: Object.fromEntries([...prices].map(([operation, price]) => [operation, dollars(price)])),
      period,
      resale_terms: typeof terms === 'object' ? `agreement:${terms.agreement}` : terms,
      ...{ base_url: connection.baseUrl, pay_to: connection.payTo, api_key: connection.vaultEntry && `vault:${connection.vaultEntry}` },
      'notify.webhook': notify?.url,
      operations: operations.map(({ id }) => id).join(', ') || undefined,
    }),
    ['price', `${dollars(unitPrice)} a unit`],
    ['for_sale', `${forSale.toLocaleString('en-US')} units${a}`],
    ['most_revenue', `$${formatUsd((unitPrice * BigInt(forSale)) as Usd)}${a}`],
  ])
}

// ---------------------------------------------------------------- routes

function routeChanges(from: GatewayConfig, to: GatewayConfig): Change[] {
  const [before, after] = [byPrefix(from), byPrefix(to)]
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((prefix): Change[] => {
    const [was, is] = [before.get(prefix), after.get(prefix)]
    if (was === undefined || is === undefined) {
      return [{ area: 'routes', of: prefix, what: 'route', before: was ? summaryOf(was) : null, after: is ? summaryOf(is) : null }]
    }
    return changed('routes', prefix, routeFacts(was), routeFacts(is))
  })
}

const byPrefix = ({ routes }: GatewayConfig): ReadonlyMap<string, Route> => new Map(routes.map((route) => [route.prefix, route]))
const summaryOf = ({ adapter, connections }: Route): string =>
  `${adapter.name}, ${adapter.operations.length} ${adapter.operations.length === 1 ? 'operation' : 'operations'} by ${connections.map(({ name }) => name).join(', ')}`

/** What an adapter's operations cost in units changes what they cost in money. */
const routeFacts = ({ adapter, connections }: Route): ReadonlyMap<string, string> =>
  new Map([
    ['adapter', adapter.name],
    ['connections', connections.map(({ name }) => name).join(', ')],
    ...adapter.operations.map(({ id, units }): [string, string] => [
      `operation ${id}`,
      typeof units === 'number' ? `${units} ${units === 1 ? 'unit' : 'units'}` : 'units by rule',
    ]),
  ])

// ---------------------------------------------------------------- the whole

function wholeChanges(from: GatewayConfig, to: GatewayConfig): Change[] {
  return [...changed('limits', '', limitFacts(from), limitFacts(to)), ...changed('other', '', otherFacts(from), otherFacts(to))]
}

const limitFacts = ({ limits, upstream }: GatewayConfig): ReadonlyMap<string, string> =>
  new Map(
    flat({
      'upstream.allow_private': upstream.allowPrivate,
      'upstream.timeout': shown(upstream.timeoutMs, 'duration'),
      'upstream.buffer': shown(upstream.bufferBytes, 'size'),
      'upstream.floor': `${upstream.floor * 100}%`,
      'limits.header_bytes': shown(limits.headerBytes, 'size'),
      'limits.headers': limits.headers,
      'limits.body': shown(limits.bodyBytes, 'size'),
      'limits.headers_within': shown(limits.headersWithinMs, 'duration'),
      'limits.idle': shown(limits.idleMs, 'duration'),
      'limits.connections': limits.connections,
      'limits.connections_per_address': limits.connectionsPerAddress,
      'limits.concurrent_per_consumer': limits.concurrentPerConsumer,
    }),
  )

const otherFacts = ({ trustedProxies, publicUrl, webhooks, payout, admin }: GatewayConfig): ReadonlyMap<string, string> =>
  new Map(
    flat({
      trusted_proxies: trustedProxies.join(', ') || undefined,
      public_url: publicUrl,
      webhooks: webhooks.map(({ url }) => new URL(url).host).join(', ') || undefined,
      'payout.min': payout === undefined ? undefined : dollars(payout.min),
      'payout.every': payout?.everyMs === undefined ? undefined : shown(payout.everyMs, 'duration'),
      'admin.token': admin.token === undefined ? undefined : 'set',
    }),
  )

function changed(area: Area, of: string, before: ReadonlyMap<string, string> | undefined, after: ReadonlyMap<string, string> | undefined): Change[] {
  const names = [...new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])]
  return names.flatMap((what) => {
    const [was, is] = [before?.get(what) ?? null, after?.get(what) ?? null]
    return same(was, is) ? [] : [{ area, of, what, before: was, after: is }]
  })
}
