/** What one process knows by itself: its counts, its facilitators, its own use of the machine. JSON, so that a worker can send it. */
import { performance } from 'node:perf_hooks'
import type { FacilitatorState } from '#contract'
import type { Counts, Unsettled } from '../../engine/index.ts'
import type { Gateway } from '../../gateway.ts'

export interface Machine {
  readonly pid: number
  readonly startedAtMs: number
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly heapBytes: number
  /** Time in which the event loop had work. */
  readonly activeSeconds: number
}

export interface Figures {
  readonly machine: Machine
  readonly counts: Counts
  readonly underWay: number
  readonly unsettled: Unsettled
  readonly facilitators: readonly Omit<FacilitatorState, 'lastFailure'>[]
}

export function figuresOf({ engine, tills }: Gateway): Figures {
  const asked = new Set(tills.flatMap(({ facilitators }) => facilitators))
  return {
    machine: machineNow(),
    counts: engine.tallies.counts(),
    underWay: engine.underWay,
    unsettled: engine.unsettled,
    facilitators: [...asked].map(({ state: { name, open, verify, settle } }) => ({ name, open, verify: { ...verify }, settle: { ...settle } })),
  }
}

function machineNow(): Machine {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  return {
    ...{ pid: process.pid, startedAtMs: Math.round(performance.timeOrigin) },
    cpuSeconds: (user + system) / 1e6,
    ...{ residentBytes: rss, heapBytes: heapUsed },
    activeSeconds: performance.eventLoopUtilization().active / 1e3,
  }
}
