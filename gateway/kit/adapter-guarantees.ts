/**
 * What holds for every adapter, whoever wrote it, as far as its data shows. A guarantee answers with its complaints; none is
 * good. What shows only when calls are made: drive.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import { Ajv } from 'ajv'
import { type Adapter, type FailureRule, type JsonSchema, type Operation, type OperationRequest, parseUsd } from '../contract/index.ts'

export interface Guarantee {
  readonly name: string
  /** @param file name of the adapter's file without its ending */
  complaints(adapter: Adapter, file: string): readonly string[]
}

type Members = Readonly<Record<string, JsonSchema>>

/** Sentences about one operation, with its id in front. */
const ofEach = (name: string, check: (operation: Operation, adapter: Adapter) => readonly string[]): Guarantee => ({
  name,
  complaints: (adapter) => adapter.operations.flatMap((operation) => check(operation, adapter).map((complaint) => `${operation.id}: ${complaint}`)),
})

const when = (wrong: boolean, complaint: string): readonly string[] => (wrong ? [complaint] : [])

const doubles = (values: readonly string[]): readonly string[] => values.filter((value, at) => values.indexOf(value) !== at)

const placeholders = (path: string): readonly string[] => Array.from(path.matchAll(/:([^/]+)/g), (found) => found[1] as string)

const membersOf = (listed: Operation['query'] | Operation['body']): Members =>
  listed === undefined || listed === 'any'
    ? {}
    : Array.isArray(listed)
      ? Object.fromEntries(listed.map((name) => [name, { type: 'string' }]))
      : (listed as Members)

const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))

// ------------------------------------------------------------------ examples

const PLAIN: Readonly<Record<string, RegExp>> = { integer: /^-?\d{1,15}$/, number: /^-?\d{1,15}(\.\d+)?$/, boolean: /^(true|false)$/ }

/** A query value is text; a schema of another type means its plain writing. */
const readText = (schema: JsonSchema, value: string): unknown =>
  schema.type === 'array' ? [value] : PLAIN[String(schema.type)]?.test(value) === true ? JSON.parse(value) : value

export function requestOf(operation: Operation): OperationRequest {
  const { params = {}, query = {}, body = {} } = operation.example ?? {}
  const queryAll = new Map(Object.entries(query).map(([name, value]) => [name, [value]]))
  const takesBody = operation.body !== undefined && operation.body !== 'any'
  return { params, query, queryAll, body: takesBody ? body : undefined }
}

const ajv = new Ajv({ strict: true, allowUnionTypes: true })

function memberComplaints(where: string, listed: Members, given: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const schema = listed[name]
    if (schema === undefined) return [`the example's ${where} member ${name} is not listed`]
    return ajv.validate(schema, value) ? [] : [`the example's ${where} member ${name} does not fit its schema: ${ajv.errorsText()}`]
  })
}

function exampleComplaints(operation: Operation): readonly string[] {
  const { params, query, body } = requestOf(operation)
  const queryMembers = membersOf(operation.query)
  const texts = Object.entries(query).map(([name, value]) => [name, readText(queryMembers[name] ?? {}, value)] as const)
  const given = { ...params, ...query, ...body }
  return [
    ...(operation.query === 'any' ? [] : memberComplaints('query', queryMembers, Object.fromEntries(texts))),
    ...memberComplaints('body', membersOf(operation.body), body ?? {}),
    ...placeholders(operation.path).flatMap((name) => when(!params[name], `the example has no ${name} for the path`)),
    ...(operation.required ?? []).flatMap((name) => when(!(name in given), `the example lacks ${name}, which is required`)),
    ...when(operation.requiredAny?.every((name) => !(name in given)) === true, `the example has none of ${operation.requiredAny?.join(', ')}`),
  ]
}

function schemaComplaints(operation: Operation): readonly string[] {
  const all = [...Object.entries(membersOf(operation.query)), ...Object.entries(membersOf(operation.body))]
  return all.flatMap(([name, schema]) => {
    try {
      ajv.compile(schema)
      return []
    } catch (error) {
      return [`the schema of ${name} is not valid: ${error instanceof Error ? error.message : error}`]
    }
  })
}

// ------------------------------------------------------------------ units

/** The sample with every list much longer: what a provider could answer at worst. */
const swollen = (value: unknown, depth = 0): unknown => {
  if (Array.isArray(value))
    return depth > 1 ? value : Array.from({ length: 3000 * Math.min(1, value.length) }, (_, at) => swollen(value[at % value.length], depth + 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, swollen(member, depth + 1)]))
}

