/**
 * Where calls of one kind wait for their turn at one connection: first in, first out, no longer than two seconds, or half of what a call may take. Who waits has
 * sent nothing; who leaves is forgotten. One timer while somebody waits.
 */
import type { Attempt } from '../transport.ts'
import { Pace } from './pace.ts'

/** Where only the end of a window is known, so many may wait for it. */
const LONGEST_QUEUE = 1000

/** Rings once. */
export type Alarm = (afterMs: number, ring: () => void) => { cancel(): void }

/** A call that waits. `go` sends it, `give up` tells it that its turn does not come. */
interface Waiting {
  go(nowNs: number): Attempt | undefined
  late(waitMs: number): void
}

export class Lane {
  readonly pace = new Pace()
  readonly #monotonicNs: () => number
  readonly #longestNs: () => number
  readonly #alarm: Alarm
  readonly #queue: Turn[] = []
  #ringing: { readonly atNs: number; cancel(): void } | undefined

  constructor(longestNs: () => number, monotonicNs: () => number, alarm: Alarm) {
    this.#longestNs = longestNs
    this.#monotonicNs = monotonicNs
    this.#alarm = alarm
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** How long a call that came now would wait. */
  waitNs(nowNs: number): number {
    return this.pace.waitNs(nowNs) + this.#queue.length * this.pace.everyNs
  }

  isTooLong(waitNs: number): boolean {
    return waitNs > this.#longestNs() || this.#queue.length >= LONGEST_QUEUE
  }

  enter(waiting: Waiting, nowNs: number): Turn {
    const turn = new Turn(this, waiting, nowNs + this.#longestNs())
    this.#queue.push(turn)
    this.pace.waits()
    this.#wakeUp(nowNs)
    return turn
  }

  leave(turn: Turn): void {
    const at = this.#queue.indexOf(turn)
    if (at !== -1) this.#queue.splice(at, 1)
    if (this.#queue.length === 0) this.#silence()
  }

  /** Whose turn it is goes; after anything that may have changed that. */
  pump(): void {
    if (this.#queue.length === 0) return
    const nowNs = this.#monotonicNs()
    for (let turn = this.#queue[0]; turn !== undefined; turn = this.#queue[0]) {
      const waitNs = this.pace.waitNs(nowNs)
      if (waitNs > 0 && nowNs < turn.untilNs) break
      this.#queue.shift()
      if (waitNs > 0) turn.late(waitNs / 1e6)
      else turn.go(nowNs)
    }
    if (this.#queue.length > 0) this.#wakeUp(nowNs)
    else this.#silence()
  }

  #wakeUp(nowNs: number): void {
    const first = this.#queue[0] as Turn
    const atNs = Math.min(nowNs + this.pace.waitNs(nowNs), first.untilNs)
    if (this.#ringing !== undefined && this.#ringing.atNs <= atNs) return
    this.#silence()
    const { cancel } = this.#alarm(Math.max(1, Math.ceil((atNs - nowNs) / 1e6)), () => {
      this.#ringing = undefined
      this.pump()
    })
    this.#ringing = { atNs, cancel }
  }

  #silence(): void {
    this.#ringing?.cancel()
    this.#ringing = undefined
  }
}

/** One call's place in the lane, and afterwards its attempt. */
export class Turn implements Attempt {
  readonly untilNs: number
  readonly #lane: Lane
  readonly #waiting: Waiting
  #attempt: Attempt | undefined

  constructor(lane: Lane, waiting: Waiting, untilNs: number) {
    this.#lane = lane
    this.#waiting = waiting
    this.untilNs = untilNs
  }

  get sent(): boolean {
    return this.#attempt?.sent ?? false
  }

  go(nowNs: number): void {
    this.#attempt = this.#waiting.go(nowNs)
  }

  late(waitMs: number): void {
    this.#waiting.late(waitMs)
  }

  abort(): void {
    if (this.#attempt === undefined) this.#lane.leave(this)
    else this.#attempt.abort()
  }
}
