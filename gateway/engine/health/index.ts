/**
 * How each connection stands with its provider, and what follows. Read `standing.ts` for what is known, `consequences.ts` for what follows, `breaker.ts` for
 * outages, `pool.ts` for reliability, `pace.ts` and `lane.ts` for the provider's limits, `routing.ts` for who is asked.
 *
 * It lives beside the generations and survives a reload. Nothing of it is stored: after a restart everybody is well until a
 * call says otherwise, and of several processes each learns by itself.
 */
import type { Alternative, Attempt as AttemptRecord, Call, Connection, Refusal } from '#contract'
import type { Attempt, OutgoingRequest, Transport } from '../transport.ts'
import { Consequences, type HealthOptions } from './consequences.ts'
import type { Lane } from './lane.ts'
import { Roster, type Standards } from './roster.ts'
import { fitOf, offered, ownersOf, type Sights } from './routing.ts'
import { type Shown, shownOf } from './shown.ts'
import type { Standing } from './standing.ts'
import { NotNow, type Trip } from './trip.ts'

export type { HealthOptions } from './consequences.ts'
export type { Shown } from './shown.ts'
export { NotNow, Trip } from './trip.ts'

export class Health {
  readonly #options: HealthOptions
  readonly #roster: Roster
  readonly #consequences: Consequences

  constructor(options: HealthOptions) {
    this.#options = options
    this.#roster = new Roster(options)
    this.#consequences = new Consequences(options, this.#roster)
  }

  // ---------------------------------------------------------------- who is asked

  /** Alternatives that may serve this call now, or why none may. Where all is well they come back as they are. */
  fit(call: Call, alternatives: readonly Alternative[]): readonly Alternative[] | Refusal {
    if (!this.#isTroubled(alternatives)) return alternatives
    const sights = this.#sights()
    return call.consumer.kind === 'owner' ? ownersOf(call, alternatives, sights) : fitOf(call, alternatives, sights)
  }

  /** The alternative that would serve now; undefined where none has units; a refusal where none may serve for long. */
  offer(call: Call, alternatives: readonly Alternative[]): Alternative | Refusal | undefined {
    const sights = this.#sights()
    return this.#isTroubled(alternatives) ? offered(call, alternatives, sights) : alternatives.find((one) => sights.has(one))
  }

  #isTroubled(alternatives: readonly Alternative[]): boolean {
    const [first] = alternatives
    const pool = first === undefined ? undefined : this.#roster.find(first.connection)?.pool
    if (pool === undefined || pool.troubled.size === 0) return false
    const nowMs = this.#options.clock.nowMs()
    for (const one of pool.troubled) this.#consequences.settle(one, nowMs)
    return pool.troubled.size > 0
  }

  #sights(): Sights {
    const { clock, stock } = this.#options
    return {
      ...{ ms: clock.nowMs(), ns: clock.monotonicNs() },
      standing: (connection) => this.#roster.find(connection),
      has: ({ connection, units }) => stock.enabled(connection) && stock.left(connection) >= units,
    }
  }

  /** Whether one of the others may be asked in its place. */
  mayFollow(call: Call, { connection }: Alternative): boolean {
    const standing = this.#roster.find(connection)
    if (standing === undefined || standing.isCalm || call.consumer.kind === 'owner') return true
    const { clock } = this.#options
    const unfit = standing.unfit(call.operation, call.consumer.id, { ms: clock.nowMs(), ns: clock.monotonicNs() })
    return unfit === undefined || unfit.soft
  }

  /** Takes one of the retries that a pool has. */
  mayRetry({ standing }: Trip): boolean {
    return standing === undefined || standing.pool.budget.take(this.#options.clock.nowMs())
  }

  /** How long another call of this kind would wait; for the refusal of one that the provider limited. */
  waitMs({ lane }: Trip): number {
    return lane === undefined ? 0 : lane.waitNs(this.#options.clock.monotonicNs()) / 1e6
  }

  // ---------------------------------------------------------------- a call on its way

  /** To the provider, at once or when its turn comes. What does not go now ends with `NotNow`, unsent. */
  send(transport: Pick<Transport, 'send'>, request: OutgoingRequest, trip: Trip): Attempt | undefined {
    const { clock } = this.#options
    const standing = this.#roster.of(request.connection)
    const lane = standing.lane(request.operation)
    trip.standing = standing
    trip.lane = lane
    if (trip.isFirst) standing.pool.budget.call(clock.nowMs())
    const nowNs = clock.monotonicNs()
    if (this.#isClosed(standing, request, trip)) return trip.notNow(this.#closed(standing))
    const isLimited = lane.waiting > 0 || !lane.pace.isFree
    const waitNs = isLimited ? lane.waitNs(nowNs) : 0
    if (lane.waiting === 0 && waitNs === 0) {
      trip.begin(nowNs)
      return transport.send(request, trip.events)
    }
    if (lane.isTooLong(waitNs)) return trip.notNow(new NotNow('paced', waitNs / 1e6))
    return this.#wait(transport, request, trip, nowNs)
  }

  #wait(transport: Pick<Transport, 'send'>, request: OutgoingRequest, trip: Trip, nowNs: number): Attempt {
    const { standing, lane } = trip as { standing: Standing; lane: Lane }
    return lane.enter(
      {
        go: (atNs) => {
          if (this.#isClosed(standing, request, trip)) return trip.notNow(this.#closed(standing))
          trip.begin(atNs)
          return transport.send(request, trip.events)
        },
        late: (waitMs) => void trip.notNow(new NotNow('paced', waitMs)),
      },
      nowNs,
    )
  }

  #isClosed({ breaker }: Standing, { operation }: OutgoingRequest, { isOwners, consumer }: Trip): boolean {
    return breaker.isOpen && !isOwners && !breaker.lets(this.#options.clock.nowMs(), consumer, operation.id)
  }

  #closed({ breaker }: Standing): NotNow {
    return new NotNow('open', Math.max(1, breaker.probeAtMs - this.#options.clock.nowMs()))
  }

  /** Each attempt at its end, once. */
  ended(trip: Trip, call: Call, attempt: AttemptRecord, rawHeaders: readonly string[]): void {
    this.#consequences.ended(trip, call, attempt, rawHeaders)
  }

  /** A stream that was charged broke off. */
  brokeOff(trip: Trip, call: Call): void {
    this.#consequences.brokeOff(trip, call)
  }

  // ---------------------------------------------------------------- for those who run it

  /** What is configured. At start and at each reload. */
  configure(connections: readonly Connection[], standards?: Standards): void {
    this.#roster.configure(connections, standards)
  }

  /** Somebody says that all is well: it was enabled, or has a new credential. Its pace stays as it was learned. */
  resume(connection: string): void {
    this.#consequences.resume(connection)
  }

  /** The provider's own counter shows units. */
  unitsSeen(connection: string, remaining: number): void {
    this.#consequences.unitsSeen(connection, remaining)
  }

  /** For people; undefined where there is no such connection. */
  shown(connection: string): Shown | undefined {
    const standing = this.#roster.find(connection)
    if (standing === undefined) return undefined
    this.#consequences.settle(standing, this.#options.clock.nowMs())
    return shownOf(standing, this.#options.clock)
  }
}
