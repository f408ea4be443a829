/** What follows from the ends of attempts: each class of failure has a consequence of its own, and a duration. */
import type { Adapter, Attempt as AttemptRecord, Audit, Call, Notice, Notices, Operation } from '#contract'
import { verdictOf } from './ending.ts'
import type { DeclaredRate } from './pace.ts'
import type { Roster, RosterOptions } from './roster.ts'
import type { Standing } from './standing.ts'
import { retryAfterMs, toldBy } from './told.ts'
import type { Trip } from './trip.ts'

export interface HealthOptions extends RosterOptions {
  readonly notices: Notices
  readonly audit: Pick<Audit, 'write'>
}

/** Credentials refused in a row, and nobody can tell them from one that is wrong. */
const REFUSALS = 3
const PAUSED_MS = 900_000
const LONGEST_PAUSED_MS = 14_400_000
/** Of a provider that does not tell its limits, one answer in so many is looked at again. */
const LOOK_AGAIN = 64

export class Consequences {
  readonly #options: HealthOptions
  readonly #roster: Roster

  constructor(options: HealthOptions, roster: Roster) {
    this.#options = options
    this.#roster = roster
  }

  /** Each attempt at its end, once. */
  ended(trip: Trip, call: Call, attempt: AttemptRecord, rawHeaders: readonly string[]): void {
    const { standing, lane, ticket } = trip
    if (!trip.hasBegun || standing === undefined || lane === undefined) return
    const verdict = verdictOf(attempt)
    trip.end()
    const nowMs = this.#options.clock.nowMs()
    const consumer = call.consumer.id
    const hasLearned = this.#learn(trip, call, attempt, rawHeaders)
    // What was asked before the connection's state changed says nothing of it as it is now.
    const isCurrent = standing.breaker.isCurrent(ticket)
    switch (verdict) {
      case 'good':
        standing.breaker.good(ticket)
        this.#served(standing, call.operation, trip.sentNs)
        break
      case 'alive':
        standing.breaker.good(ticket)
        if (isCurrent) this.#refused(standing, call, attempt)
        break
      case 'bad':
        standing.breaker.bad(ticket, nowMs, consumer, call.operation.id)
        break
      default:
        standing.breaker.nothing(ticket)
    }
    const counts = verdict === 'good' || (isCurrent && (verdict === 'bad' || verdict === 'odd'))
    if (counts) this.#judge(standing, verdict === 'good', consumer)
    standing.mark()
    if (hasLearned || lane.waiting > 0) lane.pump()
  }

  /** A stream that was charged broke off. */
  brokeOff({ standing }: Trip, call: Call): void {
    if (standing !== undefined) this.#judge(standing, false, call.consumer.id)
  }

  // ---------------------------------------------------------------- what an end says

