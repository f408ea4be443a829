/** Everything that one scrape shows, gathered when it is asked. What cannot be had in time is left out; the rest is shown. */
import type { Gateway } from '../../gateway.ts'
import { versionOf } from '../../ground/index.ts'
import type { Office } from '../../office/index.ts'
import type { Workers } from '../workers/workers.ts'
import { type Figures, figuresOf, type Machine } from './figures.ts'
import { type Sums, Together } from './together.ts'

export interface Scrape {
  readonly gateway: Gateway
  readonly version: string
  readonly sums: Sums
  /** By the number of the worker; `0` is the process that serves the operator, or the only one. */
  readonly machines: readonly { readonly worker: string; readonly machine: Machine }[]
  readonly workers: { readonly wanted: number; readonly serving: number } | undefined
  /** As `atlas marketplace api status` shows them; undefined: the store did not answer. */
  readonly connections: readonly Readonly<Record<string, unknown>>[] | undefined
  readonly nowMs: number
  readonly lost: readonly string[]
}

/** Shorter than the time in which Prometheus gives up by default. */
const WITHIN_MS = 3_000

export class Scrapes {
  readonly #together = new Together()
  readonly #version = versionOf()

  async now(gateway: Gateway, office: Office, workers: Workers | undefined): Promise<Scrape> {
    const { ground } = gateway
    const own = figuresOf(gateway)
    const [status, lost, crew] = await Promise.all([
      inTime(office.marketplace.status()),
      workers?.ask('lost'),
      workers === undefined ? undefined : this.#ofCrew(own, workers),
    ])
    return {
      ...{ gateway, version: this.#version, connections: status?.connections, lost: [...ground.lost(), ...(lost?.flat() ?? [])] },
      sums: crew?.sums ?? own,
      machines: [{ worker: '0', machine: own.machine }, ...(crew?.machines ?? [])],
      workers: workers === undefined ? undefined : { wanted: workers.count, serving: workers.serving },
      nowMs: ground.clock.nowMs(),
    }
  }

  /** The process that serves the operator takes no calls, and is counted as it is. */
  async #ofCrew(own: Figures, workers: Workers): Promise<Pick<Scrape, 'sums' | 'machines'>> {
    const answers = await workers.ask('figures')
    const shown = workers.shown()
    const running = new Set([own.machine.pid, ...shown.flatMap(({ pid }) => pid ?? [])])
    const numbers = new Map(shown.map(({ pid, number }) => [pid, String(number)]))
    const machines = answers.flatMap(({ machine }) => {
      const worker = numbers.get(machine.pid)
      return worker === undefined ? [] : [{ worker, machine }]
    })
    return { sums: this.#together.add([own, ...answers], running), machines }
  }
}

/** Undefined where it fails or takes too long. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let late: NodeJS.Timeout | undefined
  const over = new Promise<undefined>((resolve) => (late = setTimeout(resolve, WITHIN_MS, undefined)))
  const done = await Promise.race([work.catch(() => undefined), over])
  clearTimeout(late)
  return done
}
