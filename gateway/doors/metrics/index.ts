/**
 * `GET /metrics`: what Prometheus reads. Read `families.ts` for what there is, `scrape.ts` for where it comes from. Nothing here is touched by
 * a call: what calls count are plain numbers (engine/tallies.ts). The library that writes the format is loaded at the first scrape.
 */
import type { Metric, Registry } from 'prom-client'
import type { Gateway } from '../../gateway.ts'
import type { Office } from '../../office/index.ts'
import type { Workers } from '../workers/workers.ts'
import { families } from './families.ts'
import { Scrapes } from './scrape.ts'

export const METRICS_PATH = '/metrics'

export interface MetricsText {
  readonly type: string
  readonly text: string
}

/** The part of the library that writes the format: the whole would keep the thread of calls busy for 25 to 60 ms, this for 2. */
async function newRegistry(): Promise<Registry> {
  // @ts-expect-error: the library types its index alone
  const { default: Made } = (await import('prom-client/lib/registry.js')) as { readonly default: new () => Registry }
  return new Made()
}

export class MetricsPage {
  readonly #scrapes = new Scrapes()

  async text(served: { readonly gateway: Gateway; readonly office: Office; readonly workers: Workers | undefined }): Promise<MetricsText> {
    const [registry, scrape] = await Promise.all([newRegistry(), this.#scrapes.now(served.gateway, served.office, served.workers)])
    for (const { samples, ...family } of families) {
      const found = { ...family, aggregator: 'sum', values: samples(scrape) }
      // All that a registry asks of a metric.
      registry.registerMetric({ name: family.name, get: async () => found } as unknown as Metric)
    }
    return { type: registry.contentType, text: await registry.metrics() }
  }
}
