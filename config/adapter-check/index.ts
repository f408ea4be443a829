/**
 * What is wrong with an adapter, all of it at once, each in one sentence: asked of every file at load, so that nothing wrong is ever
 * sold. `shape.ts` for the members, `forms.ts` for schemas, `runaway.ts` for patterns, `units.ts` for what a call costs.
 */
import { type Adapter, type FailureRule, isRead, type Operation } from '#contract'
import { Forms } from './forms.ts'
import { adapterShape, failureShape, operationShape } from './shape.ts'
import { faultsOfUnits, listedIn } from './units.ts'

export { patternsIn } from './forms.ts'
export { faultOfPattern } from './runaway.ts'
export { canCarryCredential } from './shape.ts'

export function faultsOfAdapter(adapter: Adapter): readonly string[] {
  const shape = adapterShape(adapter, '')
  const operations = (Array.isArray(adapter.operations) ? adapter.operations : []) as readonly Operation[]
  const failures = (Array.isArray(adapter.failures) ? adapter.failures : []) as readonly FailureRule[]
  const sound = operations.filter((operation) => operationShape(operation, '').length === 0)
  const forms = new Forms()
  return [
    ...shape,
    // Undefined is for those whose connections name their own; whoever writes nothing has forgotten it.
    ...when(!('baseUrl' in adapter), 'baseUrl is missing; expected an https URL without a slash at its end, or undefined where each connection names its own'),
    ...operations.flatMap((operation, at) => operationShape(operation, nameOf(operation, at))),
    ...failures.flatMap((rule, at) => failureShape(rule, `failures[${at}]`)),
    ...sound.flatMap((operation) => faultsOf(operation, forms).map((fault) => `operation ${operation.id}: ${fault}`)),
    ...(shape.length > 0 ? [] : [...together(adapter, sound), ...failures.flatMap(ofFailure)]),
  ]
}

const nameOf = (operation: unknown, at: number): string => {
  const id = typeof operation === 'object' && operation !== null ? (operation as { readonly id?: unknown }).id : undefined
  return typeof id === 'string' && id !== '' ? `operation ${id}: ` : `operations[${at}]`
}

function faultsOf(operation: Operation, forms: Forms): readonly string[] {
  const found = [...ofPath(operation.path), ...ofNames(operation), ...ofTerms(operation), ...ofSample(operation), ...forms.faults(operation)]
  // A rule is only asked about requests that can be.
  return found.length > 0 ? found : [...faultsOfUnits(operation), ...ofPages(operation)]
}

const when = (wrong: boolean, fault: string): readonly string[] => (wrong ? [fault] : [])

const placeholders = (path: string): readonly string[] => Array.from(path.matchAll(/\/:(\w+)/g), (found) => found[1] as string)
const twice = (values: readonly string[]): readonly string[] => [...new Set(values.filter((value, at) => values.indexOf(value) !== at))]

