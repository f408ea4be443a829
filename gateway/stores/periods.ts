/** Turns of a quota: month by billing day and zone, day, or none. Each instant lies in exactly one period. */
import type { EpochMs, Period, PeriodRule } from '#contract'

const MINUTE_MS = 60_000
const DAY_MINUTES = 1_440

/** The period that holds `atMs`. */
export function periodAt(rule: PeriodRule, atMs: number): Period {
  if (rule.every === 'none') return { startMs: 0 as EpochMs, endMs: undefined }
  const here = localDate(atMs, rule.zone)
  if (rule.every === 'day') {
    return between(midnight(here.year, here.month, here.day, rule.zone), midnight(here.year, here.month, here.day + 1, rule.zone))
  }
  const turn = turnOf(here.year, here.month, rule)
  return atMs >= turn ? between(turn, turnOf(here.year, here.month + 1, rule)) : between(turnOf(here.year, here.month - 1, rule), turn)
}

const between = (startMs: number, endMs: number): Period => ({ startMs: startMs as EpochMs, endMs: endMs as EpochMs })

/** `month` may run over: 0 is December of the year before, 13 January of the next. */
function turnOf(year: number, month: number, rule: PeriodRule): number {
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate()
  return midnight(year, month, Math.min(rule.billingDay, lastDay), rule.zone)
}

interface LocalDate {
  readonly year: number
  /** 1 to 12 */
  readonly month: number
  readonly day: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  return format
}

/** What a clock on the wall in `zone` shows, as if it were UTC. */
function wallClock(atMs: number, zone: string): number {
  if (zone === 'UTC') return Math.floor(atMs / 1000) * 1000
  const part = new Map(
    formatOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, value]),
  )
  const n = (type: Intl.DateTimeFormatPartTypes): number => Number(part.get(type))
  return Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second'))
}

function localDate(atMs: number, zone: string): LocalDate {
  const local = new Date(wallClock(atMs, zone))
  return { year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate() }
}

/** The first instant of a local day. Where midnight does not exist (clocks step forward over it), the step itself. */
function midnight(year: number, month: number, day: number, zone: string): number {
  const wanted = Date.UTC(year, month - 1, day)
  if (zone === 'UTC') return wanted
  // Offsets are whole minutes (since 1972), so midnight is at one, too.
  let low = wanted / MINUTE_MS - DAY_MINUTES
  let high = wanted / MINUTE_MS + DAY_MINUTES
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (wallClock(middle * MINUTE_MS, zone) >= wanted) high = middle
    else low = middle + 1
  }
  return low * MINUTE_MS
}
