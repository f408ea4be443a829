/** From a route's operations to constant-time look-ups, and the checks of what a request may carry. Built once a generation. */
import type { ErrorObject } from 'ajv'
import { type Adapter, type Connection, type JsonSchema, type Operation, type Refusal, refuse } from '#contract'
import { type Rule, ruleOf } from '../rules/index.ts'

/** An operation with everything about it that does not change from call to call. */
export interface Entry {
  readonly operation: Operation
  /** Connections that carry it: the adapter's own operations all, an owner's additions that owner's. */
  readonly connections: readonly Connection[]
  readonly pattern: readonly string[]
  readonly rest: boolean
  /** Undefined where any text will do. */
  readonly checkParams: ((params: Readonly<Record<string, string>>) => Refusal | undefined) | undefined
  checkQuery(members: ReadonlyMap<string, readonly string[]>): Refusal | undefined
  checkBody(body: Readonly<Record<string, unknown>>): Refusal | undefined
}

export interface Found {
  readonly entry: Entry
  readonly params: Readonly<Record<string, string>>
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({})

export class Catalogue {
  /** `METHOD path` of operations without placeholders. */
  readonly #plain = new Map<string, Entry>()
  readonly entries: readonly Entry[]

  constructor(adapter: Adapter, connections: readonly Connection[]) {
    this.entries = adapter.operations.map((operation) => entryOf(operation, carriersOf(operation, adapter, connections)))
    for (const entry of this.entries) {
      const { method, path } = entry.operation
      if (!path.includes(':') && !entry.rest && method !== 'ANY') this.#plain.set(`${method} ${path}`, entry)
    }
  }

  /** An operation by its path as it is written, without decoding: undefined says only that a closer look is needed. */
  plain(method: string, path: string): Entry | undefined {
    return this.#plain.get(`${method} ${path}`)
  }

  find(method: string, segments: readonly string[]): Found | Refusal {
    const plain = this.#plain.get(`${method} /${segments.join('/')}`)
    if (plain !== undefined) return { entry: plain, params: NO_PARAMS }
    const allowed = new Set<string>()
    for (const entry of this.entries) {
      const params = match(entry, segments)
      if (params === undefined) continue
      if (takes(entry.operation, method)) return { entry, params }
      for (const one of entry.operation.method === 'ANY' ? ANY : [entry.operation.method]) allowed.add(one)
    }
    if (allowed.size === 0) return refuse('unknown_operation', 'the API has no operation on sale at this path')
    const allow = [...allowed].join(', ')
    return refuse('method_not_allowed', `the operation takes ${allow}`, { headers: { allow } })
  }
}

/** What `ANY` stands for where methods are listed: every one but TRACE and CONNECT. */
const ANY = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

const takes = (operation: Operation, method: string): boolean =>
  operation.method === method || (operation.method === 'ANY' && method !== 'TRACE' && method !== 'CONNECT')

/** What an owner's contract adds is carried by the connections that name it. */
function carriersOf(operation: Operation, adapter: Adapter, connections: readonly Connection[]): readonly Connection[] {
  const adding = connections.filter((connection) => connection.operations.some(({ id }) => id === operation.id))
  return adding.length > 0 && adapter.operations.includes(operation) ? adding : connections
}

function match(entry: Entry, segments: readonly string[]): Readonly<Record<string, string>> | undefined {
  const { pattern, rest } = entry
  if (rest ? segments.length < pattern.length : segments.length !== pattern.length) return undefined
  let params: Record<string, string> | undefined
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] as string
    if (part.startsWith(':')) {
      params ??= {}
      params[part.slice(1)] = segment
    } else if (part !== segment) return undefined
  }
  return params ?? NO_PARAMS
}

function entryOf(operation: Operation, connections: readonly Connection[]): Entry {
  const rest = operation.path.endsWith('/**')
  const pattern = (rest ? operation.path.slice(0, -3) : operation.path).split('/').slice(1)
  return {
    operation,
    connections,
    rest,
    pattern: pattern[0] === '' ? [] : pattern,
    checkParams: paramsCheck(operation),
    checkQuery: queryCheck(operation, connections),
    checkBody: bodyCheck(operation),
  }
}

type Members = Readonly<Record<string, JsonSchema>>

/** Segments are text; a schema of another type means its plain writing. */
function paramsCheck({ params }: Operation): Entry['checkParams'] {
  if (params === undefined) return undefined
  const validate = lazily({ type: 'object', properties: params, required: [] })
  return (given) => {
    const value: Record<string, unknown> = Object.create(null)
    for (const [name, schema] of Object.entries(params)) {
      const read = plainValue(schema, given[name] ?? '')
      if (read === undefined) return refuse('bad_request', `path member ${shown(name)} must be written as a plain ${String(schema.type)}`)
      value[name] = read
    }
    return complaint('path', validate(), value)
  }
}

function queryCheck(operation: Operation, connections: readonly Connection[]): Entry['checkQuery'] {
  const { query } = operation
  // Where the price is read from the query, nothing may stand there twice: the provider could read the other one.
  const priced = typeof operation.units !== 'number'
  if (query === 'any') return anything(priced, connections)
  const schemas = queryMembers(query)
  const validate = lazily(membersOf(schemas, operation))
  const free = Object.keys(schemas).length === 0
  const together = togetherOf('query', operation, schemas)
  return (members) => {
    if (free) return members.size === 0 ? undefined : unlisted('query', [...members.keys()][0] as string)
    const value: Record<string, unknown> = Object.create(null)
    for (const [name, values] of members) {
      const schema = schemas[name]
      if (schema === undefined || !Object.hasOwn(schemas, name)) return unlisted('query', name)
      const list = schema.type === 'array'
      if (values.length > 1 && !list && (priced || !isNames(query))) return twice(name)
      const read = list ? values : plainValue(schema, values.at(-1) as string)
      if (read === undefined) return refuse('bad_request', `query member ${shown(name)} must be written as a plain ${String(schema.type)}`)
      value[name] = read
    }
    return together(value) ?? complaint('query', validate(), value)
  }
}