  /** Limits, from the fields and from refusals. True where something was learned. */
  #learn({ standing, lane, sentNs }: Trip, { adapter, operation }: Call, { meaning }: AttemptRecord, raw: readonly string[]): boolean {
    if (standing === undefined || lane === undefined) return false
    const isLimited = meaning === 'rate-limited'
    standing.answers += 1
    if (raw.length === 0 || (!isLimited && standing.tells === false && standing.answers % LOOK_AGAIN !== 0)) return false
    const { clock } = this.#options
    const nowNs = clock.monotonicNs()
    const told = toldBy(raw, clock.nowMs(), adapter.rateHeaders)
    standing.tells = told !== undefined
    if (told !== undefined) lane.pace.told(told, nowNs)
    if (isLimited) {
      const declared = declaredBy(adapter, operation)
      lane.pace.refused(nowNs, { sentNs, retryAfterMs: retryAfterMs(raw, clock.nowMs()), isExplained: told?.remaining === 0, declared })
    }
    return isLimited || told !== undefined
  }

  #served(standing: Standing, operation: Operation, sentNs: number): void {
    standing.refusals = 0
    standing.has(operation)
    if (standing.exhausted !== undefined && sentNs > standing.exhausted.sinceNs) standing.exhausted = undefined
    if (standing.paused?.why === 'credential' && sentNs > standing.paused.sinceNs) this.#resumed(standing, 'the provider takes its credential again')
  }

  #refused(standing: Standing, call: Call, { meaning }: AttemptRecord): void {
    const { connection } = standing
    const { clock, stock } = this.#options
    const by = { consumer: call.consumer.id, operation: call.operation.id }
    if (meaning === 'plan-lacks-it') standing.lacks(call.operation, by.consumer, clock.nowMs())
    else if (meaning === 'quota-exhausted') {
      const isNew = standing.exhaust(stock.resetsAtMs(connection.name), { ms: clock.nowMs(), ns: clock.monotonicNs() }, by)
      if (isNew)
        this.#tell(
          'quota-exhausted',
          standing,
          `${connection.name}: the provider says that its quota is used up; nothing is sold of it until it is there again`,
        )
    } else if (meaning === 'credential-refused') {
      standing.refusals += 1
      if (standing.refusals < REFUSALS || standing.paused?.why === 'credential') return
      const because = `the provider refused its credential ${REFUSALS} times in a row; rotate the credential, or enable the connection again`
      this.#tell('credential-refused', standing, `${connection.name}: ${because}`)
      this.#pause(standing, { why: 'credential', because, untilMs: undefined, sinceNs: clock.monotonicNs() })
    }
  }

  #judge(standing: Standing, good: boolean, consumer: string): void {
    const nowMs = this.#options.clock.nowMs()
    standing.tally.note(good, nowMs, consumer)
    if (good || standing.paused !== undefined) return
    if (standing.pool.isBelow(standing, nowMs)) {
      const { calls, good: served } = standing.tally.all
      const untilMs = nowMs + Math.min(LONGEST_PAUSED_MS, PAUSED_MS * 2 ** standing.timesPaused)
      standing.timesPaused += 1
      const because = `it served ${served} of its last ${calls} calls, which is below the floor; it is tried again at ${new Date(untilMs).toISOString()}`
      this.#pause(standing, { why: 'reliability', because, untilMs, sinceNs: this.#options.clock.monotonicNs() })
    } else standing.pool.ejects(standing, nowMs)
  }

  // ---------------------------------------------------------------- paused and resumed

  #pause(standing: Standing, paused: NonNullable<Standing['paused']>): void {
    standing.paused = paused
    this.#write('connection.pause', standing, paused.because)
    this.#tell('connection-paused', standing, `${standing.connection.name} is paused: ${paused.because}`)
  }

  #resumed(standing: Standing, because: string): void {
    standing.paused = undefined
    standing.refusals = 0
    standing.tally.clear()
    this.#write('connection.resume', standing, because)
    this.#tell('connection-resumed', standing, `${standing.connection.name} serves again: ${because}`)
  }

  /** What has ended by itself. */
  settle(standing: Standing, nowMs: number): void {
    if (standing.isEjected && standing.ejectedUntilMs <= nowMs) standing.isEjected = false
    const { exhausted, paused } = standing
    if (exhausted?.untilMs !== undefined && exhausted.untilMs <= nowMs) {
      standing.exhausted = undefined
      standing.renewedAtMs = nowMs
    }
    if (paused?.untilMs !== undefined && paused.untilMs <= nowMs) this.#resumed(standing, 'it is on probation')
    standing.mark()
  }

  /** Somebody says that all is well: it was enabled, or has a new credential. Its pace stays as it was learned. */
  resume(connection: string): void {
    const standing = this.#roster.find(connection)
    if (standing === undefined) return
    standing.exhausted = undefined
    standing.renewedAtMs = undefined
    standing.forgetPlan()
    standing.breaker.reset()
    standing.isEjected = false
    standing.ejectedUntilMs = 0
    standing.timesEjected = 0
    standing.timesPaused = 0
    standing.refusals = 0
    if (standing.paused !== undefined) this.#resumed(standing, 'somebody said so')
    standing.tally.clear()
    standing.mark()
  }

  /** The provider's own counter shows units. */
  unitsSeen(connection: string, remaining: number): void {
    const standing = this.#roster.find(connection)
    if (standing === undefined || remaining <= 0) return
    standing.exhausted = undefined
    standing.mark()
  }

  #tell(kind: Notice['kind'], { connection }: Standing, detail: string): void {
    this.#options.notices.tell({ kind, owner: connection.owner, connection: connection.name, detail })
  }

  #write(action: 'connection.pause' | 'connection.resume', { connection }: Standing, detail: string): void {
    this.#options.audit.write({ action, actor: 'gateway', owner: connection.owner, subject: connection.name, detail }).catch(() => undefined)
  }
}

/** What the adapter says of its provider's limits for such an operation. */
function declaredBy({ rateLimit = {} }: Adapter, { heavy }: Operation): DeclaredRate {
  return heavy === true ? { perSecond: rateLimit.heavyPerSecond } : rateLimit
}
