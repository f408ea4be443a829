/** What a soak found, as figures for programs and as a table for people. */
import type { Grown } from './growth.ts'
import { median } from './growth.ts'
import { bytesOf, type Sample } from './samples.ts'
import type { Soak } from './soak.ts'

export interface Verdict {
  readonly driver: string
  readonly seed: number
  readonly seconds: number
  readonly rate: number
  readonly calls: number
  readonly charged: number
  /** Not begun, because too many were under way. */
  readonly skipped: number
  readonly happened: Readonly<Record<string, number>>
  readonly outcomes: Readonly<Record<string, number>>
  readonly provider: object
  readonly books: object
  readonly operator: object
  readonly quietMoments: number
  readonly growth: Grown['rows']
  readonly bytesPerCharge: number
  readonly eventLoop: { readonly p99Ms: number; readonly worstMs: number }
  readonly logged: Readonly<Record<string, number>>
  readonly quiet: readonly Sample[]
  readonly wrong: readonly string[]
}

export interface VerdictParts {
  readonly soak: Soak
  readonly growth: Grown
  readonly books: object
  readonly operator: object
  readonly wrong: readonly string[]
}

export function verdictOf({ soak, growth, books, operator, wrong }: VerdictParts): Verdict {
  const { wish, consumers, machine, provider, quiet, samples, faults } = soak
  const [first, last] = [quiet.find(({ life }) => life === quiet.at(-1)?.life), quiet.at(-1)]
  const charges = (last?.charged ?? 0) - (first?.charged ?? 0)
  const grown = first === undefined || last === undefined ? 0 : bytesOf(last) - bytesOf(first) + last.postgresBytes - first.postgresBytes
  return {
    ...{ driver: wish.driver, seed: wish.seed, seconds: Math.round(soak.seconds), rate: wish.rate },
    ...{ calls: consumers.asked, charged: consumers.charged, skipped: consumers.skipped },
    happened: { ...machine.counts, ...Object.fromEntries(faults) },
    outcomes: Object.fromEntries([...consumers.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    provider: { counts: provider.counts, answers: provider.fates, stray: provider.stray.length },
    ...{ books, operator, quietMoments: quiet.length, growth: growth.rows },
    bytesPerCharge: charges === 0 ? 0 : Math.round(grown / charges),
    eventLoop: { p99Ms: median(samples.map(({ delayP99 }) => delayP99)), worstMs: Math.max(0, ...samples.map(({ delayMax }) => delayMax)) },
    logged: Object.fromEntries([...machine.logged].sort(([, a], [, b]) => b - a)),
    ...{ quiet, wrong },
  }
}

const column = (text: string | number, width: number): string => String(text).padEnd(width)

/** For people. */
export function tableOf(verdict: Verdict): string {
  const { driver, seed, seconds, rate, calls, charged, skipped, happened, outcomes, books, growth, bytesPerCharge, eventLoop, logged, wrong } = verdict
  const list = (of: object): string[] => Object.entries(of).map(([name, value]) => `  ${column(name, 72)} ${value}`)
  const lines = [
    `${driver}, seed ${seed}: ${seconds} s at ${rate} calls/s, ${calls} calls, ${charged} charged, ${skipped} not begun, ${verdict.quietMoments} comparisons`,
    ...['what happened', ...list(happened), 'what clients were told', ...list(outcomes), 'the books', ...list(books)],
    `${column('in one life, without load', 34)}${column('2nd quarter', 14)}${column('last quarter', 14)}room`,
    ...growth.map(({ what, second, last, room }) => `  ${column(what, 32)}${column(second.toFixed(1), 14)}${column(last.toFixed(1), 14)}${room.toFixed(1)}`),
    `  ${column('bytes on disk a charge', 32)}${bytesPerCharge}`,
    `  ${column('event loop late, p99 and worst', 32)}${eventLoop.p99Ms.toFixed(1)} ms, ${eventLoop.worstMs.toFixed(0)} ms`,
    ...['the log', ...list(logged).slice(0, 30)],
    ...wrong,
    `${wrong.length} differences`,
  ]
  return lines.join('\n')
}
