/** GET /openapi.json: OpenAPI 3.1 of what is for sale, with prices and units as extensions. `x-payment-info`: x402scan, Discovery. */
import { creditLineOf, formatUsd, type JsonSchema, type Operation, unitsBound } from '#contract'
import type { Gateway } from '../../gateway.ts'
import { isAboveClientLimit } from './catalogue.ts'
import { CHARGED, HOW_TO_PAY } from './front.ts'
import { type NamedOperation, operationsOf } from './names.ts'
import { COMPONENTS, OWN_PATHS, reference } from './openapi-parts.ts'
import { METHODS_OF_ANY, type Parameter, parametersOf, PLACEHOLDER, rulesOf } from './parameters.ts'

type Json = Record<string, unknown>

export function openApiOf(gateway: Gateway, version: string): Json {
  const { generation } = gateway.engine
  const paths = new Paths()
  const tags = new Map<string, Json>()
  for (const named of operationsOf(generation).values()) {
    const { route, entry } = named
    const extensions = extensionsOf(gateway, named)
    if (extensions === undefined) continue
    const { title, category, docs } = route.adapter
    tags.set(route.api, { name: route.api, description: `${title}: ${category}`, ...(URL.canParse(docs) ? { externalDocs: { url: docs } } : {}) })
    paths.add(named, { tags: [route.api], summary: entry.operation.description ?? entry.operation.id, ...inWords(entry.operation), ...extensions })
  }
  return {
    openapi: '3.1.0',
    info: { title: 'atlas', version, description: `Data APIs, call by call. ${HOW_TO_PAY.join(' ')} ${CHARGED}` },
    servers: [{ url: gateway.ground.origin }],
    tags: [...tags.values()],
    security: [{ key: [] }, { apiKey: [] }, { x402: [] }, { wallet: [] }],
    paths: { ...paths.all, ...OWN_PATHS },
    components: COMPONENTS,
  }
}

/** What a call costs now; undefined where it is not for sale. */
function extensionsOf({ engine }: Gateway, { name, route, entry }: NamedOperation): Json | undefined {
  const quote = engine.quote(route, entry)
  if (quote === undefined) return undefined
  const { price, units } = quote.alternative
  const { units: rule } = entry.operation
  const attribution = creditLineOf(route.adapter, entry.operation)
  const isFixed = typeof rule === 'number'
  return {
    'x-atlas-price': formatUsd(price),
    'x-atlas-units': units,
    'x-atlas-max-units': unitsBound(entry.operation),
    'x-atlas-sold-out': quote.soldOut,
    'x-atlas-needs-client-limit': isAboveClientLimit(price),
    'x-atlas-mcp-tool': name,
    ...(attribution === undefined ? {} : { 'x-atlas-attribution': attribution }),
    ...(route.chain.gives('challenge')
      ? { 'x-payment-info': { protocols: ['x402'], ...(isFixed ? { pricingMode: 'fixed', price: formatUsd(price) } : { pricingMode: 'quote' }) } }
      : {}),
  }
}

const inWords = (operation: Operation): Json => {
  const rules = rulesOf(parametersOf(operation))
  return rules.length === 0 ? {} : { description: rules.join(' ') }
}

/** Paths that differ only by the names of their parameters are one path in OpenAPI. */
class Paths {
  readonly all: Record<string, Json> = {}
  /** With each placeholder as `{}` -> the names that it has here, in their order. */
  readonly #shapes = new Map<string, readonly string[]>()

  add({ name, route, entry: { operation } }: NamedOperation, common: Json): void {
    const own = [...operation.path.matchAll(PLACEHOLDER)].map(([, placeholder = '']) => placeholder)
    const isRest = operation.path.endsWith('/**')
    const template = `${route.prefix}${operation.path.replace(/\/\*\*$/, '/{path}')}`
    const shape = template.replace(PLACEHOLDER, '{}')
    const names = this.#shapes.get(shape) ?? own
    this.#shapes.set(shape, names)
    const renamed = new Map(own.map((one, at) => [one, names[at] as string]))
    const path = template.replace(PLACEHOLDER, (_, one: string) => `{${renamed.get(one)}}`)
    const methods = operation.method === 'ANY' ? METHODS_OF_ANY : [operation.method]
    const item = this.all[path] ?? {}
    this.all[path] = item
    for (const method of methods) {
      const operationId = methods.length === 1 ? name : `${name}_${method.toLowerCase()}`
      item[method.toLowerCase()] = {
        operationId,
        ...common,
        ...(isRest ? { 'x-atlas-any-path': true } : {}),
        ...asks(operation, method, renamed),
        responses: answers(operation),
      }
    }
  }
}

const BODILESS = new Set<string>(['GET', 'HEAD', 'OPTIONS'])
const HEADERS = ['IdempotencyKey', 'MaxPrice'].map((name) => reference('parameters', name))

function asks(operation: Operation, method: string, renamed: ReadonlyMap<string, string>): Json {
  const { all, oneOf } = parametersOf(operation)
  const parameters = [...all.flatMap((one) => parameterOf(one, renamed, operation.example) ?? []), ...HEADERS]
  const content = all.find((one) => one.in === 'content')
  const members = all.filter((one) => one.in === 'body')
  if (content === undefined && members.length === 0) return { parameters }
  if (operation.method === 'ANY' && BODILESS.has(method)) return { parameters }
  const one = members.flatMap(({ name, member }) => (oneOf.includes(name) ? [{ required: [member] }] : []))
  const object: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(members.map(({ member, schema }) => [member, schema])),
    required: members.flatMap(({ member, required }) => (required ? [member] : [])),
    additionalProperties: false,
  }
  // Side by side, generators would make one type or the other of them.
  const schema = content?.schema ?? (one.length === 0 ? object : { allOf: [object, { anyOf: one }] })
  const { body: example } = operation.example ?? {}
  const required = members.some((one) => one.required) || one.length > 0
  return { parameters, requestBody: { required, content: { 'application/json': { schema, ...(example === undefined ? {} : { example }) } } } }
}

function parameterOf(
  { in: place, member, schema, required }: Parameter,
  renamed: ReadonlyMap<string, string>,
  example: Operation['example'],
): Json | undefined {
  switch (place) {
    case 'path':
      return { name: renamed.get(member), in: 'path', required: true, schema, ...exampleOf(example?.params?.[member]) }
    case 'rest':
      return { name: 'path', in: 'path', required: true, schema, description: 'One segment or more, with the slashes between them' }
    case 'query':
      return { name: member, in: 'query', required, schema, ...exampleOf(example?.query?.[member]) }
    case 'queries':
      return { name: 'query', in: 'query', required: false, style: 'form', explode: true, schema }
    default:
      return undefined
  }
}

const exampleOf = (value: string | undefined): Json => (value === undefined ? {} : { example: value })

const REFUSED = ['400', '401', '402', '403', '404', '409', '413', '429', '502', '503', '504'] as const

const answers = ({ sample, answer = {} }: Operation): Json => ({
  200: {
    description: "The provider's answer",
    headers: Object.fromEntries(
      ['X-Atlas-Price', 'X-Atlas-Units', 'X-Atlas-Receipt', 'X-Atlas-Attribution', 'PAYMENT-RESPONSE'].map((name) => [name, reference('headers', name)]),
    ),
    content: { 'application/json': { schema: answer, example: sample ?? null } },
  },
  ...Object.fromEntries(REFUSED.map((status) => [status, reference('responses', status === '402' ? 'PaymentRequired' : 'Problem')])),
})
