/**
 * An adapter that is really sold: each operation and each failure, through a whole gateway to a simulator of the provider. What
 * reaches the provider, what is charged, what comes back and where the credential stands is looked at from both ends.
 */
import { type Adapter, dollars, mostUnits, type Operation, type OperationRequest, type Plugin, type Usd } from '#contract'
import type { SeenCall } from '../sandbox/simulator.ts'
import { type Door, exampleOf, holds, Place, type Sending, spellings } from './drive-place.ts'
import { driveFailures } from './drive-failures.ts'
import type { Heard } from './stage-parts.ts'

/** What was looked at, and what is wrong. */
export interface Finding {
  readonly check: string
  readonly complaints: readonly string[]
  /** Why it could not be looked at. */
  readonly unknown?: string
}

const UNIT_PRICE = 30_000n
const CHECKS = {
  sold: 'each operation is sold: the answer of the provider, unchanged',
  path: 'the request reaches the provider at its path, with its members and nothing else',
  price: 'what is charged is what was quoted, and what the provider counts',
  form: 'what the provider would refuse for its form is 400 and free',
  attribution: 'the credit line stands on every answer that needs it',
  credential: 'the credential is at its place at the provider, and nowhere else',
  failures: 'each failure is read as its rule says: nothing charged, units returned or wasted',
} as const
type Check = keyof typeof CHECKS

/** @throws Error where the gateway cannot be opened with this adapter */
export async function drive(adapter: Adapter, plugins: ReadonlyMap<string, Plugin>): Promise<readonly Finding[]> {
  if (adapter.operations.length === 0 || adapter.baseUrl === undefined)
    return Object.values(CHECKS).map((check) => ({ check, complaints: [], unknown: 'it lists no operations, or no base' }))
  const found: Record<Check, string[]> = { sold: [], path: [], price: [], form: [], attribution: [], credential: [], failures: [] }
  const place = await Place.open(adapter, plugins, 2 + adapter.failures.length)
  try {
    const [first, second] = place.doors as [Door, Door]
    await place.onlySells(first)
    for (const operation of adapter.operations)
      await sell({ place, door: first, adapter, operation, found }).catch((error: Error) => found.sold.push(`${operation.id}: ${error.message}`))
    const { sold, wasted } = await place.gateway.ground.admin.counters(first.name)
    const used = place.simulator.used(first.name)
    if (used !== sold + wasted) found.price.push(`at the end the provider has counted ${used} units, the gateway ${sold + wasted}`)
    found.failures.push(...(await driveFailures(place, adapter, place.doors.slice(2))))
    await place.onlySells(second)
    found.credential.push(...(await echoed(place, second, adapter)))
  } finally {
    const { files, lines } = await place.close()
    if (files.length > 0) found.credential.push(`it stands in what the gateway keeps: ${files}`)
    if (lines > 0) found.credential.push(`it stands in ${lines} lines of the log`)
  }
  const unknown = adapter.failures.length === 0 ? { failures: 'it lists no failures' } : {}
  return (Object.keys(CHECKS) as Check[]).map((name) => ({ check: CHECKS[name], complaints: found[name], ...one(unknown, name) }))
}

const one = (unknown: Partial<Record<Check, string>>, name: Check): { readonly unknown?: string } => {
  const why = unknown[name]
  return why === undefined ? {} : { unknown: why }
}

interface Sale {
  readonly place: Place
  readonly door: Door
  readonly adapter: Adapter
  readonly operation: Operation
  readonly found: Readonly<Record<Check, string[]>>
}

async function sell(sale: Sale): Promise<void> {
  const { place, door, operation, found } = sale
  const { request, ...example } = exampleOf(operation)
  const before = place.simulator.used(door.name)
  const seenBefore = place.simulator.calls(door.name).length
  const unpaid = await place.send({ ...example, pays: false })
  if (unpaid.status !== 402) found.price.push(`${operation.id}: an unpaid call is answered ${unpaid.status}; expected 402`)
  // What a consumer says of credentials must not reach the provider.
  const heard = await place.send({ ...example, headers: hostile(sale.adapter) })
  if (heard.status !== 200) {
    found.sold.push(`${operation.id}: the example is answered ${heard.status}: ${heard.body.slice(0, 300)}`)
    return
  }
  const sample = JSON.stringify(operation.sample)
  if (example.method !== 'HEAD' && heard.body !== sample) found.sold.push(`${operation.id}: the answer is not the sample: ${heard.body.slice(0, 100)}`)
  const calls = place.simulator.calls(door.name)
  const seen = calls.at(-1)
  if (seen === undefined || calls.length === seenBefore) found.path.push(`${operation.id}: nothing reached the provider`)
  else {
    found.path.push(...reached(sale, example, seen).map((complaint) => `${operation.id}: ${complaint}`))
    found.credential.push(...placed(sale, seen, heard).map((complaint) => `${operation.id}: ${complaint}`))
  }
  found.price.push(...charged(sale, request, heard, place.simulator.used(door.name) - before).map((complaint) => `${operation.id}: ${complaint}`))
  const line = operation.attribution ?? sale.adapter.terms.attribution
  if (operation.resale === 'attribution' && heard.headers['x-atlas-attribution'] === undefined) found.attribution.push(`${operation.id}: "${line}" is missing`)
  found.form.push(...(await malformed(sale, example)).map((complaint) => `${operation.id}: ${complaint}`))
}

/** Where a consumer shows his own key. */
const OUR_KEYS: ReadonlySet<string> = new Set(['authorization', 'x-api-key'])

