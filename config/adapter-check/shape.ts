/** What members an adapter, an operation and a failure rule have, and of what kind: for files that no compiler has seen. */

/** Complaints about one value, each beginning with where it stands. */
export type Kind = (value: unknown, where: string) => readonly string[]

const shown = (value: unknown): string => {
  if (value === undefined) return 'nothing'
  // JSON has no NaN: it would be shown as null.
  const isPlain = typeof value !== 'function' && typeof value !== 'number'
  const text = typeof value === 'function' ? 'a function' : ((isPlain ? JSON.stringify(value) : undefined) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

const kind =
  (is: (value: unknown) => boolean, expected: string): Kind =>
  (value, where) =>
    is(value) ? [] : [value === undefined ? `${where} is missing; expected ${expected}` : `${where} is ${shown(value)}; expected ${expected}`]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
const optional =
  (of: Kind): Kind =>
  (value, where) =>
    value === undefined ? [] : of(value, where)
const choice = (...of: readonly unknown[]): Kind => kind((value) => of.includes(value), `one of ${of.join(', ')}`)
const listOf =
  (of: Kind): Kind =>
  (value, where) =>
    Array.isArray(value) ? value.flatMap((one, at) => of(one, `${where}[${at}]`)) : kind(() => false, 'a list')(value, where)

/** No other member: a misspelt one would say nothing. */
const membersOf =
  (members: Readonly<Record<string, Kind>>, expected = 'an object'): Kind =>
  (value, where) => {
    if (!isObject(value)) return kind(() => false, expected)(value, where)
    // After `operation search: ` a member is named by itself.
    const dot = where === '' || where.endsWith(' ') ? where : `${where}.`
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(members, name))
    return [
      ...unknown.map((name) => `${dot}${name} is not known; expected one of ${Object.keys(members).join(', ')}`),
      ...Object.entries(members).flatMap(([name, of]) => of(value[name], `${dot}${name}`)),
    ]
  }

const text = kind((value) => typeof value === 'string' && value !== '', 'text')
const anyText = kind((value) => typeof value === 'string', 'text')
const texts = listOf(text)
const flag = kind((value) => typeof value === 'boolean', 'true or false')
const count = kind((value) => Number.isSafeInteger(value) && (value as number) > 0, 'a whole number above 0')
const pace = kind((value) => typeof value === 'number' && value > 0 && Number.isFinite(value), 'a number above 0')
/** Date.parse takes 31 February for 3 March. */
const isDate = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text)
const date = kind((value) => typeof value === 'string' && isDate(value), 'a date such as 2026-11-23')
const isAmount = (value: unknown): boolean => typeof value === 'string' && /^\d{1,9}(\.\d{1,6})?$/.test(value)
const amount = kind((value) => isAmount(value) && /[1-9]/.test(String(value)), "an amount of dollars such as '0.05'")
/** What a provider gives away is 0.00. */
const ownPrice = kind(isAmount, "an amount of dollars such as '0.05'")
const anything: Kind = (value, where) => (value === undefined ? [`${where} is missing; expected any JSON`] : [])
const isBase = (value: unknown): boolean => {
  if (value === undefined) return true
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined
  return url?.protocol === 'https:' && url.username + url.search + url.hash === '' && !String(value).endsWith('/')
}
const schema = kind(isObject, 'a JSON Schema such as { type: "string" }')
const schemas: Kind = (value, where) =>
  isObject(value)
    ? Object.entries(value).flatMap(([name, one]) => schema(one, `${where}.${name}`))
    : kind(() => false, 'members with their schema')(value, where)
const query: Kind = (value, where) => (value === undefined || value === 'any' ? [] : Array.isArray(value) ? texts(value, where) : schemas(value, where))
const body: Kind = (value, where) => (value === undefined || value === 'any' ? [] : schemas(value, where))
const isRule = (value: unknown): boolean =>
  typeof value === 'function' || (isObject(value) && typeof value.most === 'function' && typeof value.actual === 'function')
const units = kind(
  (value) => isRule(value) || (Number.isSafeInteger(value) && (value as number) >= 0),
  'a whole number that is not negative, a function of the request, or { most, actual }',
)
const pair = kind((value) => Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'string'), 'a pair of names')
const range = kind((value) => Array.isArray(value) && value.length === 2 && value[0] > 0 && value[0] <= value[1], 'a range such as [5000, 20000]')

/** May answers be kept, and where was that read? */
const caching: Kind = (value, where) =>
  value === 'not-found' || value === 'forbidden'
    ? []
    : membersOf({ seconds: pace, source: text, checked: date }, "'not-found', 'forbidden' or { seconds, source, checked }")(value, where)

