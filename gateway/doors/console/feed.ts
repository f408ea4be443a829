/**
 * Finished calls for those who look on: the process, or each worker, is asked twice a second as long as somebody does. The last
 * ones stay for whoever comes back. Bounded in calls, in lookers-on, and in what waits for a slow one.
 */
import type { Finished, FinishedCall } from '../recent-calls.ts'

const EVERY_MS = 500
const KEPT = 300
/** Shown of one turn; more nobody can read. */
const A_TURN = 100
export const LOOKERS = 16

export interface Turn {
  /** Of the last call in it. */
  readonly number: number
  readonly calls: readonly FinishedCall[]
  readonly leftOut: number
}

type Looker = (turn: Turn) => void

export class Feed {
  readonly #take: () => Promise<readonly Finished[]>
  readonly #lookers = new Set<Looker>()
  readonly #kept: FinishedCall[] = []
  /** Number of the last one. */
  #number = 0
  #timer: NodeJS.Timeout | undefined
  #asking = false

  constructor(take: () => Promise<readonly Finished[]>) {
    this.#take = take
  }

  /** Number of the last call that has ended by now; what ends later has a higher one. */
  async now(): Promise<number> {
    await this.#turn()
    return this.#number
  }

  get full(): boolean {
    return this.#lookers.size >= LOOKERS
  }

  get lookers(): number {
    return this.#lookers.size
  }

  /** Hears what comes; at first what came after `after`, as far as it is kept. */
  look(looker: Looker, after: number | undefined): () => void {
    this.#lookers.add(looker)
    this.#timer ??= setInterval(() => void this.#turn(), EVERY_MS).unref()
    void this.#turn()
    const missed = after === undefined || after > this.#number ? 0 : this.#number - after
    const calls = this.#kept.slice(Math.max(0, this.#kept.length - missed))
    if (missed > 0) looker({ number: this.#number, calls, leftOut: missed - calls.length })
    return () => this.#left(looker)
  }

  #left(looker: Looker): void {
    this.#lookers.delete(looker)
    if (this.#lookers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #turn(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    const taken = await this.#take().catch(() => [])
    this.#asking = false
    const all = taken.flatMap(({ calls }) => calls).sort((a, b) => a.at + a.tookMs - (b.at + b.tookMs))
    const leftOut = taken.reduce((sum, one) => sum + one.leftOut, 0) + Math.max(0, all.length - A_TURN)
    if (all.length === 0 && leftOut === 0) return
    const calls = all.slice(-A_TURN)
    this.#number += calls.length
    this.#kept.push(...calls)
    this.#kept.splice(0, Math.max(0, this.#kept.length - KEPT))
    for (const looker of this.#lookers) looker({ number: this.#number, calls, leftOut })
  }
}
