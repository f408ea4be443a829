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
  readonly #polls: UsagePolls | undefined = undefined
  /** How long one waits and how much one reads, in everything that asks. */
  readonly #asking: Waits[]

  constructor(parts: WatchingParts) {
    const { store, connections, adapters, alarm } = parts
    this.#quotas = new QuotaWatch({ ...parts, stock: store.stock }, connections, adapters)
    const vetting = { ...parts, watch: this.#quotas, ...waitsOf(parts) }
    this.vetting = new Vetting(vetting)
    this.#asking = [vetting]
    if (alarm === undefined) return
    const polling = { ...vetting, alarm, enabled: (name: string) => store.stock.enabled(name) }
    this.#polls = new UsagePolls(polling, pollingsOf(connections, adapters))
    this.#asking.push(polling)
  }

  /** After a reload. */
  configure({ connections, adapters, ...limits }: Pick<WatchingParts, 'connections' | 'adapters' | 'upstreamTimeoutMs' | 'bufferBytes'>): void {
    for (const asking of this.#asking) Object.assign(asking, waitsOf(limits))
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

interface Waits {
  withinMs: number
  bufferBytes: number
}

const waitsOf = ({ upstreamTimeoutMs, bufferBytes }: Pick<WatchingParts, 'upstreamTimeoutMs' | 'bufferBytes'>): Waits => ({
  ...{ withinMs: upstreamTimeoutMs, bufferBytes },
})

const pollingsOf = (connections: readonly Connection[], adapters: ReadonlyMap<string, Adapter>): readonly Polling[] =>
  connections.flatMap((connection) => {
    const usage = adapters.get(connection.adapter)?.quota.usage
    return usage === undefined ? [] : [{ connection, usage }]
  })
