/** Loads the cases in interleaved rounds and keeps count of every answer. */

import type { ChildProcess } from 'node:child_process'
import type { Case } from './case.ts'
import { type Figures, median, medianOf, type Round } from './figures.ts'
import type { Order, Result } from './load.ts'
import { answer, cpuMicros, residentMb, start } from './process.ts'

const CONNECTIONS = 64
const UNSETTLED_MS = 200
const STALLED = 0.01

/** What one case has been through. */
export class Tally {
  readonly rounds: Round[] = []
  readonly half: Round[] = []
  readonly idleMb: number | undefined
  halfRate = 0
  answered = 0
  /** Status -> how many, for everything that was no 200. */
  readonly wrong = new Map<string, number>()
  head = ''

  readonly item: Case
  readonly title: string

  constructor(item: Case, title: string) {
    this.item = item
    this.title = title
    this.idleMb = residentMb(item.pid)
  }

  get refused(): number {
    return [...this.wrong.values()].reduce((sum, count) => sum + count, 0)
  }

  /** What was no 200, in words; empty where all were. */
  get complaint(): string {
    const said = [...this.wrong].map(([status, count]) => `${count} × ${status}`).join(', ')
    return said === '' ? '' : `${this.item.name}: ${said} beside ${this.answered} × 200`
  }

  /** A machine that stalls makes a gateway refuse a few with 503, which is right of it; more than that, or another answer, makes the figures worthless. */
  get isSpoiled(): boolean {
    return this.refused !== (this.wrong.get('503') ?? 0) || this.refused > this.answered * STALLED
  }

  get perSecond(): number {
    return median(this.rounds.map(({ perSecond }) => perSecond)) as number
  }

  figures(): Figures {
    const half = medianOf(this.half)
    return {
      ...{ name: this.item.name, title: this.title, full: medianOf(this.rounds) as Round, half: half && { ...half, rate: this.halfRate } },
      ...{ idleMb: this.idleMb, loadedMb: residentMb(this.item.pid) },
    }
  }
}

interface Load {
  readonly seconds: number
  readonly rate?: number
}

export class Rounds {
  readonly #client: ChildProcess = start('./load.js')
  #orders = 0

  /** The order rotates, so that nobody always comes after the same one. */
  async interleaved(tallies: readonly Tally[], rounds: number, each: (tally: Tally) => Promise<void>): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const first = Math.floor((round * tallies.length) / rounds)
      for (const tally of [...tallies.slice(first), ...tallies.slice(0, first)]) await each(tally)
    }
  }

  async load(tally: Tally, { seconds, rate }: Load): Promise<Round> {
    const { port, requests, uniqueAt, connections = CONNECTIONS, pid, beside = [] } = tally.item
    const order: Order = { id: ++this.#orders, port, connections, seconds, requests, uniqueAt, rate }
    const cpu = (): (number | undefined)[] => [cpuMicros(pid), beside.length === 0 ? undefined : beside.reduce((sum, one) => sum + (cpuMicros(one) ?? 0), 0)]
    const before = cpu()
    this.#client.send(order)
    const result = await answer<Result>(this.#client)
    // What was put off until after the answer belongs to the request, too.
    await new Promise((resolve) => setTimeout(resolve, UNSETTLED_MS))
    const after = cpu()
    if (result.id !== order.id) throw new Error(`the client answered order ${result.id} while ${order.id} was under way`)
    const answers = count(tally, result)
    const each = (index: number): number | undefined =>
      before[index] === undefined || after[index] === undefined ? undefined : ((after[index] as number) - (before[index] as number)) / answers
    const { p50Ms, p99Ms, p999Ms, lateP99Ms } = result
    return {
      ...{ perSecond: result.inTime / result.elapsedSeconds, cpuMicros: each(0), besideMicros: each(1), clientMicros: result.cpuMicros / answers },
      ...{ p50Ms, p99Ms, p999Ms, lateP99Ms },
    }
  }

  close(): void {
    this.#client.disconnect()
  }
}

function count(tally: Tally, result: Result): number {
  let answers = 0
  for (const [status, number] of Object.entries(result.statuses)) {
    answers += number
    if (status === '200') tally.answered += number
    else tally.wrong.set(status, (tally.wrong.get(status) ?? 0) + number)
  }
  if (result.head !== '') tally.head = result.head
  return answers
}
