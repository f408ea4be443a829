/**
 * The figures of several processes as those of one gateway. What a process has counted stays counted when it is gone: a sum that fell
 * would look like a restart, and everything before it would be counted again.
 */
import { type Counts, sumOf } from '../../engine/index.ts'
import type { Figures } from './figures.ts'

export interface Sums {
  readonly counts: Counts
  readonly underWay: number
  readonly unsettled: Figures['unsettled']
  readonly facilitators: Figures['facilitators']
}

type Asked = Figures['facilitators'][number]
type Lasting = Pick<Sums, 'counts' | 'facilitators'>

const NOTHING: Lasting = { counts: sumOf([]), facilitators: [] }

export class Together {
  /** What each process said last. */
  readonly #last = new Map<string, Figures>()
  #gone = NOTHING

  /** `running`: the processes that there are. One that does not answer in time has what it said before. */
  add(answers: readonly Figures[], running: ReadonlySet<number>): Sums {
    for (const figures of answers) this.#last.set(keyOf(figures), figures)
    const fresh = new Map(answers.map((figures) => [figures.machine.pid, keyOf(figures)]))
    for (const [key, figures] of this.#last) {
      const { pid } = figures.machine
      if (running.has(pid) && (fresh.get(pid) ?? key) === key) continue
      this.#last.delete(key)
      this.#gone = lastingOf([this.#gone, figures])
    }
    const all = [...this.#last.values()]
    const underWay = all.reduce((sum, one) => sum + one.underWay, 0)
    return { ...lastingOf([this.#gone, ...all], all), underWay, unsettled: unsettledOf(all.map(({ unsettled }) => unsettled)) }
  }
}

function unsettledOf(all: readonly Figures['unsettled'][]): Figures['unsettled'] {
  const some = all.filter(({ count }) => count > 0)
  if (some.length === 0) return { count: 0, sinceMs: 0 }
  return { count: some.reduce((sum, { count }) => sum + count, 0), sinceMs: Math.min(...some.map(({ sinceMs }) => sinceMs)) }
}

const keyOf = ({ machine: { pid, startedAtMs } }: Figures): string => `${pid}:${startedAtMs}`

/** A facilitator is left alone where one of `open` leaves it alone now. */
function lastingOf(all: readonly Lasting[], open: readonly Figures[] = []): Lasting {
  const facilitators = new Map<string, Asked>()
  for (const one of all.flatMap((each) => each.facilitators)) {
    const before = facilitators.get(one.name)
    const isOpen = open.some((each) => each.facilitators.some(({ name, open }) => name === one.name && open))
    const sums = before === undefined ? one : { ...one, verify: add(before.verify, one.verify), settle: add(before.settle, one.settle) }
    facilitators.set(one.name, { ...sums, open: isOpen })
  }
  return { counts: sumOf(all.map(({ counts }) => counts)), facilitators: [...facilitators.values()] }
}

const add = (a: Asked['verify'], b: Asked['verify']): Asked['verify'] =>
  Object.fromEntries(Object.entries(a).map(([name, count]) => [name, count + (b[name as keyof typeof b] as number)])) as unknown as Asked['verify']
