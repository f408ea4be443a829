/** Routes: which path leads to which connections through which chain. */

import type { Adapter, Connection, Operation } from '#contract'
import { type ChainScope, finishChain, override, readChain, type Draft as ChainDraft } from './chain.ts'
import { hint, type Placed } from './complaints.ts'
import type { Subscription } from './connections.ts'
import type { RouteFields } from './core.ts'
import type { Draft } from './draft.ts'
import type { Decoded } from './fields.ts'
import type { Chain, Route } from './model.ts'
import { childOf, entryOf, type Node, shown } from './yaml.ts'

/** First segments that are the gateway's own. */
export const OWN = new Set(['.well-known', 'catalog', 'credits', 'favicon.ico', 'healthz', 'llms.txt', 'mcp', 'openapi.json', 'receipts'])

export interface Stock {
  /** Also those that are not complete: a route to one of them is no mistake of the route. */
  readonly drafts: readonly Draft[]
  readonly subscriptions: readonly Subscription[]
}

/** The adapter with what its connections add. */
export function widened(adapter: Adapter, connections: readonly Connection[]): Adapter {
  const added = new Map<string, Operation>()
  for (const { operations } of connections) for (const operation of operations) if (!added.has(operation.id)) added.set(operation.id, operation)
  return added.size === 0 ? adapter : { ...adapter, operations: [...adapter.operations, ...added.values()] }
}

/** Connections of one pool that add the same operation must mean the same by it. */
export function checkAdditions({ subscriptions }: Stock, { complaints }: ChainScope): void {
  const first = new Map<string, { connection: string; text: string }>()
  for (const { connection, draft } of subscriptions) {
    for (const operation of connection.operations) {
      const key = `${connection.adapter} ${operation.id}`
      const before = first.get(key)
      const text = JSON.stringify(operation)
      if (before === undefined) first.set(key, { connection: connection.name, text })
      else if (before.text !== text)
        complaints.error(
          childOf(draft.node, 'operations') ?? draft.node,
          `operation ${operation.id} differs from the one of ${before.connection}, which is in the same pool; expected the same or another id`,
        )
    }
  }
}

/** Every adapter that has connections gets /<adapter>/*, every custom connection /<name>/*. */
export function defaultRoutes({ drafts, subscriptions }: Stock, chain: Chain, { complaints }: ChainScope): Route[] {
  for (const { adapter, node } of drafts)
    if (adapter !== undefined && isOwn(adapter.name)) complaints.error(childOf(node, 'name') ?? node, ownPath(adapter.name))
  const names = new Set(subscriptions.map(({ connection }) => connection.adapter))
  return [...names].map((name) =>
    routeTo(
      name,
      subscriptions.filter(({ connection }) => connection.adapter === name),
      chain,
    ),
  )
}

const isOwn = (api: string): boolean => OWN.has(api.toLowerCase())
const ownPath = (api: string): string => `/${api}/* belongs to the gateway itself; expected another name`

const routeTo = (api: string, targets: readonly Subscription[], chain: Chain): Route => {
  const connections = targets.map(({ connection }) => connection)
  return { prefix: `/${api}`, api, adapter: widened((targets[0] as Subscription).adapter, connections), connections, chain }
}

export interface RouteScope extends ChainScope {
  readonly adapters: ReadonlyMap<string, Adapter>
}

interface Written {
  readonly values: Decoded<RouteFields>
  readonly node: Node
}

/** @param common the chain of the file, for routes without one of their own; `finished` is shared by all that change nothing */
export function readRoutes(
  written: readonly (Decoded<RouteFields> | undefined)[],
  nodes: readonly Node[],
  stock: Stock,
  common: { draft: ChainDraft; finished: Chain },
  scope: RouteScope,
): Route[] {
  const routes: Route[] = []
  const paths = new Map<string, Node>()
  for (const [index, values] of written.entries()) {
    if (values === undefined) continue
    const route = { values, node: nodes[index] as Node }
    const api = readPath(route, paths, scope)
    const targets = readTarget(route, stock, scope)
    const chain = routeChain(route, common, scope)
    if (api !== undefined && targets.length > 0) routes.push(routeTo(api, targets, chain))
  }
  return routes
}

function readPath({ values, node }: Written, paths: Map<string, Node>, { complaints }: ChainScope): string | undefined {
  if (values.path === undefined) return undefined
  const place = childOf(node, 'path') as Node
  const api = values.path.slice(1, -2)
  const before = paths.get(api)
  if (isOwn(api)) complaints.error(place, ownPath(api))
  else if (before !== undefined) complaints.error(place, `path ${values.path} is routed twice; the first is in line ${complaints.place(before.at).line}`)
  else paths.set(api, place)
  return api
}

function readTarget({ values, node }: Written, { drafts, subscriptions }: Stock, scope: RouteScope): readonly Subscription[] {
  const { complaints } = scope
  const written = (['adapter', 'connection'] as const).filter((name) => entryOf(node, name) !== undefined)
  if (written.length !== 1) {
    const what = written.length === 0 ? 'leads nowhere' : 'names an adapter and a connection'
    complaints.missing(node, `route ${values.path ?? ''} ${what}; expected adapter: NAME or connection: NAME`)
    return []
  }
  if (values.connection !== undefined) {
    if (!drafts.some(({ name }) => name === values.connection))
      complaints.error(
        childOf(node, 'connection') as Node,
        `unknown connection ${shown(childOf(node, 'connection'), values.connection)}; ${hintOf(values.connection, drafts)}`,
      )
    return subscriptions.filter(({ connection }) => connection.name === values.connection)
  }
  if (values.adapter !== undefined) checkAdapter(values.adapter, childOf(node, 'adapter') as Node, drafts, scope)
  return subscriptions.filter(({ connection }) => connection.adapter === values.adapter)
}

function checkAdapter(name: string, place: Node, drafts: readonly Draft[], { complaints, adapters }: RouteScope): void {
  if (drafts.some(({ adapter }) => adapter?.name === name)) return
  const custom = drafts.flatMap((draft) => (draft.custom ? [draft.name] : []))
  if (adapters.has(name)) complaints.error(place, `adapter ${name} has no connection; add one to api_connections, or route another adapter`)
  else complaints.error(place, `unknown adapter ${shown(place, name)}; ${hint(name, [...adapters.keys(), ...custom])}`)
}

const hintOf = (name: string, drafts: readonly Draft[]): string =>
  hint(
    name,
    drafts.map((draft) => draft.name),
  )

function routeChain({ values, node }: Written, common: { draft: ChainDraft; finished: Chain }, scope: ChainScope): Chain {
  const own = values.plugins?.kind === 'list' ? values.plugins : undefined
  const overrides = values.overrides?.kind === 'map' ? values.overrides : undefined
  if (own === undefined && overrides === undefined) return common.finished
  const at: Placed = entryOf(node, 'plugins')?.key ?? node
  const draft = own === undefined ? common.draft : readChain(own, at, scope)
  return finishChain(overrides === undefined ? draft : override(draft, overrides, scope.complaints), scope)
}
