/** Prices for the catalogue: the chain's own facts, asked for an operation's example. */
import { type Alternative, type EpochMs, isRefusal, mayResell, type Method, type OperationRequest } from '#contract'
import { EngineCall } from './call.ts'
import type { Entry } from './catalogue.ts'
import type { GenerationId, LiveRoute } from './generation.ts'
import type { Health } from './health/index.ts'
import { encodeSegment, writeQuery } from './path.ts'
import type { Incoming, Target } from './resolve.ts'
import { quoteOf } from './unpaid.ts'

/** A request that would work, as a consumer writes it. */
interface Example {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>> | undefined
}

export interface Quote {
  readonly example: Example
  /** What would serve now, or, sold out, what would if there were units. */
  readonly alternative: Alternative
  readonly soldOut: boolean
}

export function quoteFor(route: LiveRoute, entry: Entry, at: { generation: GenerationId; nowMs: EpochMs; health: Health }): Quote | undefined {
  const { operation } = entry
  if (!entry.connections.some(({ terms }) => mayResell(operation.resale, terms))) return undefined
  const example = exampleOf(route, entry)
  const query = new Map(Object.entries(example.query).map(([name, value]) => [name, [value]]))
  const upstreamQuery = writeQuery(query)
  const upstreamPath = example.path.slice(route.prefix.length)
  const target: Target = {
    route,
    entry,
    params: operation.example?.params ?? {},
    members: query,
    upstreamPath,
    upstreamQuery,
    target: example.path + upstreamQuery,
    maxPrice: undefined,
    idempotencyKey: undefined,
  }
  const request: OperationRequest = { params: target.params, query: example.query, queryAll: query, body: example.body ?? {} }
  const call = new EngineCall(nobody(example), target, request, new Uint8Array(), {
    generation: at.generation.number,
    config: at.generation.config,
    receivedAtMs: at.nowMs,
    origin: '',
  })
  const quote = quoteOf(call, at.health)
  const now = isRefusal(quote) ? undefined : quote
  const alternative = now ?? call.price.alternatives[0]
  return alternative === undefined ? undefined : { example, alternative, soldOut: now === undefined }
}

const nobody = ({ method, path }: Example): Incoming => ({
  id: 'catalogue',
  method,
  target: path,
  rawHeaders: [],
  header: () => undefined,
  address: '127.0.0.1',
  loopback: true,
})

function exampleOf(route: LiveRoute, { operation }: Entry): Example {
  const params = operation.example?.params ?? {}
  const path = operation.path.replace(/:([A-Za-z_][A-Za-z0-9_]*)/g, (_, name: string) => encodeSegment(params[name] ?? name)).replace(/\/\*\*$/, '')
  const method: Method = operation.method === 'ANY' ? 'GET' : operation.method
  return { method, path: route.prefix + path, query: operation.example?.query ?? {}, body: operation.example?.body }
}