const hostile = ({ credential }: Adapter): Readonly<Record<string, string>> => ({
  ...(credential.in === 'header' && !OUR_KEYS.has(credential.name.toLowerCase()) ? { [credential.name]: 'of-the-consumer' } : {}),
  ...{ cookie: 'session=of-the-consumer', 'x-forwarded-for': '198.51.100.1' },
})

function reached({ adapter, door, operation }: Sale, { method, path, query, body }: Sending, seen: SeenCall): readonly string[] {
  const inPath = adapter.credential.in === 'path'
  const expected = inPath ? (operation.path.includes('{credential}') ? path.replace('{credential}', door.credential) : `/${door.credential}${path}`) : path
  const members = new URLSearchParams(seen.query)
  if (adapter.credential.in === 'query') members.delete(adapter.credential.name)
  const shown = (text: string): string => text.replaceAll(door.credential, '{credential}')
  return [
    ...(seen.method === method ? [] : [`its method is ${seen.method}; expected ${method}`]),
    ...(decoded(seen.path) === decoded(expected) ? [] : [`its path is ${shown(seen.path)}; expected ${shown(expected)}`]),
    ...(sorted(members) === sorted(new URLSearchParams(query)) ? [] : [`its query is ${members}; expected ${new URLSearchParams(query)}`]),
    ...(seen.body === (body === undefined ? '' : JSON.stringify(body)) ? [] : [`its body is ${seen.body.slice(0, 100)}`]),
    ...(JSON.stringify(seen.headers).includes('of-the-consumer') ? ['a field of the consumer reached the provider'] : []),
  ]
}

const sorted = (members: URLSearchParams): string => JSON.stringify([...members].sort())
const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** At the provider exactly once, where the adapter says; not in the answer. */
function placed({ adapter, door }: Sale, seen: SeenCall, heard: Heard): readonly string[] {
  const place = adapter.credential
  if (place.in === 'none') return []
  const secrets = spellings(door.credential)
  const name = 'name' in place ? place.name : ''
  const parts: Readonly<Record<string, string | undefined>> = {
    header: String(seen.headers[name.toLowerCase()] ?? ''),
    query: new URLSearchParams(seen.query).get(name) ?? '',
    path: seen.path,
    bearer: seen.headers.authorization,
    basic: seen.headers.authorization,
  }
  const where = [seen.path, seen.query, seen.body, ...Object.values(seen.headers).map(String)].filter((part) => holds(Buffer.from(part), secrets)).length
  return [
    ...(holds(Buffer.from(parts[place.in] ?? ''), secrets) ? [] : [`it is not in ${place.in}${name === '' ? '' : ` ${name}`} of the request`]),
    ...(where <= 1 ? [] : [`it stands in ${where} places of the request`]),
    ...(holds(Buffer.from(JSON.stringify(heard)), secrets) ? ['it stands in the answer'] : []),
  ]
}

function charged({ operation, adapter }: Sale, request: OperationRequest, { headers }: Heard, counted: number): readonly string[] {
  const most = mostUnits(operation, request)
  const { units: rule } = operation
  const units = typeof rule === 'object' && operation.streaming !== true ? Math.min(most, rule.actual(request, operation.sample)) : most
  const price = dollars((UNIT_PRICE * BigInt(units)) as Usd)
  return [
    ...(headers['x-atlas-units'] === String(units) ? [] : [`charged for ${headers['x-atlas-units']} units; expected ${units}`]),
    ...(headers['x-atlas-price'] === price ? [] : [`the price was ${headers['x-atlas-price']}; expected ${price}`]),
    ...(counted === units || operation.streaming === true ? [] : [`the provider counted ${counted} units; expected ${units} (${adapter.quota.unit}s)`]),
  ]
}

/** Requests that lack what is required, or have what is not listed: refused before anybody pays, and never sent. */
async function malformed({ place, door, operation }: Sale, example: Sending): Promise<readonly string[]> {
  const before = place.simulator.calls(door.name).length
  const complaints: string[] = []
  const expect400 = async (what: string, sending: Sending): Promise<void> => {
    const { status } = await place.send(sending)
    if (status !== 400) complaints.push(`${what} is answered ${status}; expected 400`)
  }
  const without = (names: readonly string[]): Sending => ({ ...example, query: less(example.query, names), body: example.body && less(example.body, names) })
  const listed = (name: string): boolean => name in example.query || (example.body !== undefined && name in example.body)
  for (const name of operation.required ?? []) if (listed(name)) await expect400(`a call without ${name}`, without([name]))
  const { requiredAny } = operation
  if (requiredAny?.some(listed) === true && !requiredAny.some((name) => operation.path.includes(`:${name}`)))
    await expect400(`a call with none of ${requiredAny.join(', ')}`, without(requiredAny))
  if (operation.query !== 'any') await expect400('a query member that is not listed', { ...example, query: { ...example.query, 'not-listed': '1' } })
  if (place.simulator.calls(door.name).length !== before) complaints.push('a call that was refused for its form reached the provider')
  return complaints
}

const less = <V>(members: Readonly<Record<string, V>>, names: readonly string[]): Readonly<Record<string, V>> =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)))

/** A provider that sends the credential back: nobody may see it. */
async function echoed(place: Place, door: Door, adapter: Adapter): Promise<readonly string[]> {
  const operation = adapter.operations.find(({ streaming, method }) => streaming !== true && method !== 'HEAD')
  if (operation === undefined || adapter.credential.in === 'none') return []
  place.simulator.script(door.name, [{ status: 200, body: { echo: door.credential } }])
  const heard = await place.send(exampleOf(operation))
  return holds(Buffer.from(JSON.stringify(heard)), spellings(door.credential)) ? [`${operation.id}: an answer that repeats it reached the consumer`] : []
}