const SEGMENT = /^(:[A-Za-z_]\w*|[A-Za-z0-9._~!$&'()+,=@-]+)$/

function ofPath(path: string): readonly string[] {
  const segments = path.slice(1).split('/')
  if (segments.at(-1) === '**') segments.pop()
  const wrong = path === '/' ? undefined : segments.find((segment) => !SEGMENT.test(segment) || /^\.+$/.test(segment))
  return [
    ...when(wrong !== undefined, `path ${path} has the segment ${JSON.stringify(wrong)}; expected text, :name, or /** at the end`),
    ...twice(placeholders(path)).map((name) => `path ${path} has :${name} twice`),
  ]
}

function ofNames(operation: Operation): readonly string[] {
  const { path, params = {}, query, body, required = [], requiredAny = [], conflicts = [], method } = operation
  const inPath = placeholders(path)
  const listed = new Set([...inPath, ...Object.keys(listedIn(query)), ...Object.keys(listedIn(body))])
  const open = query === 'any' || body === 'any'
  const known = (name: string): boolean => open || listed.has(name)
  return [
    ...Object.keys(params).flatMap((name) => when(!inPath.includes(name), `params has ${name}, which is not in path ${path}`)),
    ...[...required, ...requiredAny].flatMap((name) => when(!known(name), `${name} is required and not listed`)),
    ...conflicts.flat().flatMap((name) => when(!known(name), `conflicts names ${name}, which is not listed`)),
    ...when((method === 'GET' || method === 'HEAD') && body !== undefined && body !== 'any', `a ${method} has no body; expected its members in query`),
  ]
}

function ofTerms(operation: Operation): readonly string[] {
  const { source, checked, caching, streaming } = operation
  const mayNot = typeof caching === 'object' && (!isRead(operation) || streaming === true)
  return [
    ...when((source === undefined) !== (checked === undefined), 'source and checked belong together; expected both or none'),
    ...when(mayNot, 'caching says how long an answer may be kept, and the operation is none that only reads; expected reads: true, or no caching'),
  ]
}

function ofSample({ sample }: Operation): readonly string[] {
  try {
    return when(JSON.stringify(JSON.parse(JSON.stringify(sample))) !== JSON.stringify(sample), 'the sample changes as JSON')
  } catch {
    return ['the sample is no JSON']
  }
}

/** Members of a body are pointers; of the answer, too. */
function ofPages(operation: Operation): readonly string[] {
  const { pages, query, body, sample } = operation
  if (pages === undefined) return []
  const names = [pages.page, pages.offset, pages.size].filter((name) => name !== undefined)
  const isListed = (name: string): boolean => {
    const [first, ...inner] = name.startsWith('/') ? name.slice(1).split('/') : [name]
    const schema = (name.startsWith('/') ? listedIn(body) : listedIn(query))[first as string]
    return schema !== undefined && inner.every((one) => Object.hasOwn(Object(schema.properties), one))
  }
  const reached = pages.last
    ?.slice(1)
    .split('/')
    .reduce<unknown>((value, name) => Object(value)[name], sample)
  return [
    ...when(pages.page === undefined && pages.offset === undefined, 'pages has neither page nor offset'),
    ...names.flatMap((name) => when(!isListed(name), `pages names ${name}, which is not listed`)),
    ...when(pages.last !== undefined && typeof reached !== 'boolean', `pages.last is ${pages.last}, where the sample has no true or false`),
  ]
}

function together({ operations, terms, credential, quota, failures }: Adapter, sound: readonly Operation[]): readonly string[] {
  const shapeOf = (operation: Operation): string => `${operation?.method} ${String(operation?.path).replace(/\/:\w+/g, '/:')}`
  const sharing = (shape: string): string =>
    operations
      .filter((operation) => shapeOf(operation) === shape)
      .map((operation) => operation?.id)
      .join(' and ')
  const taken = credential.in === 'query' ? credential.name.toLowerCase() : undefined
  const { usage } = quota
  return [
    ...twice(operations.map((operation) => String(operation?.id))).map((id) => `operation ${id} is there twice`),
    ...twice(operations.map(shapeOf)).map((shape) => `operations ${sharing(shape)} have the same method and path, ${shape}; expected one of them`),
    ...sound.flatMap(({ id, resale, attribution }) =>
      when(
        resale === 'attribution' && (attribution ?? terms.attribution) === undefined,
        `operation ${id} asks for a credit line; expected attribution, or terms.attribution`,
      ),
    ),
    ...sound.flatMap(({ id, query }) =>
      when(
        Object.keys(listedIn(query)).some((name) => name.toLowerCase() === taken),
        `operation ${id} lists the query member of the credential`,
      ),
    ),
    ...when(
      usage !== undefined && (usage.remaining === undefined) === (usage.used === undefined),
      'quota.usage has neither remaining nor used; expected one of them',
    ),
    ...when(usage?.path.includes('{credential}') === true && credential.in !== 'path', 'quota.usage.path names a credential that is not in the path'),
    ...failures.flatMap((rule, at) => unreached(failures, rule, at)),
  ]
}

const ofFailure = ({ status, bodyHas, bodyMember }: FailureRule): readonly string[] =>
  when(
    status === '2xx' && bodyHas === undefined && bodyMember === undefined,
    'a failure rule for 2xx makes every success a failure; expected bodyHas or bodyMember',
  )

function unreached(rules: readonly FailureRule[], rule: FailureRule, at: number): readonly string[] {
  const earlier = rules.slice(0, at).find((other) => other?.status === rule?.status && other.bodyHas === undefined && other.bodyMember === undefined)
  return when(earlier !== undefined, `failures[${at}] is never reached: another rule for ${rule?.status} stands before it and takes all`)
}