const isCount = (units: number): boolean => Number.isSafeInteger(units) && units > 0

function unitsComplaints(operation: Operation): readonly string[] {
  const { units } = operation
  const request = requestOf(operation)
  if (typeof units === 'number') return when(!isCount(units), `${units} is no count of units`)
  if (typeof units === 'function') return when(!isCount(units(request)), `the example takes ${units(request)} units`)
  const most = units.most(request)
  const answers = [operation.sample, swollen(operation.sample), null, undefined, '', [], {}]
  return [
    ...when(!isCount(most), `the most of the example is ${most} units`),
    ...answers.flatMap((answer) => {
      let actual: number
      try {
        actual = units.actual(request, answer)
      } catch (error) {
        const what = JSON.stringify(answer)?.slice(0, 60) ?? 'nothing'
        return [`units.actual throws on the answer ${what}, which a provider may give: ${error instanceof Error ? error.message : error}`]
      }
      return when(!(Number.isSafeInteger(actual) && actual >= 0) || actual > most, `an answer takes ${actual} units where the most is ${most}`)
    }),
  ]
}

// ------------------------------------------------------------------ paths and credentials

function pathComplaints({ path }: Operation): readonly string[] {
  const segments = path.split('/').slice(1)
  return [
    ...when(!path.startsWith('/'), `path ${path} does not begin with /`),
    ...segments.flatMap((segment, at) => [
      ...when(/^\.+$|[%?#\\\s;]/.test(segment), `segment ${segment} may lead out of the base`),
      ...when(segment === '' && segments.length > 1, 'the path has an empty segment'),
      ...when(segment.includes('*') && (segment !== '**' || at !== segments.length - 1), '/** stands only at the end'),
      ...when(segment.includes(':') && !/^:[A-Za-z_]\w*$/.test(segment), `${segment} is no placeholder`),
    ]),
    ...doubles(placeholders(path)).map((name) => `placeholder ${name} stands twice`),
  ]
}

function credentialComplaints({ credential, operations, baseUrl }: Adapter): readonly string[] {
  const inPath = operations.filter(({ path }) => path.includes('{credential}')).map(({ id }) => id)
  const inQuery = operations.filter(({ query }) => credential.in === 'query' && credential.name in membersOf(query)).map(({ id }) => id)
  const base = baseUrl === undefined ? undefined : new URL(baseUrl)
  return [
    ...when('name' in credential && !/^[A-Za-z0-9_-]+$/.test(credential.name), 'the name beside the credential is no name'),
    ...when(credential.in !== 'path' && inPath.length > 0, `${inPath} name a credential in the path, which is in: ${credential.in}`),
    ...when(inQuery.length > 0, `${inQuery} let a consumer write the credential's query member`),
    ...when(base !== undefined && (base.protocol !== 'https:' || base.username + base.search + base.hash !== ''), `base ${baseUrl} is no plain https URL`),
    ...when(baseUrl?.endsWith('/') === true, `base ${baseUrl} ends in /`),
  ]
}

// ------------------------------------------------------------------ failures and terms

const shadows = (earlier: FailureRule, later: FailureRule): boolean =>
  earlier.status === later.status &&
  earlier.bodyMember === undefined &&
  (earlier.bodyHas === undefined || later.bodyHas?.toLowerCase().includes(earlier.bodyHas.toLowerCase()) === true)

const fits = (rule: FailureRule, status: FailureRule['status'], body: string): boolean =>
  rule.status === status &&
  (rule.bodyMember === undefined || Boolean(Object(readJson(body))[rule.bodyMember])) &&
  (rule.bodyHas === undefined || body.toLowerCase().includes(rule.bodyHas.toLowerCase()))

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const named = ({ status, bodyHas, means }: FailureRule): string => `${status}${bodyHas === undefined ? '' : ` with "${bodyHas}"`} (${means})`

function failureComplaints({ failures }: Adapter): readonly string[] {
  return failures.flatMap((rule, at) => {
    const earlier = failures.slice(0, at).find((other) => shadows(other, rule))
    const body = typeof rule.sample === 'string' ? rule.sample : JSON.stringify(rule.sample ?? rule.bodyHas ?? '')
    const reader = failures.find((other) => fits(other, rule.status, body))
    return [
      ...when(earlier !== undefined, `${named(rule)} is never reached, ${earlier === undefined ? '' : named(earlier)} comes first`),
      ...when(rule.sample !== undefined && reader !== rule, `the sample of ${named(rule)} is read as ${reader === undefined ? 'nothing' : named(reader)}`),
      ...when(rule.status === '2xx' && rule.bodyHas === undefined && rule.bodyMember === undefined, 'a rule for 2xx without bodyHas would refuse every answer'),
      ...when(typeof rule.status === 'number' && (rule.status < 300 || rule.status > 599), `${rule.status} is no failure`),
    ]
  })
}

function termsComplaints({ terms, operations }: Adapter): readonly string[] {
  return [
    ...when(terms.source === '', 'terms have no source'),
    ...when(!isDate(terms.checked), `terms were checked on ${terms.checked}, which is no date`),
    ...operations.flatMap(({ id, source, checked }) => [
      ...when((source === undefined) !== (checked === undefined), `${id}: source and date belong together`),
      ...when(checked !== undefined && !isDate(checked), `${id}: checked on ${checked}, which is no date`),
    ]),
  ]
}

const isAmount = (text: string | undefined): boolean => text === undefined || (parseUsd(text) ?? -1n) > 0n
/** What a provider gives away is 0.00. */
const isOwnPrice = (text: string | undefined): boolean => text === undefined || (parseUsd(text) ?? -1n) >= 0n

// ------------------------------------------------------------------ the list

export const guarantees: readonly Guarantee[] = [
  { name: 'its name is the name of its file', complaints: (adapter, file) => when(adapter.name !== file, `${adapter.name} stands in ${file}`) },
  {
    name: 'each operation has an id of its own that a price list and a tool can use',
    complaints: ({ operations }) => [
      ...doubles(operations.map(({ id }) => id)).map((id) => `${id} stands twice`),
      ...operations.flatMap(({ id }) => when(!/^[a-z0-9][a-z0-9_-]{0,47}$/.test(id), `${id} is no id`)),
    ],
  },
  {
    name: 'no two operations have the same method and path',
    complaints: ({ operations }) =>
      doubles(operations.map(({ method, path }) => `${method} ${path.replaceAll(/:[^/]+/g, ':')}`)).map((both) => `${both} stands twice`),
  },
  ofEach('no path leaves the base', pathComplaints),
  ofEach('every schema is valid', schemaComplaints),
  ofEach('the example is complete and fits its own schemas', exampleComplaints),
  ofEach('whatever is required is listed', ({ path, query, body, required = [], requiredAny }) => {
    const listed = [...placeholders(path), ...Object.keys(membersOf(query)), ...Object.keys(membersOf(body))]
    return [...required, ...(requiredAny ?? [])].filter((name) => !listed.includes(name)).map((name) => `${name} is required and not listed`)
  }),
  ofEach('an operation without a body asks for none', ({ method, body }) => when(method === 'GET' && body !== undefined, 'a GET takes a body')),
  ofEach('units are whole, positive and never above the most', unitsComplaints),
  ofEach('the sample is JSON', ({ sample }) =>
    when(sample === undefined || !isDeepStrictEqual(JSON.parse(JSON.stringify(sample)), sample), 'the sample changes as JSON'),
  ),
  ofEach('what asks for attribution has a credit line', ({ resale, attribution }, { terms }) =>
    when(resale === 'attribution' && !(attribution ?? terms.attribution), 'there is no credit line'),
  ),
  ofEach("the provider's own price is an amount", ({ ownPriceUsd }) => when(!isOwnPrice(ownPriceUsd), `${ownPriceUsd} is no amount`)),
  {
    name: 'subscription, quota and pace are figures that can be',
    complaints: ({ subscriptionCostUsd, quota, rateLimit = {} }) => [
      ...when(!isAmount(subscriptionCostUsd), `${subscriptionCostUsd} is no amount`),
      ...when(
        quota.usage !== undefined && !(/^(\/([\w.~-]+|\{credential\}))+$/.test(quota.usage.path) && (quota.usage.remaining ?? quota.usage.used ?? '') !== ''),
        'the usage endpoint has no plain path or no member',
      ),
      ...when(quota.typical !== undefined && !(quota.typical[0] > 0 && quota.typical[0] <= quota.typical[1]), `typical quota ${quota.typical} is no range`),
      ...Object.values(rateLimit).flatMap((pace) => when(!(pace > 0), `${pace} is no pace`)),
    ],
  },
  { name: 'the credential has one place, out of reach of consumers', complaints: credentialComplaints },
  { name: 'every failure rule is reached, and its sample is read by it', complaints: failureComplaints },
  { name: 'terms say where and when they were read', complaints: termsComplaints },
]
