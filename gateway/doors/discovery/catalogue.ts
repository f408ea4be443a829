/** GET /catalog: every API and operation on sale. */
import { formatUsd, unitsBound, type Usd, usd } from '#contract'
import type { Entry } from '../../engine/catalogue.ts'
import type { LiveRoute } from '../../engine/index.ts'
import type { Gateway } from '../../gateway.ts'

/** Official x402 clients pay at most this at once unless told otherwise. */
const CLIENT_LIMIT = usd('$1')
export const isAboveClientLimit = (price: Usd): boolean => price > CLIENT_LIMIT

export interface CatalogueOperation {
  readonly id: string
  readonly method: string
  readonly path: string
  /** Of the example, as the price is. */
  readonly units: number
  /** More than `units` where what is asked for decides. */
  readonly max_units: number
  readonly price: string
  readonly description: string
  readonly resale: string
  readonly sold_out: boolean
  readonly needs_client_limit: boolean
  readonly example: { readonly path: string; readonly query: Readonly<Record<string, string>>; readonly body: unknown }
  readonly success_rate: number | null
  readonly latency_ms: number | null
}

export interface CatalogueApi {
  readonly name: string
  readonly title: string
  readonly category: string
  readonly attribution: string | null
  readonly docs: string
  readonly units_left: number
  /** Whether a call can be paid for by x402; by credits it always can. */
  readonly x402: boolean
  readonly operations: readonly CatalogueOperation[]
}

/** `only`: of this API alone. */
export function catalogueOf(gateway: Gateway, only?: string): { apis: readonly CatalogueApi[] } {
  const apis: CatalogueApi[] = []
  for (const route of gateway.engine.generation.routes) {
    if (only !== undefined && route.api !== only) continue
    const operations = route.catalogue.entries.flatMap((entry) => operationOf(gateway, route, entry) ?? [])
    if (operations.length === 0) continue
    const { stock } = gateway.ground.store
    const left = route.connections.filter(({ name }) => stock.enabled(name)).reduce((sum, { name }) => sum + stock.left(name), 0)
    const { title, category, docs, terms } = route.adapter
    apis.push({
      name: route.api,
      title,
      category,
      attribution: terms.attribution ?? null,
      docs,
      units_left: left,
      x402: route.chain.gives('challenge'),
      operations,
    })
  }
  return { apis }
}

function operationOf(gateway: Gateway, route: LiveRoute, entry: Entry): CatalogueOperation | undefined {
  const quote = gateway.engine.quote(route, entry)
  if (quote === undefined) return undefined
  const { operation } = entry
  const { successRate, latencyMs } = gateway.quality.operation(operation)
  return {
    id: operation.id,
    method: operation.method,
    path: route.prefix + operation.path,
    units: quote.alternative.units,
    max_units: unitsBound(operation),
    price: formatUsd(quote.alternative.price),
    description: operation.description ?? '',
    resale: operation.resale,
    sold_out: quote.soldOut,
    needs_client_limit: isAboveClientLimit(quote.alternative.price),
    example: { path: quote.example.path, query: quote.example.query, body: quote.example.body ?? null },
    success_rate: successRate ?? null,
    latency_ms: latencyMs ?? null,
  }
}
