/** The connections of one API: how they compare, which of them may be set aside, and how often a call may go to a second one. */
import { RetryBudget } from './budget.ts'
import type { Standing } from './standing.ts'
import { CALLS } from './tally.ts'

const WINDOW_MS = 60_000
/** To set a connection aside takes so many calls of it in a minute; to compare with another one, so many of that. */
const ENOUGH = 100
const ENOUGH_OTHERS = 20
/** So much below the others, and it is set aside. What is below the floor waits for the floor's own verdict. */
const FAR_BELOW = 0.1
const EJECTED_MS = 30_000
const LONGEST_EJECTED_MS = 300_000
/** Without another ejection for so long, the next one is the first again. */
const FORGOTTEN_MS = 600_000
const JUDGED_EVERY_MS = 1_000

export class Pool {
  readonly members = new Set<Standing>()
  /** Those that have to be asked before they are called. */
  readonly troubled = new Set<Standing>()
  readonly budget = new RetryBudget()
  readonly #isEnabled: (connection: string) => boolean
  /** 0 to 1: the part of calls that has to end well. */
  readonly #floor: () => number

  constructor(floor: () => number, isEnabled: (connection: string) => boolean) {
    this.#floor = floor
    this.#isEnabled = isEnabled
  }

  /** Another one that can serve, so that this one may be spared. */
  hasOther(than: Standing, nowMs: number): boolean {
    for (const one of this.members) if (one !== than && this.#serves(one, nowMs)) return true
    return false
  }

  #serves(one: Standing, nowMs: number): boolean {
    return this.#isEnabled(one.connection.name) && one.paused === undefined && one.exhausted === undefined && !one.breaker.isOpen && one.ejectedUntilMs <= nowMs
  }

  /** After a failure: set aside for a while where it is so much worse than the others, at most half of a pool. True where it is now. */
  ejects(one: Standing, nowMs: number): boolean {
    if (this.members.size < 2 || one.ejectedUntilMs > nowMs || nowMs - one.judgedAtMs < JUDGED_EVERY_MS) return false
    const { calls, good } = one.tally.since(Math.max(nowMs - WINDOW_MS, one.ejectedUntilMs))
    if (calls < ENOUGH || good < calls * this.#floor()) return false
    one.judgedAtMs = nowMs
    if (good / calls > this.#othersRate(one, nowMs) - FAR_BELOW || !this.hasOther(one, nowMs)) return false
    let ejected = 1
    for (const other of this.members) if (other.ejectedUntilMs > nowMs) ejected += 1
    if (ejected > this.members.size / 2) return false
    if (nowMs - one.ejectedUntilMs > FORGOTTEN_MS) one.timesEjected = 0
    one.timesEjected += 1
    one.isEjected = true
    one.ejectedUntilMs = nowMs + Math.min(LONGEST_EJECTED_MS, EJECTED_MS * one.timesEjected)
    return true
  }

  /** Where the others have not been called enough to compare, they are taken to be well. */
  #othersRate(one: Standing, nowMs: number): number {
    let [calls, good] = [0, 0]
    for (const other of this.members) {
      if (other === one || !this.#serves(other, nowMs)) continue
      const since = other.tally.since(nowMs - WINDOW_MS)
      calls += since.calls
      good += since.good
    }
    return calls < ENOUGH_OTHERS ? 1 : good / calls
  }

  /** Below the floor over the last 200 calls, also without the caller who met most of the failures, and not the last of the pool. */
  isBelow(one: Standing, nowMs: number): boolean {
    const { calls, good } = one.tally.all
    if (calls < CALLS || good >= calls * this.#floor()) return false
    if (!this.hasOther(one, nowMs)) return false
    const others = one.tally.withoutWorst()
    return others.calls < ENOUGH_OTHERS || others.good < others.calls * this.#floor()
  }
}
