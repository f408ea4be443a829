/** Paths and methods of a specification as operations of an adapter: one unit each and resale `ask`, until a person has looked. */
import type { Adapter, Method, Operation } from '#contract'
import { type Document, isObject, type Json, listOf, textOf } from './document.ts'
import { type Carried, type Member, Parameters } from './parameters.ts'
import { exampleIn, sampleOf, trimmed } from './sample.ts'
import { shortened } from './schema.ts'

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const
const MOST = 300

export function operationsOf(document: Document, credential: Adapter['credential']): readonly Operation[] {
  const parameters = new Parameters(document, credential.in === 'query' ? credential.name : undefined)
  const operations: Operation[] = []
  const taken = { ids: new Set<string>(), shapes: new Set<string>() }
  for (const [written, value] of Object.entries(document.root.paths as Json)) {
    const item = document.object(value)
    if (item === undefined) continue
    if (item.servers !== undefined) document.note(`path ${written} has servers of its own, which were not taken over`)
    for (const method of METHODS) {
      const operation = document.object(item[method])
      if (operation === undefined) continue
      if (operations.length >= MOST) {
        document.note(`${method.toUpperCase()} ${written}: beyond ${MOST} operations, and left out`)
        continue
      }
      const made = operationOf({ document, parameters, taken }, { written, method: method.toUpperCase() as Method, item, operation })
      if (made !== undefined) operations.push(made)
    }
  }
  return operations
}

interface Around {
  readonly document: Document
  readonly parameters: Parameters
  readonly taken: { readonly ids: Set<string>; readonly shapes: Set<string> }
}

interface Described {
  readonly written: string
  readonly method: Method
  readonly item: Json
  readonly operation: Json
}

function operationOf({ document, parameters, taken }: Around, { written, method, item, operation }: Described): Operation | undefined {
  const path = pathOf(written)
  if (path === undefined) return void document.note(`${method} ${written}: its path has a segment that is partly a parameter, and was left out`)
  const shape = `${method} ${path.replace(/:\w+/g, ':')}`
  if (taken.shapes.has(shape)) return void document.note(`${method} ${written}: another operation has this path, and it was left out`)
  taken.shapes.add(shape)
  const id = idOf(operation, method, written, taken.ids)
  const carried = parameters.of(item, operation, id)
  const takesBody = method !== 'GET' && method !== 'HEAD'
  if (!takesBody && carried.body !== undefined) document.note(`operation ${id}: a ${method} has no body here`)
  const { body, ...rest } = carried
  const { sample, streaming } = answerOf(document, operation, id)
  const about = textOf(operation.summary) ?? textOf(operation.description)
  return {
    ...{ id, method, path },
    ...(about === undefined ? {} : { description: `${operation.deprecated === true ? 'Deprecated. ' : ''}${shortened(about)}` }),
    ...{ units: 1, unitsAssumed: true },
    ...membersOf(takesBody ? carried : { ...rest, body: undefined }),
    ...(streaming ? { streaming } : {}),
    ...{ resale: 'ask', ...formOf(document, operation, sample), sample },
  }
}

