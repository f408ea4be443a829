/**
 * The operations of one simulated provider: which one a request asks for, whether the request is complete, and what it costs.
 * A verdict is remembered for the next request that is the same to the byte, so that nothing is parsed twice in a row.
 */
import type { Adapter, Operation, OperationRequest } from '#contract'

export interface Asked {
  readonly method: string
  /** After the connection's base, as received. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly body: Buffer
}

interface Verdict {
  readonly operation: Operation
  readonly sample: Buffer
  /** Undefined where a required member is missing or what counts for the price cannot be read. */
  readonly units: number | undefined
  /** Where the provider expects its credential in the path. */
  readonly credential: string | undefined
}

interface Route {
  readonly operation: Operation
  readonly sample: Buffer
  readonly segments: readonly string[]
  /** Units do not depend on the request and nothing is required: there is nothing to parse. */
  readonly plain: boolean
  last: { readonly asked: Asked; readonly verdict: Verdict } | undefined
}

const CREDENTIAL = '{credential}'

export type Routes = (asked: Asked) => Verdict | undefined

export function routesOf(adapter: Adapter): Routes {
  const routes = adapter.operations.map((operation) => routeOf(operation, adapter.credential.in === 'path'))
  const fixed = new Map<string, Route>()
  for (const route of routes) {
    if (route.segments.every(isFixed)) fixed.set(`${route.operation.method} /${route.segments.join('/')}`, route)
  }
  return (asked) => {
    const direct = fixed.get(`${asked.method} ${asked.path}`)
    if (direct !== undefined) return judge(direct, asked, NO_PARAMS)
    for (const route of routes) {
      if (route.operation.method !== 'ANY' && route.operation.method !== asked.method) continue
      const params = match(route.segments, asked.path)
      if (params !== undefined) return judge(route, asked, params)
    }
    return undefined
  }
}

const NO_PARAMS: Readonly<Record<string, string>> = {}
const isFixed = (segment: string): boolean => !segment.startsWith(':') && segment !== '**' && segment !== CREDENTIAL

function routeOf(operation: Operation, credentialInPath: boolean): Route {
  const template = credentialInPath && !operation.path.includes(CREDENTIAL) ? `/${CREDENTIAL}${operation.path}` : operation.path
  const plain = typeof operation.units === 'number' && operation.required === undefined && operation.requiredAny === undefined
  return { operation, sample: Buffer.from(JSON.stringify(operation.sample ?? null)), segments: template.split('/').slice(1), plain, last: undefined }
}

function match(segments: readonly string[], path: string): Record<string, string> | undefined {
  const given = path.split('/').slice(1)
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    if (segment === '**') return params
    const value = given[index]
    if (value === undefined || value === '') return undefined
    if (isFixed(segment)) {
      if (segment !== value) return undefined
      continue
    }
    try {
      params[segment === CREDENTIAL ? CREDENTIAL : segment.slice(1)] = decodeURIComponent(value)
    } catch {
      return undefined
    }
  }
  return given.length === segments.length ? params : undefined
}

function judge(route: Route, asked: Asked, params: Readonly<Record<string, string>>): Verdict {
  const last = route.last
  if (last !== undefined && last.asked.query === asked.query && last.asked.path === asked.path && last.asked.body.equals(asked.body)) return last.verdict
  const verdict: Verdict = {
    operation: route.operation,
    sample: route.sample,
    units: route.plain ? (route.operation.units as number) : unitsOf(route.operation, params, asked),
    credential: params[CREDENTIAL],
  }
  route.last = { asked, verdict }
  return verdict
}

function unitsOf(operation: Operation, params: Readonly<Record<string, string>>, asked: Asked): number | undefined {
  const request = readRequest(operation, params, asked)
  if (request === undefined) return undefined
  const given = (name: string): boolean => name in request.params || name in request.query || (request.body !== undefined && name in request.body)
  if (operation.required?.some((name) => !given(name)) === true) return undefined
  if (operation.requiredAny?.some(given) === false) return undefined
  try {
    const rule = operation.units
    const units = typeof rule === 'number' ? rule : typeof rule === 'function' ? rule(request) : actualUnits(rule, request, operation.sample)
    return Number.isSafeInteger(units) && units >= 0 ? units : undefined
  } catch {
    return undefined
  }
}

/** An adapter's fault is no end of the simulator: what the answer does not tell is billed at the most. */
function actualUnits(rule: Exclude<Operation['units'], number | ((request: OperationRequest) => number)>, request: OperationRequest, sample: unknown): number {
  try {
    return rule.actual(request, sample)
  } catch {
    return rule.most(request)
  }
}

/** Undefined where the operation lists body members and the body is no JSON object. */
function readRequest(operation: Operation, params: Readonly<Record<string, string>>, asked: Asked): OperationRequest | undefined {
  const query: Record<string, string> = {}
  const queryAll = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(asked.query)) {
    query[name] = value
    const values = queryAll.get(name)
    if (values === undefined) queryAll.set(name, [value])
    else values.push(value)
  }
  if (operation.body === undefined || operation.body === 'any') return { params, query, queryAll, body: undefined }
  try {
    const body: unknown = JSON.parse(asked.body.toString())
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined
    return { params, query, queryAll, body: body as Record<string, unknown> }
  } catch {
    return undefined
  }
}
