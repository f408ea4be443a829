/**
 * The last finished calls of one process, for whoever looks on. The engine is listened to from the first question on, until nobody
 * has asked for a while: without that no call pays for it. Bounded; how many were left out is told.
 */
import type { CallRecord } from '#contract'
import type { Engine } from '../engine/index.ts'

const MOST = 500
/** Nobody asks so seldom: the one who did is gone. */
const FORGOTTEN_AFTER_MS = 30_000

export interface FinishedCall
  extends Pick<CallRecord, 'id' | 'at' | 'api' | 'operation' | 'consumer' | 'kind' | 'status' | 'code' | 'receipt' | 'units' | 'price' | 'tookMs'> {
  /** That served it, or was tried last; null: none was asked. */
  readonly connection: string | null
}

export interface Finished {
  readonly calls: readonly FinishedCall[]
  /** Finished since the last question, and not among them. */
  readonly leftOut: number
}

export class RecentCalls {
  readonly #engine: Engine
  readonly #nowMs: () => number
  #waiting: FinishedCall[] = []
  #leftOut = 0
  #askedMs = 0

  constructor(engine: Engine, nowMs: () => number = () => performance.now()) {
    this.#engine = engine
    this.#nowMs = nowMs
  }

  /** What has finished since the last question, in the order of their ends. The first one begins. */
  take(): Finished {
    this.#askedMs = this.#nowMs()
    this.#engine.watcher ??= (record) => this.#ended(record)
    const taken = { calls: this.#waiting, leftOut: this.#leftOut }
    this.#waiting = []
    this.#leftOut = 0
    return taken
  }

  #ended(record: CallRecord): void {
    if (this.#waiting.length === MOST) {
      this.#waiting.shift()
      this.#leftOut += 1
      if (this.#nowMs() - this.#askedMs > FORGOTTEN_AFTER_MS) return this.#stop()
    }
    this.#waiting.push(rowOf(record))
  }

  #stop(): void {
    this.#engine.watcher = undefined
    this.#waiting = []
    this.#leftOut = 0
  }
}

function rowOf({ id, at, api, operation, consumer, kind, status, code, receipt, units, price, tookMs, attempts }: CallRecord): FinishedCall {
  return { id, at, api, operation, consumer, kind, status, code, receipt, units, price, tookMs, connection: attempts.at(-1)?.connection ?? null }
}

const known = new WeakMap<Engine, RecentCalls>()

/** One for each engine: what one has taken, another does not get. */
export function recentOf(engine: Engine): RecentCalls {
  const found = known.get(engine) ?? new RecentCalls(engine)
  known.set(engine, found)
  return found
}
