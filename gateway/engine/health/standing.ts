/**
 * How one connection stands: what each kind of failure has led to, and until when. Written when an attempt ends, compared with
 * the clock when a call asks. It lives as long as the process, whatever is reloaded; other processes learn by themselves.
 */
import type { Connection, EpochMs, Operation } from '#contract'
import { Breaker } from './breaker.ts'
import { Culprits } from './culprits.ts'
import type { Lane } from './lane.ts'
import type { Pool } from './pool.ts'
import { Tally } from './tally.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** Out until its period ends; undefined: nobody knows when. */
export interface Exhausted {
  readonly untilMs: number | undefined
  /** What was sent before says nothing of it. */
  readonly sinceNs: number
  readonly culprits: Culprits
}

export interface Paused {
  /** `credential`: until somebody says that it is right again. `reliability`: on probation after a while. */
  readonly why: 'credential' | 'reliability'
  readonly because: string
  readonly untilMs: number | undefined
  readonly sinceNs: number
}

interface Lacking {
  readonly culprits: Culprits
  untilMs: number
  times: number
}

/** Why a connection does not serve a call now. `soft`: it could, but others serve better. */
export type Unfit =
  | { readonly why: 'exhausted' | 'credential' | 'plan' | 'open' | 'paced'; readonly untilMs: number | undefined; readonly soft: false }
  | { readonly why: 'unreliable'; readonly untilMs: number | undefined; readonly soft: true }

export class Standing {
  connection: Connection
  pool: Pool
  readonly breaker = new Breaker()
  readonly tally = new Tally()
  /** Heavy operations have a pace of their own. */
  readonly lanes: { readonly plain: Lane; readonly heavy: Lane }
  exhausted: Exhausted | undefined
  paused: Paused | undefined
  ejectedUntilMs = 0
  /** Set aside; whether the time is over is looked at when a call comes. */
  isEjected = false
  timesEjected = 0
  timesPaused = 0
  /** Refused credentials in a row. */
  refusals = 0
  /** When the quota was taken to be there again because its period had ended. */
  renewedAtMs: number | undefined
  /** Answers carry fields about limits: undefined while nobody has looked. */
  tells: boolean | undefined
  answers = 0
  judgedAtMs = 0
  #lacking: Map<string, Lacking> | undefined

  constructor(connection: Connection, pool: Pool, lanes: { readonly plain: Lane; readonly heavy: Lane }) {
    this.connection = connection
    this.pool = pool
    this.lanes = lanes
  }

  lane(operation: Operation): Lane {
    return operation.heavy === true ? this.lanes.heavy : this.lanes.plain
  }

  /** Nothing has to be asked of it before it is called. */
  get isCalm(): boolean {
    return (
      !this.breaker.isOpen &&
      this.exhausted === undefined &&
      this.paused === undefined &&
      !this.isEjected &&
      this.#lacking === undefined &&
      this.lanes.plain.pace.isFree &&
      this.lanes.heavy.pace.isFree
    )
  }

  /** Tells its pool whether it has to be asked. */
  mark(): void {
    const { troubled } = this.pool
    if (!this.isCalm) troubled.add(this)
    else if (troubled.size > 0) troubled.delete(this)
  }

  /** Why it does not serve such a call now. */
  unfit(operation: Operation, consumer: string, now: { readonly ms: number; readonly ns: number }): Unfit | undefined {
    const lasting = this.lastingly(operation, consumer, now.ms)
    if (lasting !== undefined) return lasting
    if (!this.breaker.lets(now.ms, consumer, operation.id)) return { why: 'open', untilMs: Math.max(this.breaker.probeAtMs, now.ms + 1), soft: false }
    const lane = this.lane(operation)
    const waitNs = lane.waitNs(now.ns)
    if (lane.isTooLong(waitNs)) return { why: 'paced', untilMs: now.ms + waitNs / 1e6, soft: false }
    return this.ejectedUntilMs > now.ms ? { why: 'unreliable', untilMs: this.ejectedUntilMs, soft: true } : undefined
  }

  /** The same, of what lasts longer than an outage: offers keep to it, too. */
  lastingly(operation: Operation, consumer: string, nowMs: number): Unfit | undefined {
    const { paused, exhausted } = this
    if (paused?.why === 'credential') return { why: 'credential', untilMs: undefined, soft: false }
    if (exhausted !== undefined && !exhausted.culprits.spare(consumer, operation.id)) return { why: 'exhausted', untilMs: exhausted.untilMs, soft: false }
    const lacking = this.#lacking?.get(operation.id)
    if (lacking !== undefined && nowMs < lacking.untilMs && !lacking.culprits.spare(consumer, operation.id))
      return { why: 'plan', untilMs: lacking.untilMs, soft: false }
    return paused === undefined ? undefined : { why: 'unreliable', untilMs: paused.untilMs, soft: true }
  }

  /** The plan does not include an operation: set aside for an hour, twice as long each time, at most a day. */
  lacks(operation: Operation, consumer: string, nowMs: number): void {
    this.#lacking ??= new Map()
    const lacking = this.#lacking.get(operation.id) ?? { culprits: new Culprits(), untilMs: 0, times: 0 }
    lacking.culprits.note(consumer, operation.id)
    if (nowMs >= lacking.untilMs) {
      lacking.untilMs = nowMs + Math.min(DAY_MS, HOUR_MS * 2 ** lacking.times)
      lacking.times += 1
    }
    this.#lacking.set(operation.id, lacking)
  }

  has(operation: Operation): void {
    if (this.#lacking?.delete(operation.id) && this.#lacking.size === 0) this.#lacking = undefined
  }

  /** The plan may have changed. */
  forgetPlan(): void {
    this.#lacking = undefined
  }

  /** The provider says that the units are used up. Just after a renewal its period may only end later than ours. */
  exhaust(
    resetsAtMs: EpochMs | undefined,
    now: { readonly ms: number; readonly ns: number },
    { consumer, operation }: { consumer: string; operation: string },
  ): boolean {
    const isNew = this.exhausted === undefined
    const culprits = this.exhausted?.culprits ?? new Culprits()
    culprits.note(consumer, operation)
    const justRenewed = this.renewedAtMs !== undefined && now.ms - this.renewedAtMs < DAY_MS
    const untilMs = justRenewed ? Math.min(now.ms + HOUR_MS, resetsAtMs ?? Number.POSITIVE_INFINITY) : resetsAtMs
    this.exhausted = { untilMs, culprits, sinceNs: this.exhausted?.sinceNs ?? now.ns }
    return isNew
  }
}
