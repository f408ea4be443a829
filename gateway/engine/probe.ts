/**
 * One real call of a connection by the gateway itself, counted as its owner's own use: is the credential accepted, how long does an
 * answer take, what is left? As with any call a doubt wastes the unit. Never several at once for one connection, never of its own accord.
 */
import { type Alternative, type CallRecord, type Charge, type Connection, type EpochMs, isRead, type Chance, type Clock, mayResell } from '#contract'
import { NOTHING, type Operation, type Probed, type Store, sha256, type Units } from '#contract'
import type { Entry } from './catalogue.ts'
import { type Answered, EMPTY, exchange, type ExchangePorts } from './own-request.ts'
import { readAnswer } from './failures.ts'
import type { LiveRoute } from './generation.ts'
import { encodeSegment, writeQuery } from './path.ts'

/** With the provider's raw fields, where it answered. */
export type ProbedWithFields = Probed & { readonly rawHeaders: readonly string[] }

export interface ProbePorts extends ExchangePorts {
  readonly store: Store
  readonly clock: Clock
  readonly chance: Chance
}

export interface ProbeOf {
  readonly route: LiveRoute
  readonly connection: Connection
  readonly generation: { readonly number: number; readonly config: string }
}

export async function probe(ports: ProbePorts, of: ProbeOf): Promise<ProbedWithFields> {
  const operation = cheapest(of.route.catalogue.entries, of.connection)
  if (operation === undefined) return notMade('no operation of a constant price only reads and has an example')
  const { store, clock, chance } = ports
  const { connection } = of
  const atMs = clock.nowMs()
  const hold = `rc_${atMs.toString(36)}${chance.hex(16)}`
  const chosen = ownUse(connection, operation)
  const reserved = await store.reserve({
    id: hold,
    claims: [{ kind: 'supply', alternatives: [chosen], payer: { by: 'owner', owner: connection.owner }, maxPrice: undefined }],
  })
  if (reserved.kind !== 'held') return notMade(reserved.kind === 'refused' ? reserved.detail : 'the store did not take it')
  try {
    store.calling(hold)
    const { method, path, query, body } = exampleOf(operation)
    const answered = await exchange(ports, { connection, operation, method, path, query, body })
    return await ended(
      store,
      { ...of, operation, chosen, hold, atMs, digest: sha256(Buffer.concat([Buffer.from(`${method} ${path}${query}\n`), body])) },
      answered,
    )
  } catch (error) {
    store.release(hold, 'wasted')
    throw error
  }
}

const notMade = (why: string): ProbedWithFields => ({ state: 'not-made', why, rawHeaders: [] })

interface Probing extends ProbeOf {
  readonly operation: Operation
  readonly chosen: Alternative
  readonly hold: string
  readonly atMs: EpochMs
  readonly digest: string
}

async function ended(store: Store, probing: Probing, answered: Answered): Promise<ProbedWithFields> {
  const { route, operation, hold } = probing
  const { tookMs } = answered
  if (answered.state === 'failed') {
    store.release(hold, answered.sent ? 'wasted' : 'returned')
    return { state: 'made', operation: operation.id, meaning: answered.late ? 'timeout' : 'broken', status: undefined, tookMs, rawHeaders: [] }
  }
  const { status, rawHeaders, body } = answered
  const { meaning, bills } = readAnswer(route.adapter, status, body)
  if (meaning === 'ok') await store.commit(hold, chargeOf(probing, answered))
  else store.release(hold, bills ? 'wasted' : 'returned')
  return { state: 'made', operation: operation.id, meaning, status, tookMs, rawHeaders }
}

/** Of those that cost the same, one that is sold. */
function cheapest(entries: readonly Entry[], connection: Connection): Operation | undefined {
  let best: Operation | undefined
  const before = (a: Operation, b: Operation): boolean =>
    a.units === b.units ? mayResell(a.resale, connection.terms) && !mayResell(b.resale, connection.terms) : (a.units as number) < (b.units as number)
  for (const { operation, connections } of entries) {
    if (!connections.some(({ name }) => name === connection.name) || !isFit(operation)) continue
    if (best === undefined || before(operation, best)) best = operation
  }
  return best
}

const isFit = (operation: Operation): boolean =>
  isRead(operation) && operation.streaming !== true && operation.method !== 'ANY' && typeof operation.units === 'number' && isComplete(operation)

/** With an example; without one where nothing has to be said. */
const isComplete = ({ example, path, required = [], requiredAny = [], method }: Operation): boolean =>
  example !== undefined || (method === 'GET' && !/:|\/\*\*$/.test(path) && required.length + requiredAny.length === 0)

const ownUse = ({ name, owner }: Connection, { units }: Operation): Alternative => ({
  ...{ connection: name, owner, units: units as Units, price: NOTHING, unitPrice: undefined },
  platformShare: () => NOTHING,
})

function exampleOf({ method, path, example = {} }: Operation): { method: string; path: string; query: string; body: Buffer } {
  const { params = {}, query = {}, body } = example
  const filled = path.replace(/:([A-Za-z_][A-Za-z0-9_]*)/g, (_, name: string) => encodeSegment(params[name] ?? name)).replace(/\/\*\*$/, '')
  const members = new Map(Object.entries(query).map(([name, value]) => [name, [value]]))
  return { method, path: filled, query: writeQuery(members), body: body === undefined ? EMPTY : Buffer.from(JSON.stringify(body)) }
}

function chargeOf(
  { route, connection, operation, chosen, hold, atMs, digest, generation }: Probing,
  { status, body, tookMs }: Answered & { state: 'answered' },
): Charge {
  const { units } = chosen
  const attempt = { connection: connection.name, units, status, meaning: 'ok', used: 'own', tookMs } as const
  const call: CallRecord = {
    ...{ v: 2, id: `probe-${hold}`, at: atMs, generation: generation.number, config: generation.config, api: route.api, operation: operation.id },
    ...{ consumer: `probe:${connection.owner}`, kind: 'free', status, receipt: hold, requested: units, candidates: [connection.name], units, price: '0' },
    ...{ attempts: [attempt], tookMs },
  }
  return {
    ...{ units, price: NOTHING, platformShare: NOTHING, operation: operation.id, api: route.api, answer: undefined, call },
    subject: { requestDigest: digest, answerDigest: sha256(body) },
  }
}
