/** The tables of a run. */

import { type Figures, quotient } from './figures.ts'
import { shown, table, times } from './table.ts'

export const BARE = 'undici'

export const findFigures = (all: readonly Figures[], name: string): Figures | undefined => all.find((one) => one.name === name)

export function fullTable(all: readonly Figures[]): string {
  const bare = findFigures(all, BARE)?.full
  const fast = findFigures(all, 'fast-gateway')?.full
  const head = ['in front of the same upstream', 'requests/s', 'CPU µs', 'beside µs', 'p50 ms', 'p99 ms', 'req/s : bare', 'CPU : bare', 'req/s : fast-gateway']
  const line = ({ title, full }: Figures): string[] => [
    ...[title, shown(full.perSecond, 0), shown(full.cpuMicros, 1), shown(full.besideMicros, 1), shown(full.p50Ms, 2), shown(full.p99Ms, 2)],
    ...[times(quotient(full.perSecond, bare?.perSecond)), times(quotient(full.cpuMicros, bare?.cpuMicros))],
    times(quotient(full.perSecond, fast?.perSecond)),
  ]
  return table(head, all.map(line))
}

export function halfTable(all: readonly Figures[]): string {
  const head = ['at half load', 'offered/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU µs', 'idle MB', 'after load MB']
  const line = ({ title, half, idleMb, loadedMb }: Figures): string[] => [
    ...[title, shown(half?.rate, 0), shown(half?.p50Ms, 2), shown(half?.p99Ms, 2), shown(half?.p999Ms, 2), shown(half?.cpuMicros, 1)],
    ...[shown(idleMb, 0), shown(loadedMb, 0)],
  ]
  return table(head, all.map(line))
}