const twice = (name: string): Refusal => refuse('bad_request', `query member ${shown(name)} may stand once only`)

/** All members, but not the one in which a credential goes: of two with one name the provider could read either. */
function anything(priced: boolean, connections: readonly Connection[]): Entry['checkQuery'] {
  const taken = new Set(connections.flatMap(({ credential }) => (credential.in === 'query' ? [credential.name.toLowerCase()] : [])))
  if (!priced && taken.size === 0) return () => undefined
  return (members) => {
    for (const [name, values] of members) {
      if (priced && values.length > 1) return twice(name)
      if (taken.has(name.toLowerCase())) return unlisted('query', name)
    }
    return undefined
  }
}

const isNames = (query: Operation['query']): query is readonly string[] => Array.isArray(query)

function bodyCheck(operation: Operation): Entry['checkBody'] {
  const { body } = operation
  if (body === undefined || body === 'any') return () => undefined
  const validate = lazily(membersOf(body, operation))
  const together = togetherOf('body', operation, body)
  return (value) => {
    for (const name of Object.keys(value)) if (!Object.hasOwn(body, name)) return unlisted('body', name)
    return together(value) ?? complaint('body', validate(), value)
  }
}

const PLAIN: Readonly<Record<string, RegExp>> = {
  integer: /^(?:0|-?[1-9]\d{0,14})$/,
  number: /^(?:0|-?[1-9]\d{0,14})(?:\.\d{1,15})?$|^-?0\.\d{1,15}$/,
  boolean: /^(?:true|false)$/,
}

/** A value in its plain writing only: `0x10` or `1e2` could be another number to the provider than to the price. */
function plainValue(schema: JsonSchema, text: string): unknown {
  const form = typeof schema.type === 'string' ? PLAIN[schema.type] : undefined
  if (form === undefined) return text
  return form.test(text) ? JSON.parse(text) : undefined
}

/** What of several must be there, and what must not stand together. */
function togetherOf(where: string, operation: Operation, schemas: Members): (value: Readonly<Record<string, unknown>>) => Refusal | undefined {
  const missing = anyOf(where, operation, schemas)
  const pairs = (operation.conflicts ?? []).filter(([one, other]) => one in schemas && other in schemas)
  if (pairs.length === 0) return missing
  return (value) => {
    for (const [one, other] of pairs)
      if (value[one] !== undefined && value[other] !== undefined)
        return refuse('bad_request', `${where} members ${shown(one)} and ${shown(other)} cannot stand together`)
    return missing(value)
  }
}

function anyOf(where: string, operation: Operation, schemas: Members): (value: Readonly<Record<string, unknown>>) => Refusal | undefined {
  const any = (operation.requiredAny ?? []).filter((name) => name in schemas)
  if (any.length === 0) return () => undefined
  const missing = refuse('bad_request', `one of the ${where} members ${any.map(shown).join(', ')} must be there`)
  return (value) => {
    for (const name of any) if (value[name] !== undefined) return undefined
    return missing
  }
}

const unlisted = (where: string, name: string): Refusal => refuse('bad_request', `${where} member ${shown(name)} is not one that this operation takes`)
const shown = (name: string): string => JSON.stringify(name.slice(0, 60))

const membersOf = (properties: Members, operation: Operation): { readonly type: 'object'; readonly properties: Members; readonly required: string[] } => ({
  ...{ type: 'object', properties },
  required: (operation.required ?? []).filter((name) => name in properties),
})

const queryMembers = (query: Operation['query']): Members =>
  query === undefined || query === 'any' ? {} : isNames(query) ? Object.fromEntries(query.map((name) => [name, {}])) : query

/** Everything that calls of an operation are held against. */
export function schemasOf(operation: Operation): readonly object[] {
  const { params, query, body } = operation
  const path = params === undefined ? [] : [{ type: 'object', properties: params, required: [] }]
  const inQuery = query === 'any' ? [] : [membersOf(queryMembers(query), operation)]
  return [...path, ...inQuery, ...(body === undefined || body === 'any' ? [] : [membersOf(body, operation)])]
}

/** A thousand schemas would delay the start; each is looked for when its operation is first called. */
function lazily(schema: object): () => Rule {
  let rule: Rule | undefined
  return () => {
    rule ??= ruleOf('members', schema)
    return rule
  }
}

function complaint(where: string, validate: Rule, value: unknown): Refusal | undefined {
  if (validate(value) === true) return undefined
  const error = validate.errors?.[0] as ErrorObject | undefined
  if (error?.keyword === 'required') return refuse('bad_request', `${where} member ${shown(String(error.params.missingProperty))} is missing`)
  const place = error?.instancePath.slice(1).replaceAll('/', '.') ?? ''
  const allowed = error?.keyword === 'enum' ? `: ${(error.params.allowedValues as unknown[]).slice(0, 20).join(', ')}` : ''
  return refuse('bad_request', `${where} member ${shown(place)} ${error?.message ?? 'is not valid'}${allowed}`)
}
