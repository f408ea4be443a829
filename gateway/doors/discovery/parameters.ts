/**
 * What a request for an operation may hold, as JSON Schema: the one place in which it is made of what an adapter says.
 * OpenAPI, the tools of MCP and the pages are made from it; what a call may really hold is the engine's to check.
 */
import type { JsonSchema, Operation, Pages } from '#contract'

/** `rest`: any path below, segment by segment. `queries`, `content`: the whole query and the whole body, of operations that take anything. */
type Place = 'method' | 'path' | 'rest' | 'query' | 'queries' | 'body' | 'content'

export interface Parameter {
  /** Among all parameters of the operation no two have the same. */
  readonly name: string
  readonly in: Place
  /** How the provider calls it. */
  readonly member: string
  readonly schema: JsonSchema
  readonly required: boolean
}

export interface Parameters {
  readonly all: readonly Parameter[]
  /** Names of parameters of which one has to be there. */
  readonly oneOf: readonly string[]
  /** Pairs of parameters that are not taken together. */
  readonly conflicts: readonly (readonly [string, string])[]
  readonly pages: Pages | undefined
}

/** What `ANY` stands for where methods are listed and may be chosen. */
export const METHODS_OF_ANY = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const

const made = new WeakMap<Operation, Parameters>()

export function parametersOf(operation: Operation): Parameters {
  const found = made.get(operation) ?? make(operation)
  made.set(operation, found)
  return found
}

const TEXT: JsonSchema = { type: 'string' }
const SEGMENT: JsonSchema = { type: 'string', minLength: 1 }
const SCALAR: JsonSchema = { type: ['string', 'number', 'boolean'] }
const ANYTHING: JsonSchema = {
  type: 'object',
  description: 'Members of the query; a list stands for a member that is repeated',
  additionalProperties: { anyOf: [SCALAR, { type: 'array', items: SCALAR }] },
}
const CONTENT: JsonSchema = { description: 'The JSON body' }

function make(operation: Operation): Parameters {
  const all: Parameter[] = []
  const required = new Set(operation.required ?? [])
  const add = (place: Place, member: string, schema: JsonSchema, isRequired: boolean): void => {
    const taken = (name: string): boolean => all.some((one) => one.name === name)
    const name = [member, `${place}_${member}`].find((one) => !taken(one)) ?? `${place}_${member}_${all.length}`
    all.push({ name, in: place, member, schema, required: isRequired })
  }
  if (operation.method === 'ANY') add('method', 'method', { enum: METHODS_OF_ANY, default: 'GET' }, false)
  for (const [, name = ''] of operation.path.matchAll(PLACEHOLDER)) add('path', name, { ...SEGMENT, ...operation.params?.[name] }, true)
  if (operation.path.endsWith('/**')) add('rest', 'path', { ...TEXT, description: 'The path below, such as a/b; empty for none' }, false)
  const query = membersOf(operation.query)
  if (query === 'any') add('queries', 'query', ANYTHING, false)
  else for (const [name, schema] of Object.entries(query)) add('query', name, schema, required.has(name))
  const { body } = operation
  if (body === 'any') add('content', 'body', CONTENT, false)
  else for (const [name, schema] of Object.entries(body ?? {})) add('body', name, schema, required.has(name))
  const named = (member: string): string => all.find((one) => one.member === member)?.name ?? member
  const conflicts = (operation.conflicts ?? []).map(([one, other]) => [named(one), named(other)] as const)
  return { all, oneOf: (operation.requiredAny ?? []).map(named), conflicts, pages: operation.pages }
}

function membersOf(query: Operation['query']): 'any' | Readonly<Record<string, JsonSchema>> {
  if (query === undefined || query === 'any') return query ?? {}
  if (!Array.isArray(query)) return query as Readonly<Record<string, JsonSchema>>
  return Object.fromEntries(query.map((name: string) => [name, TEXT]))
}

/** As in `/address/:address`. */
export const PLACEHOLDER = /:([A-Za-z_][A-Za-z0-9_]*)/g

/** What a flat schema cannot say, in sentences. */
export const rulesOf = ({ oneOf, conflicts, pages }: Parameters): readonly string[] => [
  ...(oneOf.length === 0 ? [] : [`One of these has to be there: ${oneOf.join(', ')}.`]),
  ...conflicts.map(([one, other]) => `${one} and ${other} are not taken together.`),
  ...(pages === undefined ? [] : [inPages(pages)]),
]

/** `/pagination/page` is `pagination.page`. */
const dotted = (pointer: string): string => pointer.replace(/^\//, '').replaceAll('/', '.')

function inPages({ page, offset, size, sizeDefault, sizeMost, last }: Pages): string {
  const counted = page === undefined ? `${dotted(offset ?? '')} counts rows from 0` : `${dotted(page)} counts pages from 1`
  const bounds = [sizeDefault === undefined ? [] : [`${sizeDefault} where nothing is said`], sizeMost === undefined ? [] : [`at most ${sizeMost}`]].flat()
  const end = last === undefined ? 'a page with fewer rows is the last' : `the last answers ${dotted(last)}: true`
  return `In pages: ${counted}, ${dotted(size)} is the rows of one${bounds.length === 0 ? '' : ` (${bounds.join(', ')})`}; ${end}. Each page is a call.`
}

/** All parameters as one flat JSON object, without `rulesOf`: many clients know no `anyOf` at this place. */
export const objectSchema = ({ all }: Parameters): JsonSchema & { readonly type: 'object' } => ({
  type: 'object',
  properties: Object.fromEntries(all.map(({ name, schema }) => [name, schema])),
  required: all.flatMap((one) => (one.required ? [one.name] : [])),
  additionalProperties: false,
})
