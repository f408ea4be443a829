/** Operations that are written in YAML, for a custom API or on top of an adapter's list. */

import { type Adapter, formatUsd, type JsonSchema, type Operation } from '#contract'
import type { Ajv } from 'ajv'
import { ajvWith } from '../gateway/rules/index.ts'
import { faultOfPattern, patternsIn } from './adapter-check/index.ts'
import { type Complaints, START } from './complaints.ts'
import type { OperationFields } from './connection-fields.ts'
import type { Decoded, Members } from './fields.ts'
import { childOf, type Node } from './yaml.ts'

const SEGMENT = /^(:[A-Za-z_]\w*|[A-Za-z0-9._~!$&'()+,;=@%-][A-Za-z0-9._~!$&'()+,;=@%:-]*)$/

/** Those that are complete; the others were complained about. */
export function readOperations(
  written: readonly (Decoded<OperationFields> | undefined)[],
  nodes: readonly Node[],
  base: Adapter | undefined,
  complaints: Complaints,
): Operation[] {
  const operations: Operation[] = []
  const ids = new Map((base?.operations ?? []).map(({ id }) => [id, `adapter ${base?.name}`]))
  const paths = new Map((base?.operations ?? []).map((operation) => [shapeOf(operation), `operation ${operation.id} of adapter ${base?.name}`]))
  for (const [index, values] of written.entries()) {
    const node = nodes[index] as Node
    const operation = values === undefined ? undefined : readOperation(values, node, complaints)
    if (operation === undefined) continue
    const idTaken = ids.get(operation.id)
    const pathTaken = paths.get(shapeOf(operation))
    if (idTaken !== undefined) complaints.error(childOf(node, 'id') ?? node, `operation ${operation.id} is already in ${idTaken}; expected an id of its own`)
    else if (pathTaken !== undefined)
      complaints.error(childOf(node, 'path') ?? node, `${operation.method} ${operation.path} is already ${pathTaken}; expected a path of its own`)
    else operations.push(operation)
    ids.set(operation.id, 'this list')
    paths.set(shapeOf(operation), `operation ${operation.id}`)
  }
  return operations
}

/** Two paths that differ only in the names of their segments are one. */
const shapeOf = ({ method, path }: Pick<Operation, 'method' | 'path'>): string => `${method} ${path.replace(/\/:\w+/g, '/:')}`

function readOperation(values: Decoded<OperationFields>, node: Node, complaints: Complaints): Operation | undefined {
  const { id, method, path, units, resale } = values
  checkPath(path, childOf(node, 'path'), complaints)
  checkMembers(values.query, childOf(node, 'query'), complaints)
  checkMembers(values.body, childOf(node, 'body'), complaints)
  checkCache(values, childOf(node, 'cache'), complaints)
  if (path !== undefined) checkRequired(values, path, childOf(node, 'required'), complaints)
  if (id === undefined || method === undefined || path === undefined || units === undefined || resale === undefined) return undefined
  return {
    ...{ id, method, path, units, resale },
    query: values.query ?? 'any',
    body: bodyOf(values.body),
    streaming: values.streaming ?? false,
    sample: values.sample ?? { operation: id },
    ...(values.description !== undefined && { description: values.description }),
    ...(values.required !== undefined && { required: values.required }),
    ...(values.required_any !== undefined && { requiredAny: values.required_any }),
    ...(values.reads !== undefined && { reads: values.reads }),
    ...(values.attribution !== undefined && { attribution: values.attribution }),
    ...(values.cache !== undefined && { caching: { seconds: values.cache / 1000, source: "the owner's contract with the provider", checked: '' } }),
    ...(values.own_price !== undefined && { ownPriceUsd: formatUsd(values.own_price) }),
    ...(isExample(values.example) && { example: values.example }),
  }
}

const isExample = (example: unknown): example is NonNullable<Operation['example']> => typeof example === 'object' && example !== null

const bodyOf = (body: Members | undefined): 'any' | Readonly<Record<string, JsonSchema>> => {
  if (body === undefined || body === 'any') return 'any'
  return namesOf(body) === undefined ? (body as Record<string, JsonSchema>) : Object.fromEntries((namesOf(body) ?? []).map((name) => [name, {}]))
}

const namesOf = (members: Members): readonly string[] | undefined => (Array.isArray(members) ? members : undefined)

function checkPath(path: string | undefined, node: Node | undefined, complaints: Complaints): void {
  if (path === undefined || node === undefined || path === '/') return
  const segments = path.slice(1).split('/')
  if (segments.at(-1) === '**') segments.pop()
  const wrong = segments.find((segment) => !SEGMENT.test(segment) || segment === '.' || segment === '..')
  if (wrong !== undefined)
    complaints.error(
      node,
      `path ${path} has ${wrong === '' ? 'an empty segment' : `the segment ${wrong}`}; expected text, :name, or /** at the end, such as /address/:address`,
    )
}

function checkCache({ id, method, cache, reads, streaming }: Decoded<OperationFields>, node: Node | undefined, complaints: Complaints): void {
  if (cache === undefined || node === undefined) return
  if (streaming === true) complaints.error(node, `operation ${id} is streaming, so that no answer of it can be kept; expected no cache`)
  if (reads !== true && (reads === false || (method !== 'GET' && method !== 'HEAD')))
    complaints.error(node, `operation ${id} does more than read, so that each call has to reach the provider; expected reads: true, or no cache`)
}

let ajv: Ajv | undefined

function checkMembers(members: Members | undefined, node: Node | undefined, complaints: Complaints): void {
  if (members === undefined || members === 'any' || namesOf(members) !== undefined) return
  ajv ??= ajvWith({ strict: false, validateFormats: false, addUsedSchema: false })
  for (const [name, schema] of Object.entries(members)) {
    const place = childOf(node, name) ?? node
    for (const pattern of patternsIn(schema)) {
      const fault = faultOfPattern(pattern)
      if (fault !== undefined) complaints.error(place ?? START, `${name} has a pattern that ${fault}`)
    }
    try {
      ajv.compile(schema as object)
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : 'it cannot be read'
      if (place !== undefined) complaints.error(place, `${name} has a JSON Schema that does not work: ${reason}`)
    }
  }
}

function checkRequired({ required, query, body }: Decoded<OperationFields>, path: string, node: Node | undefined, complaints: Complaints): void {
  const open = [query, body].some((members) => members === undefined || members === 'any')
  if (required === undefined || node === undefined || open) return
  const known = new Set([
    ...[query, body].flatMap((members) => namesOf(members as Members) ?? Object.keys(members as object)),
    ...Array.from(path.matchAll(/\/:(\w+)/g), (found) => found[1]),
  ])
  const unknown = required.find((name) => !known.has(name))
  if (unknown !== undefined) complaints.error(node, `required names ${unknown}, which is neither in path, query nor body`)
}
