/** Step 1 of a call: what the request asks for. The same result serves routing, price, limits, digests and proxying. */
import { isRefusal, type Operation, type OperationRequest, type Refusal, refuse, type Usd, parseUsd } from '#contract'
import type { Entry } from './catalogue.ts'
import type { Generation, LiveRoute } from './generation.ts'
import { readJsonObject } from './json.ts'
import { encodeSegment, parseQuery, type QueryMembers, segmentsOf, splitTarget, writeQuery } from './path.ts'

/** A request as the door read it: raw header list, nothing decided yet. */
export interface Incoming {
  readonly id: string
  readonly method: string
  /** Request target as it came. */
  readonly target: string
  /** Flat list: name, value, name, value. */
  readonly rawHeaders: readonly string[]
  /** Lower-case look-up; repeated fields joined. */
  header(name: string): string | undefined
  readonly address: string
  readonly loopback: boolean
}

/** What is known before the body is read. */
export interface Target {
  readonly route: LiveRoute
  readonly entry: Entry
  readonly params: OperationRequest['params']
  readonly members: QueryMembers
  /** After the adapter's base. */
  readonly upstreamPath: string
  readonly upstreamQuery: string
  /** At the gateway: what repeats are compared by. */
  readonly target: string
  readonly maxPrice: Usd | undefined
  readonly idempotencyKey: string | undefined
}

const NO_MEMBERS: QueryMembers = new Map()
const NO_QUERY: Readonly<Record<string, string>> = Object.freeze({})

export function resolveTarget(generation: Generation, incoming: Incoming): Target | Refusal {
  const split = splitTarget(incoming.target)
  if (isRefusal(split)) return split
  const found = findOperation(generation, incoming.method, split.path)
  if (isRefusal(found)) return found
  const members = split.query === '' ? NO_MEMBERS : parseQuery(split.query)
  if (isRefusal(members)) return members
  const wrong = found.entry.checkQuery(members) ?? missingParam(found.entry.operation, found.params) ?? found.entry.checkParams?.(found.params)
  if (wrong !== undefined) return wrong
  const maxPrice = maxPriceOf(incoming)
  if (isRefusal(maxPrice)) return maxPrice
  const idempotencyKey = idempotencyKeyOf(incoming)
  if (isRefusal(idempotencyKey)) return idempotencyKey
  const upstreamQuery = writeQuery(members)
  const { route, entry, params, upstreamPath } = found
  return { route, entry, params, members, upstreamPath, upstreamQuery, target: route.prefix + upstreamPath + upstreamQuery, maxPrice, idempotencyKey }
}

type FoundOperation = Pick<Target, 'route' | 'entry' | 'params' | 'upstreamPath'>

/** A path that is written plainly is found by one look-up; everything else is decoded, checked and matched. */
function findOperation(generation: Generation, method: string, path: string): FoundOperation | Refusal {
  const slash = path.indexOf('/', 1)
  const plainRoute = slash === -1 ? undefined : generation.route(path.slice(0, slash))
  const plain = plainRoute?.catalogue.plain(method, path.slice(slash))
  if (plainRoute !== undefined && plain !== undefined) return { route: plainRoute, entry: plain, params: NO_QUERY, upstreamPath: path.slice(slash) }
  const segments = segmentsOf(path)
  if (isRefusal(segments)) return segments
  const route = generation.route(`/${segments[0] ?? ''}`)
  if (route === undefined) return refuse('unknown_route', 'there is no API at this path')
  const rest = segments.slice(1)
  const found = route.catalogue.find(method, rest)
  if (isRefusal(found)) return found
  return { route, entry: found.entry, params: found.params, upstreamPath: `/${rest.map(encodeSegment).join('/')}` }
}

function missingParam(operation: Operation, params: OperationRequest['params']): Refusal | undefined {
  for (const name of Object.keys(params)) if (params[name] === '') return refuse('bad_request', `path member ${name} of ${operation.id} is empty`)
  return undefined
}

function maxPriceOf(incoming: Incoming): Usd | undefined | Refusal {
  const text = incoming.header('x-atlas-max-price')
  if (text === undefined) return undefined
  const amount = parseUsd(text.trim())
  if (amount === undefined || amount < 0n) return refuse('bad_request', 'X-Atlas-Max-Price is no amount; expected for example $0.20')
  return amount
}

function idempotencyKeyOf(incoming: Incoming): string | undefined | Refusal {
  const key = incoming.header('idempotency-key')
  if (key === undefined) return undefined
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) return refuse('bad_request', 'Idempotency-Key must be 1 to 255 printable ASCII characters')
  return key
}

/** The parts of a request that units may depend on, with the body checked against the operation's list. */
export function resolveBody(target: Target, incoming: Incoming, body: Uint8Array): OperationRequest | Refusal {
  const { operation } = target.entry
  const coding = incoming.header('content-encoding')
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity')
    return refuse('bad_request', 'a body with Content-Encoding is not taken; send it plain')
  if (operation.body === undefined && body.length > 0) return refuse('bad_request', `the operation ${operation.id} takes no body`)
  const parsed = typeof operation.body === 'object' ? parsedBody(target, incoming, body) : undefined
  if (isRefusal(parsed)) return parsed
  return { params: target.params, query: lastValues(target.members), queryAll: target.members, body: parsed }
}

function parsedBody(target: Target, incoming: Incoming, body: Uint8Array): Readonly<Record<string, unknown>> | Refusal {
  const type = incoming.header('content-type')
  if (type !== undefined && !/^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type)) return refuse('bad_request', 'the body must be application/json')
  const value = body.length === 0 ? {} : readJsonObject(body)
  if (typeof value === 'string') return refuse('bad_request', value)
  return target.entry.checkBody(value as Readonly<Record<string, unknown>>) ?? (value as Readonly<Record<string, unknown>>)
}

function lastValues(members: QueryMembers): Readonly<Record<string, string>> {
  if (members.size === 0) return NO_QUERY
  const query: Record<string, string> = Object.create(null)
  for (const [name, values] of members) query[name] = values.at(-1) ?? ''
  return query
}
