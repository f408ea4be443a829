/**
 * Generations of the configuration: from a loaded file to what can serve calls, built beside what serves now and taken in one move, or dropped without a trace.
 * Read `ends.ts` for providers and facilitators, `restart.ts` for what no reload can change, `difference.ts` for what a change means. Stores, limits, the state
 * of connections, pools, clocks and counts are not of a generation: they go on.
 */
import type { PluginPorts, TillSettings } from '#contract'
import type { GatewayConfig } from '../../config/model.ts'
import { type CallLimits, Generation } from '../engine/index.ts'
import { type Ground, payingOf } from '../ground/index.ts'
import { Tills, type X402Till } from '../payments/index.ts'
import { memoryOf } from '../stores/index.ts'
import { clear, forget, type OuterEnds, type Place, type Secrets } from './ends.ts'

export { clear, forget, OuterEnds, type Place, type Secrets } from './ends.ts'

/** A file without problems. The bytes of its secrets are cleared by whoever takes or drops it. */
export interface Good {
  readonly config: GatewayConfig
  readonly secrets: Secrets
}

/** A generation that nobody serves yet. */
export interface Prepared {
  readonly config: GatewayConfig
  readonly generation: Generation
  readonly limits: CallLimits
  readonly place: Place
  readonly secrets: Secrets
  readonly paying: Ground['paying']
}

interface Made {
  readonly place: Place
  /** In the order in which its chains name them. */
  readonly tills: readonly X402Till[]
}

export class Generations {
  readonly ends: OuterEnds
  readonly #ground: Ground
  readonly #tills: Tills
  readonly #made = new WeakMap<Generation, Made>()
  #count = 0

  constructor(ground: Ground, ends: OuterEnds) {
    this.#ground = ground
    this.ends = ends
    const { clock, chance } = ground
    this.#tills = new Tills({ clock, chance, origin: () => ground.origin, facilitator: (url) => ends.facilitator(url) })
  }

  /** Built whole: what cannot be built is no generation. @throws Error with one sentence for the operator; the secrets are cleared then */
  async prepare({ config, secrets }: Good): Promise<Prepared> {
    try {
      const { ends } = this
      const place = await ends.placeOf(config)
      const paying = config === this.#ground.config ? this.#ground.paying : await payingOf(config)
      const tills: X402Till[] = []
      this.#count += 1
      const generation = await Generation.create({ number: this.#count, config: config.digest }, place.routes, this.#portsOf(config, tills))
      this.#made.set(generation, { place, tills })
      return { config, generation, limits: limitsOf(config), place, secrets, paying }
    } catch (error) {
      clear(secrets)
      forget(config)
      throw error
    }
  }

  /** It is not taken. */
  async drop({ config, generation, secrets }: Prepared): Promise<void> {
    clear(secrets)
    forget(config)
    await generation.close()
  }

  /** Its connections can be called from now on. */
  take({ place, config, secrets }: Prepared): void {
    this.ends.take(place, config, secrets)
  }

  /** Its last call is over. */
  closed(generation: Generation): void {
    const made = this.#made.get(generation)
    if (made !== undefined) this.ends.leave(made.place)
  }

  /** Where a generation takes payments: that of the first route comes first. */
  tillsOf(generation: Generation): readonly X402Till[] {
    return this.#made.get(generation)?.tills ?? NONE
  }

  #portsOf(config: GatewayConfig, tills: X402Till[]): PluginPorts {
    const { clock, chance, log, store, meters, paces } = this.#ground
    return {
      ...{ mode: config.mode, clock, chance, log, meters, paces, keys: store.keys, stock: store.stock },
      upstreamTimeoutMs: config.upstream.timeoutMs,
      concurrentPerConsumer: config.limits.concurrentPerConsumer,
      till: (settings) => this.#tillOf(settings, config, tills),
      memory: (bytes) => memoryOf(bytes, clock),
    }
  }

  #tillOf(settings: TillSettings, { upstream }: GatewayConfig, tills: X402Till[]): X402Till {
    const till = this.#tills.till(settings, upstream.timeoutMs)
    if (!tills.includes(till)) tills.push(till)
    return till
  }
}

const NONE: readonly X402Till[] = []

const limitsOf = ({ upstream, limits }: GatewayConfig): CallLimits => ({
  upstreamTimeoutMs: upstream.timeoutMs,
  bufferBytes: upstream.bufferBytes,
  concurrentPerConsumer: limits.concurrentPerConsumer,
})
