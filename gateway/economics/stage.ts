/** A configuration on which recorded calls are asked for again: its own chain says what they claim, the store's rules what they get. */
import {
  type Clock,
  type Consumer,
  type Meters,
  type Operation,
  type Payment,
  type PluginPorts,
  type Refusal,
  refuse,
  type StockMirror,
  type StoreClaim,
  type Usd,
} from '#contract'
import type { GatewayConfig, Route } from '../../config/model.ts'
import { Catalogue, type Entry } from '../engine/catalogue.ts'
import { Chain } from '../engine/chain.ts'
import { Rehearsal, type RehearsalOptions } from '../stores/index.ts'
import { PlayedCall } from './played-call.ts'
import type { CallEvent, KeyNow, RecordedHead } from './recorded.ts'

export type StageConfig = Pick<GatewayConfig, 'mode' | 'routes' | 'connections' | 'upstream' | 'limits'>

/** Who asked and how it is paid for; undefined where nobody pays. */
export interface Payer {
  readonly consumer: Consumer
  readonly payment: Payment | undefined
}

interface Played {
  readonly route: Route
  readonly chain: Chain
  readonly entries: ReadonlyMap<string, Entry>
  /** Operations whose units are those of a recorded call, by operation and units. */
  readonly variants: Map<string, Operation>
}

/** Who asks is known from the record: what finds it out, and what takes payments, is not asked again. */
const KNOWN_FACTS = ['consumer', 'payment', 'signedIn', 'challenge']

export class Stage {
  readonly rehearsal: Rehearsal
  readonly #apis: ReadonlyMap<string, Played>

  private constructor(rehearsal: Rehearsal, apis: ReadonlyMap<string, Played>) {
    this.rehearsal = rehearsal
    this.#apis = apis
  }

  /** @throws what a plugin's `create` throws */
  static async open(config: StageConfig, options: Pick<RehearsalOptions, 'offSale' | 'startMs'>): Promise<Stage> {
    const rehearsal = new Rehearsal({ ...options, connections: config.connections })
    const ports = portsOf(config, rehearsal)
    const chains = new Map<Route['chain'], Chain>()
    const apis = new Map<string, Played>()
    for (const route of config.routes) {
      const links = route.chain.filter(({ plugin }) => !KNOWN_FACTS.some((fact) => Object.hasOwn(plugin.gives ?? {}, fact)))
      const chain = chains.get(route.chain) ?? (await Chain.create(links, ports))
      chains.set(route.chain, chain)
      const { entries } = new Catalogue(route.adapter, route.connections)
      apis.set(route.api, { route, chain, entries: new Map(entries.map((entry) => [entry.operation.id, entry])), variants: new Map() })
    }
    return new Stage(rehearsal, apis)
  }

  /** What the chain claims for the call, or why it refuses it. */
  ask(event: CallEvent, { consumer, payment }: Payer): readonly StoreClaim[] | Refusal {
    const isSold = event[0] === 'c'
    const [api, operationId, requested] = isSold ? [event[4], event[5], event[11]] : [event[2], event[3], event[7]]
    const played = this.#apis.get(api)
    if (played === undefined) return UNKNOWN_ROUTE
    const entry = played.entries.get(operationId)
    if (entry === undefined) return UNKNOWN_OPERATION
    const { route, chain } = played
    const operation = operationOf(played, entry.operation, requested)
    const call = new PlayedCall({ at: event[1], route, chain, operation, pool: entry.connections, consumer, payment })
    // Whoever is asked for pays: nothing is claimed for who does not.
    return chain.admit(call) as StoreClaim[] | Refusal
  }

  /** Whether the answer decides what the operation takes, or the request: then a call takes what it took. */
  takesAsRecorded(event: CallEvent): boolean {
    const [api, operation] = event[0] === 'c' ? [event[4], event[5]] : [event[2], event[3]]
    return typeof this.#apis.get(api)?.entries.get(operation)?.operation.units !== 'number'
  }
}

const UNKNOWN_ROUTE = refuse('unknown_route', 'the file has no such API')
const UNKNOWN_OPERATION = refuse('unknown_operation', 'the API has no operation on sale at this path')