const pages = membersOf({
  ...{ page: optional(text), offset: optional(text), size: text, sizeDefault: optional(count), sizeMost: optional(count), last: optional(text) },
})
const example = membersOf({ params: optional(eachOf(anyText)), query: optional(eachOf(anyText)), body: optional(kind(isObject, 'an object')) })

function eachOf(of: Kind): Kind {
  return (value, where) =>
    isObject(value) ? Object.entries(value).flatMap(([name, one]) => of(one, `${where}.${name}`)) : kind(() => false, 'an object')(value, where)
}

export const operationShape = membersOf({
  id: kind((value) => typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(value), 'a name such as address-labels'),
  method: choice('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'ANY'),
  path: kind((value) => typeof value === 'string' && value.startsWith('/'), 'a path such as /address/:address'),
  ...{ description: optional(anyText), units, maxUnits: optional(count), unitsAssumed: optional(flag), params: optional(schemas), query, body },
  ...{ required: optional(texts), requiredAny: optional(texts), conflicts: optional(listOf(pair)) },
  ...{ reads: optional(flag), heavy: optional(flag), streaming: optional(flag) },
  resale: choice('allowed', 'attribution', 'ask', 'forbidden'),
  ...{ attribution: optional(text), source: optional(text), checked: optional(date), caching: optional(caching), ownPriceUsd: optional(ownPrice) },
  ...{ example: optional(example), sample: anything, answer: optional(schema), pages: optional(pages) },
})

export const failureShape = membersOf({
  status: kind(
    (value) => ['2xx', '4xx', '5xx'].includes(value as string) || (Number.isInteger(value) && (value as number) >= 300 && (value as number) <= 599),
    'a status from 300 to 599, or 2xx, 4xx, 5xx',
  ),
  ...{ bodyHas: optional(text), bodyMember: optional(text) },
  means: choice('bad-request', 'not-found', 'rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it', 'provider-down', 'unknown'),
  ...{ bills: optional(flag), sample: () => [], standIn: optional(flag) },
})

const usage = membersOf({
  method: choice('GET', 'POST'),
  path: kind((value) => typeof value === 'string' && /^(\/([\w.~-]+|\{credential\}))+$/.test(value), 'a plain path such as /account'),
  remaining: optional((value, where) => (Array.isArray(value) ? texts(value, where) : text(value, where))),
  ...{ used: optional(text), usedPer: optional(choice('month', 'day')), periods: optional(membersOf({ from: text, to: text })) },
})

/** Of a request's head what the gateway itself writes: a second one would make two requests of one, or none. */
const GATEWAYS_OWN = /^(host|connection|content-length|content-type|transfer-encoding|te|trailer|upgrade|expect|keep-alive|accept|accept-encoding|user-agent)$/i

export const canCarryCredential = (header: string): boolean => !GATEWAYS_OWN.test(header)

const credential: Kind = (value, where) => {
  const named = isObject(value) && (value.in === 'header' || value.in === 'query')
  const isName = (one: unknown): boolean => typeof one === 'string' && /^[A-Za-z0-9_-]+$/.test(one)
  const name = kind(
    (one) => isName(one) && !(isObject(value) && value.in === 'header' && !canCarryCredential(String(one))),
    'the name of a query member, or of a header that the gateway does not write itself',
  )
  return membersOf({ in: choice('header', 'query', 'path', 'bearer', 'basic', 'none'), ...(named ? { name } : {}) })(value, where)
}

/** Of all but what stands in operations and failures. */
export const adapterShape = membersOf({
  ...{ name: text, title: text, category: text, docs: anyText },
  baseUrl: kind(isBase, 'an https URL without a slash at its end'),
  credential,
  quota: membersOf({
    ...{ unit: choice('call', 'credit'), resets: choice('billing-day', 'first-of-month', 'day', 'never'), typical: optional(range) },
    ...{ remaining: optional(membersOf({ header: text })), usage: optional(usage), source: optional(text), checked: optional(date) },
  }),
  subscriptionCostUsd: optional(amount),
  rateLimit: optional(membersOf({ perSecond: optional(pace), perMinute: optional(pace), heavyPerSecond: optional(pace) })),
  rateHeaders: optional(membersOf({ remaining: text, reset: text })),
  terms: membersOf({ attribution: optional(text), source: text, checked: date, caching: optional(caching) }),
  ...{ operations: kind(Array.isArray, 'a list'), failures: kind(Array.isArray, 'a list') },
})
