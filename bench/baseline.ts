/**
 * The guard against growing slower unnoticed: each case's ratio to the bare proxy of the same run, beside the ratios of a run that
 * somebody looked at and kept. It prints what differs and decides nothing: times on a shared machine are no test.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Figures, quotient } from './figures.ts'
import { root } from './process.ts'
import { BARE, findFigures } from './tables.ts'

export interface Ratios {
  readonly perSecond: number
  readonly cpu?: number | undefined
}

export interface Baseline {
  readonly date: string
  readonly machine: string
  readonly cases: Readonly<Record<string, Ratios>>
}

const TOLERATED = 0.1
const file = join(root, 'bench/baseline.json')

/** To the bare proxy; nothing where it did not run. */
export function ratiosOf(figures: readonly Figures[]): Readonly<Record<string, Ratios>> {
  const bare = findFigures(figures, BARE)?.full
  if (bare === undefined) return {}
  const rounded = (value: number | undefined): number | undefined => (value === undefined ? undefined : Math.round(value * 1000) / 1000)
  return Object.fromEntries(
    figures.map(({ name, full }) => [
      name,
      { perSecond: rounded(quotient(full.perSecond, bare.perSecond)) as number, cpu: rounded(quotient(full.cpuMicros, bare.cpuMicros)) },
    ]),
  )
}

export const readBaseline = (): Baseline | undefined => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline) : undefined)

/** Cases that this run left out keep what they had. */
export function saveBaseline(figures: readonly Figures[], machine: string): void {
  const cases = { ...readBaseline()?.cases, ...ratiosOf(figures) }
  writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, cases } satisfies Baseline, null, 2)}\n`)
}

/** One line for each ratio that differs by more than a tenth, the better ones, too: they are worth keeping. */
export function differences(now: Readonly<Record<string, Ratios>>, before: Readonly<Record<string, Ratios>>): string[] {
  const compare = (name: string, what: string, [a, b]: readonly [number | undefined, number | undefined], moreIsBetter: boolean): string[] => {
    if (a === undefined || b === undefined || Math.abs(a / b - 1) <= TOLERATED) return []
    return [
      `${name}: ${what} to the bare proxy ${b.toFixed(2)} -> ${a.toFixed(2)}, ${a > b === moreIsBetter ? 'better' : 'WORSE'} by ${Math.round(Math.abs(a / b - 1) * 100)} %`,
    ]
  }
  return Object.entries(now).flatMap(([name, { perSecond, cpu }]) => {
    const old = before[name]
    if (old === undefined) return []
    return [...compare(name, 'requests/s', [perSecond, old.perSecond], true), ...compare(name, 'CPU', [cpu, old.cpu], false)]
  })
}

export function guardLines(figures: readonly Figures[]): string[] {
  const baseline = readBaseline()
  if (baseline === undefined) return ['bench/baseline.json is not there; --save-baseline writes it']
  const lines = differences(ratiosOf(figures), baseline.cases)
  const of = `the ratios of ${baseline.date} (bench/baseline.json)`
  return lines.length === 0 ? [`no case differs by more than 10 % from ${of}`] : [`more than 10 % away from ${of}; whoever reads this decides:`, ...lines]
}
