/** Runs rows of the table: brings a real flight into a state, fires two events, lets the rest go well, and says what came of it. */

import type { Test } from 'tap'
import type { FlightState } from '../../gateway/engine/flight.ts'
import { type Usd, usd } from '../../gateway/contract/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached, turns } from '../rig/inside.ts'
import { paymentHeader, walletOf } from '../rig/payments.ts'
import { Gate, type ScriptedTry, SETTLED, VALID } from '../rig/scripted.ts'
import { WatchedStore } from '../rig/watched.ts'
import { byPayment, type Ending, type Event, endingOf, isWaiting, type Row } from './model.ts'

const adapter = adapterOf([operationOf('search'), operationOf('feed', { streaming: true })])
const BUFFER_BYTES = 64
const CHUNKS = { whole: '{"a":1}', large: 'x'.repeat(BUFFER_BYTES + 1), open: 'data: 1\n\n' } as const
const PRICE = 150_000n
/** Another wallet of the same row. */
const OTHER = 10_000

/** What came of a row: the words of the model, and everything else that has to be right about an end. */
export interface Came extends Ending {
  readonly observed: number
  readonly records: number
  /** How its hold was ended: one word where it was ended once. */
  readonly hold: string
  readonly unitsHeld: number
  readonly settles: number
  readonly wrongs: readonly string[]
}

export function shouldCome(row: Row): Came {
  const ending = endingOf(row)
  const { units, charged } = ending
  const hold = units === 'sold' && byPayment(row) ? 'settled' : units === 'sold' || units === 'own' ? 'commit' : units
  const settles = byPayment(row) && charged ? 1 : 0
  // A wallet is known only after the verification, for which there is a hold; also when it asks again.
  const held = row.state === 'waiting' ? 'none' : row.state === 'waiting, verified' && ending.kind === 'replayed' ? 'returned, returned' : hold
  return { ...ending, observed: 1, records: 1, hold: held, unitsHeld: 0, settles, wrongs: [] }
}

/** One row with what only it uses. */
interface Stage {
  readonly row: Row
  readonly number: number
  /** Its API and its connection. */
  readonly api: string
  readonly account: string
  readonly headers: Readonly<Record<string, string>>
  /** Of the first call under the same name. */
  readonly firstHeaders: Readonly<Record<string, string>>
  readonly gates: { readonly reserve: Gate; readonly verify: Gate; readonly charge: Gate }
}

/** So many rows are played side by side. */
const AT_ONCE = 100

export async function run(t: Test, rows: readonly Row[]): Promise<Came[]> {
  const connections = rows.map((_, at) => connectionOf(`c${at}`))
  const apis = new Map(connections.map((connection) => [connection.name, [connection]]))
  const stores: WatchedStore[] = []
  const inside = await openInside(t, {
    ...{ adapter, apis, bufferBytes: BUFFER_BYTES, upstreamTimeoutMs: 60_000 },
    between: (store) => {
      stores.push(new WatchedStore(store))
      return stores[0] as WatchedStore
    },
  })
  const stages = await Promise.all(rows.map((row, at) => stageOf(inside, row, at)))
  gate(inside, stores[0] as WatchedStore, stages)
  const store = stores[0] as WatchedStore
  const played: Played[] = []
  // All at once would keep each other waiting.
  for (let at = 0; at < stages.length; at += AT_ONCE)
    played.push(...(await Promise.all(stages.slice(at, at + AT_ONCE).map((stage) => play(inside, store, stage)))))
  await inside.flushed()
  const written = writtenIn(inside)
  return Promise.all(played.map((one) => came(inside, store, one, written)))
}

/** A row that is over. */
interface Played {
  readonly stage: Stage
  readonly flown: Flown
  /** Calls of the same name that were before it. */
  readonly earlier: number
}

/** What the journal says of each call, and of each connection. */
interface Written {
  readonly charges: ReadonlyMap<string, number>
  readonly refunds: ReadonlyMap<string, number>
}

