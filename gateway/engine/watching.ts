/** What a gateway does about its connections beside serving calls: compares quotas with the providers' own counters, asks usage endpoints, vets. */
import type { Adapter, Alarm, Attempt, Chance, Connection } from '#contract'
import type { Generation } from './generation.ts'
import { QuotaWatch, type QuotaPorts } from './quota-watch.ts'
import type { Transport } from './transport.ts'
import { type Polling, UsagePolls, type UsagePorts } from './usage-polls.ts'
import { Vetting, type VettingPorts } from './vetting.ts'

export interface WatchingParts extends Omit<QuotaPorts, 'stock'>, Pick<VettingPorts, 'store'>, Pick<UsagePorts, 'unitsSeen'> {
  readonly chance: Chance
  readonly transport: Pick<Transport, 'send'>
  readonly upstreamTimeoutMs: number
  readonly bufferBytes: number
  generation(): Generation
  /** As they are called: simulated ones with the simulator's address. */
  readonly connections: readonly Connection[]
  readonly adapters: ReadonlyMap<string, Adapter>
  /** Undefined: nothing is asked by itself. */
  readonly alarm: Alarm | undefined
}

export class Watching {
  readonly vetting: Vetting
  readonly #quotas: QuotaWatch
  readonly #polls: UsagePolls | undefined

  constructor(parts: WatchingParts) {
    const { store, connections, adapters, alarm } = parts
    this.#quotas = new QuotaWatch({ ...parts, stock: store.stock }, connections, adapters)
    const asking = { ...parts, watch: this.#quotas, withinMs: parts.upstreamTimeoutMs }
    this.vetting = new Vetting(asking)
    const asked = pollingsOf(connections, adapters)
    this.#polls = alarm === undefined ? undefined : new UsagePolls({ ...asking, alarm, enabled: (name) => store.stock.enabled(name) }, asked)
  }

  /** After a reload. */
  configure({ connections, adapters }: Pick<WatchingParts, 'connections' | 'adapters'>): void {
    this.#quotas.configure(connections, adapters)
    this.#polls?.configure(pollingsOf(connections, adapters))
  }

  attempted({ connection, tookMs }: Attempt, rawHeaders: readonly string[]): void {
    this.#quotas.seen(connection, tookMs, rawHeaders)
  }

  close(): void {
    this.#quotas.close()
    this.#polls?.close()
  }
}

const pollingsOf = (connections: readonly Connection[], adapters: ReadonlyMap<string, Adapter>): readonly Polling[] =>
  connections.flatMap((connection) => {
    const usage = adapters.get(connection.adapter)?.quota.usage
    return usage === undefined ? [] : [{ connection, usage }]
  })
