/** The machine, and how much of it was taken by others while something was measured. */

import { availableParallelism, cpus, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'
import { cpuMicros } from './process.ts'

const TICK_MICROS = 10_000

export const machine = (): string =>
  `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}, Node ${process.version.slice(1)}`

/** Microseconds of CPU that the whole machine was busy or withheld from it by its host. */
function busyMicros(): number | undefined {
  try {
    const [, ...fields] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] as string).split(/\s+/)
    const [user, nice, system, , , irq, soft, steal] = fields.map(Number) as [number, number, number, number, number, number, number, number]
    return (user + nice + system + irq + soft + steal) * TICK_MICROS
  } catch {
    return undefined
  }
}

/** Begins to watch; the answer is how many cores others were using on average since then. */
export function watchOthers(): () => number | undefined {
  const at = (): { ms: number; others: number | undefined } => {
    const [all, own] = [busyMicros(), cpuMicros(process.pid)]
    return { ms: performance.now(), others: all === undefined || own === undefined ? undefined : all - own }
  }
  const from = at()
  return () => {
    const to = at()
    return from.others === undefined || to.others === undefined ? undefined : Math.max(0, to.others - from.others) / 1000 / (to.ms - from.ms)
  }
}
