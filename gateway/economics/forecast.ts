/**
 * When a quota runs out and what of it stays unsold. The method is simple and says what it is based on: use a day is the mean of
 * the last seven days of 24 hours, or of those since the first recorded call; the band is a standard deviation of these days more
 * or less. With less than three days there is no forecast.
 */
import type { Connection } from '#contract'
import { periodAt } from '../stores/index.ts'
import { type MonthEnd, monthEndOf } from './month-end.ts'
import type { ConnectionNow, Recorded, RecordedHead } from './recorded.ts'
import type { Said } from './said.ts'
import { DAY_MS, FORECAST_DAYS, type Use, Uses } from './uses.ts'

const LEAST_DAYS = 3

interface Rates {
  readonly sale: number
  readonly own: number
}

/** Shapes as they are printed: units are numbers, times ISO 8601, null where there is none. */
export interface Forecast {
  readonly name: string
  readonly owner: string
  readonly units_left: number
  readonly resets_at: string | null
  /** Days that the forecast is based on, oldest first: units that left those for sale (sold and wasted), and the owner's. */
  readonly based_on: {
    readonly from: string
    readonly to: string
    readonly days: number
    readonly calls: number
    readonly units: readonly number[]
    readonly own_units: readonly number[]
  }
  readonly units_a_day: { readonly mean: number; readonly low: number; readonly high: number } | null
  /** Of what is for sale; null: not before the period ends, or nothing is used. */
  readonly exhausted_at: string | null
  /** Where more is used, and where less: one standard deviation. */
  readonly exhausted_earliest: string | null
  readonly exhausted_latest: string | null
  /** At the end of the period; null where it never ends, or there is no forecast. */
  readonly unsold_units: number | null
  readonly unsold_low: number | null
  readonly unsold_high: number | null
  /** What is still to come of this UTC month; null: there is no forecast. */
  readonly month_end: MonthEnd | null
  /** One sentence: why there is no forecast, or how sure it is. */
  readonly note: string
}

/** `recorded` has the last seven days. Connections in the order given. */
export function forecastOf(recorded: Recorded, connections: readonly Connection[]): readonly Forecast[] {
  const uses = new Uses(recorded.head.nowMs)
  for (const [at, receivedMs] of recorded.receivedMs.entries()) uses.add(receivedMs, recorded.said[recorded.numbers[at] as number] as Said)
  return forecastsOf(recorded.head, uses, connections)
}

/** The same from what was counted already. */
export const forecastsOf = (head: RecordedHead, uses: Uses, connections: readonly Connection[]): readonly Forecast[] =>
  connections.flatMap((connection) => {
    const now = head.connections.find(({ name }) => name === connection.name)
    return now === undefined ? [] : [forecastFor(connection, now, uses.of(connection.name), head.nowMs)]
  })

function forecastFor(connection: Connection, now: ConnectionNow, use: Use, nowMs: number): Forecast {
  const { endMs } = periodAt(connection.period, nowMs)
  const count = countOf(use, now, nowMs)
  const days = use.days.slice(FORECAST_DAYS - count)
  const units = days.map(({ sold, wasted }) => sold + wasted)
  const own = days.map((day) => day.own)
  const common = {
    ...{ name: connection.name, owner: connection.owner, units_left: now.left, resets_at: isoOf(endMs) },
    based_on: { from: iso(nowMs - count * DAY_MS), to: iso(nowMs), days: count, calls: use.calls, units, own_units: own },
  }
  if (count < LEAST_DAYS) return { ...common, ...NONE, note: tooLittle(use, count) }
  const [mean, ownMean] = [meanOf(units), meanOf(own)]
  const spread = deviationOf(units, mean)
  const rates = [mean, Math.max(0, mean - spread), mean + spread].map((sale): Rates => ({ sale, own: ownMean }))
  const left = { ...now, ...connection }
  const [likely, latest, earliest] = rates
    .map((rate) => exhaustionMs(left, rate, nowMs))
    .map((at) => (at !== undefined && at < (endMs ?? Number.POSITIVE_INFINITY) ? at : undefined))
  const [unsold, most, least] = rates.map((rate) => (endMs === undefined ? null : unsoldAt(left, rate, endMs - nowMs)))
  return {
    ...common,
    units_a_day: { mean: rounded(mean), low: rounded(rates[1]?.sale ?? 0), high: rounded(rates[2]?.sale ?? 0) },
    ...{ exhausted_at: isoOf(likely), exhausted_earliest: isoOf(earliest), exhausted_latest: isoOf(latest) },
    ...{ unsold_units: unsold ?? null, unsold_low: least ?? null, unsold_high: most ?? null },
    month_end: monthEndOf({ days, enabled: now.enabled, nowMs, soldOutMs: likely, resetsMs: endMs }),
    note: `mean of ${count} days; the band is one standard deviation of these days; what the provider counts beyond ours is taken to stay as it is`,
  }
}

