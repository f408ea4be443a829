/** What the benchmark must show, and whether it does. Nothing fails by it: a person reads it. */

import { type Figures, quotient } from './figures.ts'
import type { Growth } from './growth-result.ts'
import type { Startup } from './startup.ts'
import { shown, table } from './table.ts'
import { BARE, findFigures } from './tables.ts'

export interface Found {
  readonly figures: readonly Figures[]
  readonly startup: Startup | undefined
  readonly growth: Growth | undefined
}

interface Aim {
  readonly measure: string
  readonly unit: string
  readonly digits: number
  /** `more`: at least so much is needed; `less`: at most. */
  readonly better: 'more' | 'less'
  readonly need: number
  readonly aim: number
  of(found: Found): number | undefined
}

const ratio =
  (of: keyof Pick<Figures['full'], 'perSecond' | 'cpuMicros'>, mine: string, other: string) =>
  ({ figures }: Found): number | undefined =>
    quotient(findFigures(figures, mine)?.full[of], findFigures(figures, other)?.full[of])

const more = (measure: string, need: number, aim: number, of: Aim['of']): Aim => ({ measure, unit: '×', digits: 2, better: 'more', need, aim, of })
const less = (measure: string, [need, aim]: readonly [number, number], unit: string, digits: number, of: Aim['of']): Aim => ({
  ...{ measure, unit, digits, better: 'less', need, aim, of },
})

/** Against the bare proxy, both on the same timetable. */
function addedP99Ms({ figures }: Found): number | undefined {
  const [mine, bare] = [findFigures(figures, 'gateway')?.half, findFigures(figures, BARE)?.half]
  return mine === undefined || bare === undefined ? undefined : mine.p99Ms - bare.p99Ms
}

const AIMS: readonly Aim[] = [
  more('chain on, charged, durable, embedded: requests/s to fast-gateway with nothing on', 1.5, 1.9, ratio('perSecond', 'gateway', 'fast-gateway')),
  less('chain on: CPU a request to the bare undici proxy', [1.35, 1.15], '×', 2, ratio('cpuMicros', 'gateway', BARE)),
  more('chain off: requests/s to the bare undici proxy', 0.95, 1, ratio('perSecond', 'gateway-off', BARE)),
  more('Redis: requests/s to embedded', 0.5, 0.7, ratio('perSecond', 'gateway-redis', 'gateway')),
  more('paid by x402: requests/s to @x402/express, same instant facilitator', 4, 6, ratio('perSecond', 'gateway-x402', 'x402-express')),
  less('p99 at half load above that of the bare undici proxy', [2, 1], ' ms', 2, addedP99Ms),
  more('1 M keys and 10 M records: requests/s to empty', 0.9, 1, ({ growth }) => growth?.ratio),
  less('resident memory, idle, empty', [120, 90], ' MB', 0, ({ startup }) => startup?.idleMb),
  less('start to ready', [1, 0.5], ' s', 2, ({ startup }) => quotient(startup?.readyMs, 1000)),
]

export function verdictOf({ better, need, aim }: Pick<Aim, 'better' | 'need' | 'aim'>, figure: number | undefined): string {
  if (figure === undefined) return 'not measured'
  const reaches = (wanted: number): boolean => (better === 'more' ? figure >= wanted : figure <= wanted)
  if (reaches(aim)) return 'aim met'
  if (reaches(need)) return 'met'
  // Rounded up, but not for the last bit of a fraction.
  return `missed by ${Math.ceil(Number(((Math.abs(need - figure) / need) * 100).toFixed(6)))} %`
}

export function aimTable(found: Found): string {
  const lines = AIMS.map((one) => {
    const figure = one.of(found)
    const sign = one.better === 'more' ? '≥' : '≤'
    const bound = (value: number): string => `${sign} ${value}${one.unit}`
    return [one.measure, bound(one.need), bound(one.aim), shown(figure, one.digits, one.unit), verdictOf(one, figure)]
  })
  return table(['measure', 'at least', 'aim', 'found', ''], lines)
}