/** Requests are not recorded: where units depend on them, they are those that were asked for. */
function operationOf({ variants }: Played, operation: Operation, requested: number): Operation {
  if (typeof operation.units === 'number') return operation
  const key = `${operation.id} ${requested}`
  let variant = variants.get(key)
  if (variant === undefined) {
    variant = { ...operation, units: requested }
    variants.set(key, variant)
  }
  return variant
}

/** Nothing stands against anybody: what was refused for abuse is not judged again. */
const QUIET: Meters = {
  quiet: true,
  ...{ standing: () => undefined, add: () => undefined, takeBack: () => undefined, refused: () => undefined, ended: () => undefined },
  ...{ perMinute: () => 0, inARow: () => 0, different: () => 0, walked: () => 0, suspects: () => [], forget: () => false },
}
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

function portsOf({ mode, upstream, limits }: StageConfig, { clock, stock }: { readonly clock: Clock; readonly stock: StockMirror }): PluginPorts {
  return {
    ...{ mode, clock, stock, log: SILENT, meters: QUIET },
    chance: { hex: (bytes) => '0'.repeat(bytes * 2) },
    keys: { byHash: () => undefined, ofAccount: () => [] },
    // Of those who do not pay, who are not asked for again.
    paces: { tried: () => 0 },
    // What was answered from memory was no call to a provider, and is not recorded as one.
    memory: () => ({ get: () => undefined, keep: () => undefined, clear: () => undefined }),
    upstreamTimeoutMs: upstream.timeoutMs,
    concurrentPerConsumer: limits.concurrentPerConsumer,
    till: () => {
      throw new Error('no payment is taken while recorded calls are played')
    },
  }
}

/** Says only that somebody has paid: how much is decided by the price. */
const PAYMENT = { payer: '0x', amount: 0n as Usd } as Payment

const KEY = 'key:'
const WALLET = 'wallet:'

/** Who asked for recorded calls: the same objects for the same consumers. */
export class Payers {
  readonly #keys: ReadonlyMap<string, KeyNow>
  readonly #known = new Map<string, Payer>()

  constructor({ keys }: RecordedHead) {
    this.#keys = new Map(keys.map((key) => [`${KEY}${key.id}`, key]))
  }

  /** Undefined where nobody paid, or it is not known who. */
  of(event: CallEvent): Payer | undefined {
    const isSold = event[0] === 'c'
    const id = isSold ? event[6] : event[4]
    const by = isSold ? event[8] : ''
    const known = this.#known.get(`${by} ${id}`)
    if (known !== undefined) return known
    const payer = isSold ? this.#sold(id, by, event[7], event[10]) : this.#uncharged(id)
    if (payer !== undefined && by !== 'owner') this.#known.set(`${by} ${id}`, payer)
    return payer
  }

  #sold(id: string, by: string, account: string, owner: string): Payer {
    if (by === 'owner') return { consumer: { kind: 'owner', id, keyId: id.slice(KEY.length), owner }, payment: undefined }
    const payment = by === 'x402' ? PAYMENT : undefined
    if (id.startsWith(KEY)) return { consumer: this.#key(id, account), payment }
    const wallet = id.slice(WALLET.length)
    return { consumer: by === 'x402' ? { kind: 'wallet', id, wallet } : { kind: 'signed', id, wallet, account }, payment }
  }

  #key(id: string, account: string): Consumer {
    const { capPerDay, capPerMonth } = this.#keys.get(id) ?? {}
    return {
      ...{ kind: 'key', id, keyId: id.slice(KEY.length), account },
      ...(capPerDay === undefined ? {} : { capPerDay: BigInt(capPerDay) as Usd }),
      ...(capPerMonth === undefined ? {} : { capPerMonth: BigInt(capPerMonth) as Usd }),
    }
  }

  /** How it would have been paid is not recorded: keys by their credits, wallets call by call. */
  #uncharged(id: string): Payer | undefined {
    const key = this.#keys.get(id)
    if (key?.owner !== undefined) return { consumer: { kind: 'owner', id, keyId: key.id, owner: key.owner }, payment: undefined }
    if (id.startsWith(KEY)) return { consumer: this.#key(id, key?.account ?? id), payment: undefined }
    return id.startsWith(WALLET) ? { consumer: { kind: 'wallet', id, wallet: id.slice(WALLET.length) }, payment: PAYMENT } : undefined
  }
}