function writtenIn({ journal }: Inside): Written {
  const [charges, refunds] = [new Map<string, number>(), new Map<string, number>()]
  for (const record of journal) {
    if (record.t === 'charge' || record.t === 'intent') charges.set(record.call.id, (charges.get(record.call.id) ?? 0) + 1)
    if (record.t === 'refund') refunds.set(record.connection, (refunds.get(record.connection) ?? 0) + 1)
  }
  return { charges, refunds }
}

async function stageOf(inside: Inside, row: Row, number: number): Promise<Stage> {
  const common = { row, number, api: `c${number}`, gates: { reserve: new Gate(), verify: new Gate(), charge: new Gate() } }
  const name: Record<string, string> = isWaiting(row) ? { 'idempotency-key': `the-name-of-row-${number}` } : {}
  if (byPayment(row)) {
    const nowMs = inside.clock.nowMs()
    const key = row.payer === 'x402' ? {} : await inside.key(`k${number}`)
    const headers = { ...name, ...key, ...paymentHeader({ number, nowMs }) }
    const firstHeaders = row.state === 'waiting, verified' ? { ...name, ...paymentHeader({ number: number + OTHER, nowMs }) } : headers
    return { ...common, headers, firstHeaders, account: `wallet:${walletOf(number)}` }
  }
  const id = `k${number}`
  const headers = { ...name, ...(await inside.key(id, row.payer === 'owner' ? { role: 'owner', owner: 'alice', credits: 0n as Usd } : { credits: usd('$1') })) }
  return { ...common, headers, firstHeaders: headers, account: `key:${id}` }
}

/** Each row waits at its own gates. */
function gate(inside: Inside, store: WatchedStore, stages: readonly Stage[]): void {
  const byConnection = new Map(stages.map((stage) => [stage.api, stage]))
  const byWallet = new Map(stages.map((stage) => [walletOf(stage.number), stage]))
  store.waits = (move, connection) => {
    const gates = byConnection.get(connection)?.gates
    return move === 'reserve' ? gates?.reserve : move === 'commit' && byConnection.get(connection)?.row.payer === 'credits' ? gates?.charge : undefined
  }
  inside.facilitator.verifies = async (payer) => {
    await byWallet.get(payer)?.gates.verify.opened
    return VALID
  }
  inside.facilitator.settles = async (payer) => {
    await byWallet.get(payer)?.gates.charge.opened
    return SETTLED
  }
}

async function play(inside: Inside, store: WatchedStore, stage: Stage): Promise<Played> {
  const { row, gates, api } = stage
  const { flown, first } = await bring(inside, stage)
  const earlier = first === undefined ? 0 : 1
  const own = (): ScriptedTry | undefined => inside.provider.through(api)[earlier]
  fire(row.first, flown, own(), row)
  if (!row.atOnce) await turns()
  fire(row.second, flown, own(), row)
  for (const one of Object.values(gates)) one.open()
  await reached('what was to be charged is', () => flown.flight.state !== 'settling')
  const finish = (): boolean => {
    for (const one of inside.provider.through(api)) give('end', one, row)
    return flown.flight.state === 'over' && (first === undefined || first.flight.state === 'over')
  }
  await reached('the call is over', finish)
  // What comes late changes nothing.
  await reached('the store has answered everybody', () => store.reserving === 0)
  await turns()
  finish()
  return { stage, flown, earlier }
}

/** The flight in the state of its row. `first`: the call of the same name that was before it. */
async function bring(inside: Inside, { row, api, headers, firstHeaders, gates }: Stage): Promise<{ flown: Flown; first: Flown | undefined }> {
  const { state } = row
  const path = `/${api}/${row.answer === 'open' ? 'feed' : 'search'}`
  if (state !== 'reserving') gates.reserve.open()
  if (state !== 'authorizing') gates.verify.open()
  if (state === 'streaming' || state === 'over' || isWaiting(row)) gates.charge.open()
  const first = isWaiting(row) ? inside.fly(path, { headers: firstHeaders }) : undefined
  if (first !== undefined) await reached('the first of the name is at the provider', () => inside.provider.through(api).length === 1)
  const flown = inside.fly(path, { headers })
  await reached(`the state of ${api}`, () => advance(inside, row, flown.flight, api))
  return { flown, first }
}

