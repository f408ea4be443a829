/** Rules for units, tried on requests that their operation takes: the example, and the example with each member at its ends. */
import { type JsonSchema, messageOf, MOST_UNITS, type Operation, type OperationRequest } from '#contract'

type Members = Readonly<Record<string, JsonSchema>>
type Values = Readonly<Record<string, unknown>>

const MOST_TRIED = 300
const MOST_ROWS = 3000

export const listedIn = (listed: Operation['query'] | Operation['body']): Members => {
  if (listed === undefined || listed === 'any') return {}
  return Array.isArray(listed) ? Object.fromEntries(listed.map((name) => [name, {}])) : (listed as Members)
}

export function faultsOfUnits(operation: Operation): readonly string[] {
  const { units, maxUnits = MOST_UNITS } = operation
  if (typeof units === 'number') return []
  const most = typeof units === 'function' ? units : units.most
  for (const request of requestsOf(operation)) {
    const told = tried(() => most(request))
    if (told.fault !== undefined) return [`units throws on ${shown(request)}: ${told.fault}`]
    if (!isCount(told.value) || told.value === 0) return [`units tells ${String(told.value)} for ${shown(request)}; expected a whole number above 0`]
    if (told.value > maxUnits)
      return [`units tells ${told.value} for ${shown(request)}, more than its maximum; expected at most ${maxUnits}, or maxUnits: ${told.value}`]
  }
  return typeof units === 'function' ? [] : faultsOfActual(operation, units)
}

function faultsOfActual(
  operation: Operation,
  { most, actual }: Exclude<Operation['units'], number | ((request: OperationRequest) => number)>,
): readonly string[] {
  const request = exampleOf(operation)
  const atMost = most(request)
  for (const [answer, what] of [[operation.sample, 'the sample'] as const, [swollen(operation.sample), 'the sample with many more rows'] as const]) {
    const told = tried(() => actual(request, answer))
    if (told.fault !== undefined) return [`units.actual throws on ${what}: ${told.fault}`]
    if (!isCount(told.value)) return [`units.actual tells ${String(told.value)} for ${what}; expected a whole number that is not negative`]
    if (told.value > atMost) return [`units.actual tells ${told.value} for ${what}, more than the ${atMost} that units.most tells`]
  }
  return []
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function tried(work: () => unknown): { readonly value: unknown; readonly fault?: undefined } | { readonly value?: undefined; readonly fault: string } {
  try {
    return { value: work() }
  } catch (error) {
    return { fault: messageOf(error) }
  }
}

const shown = ({ params, query, body }: OperationRequest): string => {
  const text = JSON.stringify({ ...params, ...query, ...body })
  return text === '{}' ? 'a request without members' : text.length > 200 ? `${text.slice(0, 200)}…` : text
}

// ------------------------------------------------------------------ requests

function exampleOf(operation: Operation): OperationRequest {
  const { params = {}, query = {}, body = {} } = operation.example ?? {}
  const names = Array.from(operation.path.matchAll(/:(\w+)/g), (found) => found[1] as string)
  return requestOf(operation, { ...Object.fromEntries(names.map((name) => [name, name])), ...params }, query, body)
}

function requestOf({ body: listed }: Operation, params: Readonly<Record<string, string>>, query: Values, body: Values): OperationRequest {
  const all = new Map(Object.entries(query).map(([name, value]) => [name, [value].flat().map(String)]))
  const last = Object.fromEntries(Array.from(all, ([name, values]) => [name, values.at(-1) ?? '']))
  return { params, query: last, queryAll: all, body: listed === undefined || listed === 'any' ? undefined : body }
}

function* requestsOf(operation: Operation): Generator<OperationRequest> {
  const base = exampleOf(operation)
  const { query = {}, body = {} } = operation.example ?? {}
  yield base
  let tried = 0
  let [fullQuery, fullBody]: [Values, Values] = [query, body]
  for (const [where, listed, given] of [['query', listedIn(operation.query), query] as const, ['body', listedIn(operation.body), body] as const]) {
    for (const [name, schema] of Object.entries(listed)) {
      for (const value of endsOf(schema, given[name])) {
        if (tried++ > MOST_TRIED) return
        if (where === 'query') fullQuery = { ...fullQuery, [name]: value }
        else fullBody = { ...fullBody, [name]: value }
        yield where === 'query'
          ? requestOf(operation, base.params, { ...query, [name]: value }, body)
          : requestOf(operation, base.params, query, { ...body, [name]: value })
      }
    }
  }
  yield requestOf(operation, base.params, fullQuery, fullBody)
}

/** Values at the ends of what a schema takes; the last one is the largest. */
function endsOf(schema: JsonSchema, given: unknown): readonly unknown[] {
  if (Array.isArray(schema.enum)) return schema.enum
  const { type, minimum, maximum, maxItems } = schema as Readonly<Record<string, number>> & { readonly type?: unknown }
  if (type === 'boolean') return [false, true]
  if (type === 'integer' || type === 'number') return [minimum ?? 1, maximum ?? 1_000_000]
  if (type !== 'array' || given === undefined) return []
  const one = [given].flat()
  return [Array.from({ length: Math.min(maxItems ?? MOST_ROWS, MOST_ROWS) }, (_, at) => one[at % one.length] as unknown)]
}

/** With every list much longer: what a provider could answer at worst. */
function swollen(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) {
    if (depth > 1 || value.length === 0) return value
    const rows = value.map((row) => swollen(row, depth + 2))
    return Array.from({ length: MOST_ROWS }, (_, at) => rows[at % rows.length])
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, swollen(member, depth + 1)]))
}
