/**
 * A gateway from inside: the real store in a temp folder, the real chain, real flights, without doors. Outside of it stand a
 * scripted clock, provider and facilitator; what happened is written down for the test.
 */

import {
  type Adapter,
  type CallRecord,
  type Connection,
  isRefusal,
  type Log,
  type Meters,
  type NewKey,
  type Outcome,
  type PluginPorts,
  type Store,
  type StoreAdmin,
  sha256,
  usd,
} from '#contract'
import { Patience } from '../../gateway/engine/patience.ts'
import { EngineCall, type EnginePorts, Flight, Generation, type Incoming, type Link, resolveBody, resolveTarget } from '../../gateway/engine/index.ts'
import { QualityBook } from '../../gateway/engine/quality.ts'
import { Unverified } from '../../gateway/engine/unverified.ts'
import { Tills } from '../../gateway/payments/index.ts'
import { type Group, type JournalRecord, memoryOf, openEmbedded, Paces } from '../../gateway/stores/index.ts'
import { adapterOf, connectionOf, operationOf } from './acme.ts'
import { realChain } from './chains.ts'
import { type OpenedHealth, openHealth, turns, WatchedDeadlines } from './around.ts'
import { memoryFolder, type Teardown } from './folder.ts'
import { countingChance, type LogLine, memoryLog, ScriptedClock, ScriptedFacilitator, ScriptedTransport } from './scripted.ts'
import { RecordingSink } from './sink.ts'

export { turns } from './around.ts'

export interface InsideSetup {
  readonly adapter?: Adapter
  /** API name -> its connections; default: `acme` with one of the same name. */
  readonly apis?: ReadonlyMap<string, readonly Connection[]>
  readonly chain?: readonly Link[]
  readonly bufferBytes?: number
  readonly upstreamTimeoutMs?: number
  readonly concurrentPerConsumer?: number
  /** Default: the scripted provider. */
  readonly transport?: EnginePorts['transport']
  /** Of the reliability of connections; default 80 %. */
  readonly floor?: number
  /** How long a call waits for the store; long enough here for any test that does not ask for less. */
  readonly patienceMs?: number
  /** Default: the embedded one. Its journal is not seen here. */
  readonly real?: RealStore
  /** What stands between the engine and the real store. */
  readonly between?: (store: Store) => Store
}

export interface RealStore {
  readonly clock: ScriptedClock
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  flushed(): Promise<void>
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Default: a loopback address. */
  readonly address?: string
}

/** A call under way. */
export interface Flown {
  readonly id: string
  readonly flight: Flight
  readonly sink: RecordingSink
  readonly call: EngineCall
  /** Resolves when the call is over. */
  readonly landed: Promise<void>
}

export interface Inside extends OpenedHealth {
  readonly clock: ScriptedClock
  readonly logged: readonly LogLine[]
  readonly log: Log
  readonly store: Store
  readonly admin: StoreAdmin
  readonly meters: Meters
  readonly facilitator: ScriptedFacilitator
  readonly provider: ScriptedTransport
  readonly quality: QualityBook
  readonly generation: Generation
  /** The log of calls that were not charged. */
  readonly records: readonly CallRecord[]
  /** What became durable. */
  readonly journal: readonly JournalRecord[]
  /** Call id -> what the plugins were told of its end. */
  readonly outcomes: ReadonlyMap<string, readonly Outcome[]>
  /** Calls whose deadline is running. */
  readonly armed: ReadonlySet<object>
  /** Settlements that were said to be unknown. */
  readonly unknowns: { count: number }
  /** What the engine was given, and what the plugins were. */
  readonly ports: EnginePorts
  readonly pluginPorts: PluginPorts
  flushed(): Promise<void>
  /** A key, with its header. */
  key(id: string, more?: Partial<NewKey>): Promise<Record<string, string>>
  /** A call from its first step. @throws Error where it is refused before it is one */
  fly(path: string, asked?: Asked): Flown
}

