/**
 * Each metric: its name, what it says, and its samples from what a scrape has gathered. Labels are names of the configuration and of the
 * code's own lists; a consumer, a key, a wallet or an address is never one.
 */
import { BUCKETS_MS, CODES, type Durations, ENDINGS, MEANINGS } from '../../engine/index.ts'
import type { Scrape } from './scrape.ts'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels: Labels
  readonly value: number
  /** Where it is another than the family's. */
  readonly metricName?: string
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  samples(scrape: Scrape): readonly Sample[]
}

const counter = (name: string, help: string, samples: Family['samples']): Family => ({ name, help, type: 'counter', samples })
const gauge = (name: string, help: string, samples: Family['samples']): Family => ({ name, help, type: 'gauge', samples })

const one = (value: number | undefined): readonly Sample[] => (value === undefined ? [] : [{ labels: {}, value }])

interface Measured {
  readonly labels: Labels
  readonly durations: Durations
}

const histogram = (name: string, help: string, rows: (scrape: Scrape) => readonly Measured[]): Family => ({
  ...{ name, help, type: 'histogram' },
  samples: (scrape) => rows(scrape).flatMap(({ labels, durations }) => bucketsOf(name, labels, durations)),
})

function bucketsOf(name: string, labels: Labels, { counts, sumMs }: Durations): readonly Sample[] {
  let count = 0
  const buckets = counts.map((more, at) => {
    count += more
    const le = BUCKETS_MS[at]
    return { metricName: `${name}_bucket`, labels: { ...labels, le: le === undefined ? '+Inf' : String(le / 1e3) }, value: count }
  })
  return [...buckets, { metricName: `${name}_sum`, labels, value: sumMs / 1e3 }, { metricName: `${name}_count`, labels, value: count }]
}

const calls: readonly Family[] = [
  counter(
    'atlas_calls_total',
    'Calls that are over, by how they ended: charged, free (of an owner), passed (uncharged), replayed, refused with a code, abandoned, unknown.',
    ({ sums }) =>
      sums.counts.calls.flatMap(({ api, operation, ended }) =>
        ended.flatMap((value, at) => {
          const ending = ENDINGS[at] as (typeof ENDINGS)[number]
          return value === 0 && ending.outcome !== 'charged' ? [] : [{ labels: { api, operation, ...ending }, value }]
        }),
      ),
  ),
  histogram('atlas_call_duration_seconds', 'From the request to the end of the answer, of calls that a provider answered.', ({ sums }) =>
    sums.counts.calls.map(({ api, operation, durations }) => ({ labels: { api, operation }, durations })),
  ),
  gauge('atlas_calls_in_flight', 'Calls under way.', ({ sums }) => one(sums.underWay)),
  counter('atlas_requests_refused_total', 'Requests that were refused before they were calls, by code.', ({ sums }) =>
    CODES.map((code, at) => ({ labels: { code }, value: sums.counts.refused[at] ?? 0 })),
  ),
]

const NO_DURATIONS: Durations = { counts: [...BUCKETS_MS, 0].map(() => 0), sumMs: 0 }

/** One for each connection that is configured, asked or not. */
const attemptsOf = ({ gateway, sums }: Scrape) => {
  const rows = new Map(sums.counts.attempts.map((row) => [row.connection, row]))
  return gateway.ground.config.connections.map(({ name }) => ({ connection: name, row: rows.get(name) }))
}

const providers: readonly Family[] = [
  counter('atlas_attempts_total', 'Times a provider was asked, by what its answer meant.', (scrape) =>
    attemptsOf(scrape).flatMap(({ connection, row }) => MEANINGS.map((meaning, at) => ({ labels: { connection, meaning }, value: row?.ended[at] ?? 0 }))),
  ),
  histogram('atlas_attempt_duration_seconds', 'From asking a provider to the end of its answer, where it gave one.', (scrape) =>
    attemptsOf(scrape).map(({ connection, row }) => ({ labels: { connection }, durations: row?.durations ?? NO_DURATIONS })),
  ),
]

/** Prometheus knows only floats: a picture of what the status says, of money, too; nothing is ever worked out with it. */
const shownAs = (said: unknown): number => Number(said)

/** From a row of the status; nothing where the row does not say it. */
const ofStatus =
  (value: (row: Readonly<Record<string, unknown>>) => number | undefined): Family['samples'] =>
  ({ connections = [] }) =>
    connections.flatMap((row) => {
      const found = value(row)
      return found === undefined ? [] : [{ labels: { connection: String(row.name) }, value: found }]
    })

const USES = { sold: 'sold_units', own: 'own_units', wasted: 'wasted_units', external: 'external_units' } as const
/** As the status says it; `ok` and `unknown` where nothing stands against a connection. */
const STATES = ['ok', 'unknown', 'paced', 'failing', 'open', 'exhausted', 'paused'] as const

