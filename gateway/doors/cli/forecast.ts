/** `atlas forecast`: when the units for sale run out, what will stay unsold, and what that is based on. */
import { FORECAST_DAYS, type Forecast, forecastOf } from '../../economics/index.ts'
import { Failure, loadGood } from './context.ts'
import type { Common } from './printing.ts'
import { readRecorded } from './reading.ts'
import { oneOf } from './suggesting.ts'
import { right, table } from './table.ts'

const DAY_MS = 86_400_000

export async function forecast(name: string | undefined, { config: file, json }: Common): Promise<void> {
  const good = await loadGood(file)
  const { config } = good
  const wanted = config.connections.filter((one) => name === undefined || one.name === name)
  if (name !== undefined && wanted.length === 0) throw new Failure(oneOf({ what: 'connection', named: name, of: config.connections.map((one) => one.name) }))
  const recorded = await readRecorded(good, Date.now() - FORECAST_DAYS * DAY_MS)
  const connections = forecastOf(recorded, wanted)
  process.stdout.write(`${json === true ? JSON.stringify({ at: new Date(recorded.head.nowMs).toISOString(), connections }, null, 2) : shown(connections)}\n`)
}

const day = (at: string | null): string => (at === null ? '-' : at.slice(0, 16).replace('T', ' '))
const units = (count: number | null): string => (count === null ? '-' : String(count))
const band = (low: string, high: string): string => (low === '-' && high === '-' ? '-' : `${low} to ${high}`)

function shown(all: readonly Forecast[]): string {
  const columns = [
    { title: 'connection' },
    ...['left', 'a day', 'between'].map(right),
    ...['sold out (UTC)', 'between (UTC)', 'resets (UTC)'].map((title) => ({ title })),
    ...['unsold', 'between'].map(right),
  ]
  const rows = all.map((one) => [
    ...[
      one.name,
      String(one.units_left),
      units(one.units_a_day?.mean ?? null),
      band(units(one.units_a_day?.low ?? null), units(one.units_a_day?.high ?? null)),
    ],
    ...[day(one.exhausted_at), band(day(one.exhausted_earliest), day(one.exhausted_latest)), day(one.resets_at)],
    ...[units(one.unsold_units), band(units(one.unsold_low), units(one.unsold_high))],
  ])
  const notes = all.map(({ name, note, based_on: { days, calls } }) => `${name}: ${days === 0 ? note : `${note}; ${calls} calls of these days`}`)
  return [table(columns, rows), '', ...notes].join('\n')
}