/** `/a/{b}` -> `/a/:b`; undefined where a segment is more than its parameter. */
function pathOf(written: string): string | undefined {
  const segments = written.replace(/\/+$/, '').split('/').slice(1)
  const made = segments.map((segment) => (/^\{[^{}]+\}$/.test(segment) ? `:${paramName(segment.slice(1, -1))}` : segment))
  if (made.some((segment) => !/^(:\w+|[A-Za-z0-9._~!$&'()+,=@-]+)$/.test(segment) || /^\.+$/.test(segment))) return undefined
  return `/${made.join('/')}`
}

/** As a placeholder may be called. */
const paramName = (name: string): string => name.replaceAll(/\W/g, '_').replace(/^(\d)/, '_$1')

function idOf(operation: Json, method: string, written: string, taken: Set<string>): string {
  const base = textOf(operation.operationId) ?? `${method} ${written}`
  const words = base.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
  const plain =
    words
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replace(/^-+/, '')
      .slice(0, 44)
      .replace(/-+$/, '') || 'operation'
  let id = plain
  for (let count = 2; taken.has(id); count += 1) id = `${plain}-${count}`
  taken.add(id)
  return id
}

const listed = (members: readonly Member[]): Record<string, Member['schema']> => Object.fromEntries(members.map(({ name, schema }) => [name, schema]))

/** Examples of everything that is required, and of what the specification itself has one for. */
function membersOf({ params, query, body }: Carried): Partial<Operation> {
  const inBody = Array.isArray(body) ? (body as readonly Member[]) : []
  const required = [...query, ...inBody].filter((member) => member.required).map(({ name }) => name)
  const named = params.map((member) => ({ ...member, name: paramName(member.name) }))
  const checked = named.filter(({ schema }) => Object.keys(schema).length > 0)
  const shownQuery = query.filter((member) => member.required && member.example !== undefined)
  const example = {
    ...(named.length === 0 ? {} : { params: texts(named.map((member) => ({ ...member, example: member.example ?? 'text' }))) }),
    ...(shownQuery.length === 0 ? {} : { query: texts(shownQuery) }),
    ...(inBody.length === 0 ? {} : { body: Object.fromEntries(inBody.filter((one) => one.example !== undefined).map((one) => [one.name, one.example])) }),
  }
  return {
    ...(checked.length === 0 ? {} : { params: listed(checked) }),
    ...(query.length === 0 ? {} : { query: listed(query) }),
    ...(body === undefined ? {} : { body: body === 'any' ? 'any' : listed(inBody) }),
    ...(required.length === 0 ? {} : { required: [...new Set(required)] }),
    ...(Object.keys(example).length === 0 ? {} : { example }),
  }
}

/** As they stand in a path or a query. */
const texts = (members: readonly Member[]): Record<string, string> =>
  Object.fromEntries(members.map(({ name, example }) => [name, typeof example === 'string' ? example : JSON.stringify(example)]))

/** The first answer of success. */
function successOf(document: Document, operation: Json): Json | undefined {
  const responses = isObject(operation.responses) ? operation.responses : {}
  const [first] = Object.keys(responses)
    .filter((status) => /^2(\d\d|XX)$/i.test(status))
    .sort()
  return document.object(responses[first ?? 'default'])
}

export function mediaOf(document: Document, response: Json | undefined): { readonly type: string; readonly media: Json } | undefined {
  const content = Object.entries(isObject(response?.content) ? response.content : {})
  const [type, media] = content.find(([name]) => /json/i.test(name)) ?? content[0] ?? []
  const found = document.object(media)
  return type === undefined || found === undefined ? undefined : { type, media: found }
}

function answerOf(document: Document, operation: Json, id: string): { readonly sample: unknown; readonly streaming: boolean } {
  const found = mediaOf(document, successOf(document, operation))
  const streaming = found !== undefined && /^text\/event-stream/i.test(found.type)
  const given = found === undefined ? undefined : (exampleIn(document, found.media) ?? sampleOf(document, found.media.schema))
  if (given === undefined) document.note(`operation ${id}: the specification shows no answer; its sample is empty`)
  return { sample: given === undefined ? {} : trimmed(given), streaming }
}

/** Of the answer only what every reader relies on: its kind, and the members that are always there. */
function formOf(document: Document, operation: Json, sample: unknown): Partial<Operation> {
  const schema = document.object(mediaOf(document, successOf(document, operation))?.media.schema)
  if (Array.isArray(sample)) return { answer: { type: 'array' } }
  if (!isObject(sample) || schema === undefined) return {}
  const required = listOf(schema.required).filter((name) => typeof name === 'string' && Object.hasOwn(sample, name))
  return required.length === 0 ? {} : { answer: { type: 'object', required } }
}