const connections: readonly Family[] = [
  gauge(
    'atlas_quota_units',
    'Units of the present period.',
    ofStatus(({ quota }) => shownAs(quota)),
  ),
  gauge(
    'atlas_reserved_units',
    'Units of the quota that are kept for the owner.',
    ofStatus(({ reserved }) => shownAs(reserved)),
  ),
  gauge('atlas_used_units', 'Units used in the present period: sold, own, wasted, external.', ({ connections: rows = [] }) =>
    rows.flatMap((row) => Object.entries(USES).map(([use, member]) => ({ labels: { connection: String(row.name), use }, value: shownAs(row[member]) }))),
  ),
  gauge(
    'atlas_units_left',
    'Units that may still be sold in the present period.',
    ofStatus(({ units_left: left }) => shownAs(left)),
  ),
  gauge(
    'atlas_quota_resets_timestamp_seconds',
    'When the period ends; absent where it never does.',
    ofStatus(({ resets_at: at }) => (at === null ? undefined : Date.parse(String(at)) / 1e3)),
  ),
  gauge(
    'atlas_revenue_dollars',
    'Charged in the present period, as the status shows it; the report has the month.',
    ofStatus(({ revenue }) => shownAs(revenue)),
  ),
  gauge(
    'atlas_connection_enabled',
    '1 where it is on sale.',
    ofStatus(({ enabled }) => (enabled === true ? 1 : 0)),
  ),
  gauge('atlas_connection_state', '1 for the state in which a connection is, 0 for the others.', ({ connections: rows = [] }) =>
    rows.flatMap(({ name, health }) => STATES.map((state) => ({ labels: { connection: String(name), state }, value: health === state ? 1 : 0 }))),
  ),
]

const REQUESTS = ['verify', 'settle'] as const
const PARTS = ['store', 'ledger'] as const

const payments: readonly Family[] = [
  gauge('atlas_settlements_unknown', 'Payments whose settlement nobody knows yet.', ({ sums }) => one(sums.unsettled.count)),
  gauge('atlas_settlement_unknown_seconds', 'For how long the oldest of them has been so; 0 where there is none.', ({ sums: { unsettled }, nowMs }) =>
    one(unsettled.count === 0 ? 0 : Math.max(0, nowMs - unsettled.sinceMs) / 1e3),
  ),
  counter('atlas_facilitator_requests_total', 'What facilitators were asked, by whether a usable answer came.', ({ sums }) =>
    sums.facilitators.flatMap(({ name: facilitator, ...asked }) =>
      REQUESTS.flatMap((request) => [
        { labels: { facilitator, request, result: 'answered' }, value: asked[request].asked - asked[request].lost },
        { labels: { facilitator, request, result: 'lost' }, value: asked[request].lost },
      ]),
    ),
  ),
  gauge('atlas_facilitator_open', '1 where a facilitator failed so often that it is left alone for a while.', ({ sums }) =>
    sums.facilitators.map(({ name: facilitator, open }) => ({ labels: { facilitator }, value: open ? 1 : 0 })),
  ),
]

const perProcess = (value: (machine: Scrape['machines'][number]['machine']) => number): Family['samples'] => {
  return ({ machines }) => machines.map(({ worker, machine }) => ({ labels: { worker }, value: value(machine) }))
}

const house: readonly Family[] = [
  gauge('atlas_info', 'What runs here.', ({ gateway: { ground }, version }) => {
    const { mode, store, ledger } = ground.config
    return [{ labels: { version, mode, store: store.driver, ledger: ledger.driver }, value: 1 }]
  }),
  gauge('atlas_lost', '1 for a part that is out of reach; without it nothing is sold.', ({ lost }) =>
    PARTS.map((part) => ({ labels: { part }, value: lost.includes(part) ? 1 : 0 })),
  ),
  gauge('atlas_workers', 'Processes that serve consumers, where there are several.', ({ workers }) =>
    workers === undefined ? [] : Object.entries(workers).map(([state, value]) => ({ labels: { state }, value })),
  ),
  counter('atlas_notices_total', 'Notices to webhooks, by what became of them.', ({ gateway }) =>
    Object.entries(gateway.ground.notices.counts?.() ?? {}).flatMap(([result, value]) => (result === 'waiting' ? [] : [{ labels: { result }, value }])),
  ),
  gauge('atlas_notices_waiting', 'Notices that wait for their webhook.', ({ gateway }) => one(gateway.ground.notices.counts?.().waiting)),
  gauge(
    'process_start_time_seconds',
    'When a process began.',
    perProcess(({ startedAtMs }) => startedAtMs / 1e3),
  ),
  counter(
    'process_cpu_seconds_total',
    "CPU time of a process, its own and the system's.",
    perProcess(({ cpuSeconds }) => cpuSeconds),
  ),
  gauge(
    'process_resident_memory_bytes',
    'Memory of a process.',
    perProcess(({ residentBytes }) => residentBytes),
  ),
  gauge(
    'nodejs_heap_used_bytes',
    'Of it in JavaScript.',
    perProcess(({ heapBytes }) => heapBytes),
  ),
  counter(
    'nodejs_eventloop_active_seconds_total',
    'Time in which the main thread had work.',
    perProcess(({ activeSeconds }) => activeSeconds),
  ),
]

export const families: readonly Family[] = [...calls, ...providers, ...connections, ...payments, ...house]
