/**
 * `GET /metrics`: what Prometheus reads. Read `families.ts` for what there is, `scrape.ts` for where it comes from. Nothing here is touched by
 * a call: what calls count are plain numbers (engine/tallies.ts). The library that writes the format is loaded at the first scrape.
 */
import type { Metric } from 'prom-client'
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

export class MetricsPage {
  readonly #scrapes = new Scrapes()

  async text(served: { readonly gateway: Gateway; readonly office: Office; readonly workers: Workers | undefined }): Promise<MetricsText> {
    const [{ Registry }, scrape] = await Promise.all([import('prom-client'), this.#scrapes.now(served.gateway, served.office, served.workers)])
    const registry = new Registry()
    for (const { samples, ...family } of families) {
      const found = { ...family, aggregator: 'sum', values: samples(scrape) }
      // All that a registry asks of a metric.
      registry.registerMetric({ name: family.name, get: async () => found } as unknown as Metric)
    }
    return { type: registry.contentType, text: await registry.metrics() }
  }
}
