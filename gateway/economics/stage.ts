/** A configuration on which recorded calls are asked for again: its own chain says what they claim, the store's rules what they get. */
import { type Clock, isRefusal, type Meters, type Operation, type PluginPorts, type Refusal, type StockMirror, type StoreClaim } from '#contract'
import type { GatewayConfig, Route } from '../../config/model.ts'
import { Catalogue, type Entry } from '../engine/catalogue.ts'
import { Chain } from '../engine/chain.ts'
import { type Plan, planOf, Rehearsal, type RehearsalOptions } from '../stores/index.ts'
import type { Payer } from './payers.ts'
import { PlayedCall, type PlayedParts } from './played-call.ts'
import type { UnchargedSaid } from './said.ts'

export type StageConfig = Pick<GatewayConfig, 'mode' | 'routes' | 'connections' | 'upstream' | 'limits'>

interface Played {
  readonly route: Route
  readonly chain: Chain
  readonly entries: ReadonlyMap<string, Entry>
  /** Operations whose units are those of a recorded call, by operation and units. */
  readonly variants: Map<string, Operation>
  readonly plans: Map<Payer, Map<Operation, Planned>>
}

/** Who asks is known from the record: what finds it out, and what takes payments, is not asked again. */
const KNOWN_FACTS = ['consumer', 'payment', 'signedIn', 'challenge']

/** What is asked for in a recorded call. */
export type Asked = Pick<UnchargedSaid, 'api' | 'operation' | 'requested'>

export interface Planned {
  /** What is claimed, or the code of the refusal. */
  readonly plan: Plan | string
  /** So it is for whoever asks for the same, whenever. */
  readonly isSteady: boolean
}

export class Stage {
  readonly rehearsal: Rehearsal
  readonly #apis: ReadonlyMap<string, Played>
  readonly #moving: Moving

  private constructor(rehearsal: Rehearsal, apis: ReadonlyMap<string, Played>, moving: Moving) {
    this.rehearsal = rehearsal
    this.#apis = apis
    this.#moving = moving
  }

  /** @throws what a plugin's `create` throws */
  static async open(config: StageConfig, options: Pick<RehearsalOptions, 'offSale' | 'startMs'>): Promise<Stage> {
    const rehearsal = new Rehearsal({ ...options, connections: config.connections })
    const moving = new Moving(rehearsal)
    const ports = portsOf(config, moving)
    const chains = new Map<Route['chain'], Chain>()
    const apis = new Map<string, Played>()
    for (const route of config.routes) {
      const links = route.chain.filter(({ plugin }) => !KNOWN_FACTS.some((fact) => Object.hasOwn(plugin.gives ?? {}, fact)))
      const chain = chains.get(route.chain) ?? (await Chain.create(links, ports))
      chains.set(route.chain, chain)
      const { entries } = new Catalogue(route.adapter, route.connections)
      const byId = new Map(entries.map((entry) => [entry.operation.id, entry]))
      apis.set(route.api, { route, chain, entries: byId, variants: new Map(), plans: new Map() })
    }
    return new Stage(rehearsal, apis, moving)
  }

  /**
   * What the chain says of the call. Whoever asks for the same gets the same answer (a guarantee of every plugin), unless the chain looked
   * at what moves: the time, or what is left.
   */
  plan({ api, operation: id, requested }: Asked, payer: Payer): Planned {
    const played = this.#apis.get(api)
    if (played === undefined) return UNKNOWN_ROUTE
    const entry = played.entries.get(id)
    if (entry === undefined) return UNKNOWN_OPERATION
    const operation = operationOf(played, entry.operation, requested)
    const plans = played.plans.get(payer) ?? new Map<Operation, Planned>()
    const known = plans.get(operation)
    if (known !== undefined) return known
    const planned = this.#planned(played, { operation, pool: entry.connections, ...payer })
    if (planned.isSteady) played.plans.set(payer, plans.set(operation, planned))
    return planned
  }

  #planned({ route, chain }: Played, parts: Pick<PlayedParts, 'operation' | 'pool' | 'consumer' | 'payment'>): Planned {
    const moving = this.#moving
    moving.wasSeen = false
    // Whoever is asked for pays: nothing is claimed for who does not.
    const claims = chain.admit(new PlayedCall({ ...parts, route, chain, clock: moving.clock })) as StoreClaim[] | Refusal
    const isSteady = !moving.wasSeen
    if (isRefusal(claims)) return { plan: claims.code, isSteady }
    // A chain that asks for no units serves nobody.
    return { plan: claims.some(({ kind }) => kind === 'supply') ? planOf(claims) : 'unavailable', isSteady }
  }

  /** Whether the answer decides what the operation takes, or the request: then a call takes what it took. */
  takesAsRecorded({ api, operation }: Asked): boolean {
    return typeof this.#apis.get(api)?.entries.get(operation)?.operation.units !== 'number'
  }
}

/** The file has no such API; the API has no such operation on sale. */
const UNKNOWN_ROUTE: Planned = { plan: 'unknown_route', isSteady: true }
const UNKNOWN_OPERATION: Planned = { plan: 'unknown_operation', isSteady: true }

/** What is another from call to call; notes that somebody looked. */
class Moving {
  wasSeen = false
  readonly clock: Clock
  readonly stock: StockMirror

  constructor({ clock, stock }: Pick<Rehearsal, 'clock' | 'stock'>) {
    const seen = <A extends unknown[], R>(look: (...of: A) => R): ((...of: A) => R) => {
      return (...of) => {
        this.wasSeen = true
        return look(...of)
      }
    }
    this.clock = { nowMs: seen(() => clock.nowMs()), monotonicNs: seen(() => clock.monotonicNs()) }
    this.stock = {
      enabled: seen((connection) => stock.enabled(connection)),
      left: seen((connection) => stock.left(connection)),
      leftForOwner: seen((connection) => stock.leftForOwner(connection)),
      resetsAtMs: seen((connection) => stock.resetsAtMs(connection)),
    }
  }
}

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

function portsOf({ mode, upstream, limits }: StageConfig, { clock, stock }: Moving): PluginPorts {
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