/** Everything ends with the test. */
export async function openInside(t: Teardown, setup: InsideSetup = {}): Promise<Inside> {
  const { apis = new Map([['acme', [connectionOf('acme')]]]), adapter = adapterOf([operationOf('search')]) } = setup
  const limits = { upstreamTimeoutMs: setup.upstreamTimeoutMs ?? 30_000, concurrentPerConsumer: setup.concurrentPerConsumer ?? 1000 }
  const outside = outsideParts(setup.real?.clock)
  const { clock, chance, log, facilitator, provider } = outside
  const { store, admin, meters, journal, flushed } = openStore(t, clock, setup)
  admin.configure([...apis.values()].flat())
  const origin = (): string => 'http://gateway.example'
  const tills = new Tills({ clock, chance, origin, facilitator: () => facilitator })
  const pluginPorts: PluginPorts = {
    ...{ mode: 'sandbox', clock, chance, log, meters, paces: new Paces(clock), keys: store.keys, stock: store.stock, ...limits },
    till: (settings) => tills.till(settings, limits.upstreamTimeoutMs),
    memory: (bytes) => memoryOf(bytes, clock),
  }
  const seen = { records: [] as CallRecord[], outcomes: new Map<string, Outcome[]>(), unknowns: { count: 0 } }
  const chain = [...(setup.chain ?? realChain()), watcher(seen.outcomes)]
  const routes = [...apis].map(([api, connections]) => ({ prefix: `/${api}`, api, adapter, connections, chain }))
  const generation = await Generation.create({ number: 1, config: 'digest' }, routes, pluginPorts)
  t.teardown(() => generation.close())
  const quality = new QualityBook()
  const watched = openHealth(store, clock, setup.floor)
  watched.health.configure([...apis.values()].flat())
  const deadlines = new WatchedDeadlines(limits.upstreamTimeoutMs, (flight) => flight.onDeadline())
  const ports: EnginePorts = {
    ...{ store, transport: setup.transport ?? provider, clock, chance, log, deadlines, unverified: new Unverified(), health: watched.health, ...limits },
    patience: new Patience(setup.patienceMs ?? 60_000),
    bufferBytes: setup.bufferBytes ?? 64,
    attempted: (call, attempt) => quality.note(call.operation, attempt),
    origin,
    record: (record) => void seen.records.push(record),
    unknown: () => {
      seen.unknowns.count += 1
    },
  }
  const opened = { store, admin, meters, journal, flushed, quality, generation, ports, pluginPorts, armed: deadlines.armed }
  return {
    ...{ ...outside, ...seen, ...watched, ...opened },
    key: (id, more) => keyOf(admin, id, more),
    fly: flights(ports, generation),
  }
}

/** What stands around a gateway. */
function outsideParts(clock = new ScriptedClock()) {
  const logged: LogLine[] = []
  const facilitator = new ScriptedFacilitator()
  return { clock, chance: countingChance(), logged, log: memoryLog(logged), facilitator, provider: new ScriptedTransport() }
}

function openStore(t: Teardown, clock: ScriptedClock, { between, real }: InsideSetup) {
  if (real !== undefined) return { ...real, store: between?.(real.store) ?? real.store, journal: [] }
  const journal: JournalRecord[] = []
  const onGroup = ({ bytes }: Group): void => {
    for (const line of bytes.toString().split('\n')) if (line !== '') journal.push(JSON.parse(line) as JournalRecord)
  }
  const opened = openEmbedded({ folder: memoryFolder(t), mode: 'sandbox', name: 'inside', replayBytes: 2 ** 20, clock, onGroup })
  t.teardown(() => opened.store.close())
  const { admin, meters, flushed } = opened
  return { store: between?.(opened.store) ?? opened.store, admin, meters, journal, flushed }
}

async function keyOf(admin: StoreAdmin, id: string, more: Partial<NewKey> = {}): Promise<Record<string, string>> {
  const shown = `atlas_${id}`
  await admin.createKey({ id, hash: sha256(shown), role: 'consumer', credits: usd('$10'), ...more })
  return { authorization: `Bearer ${shown}` }
}

const watcher = (outcomes: Map<string, Outcome[]>): Link => ({
  name: 'watcher',
  settings: {},
  plugin: {
    name: 'watcher',
    describe: 'Writes down how calls end',
    settings: {},
    create: () => ({ observe: ({ id }, outcome) => void outcomes.set(id, [...(outcomes.get(id) ?? []), outcome]) }),
  },
})

/** A request as a door would hand it over. */
export function incomingOf(id: string, target: string, { method = 'GET', headers = {}, address = '127.0.0.1' }: Asked = {}): Incoming {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    ...{ id, method, target, address, loopback: address.startsWith('127.') },
    rawHeaders: Object.entries(headers).flat(),
    header: (name) => lower.get(name),
  }
}

function flights(ports: EnginePorts, generation: Generation): Inside['fly'] {
  let count = 0
  return (path, asked = {}) => {
    count += 1
    const incoming = incomingOf(`call-${count}`, path, asked)
    const body = Buffer.from(asked.body ?? '')
    const target = resolveTarget(generation, incoming)
    if (isRefusal(target)) throw new Error(target.detail)
    const request = resolveBody(target, incoming, body)
    if (isRefusal(request)) throw new Error(request.detail)
    const call = new EngineCall(incoming, target, request, body, {
      generation: 1,
      config: 'digest',
      receivedAtMs: ports.clock.nowMs(),
      origin: ports.origin(),
    })
    const sink = new RecordingSink()
    let over = (): void => undefined
    const landed = new Promise<void>((resolve) => {
      over = resolve
    })
    const flight = new Flight(ports, call, sink, () => over())
    flight.start()
    return { id: incoming.id, flight, sink, call, landed }
  }
}

/** Turn by turn until it is so. @throws Error after `withinMs` */
export async function reached(what: string, so: () => boolean, withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!so()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
    await turns(1)
  }
}
