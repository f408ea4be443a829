/**
 * A plugin on a stage: in a real chain, on a real store, with a provider that is a function and a clock that stands still.
 * No server and no port: a call in; facts, claims and refusals out.
 */
import { rmSync } from 'node:fs'
import { type Adapter, type Call, type Claim, type Connection, isRefusal, type Operation, type Outcome, type Plugin, type PluginPorts } from '#contract'
import { type Refusal, type Settings, type Store, type StoreAdmin, sha256, usd } from '#contract'
import { Complaints, formatComplaint, START } from '../../config/complaints.ts'
import { decodeSettings } from '../../config/decode.ts'
import { discover } from '../../config/discover.ts'
import { parseYaml } from '../../config/yaml.ts'
import { Deadlines } from '../engine/deadlines.ts'
import { EngineCall, type EnginePorts, Flight, Generation, Health, type Incoming, type Link, resolveBody, resolveTarget } from '../engine/index.ts'
import { Patience } from '../engine/patience.ts'
import type { Timed } from '../engine/ports.ts'
import type { OutgoingRequest } from '../engine/transport.ts'
import { Unverified } from '../engine/unverified.ts'
import { Tills } from '../payments/index.ts'
import { playFacilitator } from '../sandbox/facilitator.ts'
import { memoryOf, openEmbedded, Paces } from '../stores/index.ts'
import { countingChance, Ear, type Heard, type LogLine, memoryLog, PlayedTransport, type Provider } from './stage-parts.ts'
import { StillClock, stageConnection, stageOperations, temporaryFolder } from './stage-parts.ts'

export interface StageOptions {
  /** As in YAML: text, or an object of the same shape. */
  readonly settings?: string | object
  /** Default: `GET /acme/search` for one unit, and `POST /acme/order` for two. */
  readonly operations?: readonly Operation[]
  /** In place of the one connection `acme`: 1000 units at $0.15, of which 300 are the owner's. */
  readonly connections?: readonly Connection[]
  readonly concurrentPerConsumer?: number
}

/** A request as a consumer sends it. */
export interface Asking {
  /** Default: GET. */
  readonly method?: string
  /** Default: `/acme/search`. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | object
  /** Default: an address that is not loopback. */
  readonly address?: string
}

/** What the plugin by itself says of a call. */
export interface Said {
  readonly call: Call
  readonly refusal: Refusal | undefined
  readonly claims: readonly Claim[]
  /** Those that it gives, by name. */
  readonly facts: Readonly<Record<string, unknown>>
}

/** How a call ended that went all the way. */
export interface Ended extends Heard {
  readonly call: Call & { readonly digest: string }
  readonly outcome: Outcome
}

/** Finished values, as `create` gets them. @throws Error with the complaints */
export function settingsOf({ name, settings }: Pick<Plugin, 'name' | 'settings'>, written: string | object = ''): Readonly<Record<string, unknown>> {
  const text = typeof written === 'string' ? written : JSON.stringify(written)
  const complaints = new Complaints(name, text)
  const node = text === '' ? undefined : parseYaml(text, complaints)
  const values = decodeSettings(settings as Settings, node, { complaints, of: name, where: START })
  if (complaints.problems.length > 0) throw new Error(complaints.problems.map(formatComplaint).join('\n'))
  return values as Readonly<Record<string, unknown>>
}

let found: Promise<ReadonlyMap<string, Plugin>> | undefined
/** The plugins of the house. */
export const ourPlugins = (): Promise<ReadonlyMap<string, Plugin>> => {
  found ??= discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin')
  return found
}

const CHAIN = ['auth', 'abuse-detect', 'rate-limit', 'markup-billing', 'x402-payment', 'quota-reserve'] as const
/** No pace that a test could meet. */
const OPEN: Readonly<Record<string, object>> = {
  'rate-limit': { per_consumer: '1000000/second', burst: 1_000_000 },
  'x402-payment': { pay_to: `0x${'11'.repeat(20)}` },
}

/** The usual chain with this plugin in its place, instead of whoever gives the same facts, or first. */
async function chainWith(plugin: Plugin, link: Link): Promise<readonly Link[]> {
  const ours = await ourPlugins()
  const given = Object.keys(plugin.gives ?? {})
  const links = CHAIN.map((name): Link => {
    const one = ours.get(name) as Plugin
    return name === plugin.name ? link : { name, plugin: one, settings: settingsOf(one, OPEN[name]) }
  })
  if (links.includes(link)) return links
  return [link, ...links.filter((one) => !given.some((fact) => Object.hasOwn(one.plugin.gives ?? {}, fact)))]
}

export class Stage {
  readonly clock = new StillClock()
  /** What the gateway logged. */
  readonly logged: LogLine[] = []
  readonly store: Store
  readonly admin: StoreAdmin
  readonly ports: PluginPorts
  readonly #folder: string
  readonly #plugin: Plugin
  readonly #hooks: ReturnType<Plugin['create']>
  readonly #transport = new PlayedTransport()
  readonly #outcomes = new Map<string, Outcome>()
  #engine: EnginePorts | undefined
  #generation: Generation | undefined
  #calls = 0

