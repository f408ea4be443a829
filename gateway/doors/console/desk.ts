/**
 * What the views show, asked of the offices that the commands ask, too. What has to be made from records of calls is made once and
 * shown for ten times as long as it took, so that looking never takes more than a tenth of the machine.
 */
import { type Connection, type EpochMs, monthOf } from '#contract'
import type { GatewayConfig } from '../../../config/model.ts'
import { type Burn, burnOf, DAY_MS, type Forecast, forecastsOf, RecordedText, Sales, Uses, type Window, windowOf } from '../../economics/index.ts'
import type { Served } from '../admin.ts'
import type { Finished } from '../recent-calls.ts'
import { recentOf } from '../recent-calls.ts'
import { type Latest, latestOf } from './latest.ts'
import { type Shelf, Shelves } from './shelf.ts'

export interface Looked {
  readonly atMs: number
  readonly sales: Sales
  readonly forecasts: readonly Forecast[]
  readonly burns: ReadonlyMap<string, Burn>
}

export type Row = Readonly<Record<string, unknown>>

/** Days of the chart, today included. */
const CHART_DAYS = 30
/** A payment may have been settled so long after its call was received. */
const EARLIER_MS = 2 * DAY_MS
const SHOWN_TIMES = 10
const SHOWN_AT_MOST_MS = 60_000

export class Desk {
  readonly #served: () => Served
  readonly #shelves = new Shelves()
  #looked: { readonly looked: Looked; readonly untilMs: number; readonly digest: string } | undefined
  #looking: Promise<Looked> | undefined

  constructor(served: () => Served) {
    this.#served = served
  }

  get served(): Served {
    return this.#served()
  }

  /** As it is now: a reload gives another one. */
  get config(): GatewayConfig {
    return this.served.gateway.ground.config
  }

  get nowMs(): EpochMs {
    return this.served.gateway.ground.clock.nowMs()
  }

  get month(): string {
    return monthOf(this.nowMs)
  }

  /** As `atlas report` prints it. */
  report(): Promise<{ readonly month: string; readonly connections: readonly Row[]; readonly total: Row }> {
    return this.served.office.report(this.month, undefined)
  }

  /** As `atlas marketplace api status` prints it. */
  async status(): Promise<readonly Row[]> {
    return (await this.served.office.marketplace.status()).connections
  }

  /** Since somebody asked last, of this process or of its workers. */
  async finished(): Promise<readonly Finished[]> {
    const { gateway, workers } = this.served
    return workers === undefined ? [recentOf(gateway.engine).take()] : workers.ask('finished')
  }

  /** The last calls that are recorded. */
  latest(count: number): Promise<readonly Latest[]> {
    return latestOf(this.served.office, this.nowMs, count)
  }

  /** What lies on the disk now. */
  shelf(): Promise<Shelf> {
    return this.#shelves.now(this.config)
  }

  looked(): Promise<Looked> {
    const kept = this.#looked
    if (kept !== undefined && kept.untilMs > performance.now() && kept.digest === this.config.digest) return Promise.resolve(kept.looked)
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<Looked> {
    const [beganMs, config] = [performance.now(), this.config]
    const looked = await look(this.served, config.connections, this.nowMs)
    const endedMs = performance.now()
    this.#looked = { looked, digest: config.digest, untilMs: endedMs + Math.min(SHOWN_AT_MOST_MS, (endedMs - beganMs) * SHOWN_TIMES) }
    return looked
  }
}

async function look({ office }: Served, connections: readonly Connection[], nowMs: number): Promise<Looked> {
  const now = new Date(nowMs)
  const month = { fromMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1), toMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) }
  const windows = new Map(connections.map((one): [string, Window] => [one.name, windowOf(one, nowMs)]))
  const fromMs = nowMs - (nowMs % DAY_MS) - (CHART_DAYS - 1) * DAY_MS
  const sales = new Sales({ fromMs, month, windows, nowMs })
  const uses = new Uses(nowMs)
  const text = new RecordedText()
  const sinceMs = Math.min(fromMs, month.fromMs, ...[...windows.values()].map(({ startMs }) => startMs)) - EARLIER_MS
  for await (const piece of office.calls(sinceMs).text) {
    for (const line of text.take(piece)) {
      sales.take(line)
      uses.take(line)
    }
  }
  const head = text.end()
  const forecasts = forecastsOf(head, uses, connections)
  const burns = connections.flatMap((connection): [string, Burn][] => {
    const found = head.connections.find(({ name }) => name === connection.name)
    const window = windows.get(connection.name) as Window
    const forecast = forecasts.find(({ name }) => name === connection.name)
    return found === undefined ? [] : [[connection.name, burnOf({ connection, now: found, window, steps: sales.steps(connection.name), forecast, nowMs })]]
  })
  return { atMs: nowMs, sales, forecasts, burns: new Map(burns) }
}
