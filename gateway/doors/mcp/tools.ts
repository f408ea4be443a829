/** Each operation as a tool: its name, what it takes, what it costs now; and from a tool's arguments the request that they stand for. */
import { dollars, isRead, isRefusal, type JsonSchema, type Operation, type Refusal, refuse, type Units, unitsBound, type Usd } from '#contract'
import { encodeSegment, writeQuery } from '../../engine/path.ts'
import type { Gateway } from '../../gateway.ts'
import { isAboveClientLimit } from '../discovery/catalogue.ts'
import type { NamedOperation } from '../discovery/names.ts'
import { objectSchema, PLACEHOLDER, type Parameter, parametersOf, rulesOf } from '../discovery/parameters.ts'

export interface ListedTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: JsonSchema & { readonly type: 'object' }
  readonly annotations: { readonly readOnlyHint: boolean; readonly openWorldHint: true }
  readonly _meta: Readonly<Record<string, unknown>>
}

/** As it is shown; undefined where it is not for sale. */
export function listed({ engine }: Gateway, { name, route, entry }: NamedOperation): ListedTool | undefined {
  const quote = engine.quote(route, entry)
  if (quote === undefined) return undefined
  const { operation } = entry
  const { price, units } = quote.alternative
  const parameters = parametersOf(operation)
  const dear = isAboveClientLimit(price)
  const sentences = [
    `${operation.description ?? operation.id} (${route.adapter.title}).`,
    `${costOf(operation, price, units)}; charged only when the provider answers well.`,
    ...rulesOf(parameters),
    ...(quote.soldOut ? ['Sold out at the moment.'] : []),
    ...(dear ? ['Official x402 clients pay at most $1 at once until they are told otherwise.'] : []),
  ]
  return {
    name,
    title: `${route.adapter.title}: ${operation.id}`,
    description: sentences.join(' '),
    inputSchema: objectSchema(parameters),
    annotations: { readOnlyHint: isRead(operation), openWorldHint: true },
    _meta: {
      'atlas/price': dollars(price),
      'atlas/units': units,
      'atlas/max-units': unitsBound(operation),
      'atlas/sold-out': quote.soldOut,
      'atlas/needs-client-limit': dear,
      'atlas/method': operation.method,
      'atlas/path': route.prefix + operation.path,
    },
  }
}

/** Price and units are those of the example. */
function costOf(operation: Operation, price: Usd, units: Units): string {
  const [most, figure] = [unitsBound(operation), `${units} ${units === 1 ? 'unit' : 'units'}`]
  if (most <= units) return `${dollars(price)} a call at the most, ${figure}`
  return `${dollars(price)} a call such as the example, ${figure}; other arguments take up to ${most} units, and a call without payment says its price`
}

/** What the engine is asked; the operation is the tool's own, or nothing is. */
export interface ToolRequest {
  readonly method: string
  readonly target: string
  readonly body: Buffer
}

const EMPTY = Buffer.alloc(0)

type Arguments = Readonly<Record<string, unknown>>
const shown = (name: string): string => JSON.stringify(name.slice(0, 60))

export function requestOf({ route, entry: { operation } }: NamedOperation, given: Arguments): ToolRequest | Refusal {
  const { all } = parametersOf(operation)
  for (const name of Object.keys(given))
    if (!all.some((one) => one.name === name)) return refuse('bad_request', `${shown(name)} is not one of the arguments that this tool takes`)
  const missing = all.find((one) => one.required && given[one.name] === undefined)
  if (missing !== undefined) return refuse('bad_request', `argument ${shown(missing.name)} is missing`)
  const present = all.filter(({ name }) => given[name] !== undefined)
  const path = pathOf(operation, present, given)
  if (isRefusal(path)) return path
  const query = queryOf(present, given)
  if (isRefusal(query)) return query
  const method = operation.method === 'ANY' ? (given[present.find((one) => one.in === 'method')?.name ?? ''] ?? 'GET') : operation.method
  if (typeof method !== 'string') return refuse('bad_request', 'argument "method" must be the name of a method')
  return { method, target: route.prefix + path + query, body: bodyOf(operation, present, given) }
}

function pathOf(operation: Operation, present: readonly Parameter[], given: Arguments): string | Refusal {
  const segments = new Map<string, string>()
  let rest = ''
  for (const { in: place, member, name } of present) {
    if (place !== 'path' && place !== 'rest') continue
    const value = scalar(given[name])
    if (value === undefined || (place === 'path' && value === '')) return refuse('bad_request', `argument ${shown(name)} must be text that is not empty`)
    if (place === 'path') segments.set(member, encodeSegment(value))
    else if (value !== '') rest = value.replace(/^\/?/, '/').split('/').map(encodeSegment).join('/')
  }
  const path = operation.path.replace(/\/\*\*$/, '')
  return path.replace(PLACEHOLDER, (_, name: string) => segments.get(name) ?? '') + rest
}

function queryOf(present: readonly Parameter[], given: Arguments): string | Refusal {
  const members = new Map<string, string[]>()
  for (const { in: place, member, name } of present) {
    if (place !== 'query' && place !== 'queries') continue
    const value = given[name]
    if (place === 'queries' && (typeof value !== 'object' || value === null || Array.isArray(value)))
      return refuse('bad_request', `argument ${shown(name)} must be an object`)
    for (const [key, one] of place === 'query' ? [[member, value] as const] : Object.entries(value as object)) {
      const values = (Array.isArray(one) ? one : [one]).map(scalar)
      if (values.includes(undefined)) return refuse('bad_request', `query member ${shown(key)} must be text, a number, true or false, or a list of them`)
      members.set(key, values as string[])
    }
  }
  return writeQuery(members)
}

function scalar(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function bodyOf({ method, body }: Operation, present: readonly Parameter[], given: Arguments): Buffer {
  const content = present.find((one) => one.in === 'content')
  if (content !== undefined) return Buffer.from(JSON.stringify(given[content.name]))
  const members = present.filter((one) => one.in === 'body')
  // Without members an operation that lists them gets an empty object, as a client of its own would send it.
  if (members.length === 0 && (method === 'GET' || method === 'HEAD' || typeof body !== 'object')) return EMPTY
  return Buffer.from(JSON.stringify(Object.fromEntries(members.map(({ member, name }) => [member, given[name]]))))
}