  private constructor(plugin: Plugin, { settings, connections = [stageConnection('acme')], concurrentPerConsumer = 1000 }: StageOptions) {
    const { clock } = this
    const values = settingsOf(plugin, settings)
    this.#folder = temporaryFolder('atlas-stage-')
    const opened = openEmbedded({ folder: this.#folder, mode: 'sandbox', name: 'stage', replayBytes: 2 ** 20, clock, onGroup: () => undefined })
    this.store = opened.store
    this.admin = opened.admin
    this.admin.configure([...connections])
    const chance = countingChance()
    const limits = { upstreamTimeoutMs: 30_000, concurrentPerConsumer }
    const facilitator = playFacilitator({ clock, startingBalance: 100_000_000n })
    const tills = new Tills({ clock, chance, origin: () => ORIGIN, facilitator: () => facilitator })
    this.ports = {
      ...{ mode: 'sandbox', clock, chance, log: memoryLog(this.logged), meters: opened.meters, paces: new Paces(clock) },
      ...{ keys: this.store.keys, stock: this.store.stock, ...limits },
      ...{ till: (terms) => tills.till(terms, limits.upstreamTimeoutMs), memory: (bytes) => memoryOf(bytes, clock) },
    }
    this.#plugin = plugin
    this.#hooks = plugin.create(Object.freeze(values) as never, this.ports)
  }

  /** @throws Error where the settings are not good, or the plugin cannot be made */
  static async open(plugin: Plugin, options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(plugin, options)
    try {
      await stage.#begin(options)
    } catch (error) {
      await stage.close()
      throw error
    }
    return stage
  }

  async #begin({ operations = stageOperations, connections = [stageConnection('acme')] }: StageOptions): Promise<void> {
    const { clock, store, ports } = this
    const { upstreamTimeoutMs, concurrentPerConsumer, chance, log } = ports
    const link: Link = { name: this.#plugin.name, settings: {}, plugin: { ...this.#plugin, create: () => this.#hooks } }
    const chain = [...(await chainWith(this.#plugin, link)), this.#watcher()]
    const adapter: Adapter = { ...ACME, operations }
    this.#generation = await Generation.create({ number: 1, config: 'stage' }, [{ prefix: '/acme', api: 'acme', adapter, connections, chain }], ports)
    const health = new Health({ clock, stock: store.stock, audit: { write: async () => undefined }, notices: NOBODY, floor: 0.8, upstreamTimeoutMs })
    health.configure([...connections])
    this.#engine = {
      ...{ store, transport: this.#transport, clock, chance, log, health, upstreamTimeoutMs, concurrentPerConsumer },
      deadlines: new Deadlines<Timed>(upstreamTimeoutMs, (flight) => flight.onDeadline()),
      ...{ unverified: new Unverified(), patience: new Patience(60_000), bufferBytes: 64 * 1024 },
      ...{ origin: () => ORIGIN, attempted: () => undefined, record: () => undefined, unknown: () => undefined },
    }
  }

  #watcher(): Link {
    const observe = ({ id }: Call, outcome: Outcome): void => void this.#outcomes.set(id, outcome)
    return { name: 'watcher', settings: {}, plugin: { name: 'watcher', describe: 'Sees how calls end', settings: {}, create: () => ({ observe }) } }
  }

  get hooks(): ReturnType<Plugin['create']> {
    return this.#hooks
  }

  /** Requests that reached the provider, oldest first. */
  get sent(): readonly OutgoingRequest[] {
    return this.#transport.sent
  }

  /** Default: 200 and `{}`. */
  set provider(provider: Provider) {
    this.#transport.provider = provider
  }

  /** A key with credits, as the header that shows it. */
  async key(id: string, credits = '$10'): Promise<Readonly<Record<string, string>>> {
    await this.admin.createKey({ id, hash: sha256(`atlas_${id}`), role: 'consumer', credits: usd(credits) })
    return { authorization: `Bearer atlas_${id}` }
  }

  /** What the plugin says of a call before anything is reserved. @throws Error where the request is none; what the plugin throws */
  async ask(asking: Asking = {}): Promise<Said> {
    const call = this.#call(asking)
    await call.chain.prepare(call)
    const facts = Object.fromEntries(Object.entries(this.#hooks.facts ?? {}).map(([name, give]) => [name, give?.(call)]))
    const answer = this.#hooks.admit?.(call)
    return { call, facts, refusal: isRefusal(answer) ? answer : undefined, claims: Array.isArray(answer) ? answer : [] }
  }

  /** A call, all the way through the chain to its end. @throws Error where the request is none */
  async call(asking: Asking = {}): Promise<Ended> {
    const call = this.#call(asking)
    const ear = new Ear()
    await new Promise<void>((landed) => new Flight(this.#engine as EnginePorts, call, ear, () => landed()).start())
    return { ...(await ear.done), call, outcome: this.#outcomes.get(call.id) as Outcome }
  }

  #call({ method = 'GET', path = '/acme/search', headers = {}, body = '', address = '198.51.100.7' }: Asking): EngineCall {
    this.#calls += 1
    const generation = this.#generation as Generation
    const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    const rawHeaders = Object.entries(headers).flat()
    const incoming: Incoming = {
      ...{ id: `call-${this.#calls}`, method, target: path, address, loopback: address.startsWith('127.'), rawHeaders },
      header: (name) => lower.get(name),
    }
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const target = resolveTarget(generation, incoming)
    if (isRefusal(target)) throw new Error(target.detail)
    const request = resolveBody(target, incoming, bytes)
    if (isRefusal(request)) throw new Error(request.detail)
    return new EngineCall(incoming, target, request, bytes, { generation: 1, config: 'stage', receivedAtMs: this.clock.nowMs(), origin: ORIGIN })
  }

  async close(): Promise<void> {
    if (this.#generation === undefined) await this.#hooks.close?.()
    else await this.#generation.close()
    await this.store.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const ORIGIN = 'http://gateway.example'
const NOBODY = { tell: (): void => undefined }
const ACME: Adapter = {
  ...{ name: 'acme', title: 'Acme', category: 'Tests', docs: '', baseUrl: 'https://api.acme.example/v1', credential: { in: 'header', name: 'X-Key' } },
  ...{ quota: { unit: 'call', resets: 'billing-day' }, terms: { source: 'acme.example/terms', checked: '2026-11-23' }, operations: [], failures: [] },
}
