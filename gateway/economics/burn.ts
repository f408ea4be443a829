/** How the quota of a connection has gone down in its period, what of it is the owner's reserve, and how it goes on by the forecast. */
import type { Connection } from '#contract'
import { periodAt } from '../stores/index.ts'
import type { Forecast } from './forecast.ts'
import type { ConnectionNow } from './recorded.ts'
import type { Step, Window } from './sales.ts'
import { DAY_MS } from './uses.ts'

const HOUR_MS = 3_600_000
/** What never renews is shown for as long. */
const GRANT_DAYS = 30

/** Points of time with what is left then, for sale and of the reserve together, and of the reserve alone. */
export interface BurnPoint {
  readonly atMs: number
  readonly left: number
  readonly reserve: number
}

export interface Burn {
  readonly quota: number
  /** The last one is now. */
  readonly past: readonly BurnPoint[]
  /** Begins with now; empty where there is no forecast. */
  readonly coming: readonly BurnPoint[]
}

/** A day in hours, anything longer in days. */
export function windowOf({ period }: Connection, nowMs: number): Window {
  const startMs = period.every === 'none' ? nowMs - GRANT_DAYS * DAY_MS : periodAt(period, nowMs).startMs
  return { startMs, stepMs: period.every === 'day' ? HOUR_MS : DAY_MS }
}

interface BurnOf {
  readonly connection: Pick<Connection, 'quota' | 'reserved'>
  readonly now: ConnectionNow
  readonly window: Window
  /** One for each step until now; what they do not tell was there before. */
  readonly steps: readonly Step[]
  readonly forecast: Forecast | undefined
  readonly nowMs: number
}

/** Reckoned backwards from what is left now, so that it ends where the status stands. */
export function burnOf(of: BurnOf): Burn {
  const { connection, now, window, steps, nowMs } = of
  const reserveAt = (own: number): number => Math.max(0, connection.reserved - own - now.external)
  const here: BurnPoint = { atMs: nowMs, left: now.left + reserveAt(now.own), reserve: reserveAt(now.own) }
  const past: BurnPoint[] = [here]
  let [usedLater, ownLater] = [0, 0]
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    const { sold, own } = steps[at] as Step
    usedLater += sold + own
    ownLater += own
    past.push({ atMs: window.startMs + at * window.stepMs, left: here.left + usedLater, reserve: reserveAt(now.own - ownLater) })
  }
  if (steps.length === 0) past.push({ ...here, atMs: window.startMs })
  return { quota: connection.quota, past: past.reverse(), coming: comingOf(of, here) }
}

function comingOf({ forecast }: BurnOf, here: BurnPoint): readonly BurnPoint[] {
  if (forecast?.units_a_day == null) return []
  const { exhausted_at: soldOut, resets_at: resets, unsold_units: unsold, based_on: based } = forecast
  const ownADay = based.own_units.reduce((sum, units) => sum + units, 0) / based.days
  const reserveAt = (atMs: number): number => Math.max(0, Math.round(here.reserve - (ownADay * (atMs - here.atMs)) / DAY_MS))
  const point = (at: string, forSale: number): BurnPoint => {
    const atMs = Date.parse(at)
    const reserve = reserveAt(atMs)
    return { atMs, left: forSale + reserve, reserve }
  }
  return [here, ...(soldOut === null ? [] : [point(soldOut, 0)]), ...(resets === null ? [] : [point(resets, unsold ?? 0)])].filter(
    ({ atMs }, index) => index === 0 || atMs > here.atMs,
  )
}