/** Days that count: all of them where there was use before, or in the first; else those that are whole since the first call. */
function countOf({ days, firstMs }: Use, { sold, own, wasted }: ConnectionNow, nowMs: number): number {
  if (firstMs === undefined) return 0
  const seen = days.reduce((sum, day) => sum + day.sold + day.own + day.wasted, 0)
  if (sold + own + wasted > seen || nowMs - firstMs > (FORECAST_DAYS - 1) * DAY_MS) return FORECAST_DAYS
  return Math.floor((nowMs - firstMs) / DAY_MS)
}

const NONE = {
  ...{ units_a_day: null, exhausted_at: null, exhausted_earliest: null, exhausted_latest: null },
  ...{ unsold_units: null, unsold_low: null, unsold_high: null, month_end: null },
}

const tooLittle = ({ firstMs }: Use, days: number): string =>
  firstMs === undefined
    ? `no call of the last ${FORECAST_DAYS} days is recorded: there is nothing to forecast from`
    : `the first recorded call is ${days === 0 ? 'less than a day' : days === 1 ? 'a day' : `${days} days`} old; a forecast needs ${LEAST_DAYS} days`

const iso = (ms: number): string => new Date(ms).toISOString()
/** To the second below: more would look as if it were known. */
const isoOf = (ms: number | undefined): string | null => (ms === undefined || ms > LATEST_MS ? null : iso(Math.floor(ms / 1000) * 1000))
/** Of what a date can be. */
const LATEST_MS = 8.64e15
const rounded = (units: number): number => Math.round(units * 10) / 10
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Of a sample. */
function deviationOf(values: readonly number[], mean: number): number {
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

type Left = Pick<ConnectionNow, 'own' | 'external' | 'left'> & Pick<Connection, 'reserved'>

/** When nothing is left for sale. The owner's use draws on it from when his reserve is gone; undefined: never. */
function exhaustionMs({ own, external, left, reserved }: Left, { sale, own: ownRate }: Rates, nowMs: number): number | undefined {
  if (left === 0) return nowMs
  const reserveLeft = Math.max(0, reserved - own - external)
  const reserveDays = reserveLeft === 0 ? 0 : ownRate === 0 ? Number.POSITIVE_INFINITY : reserveLeft / ownRate
  if (sale > 0 && left / sale <= reserveDays) return nowMs + (left / sale) * DAY_MS
  if (reserveDays === Number.POSITIVE_INFINITY || sale + ownRate === 0) return undefined
  return nowMs + (reserveDays + (left - sale * reserveDays) / (sale + ownRate)) * DAY_MS
}

/** Units for sale that are left after so long, rounded down. */
function unsoldAt({ own, external, left, reserved }: Left, { sale, own: ownRate }: Rates, ms: number): number {
  const days = ms / DAY_MS
  const reserveLeft = Math.max(0, reserved - own - external)
  const beyond = Math.max(0, ownRate * days - reserveLeft)
  return Math.max(0, Math.floor(left - sale * days - beyond))
}