/** A step nearer to the state of the row; true when it is there. */
function advance(inside: Inside, row: Row, flight: Flown['flight'], api: string): boolean {
  const { state } = row
  if (flight.state === 'admitting') return flight.admission === (isWaiting(row) ? 'waiting' : state)
  const one = inside.provider.through(api)[0]
  if (one === undefined) return false
  one.heeds = row.heeds
  if (state === 'calling, after head') one.head()
  else if (state !== 'calling, before head' && flight.state === 'calling') give(row.answer === 'whole' || state === 'over' ? 'end' : 'data', one, row)
  const wanted: FlightState = state.startsWith('calling') ? 'calling' : (state as FlightState)
  if (state === 'settling' && byPayment(row) && !inside.facilitator.asked.settle.includes(walletOf(Number(api.slice(1))))) return false
  return flight.state === wanted
}

function fire(event: Event, { flight, sink }: Flown, one: ScriptedTry | undefined, row: Row): void {
  switch (event) {
    case 'client gone':
      sink.gone = true
      return flight.onClientGone()
    case 'deadline':
      return flight.onDeadline()
    case 'shutdown':
      return flight.onShutdown()
    default:
      if (one !== undefined) give(event, one, row)
  }
}

/** Something from the provider, with what has to come before it. */
function give(event: Exclude<Event, 'client gone' | 'deadline' | 'shutdown'>, one: ScriptedTry, { answer }: Row): void {
  if (one.over) return
  if (event === 'head') one.head()
  else if (event === 'error') one.error()
  else {
    if (event === 'data' || one.chunks === 0) one.data(CHUNKS[answer])
    if (event === 'end') one.end()
  }
}

/** What is written down about a call that is over. */
async function came(inside: Inside, store: WatchedStore, { stage, flown, earlier }: Played, written: Written): Promise<Came> {
  const { row, account, api } = stage
  const { sink, id, flight } = flown
  const outcomes = inside.outcomes.get(id) ?? []
  const outcome = outcomes.at(-1)
  const { sold, own, wasted, left } = await inside.admin.counters(api)
  const before = { sold: row.payer === 'owner' ? 0 : earlier, own: row.payer === 'owner' ? earlier : 0, wasted: 0 }
  const used = { sold: sold - before.sold, own: own - before.own, wasted }
  const fates = (['sold', 'own', 'wasted'] as const).flatMap((fate) => Array<typeof fate>(Math.max(0, used[fate])).fill(fate))
  const charges = written.charges.get(id) ?? 0
  const refunds = written.refunds.get(api) ?? 0
  const charged = charges > 0 && row.payer !== 'owner'
  const paid = row.payer === 'credits' ? BigInt(earlier + (charged ? 1 : 0)) * PRICE : 0n
  const balance = (row.payer === 'credits' ? usd('$1') : 0n) - paid + BigInt(refunds) * PRICE
  const holds = [...store.held.values()].filter(({ connection }) => connection === api).slice(earlier)
  return {
    kind: outcome?.kind as Came['kind'],
    code: outcome?.code,
    seen: sink.seen,
    units: fates[0] ?? 'returned',
    charged,
    refunded: refunds === 1,
    observed: outcomes.length,
    records: charges + inside.records.filter((record) => record.id === id).length,
    hold: holds.map(({ ends }) => ends.join(' and ') || 'held').join(', ') || 'none',
    unitsHeld: 700 - sold - wasted - Math.max(0, own - 300) - left,
    settles: inside.facilitator.asked.settle.filter((payer) => account === `wallet:${payer}`).length - (row.state === 'waiting' && byPayment(row) ? 1 : 0),
    wrongs: [
      ...sink.wrongs,
      ...(inside.armed.has(flight) ? ['its deadline is running'] : []),
      ...(fates.length > 1 ? [`units used: ${fates}`] : []),
      ...((await inside.admin.balance(account)) === balance ? [] : [`the balance is ${await inside.admin.balance(account)}, not ${balance}`]),
    ],
  }
}
