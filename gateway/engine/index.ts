/**
 * The life of one call. Read `flight.ts` for the states and events, `resolve.ts` for what a request asks for,
 * `transport.ts` for the way to the provider. Never here: words of any one plugin or provider.
 */
import { type CallRecord, type EpochMs, isRefusal, type Refusal, Roll, refuse } from '#contract'
import { EngineCall } from './call.ts'
import type { Chain } from './chain.ts'
import { Deadlines } from './deadlines.ts'
import { Flight } from './flight.ts'
import type { Entry } from './catalogue.ts'
import { Formers } from './formers.ts'
import type { Generation, LiveRoute } from './generation.ts'
import { Patience } from './patience.ts'
import type { EnginePorts, Sink, Timed } from './ports.ts'
import { type Problem, problemOf } from './problem.ts'
import { type Quote, quoteFor } from './quote.ts'
import { Reconciler, type Unsettled } from './reconciler.ts'
import { recordOf } from './reply.ts'
import { type CallLimits, Serving } from './serving.ts'
import { Tallies } from './tallies.ts'
import { Unverified } from './unverified.ts'
import { type Incoming, resolveBody, resolveTarget, type Target } from './resolve.ts'

export type { Link } from './chain.ts'

export { Flight } from './flight.ts'
export { Generation, type LiveRoute, type RouteDefinition } from './generation.ts'
export { EngineCall } from './call.ts'
export { Health } from './health/index.ts'
export type { EnginePorts, Sink } from './ports.ts'
export { ownFields, type Problem, problemOf } from './problem.ts'
export { type Incoming, resolveBody, resolveTarget, type Target } from './resolve.ts'
export { lateSettlements } from './late-settlements.ts'
export { LeakBook } from './leaks.ts'
export type { Unsettled } from './reconciler.ts'
export type { CallLimits } from './serving.ts'
export * from './tallies.ts'
export { Transport } from './transport.ts'
export { outboundTo } from './upstream/index.ts'
export type { Vetting } from './vetting.ts'
export { Watching } from './watching.ts'

/** A request that is not, or not yet, a call. */
type Uncalled = Pick<Incoming, 'id' | 'address' | 'loopback' | 'target' | 'header'>

const STOPPING = refuse('unavailable', 'the gateway is stopping', { retryAfterSeconds: 1 })

export class Engine {
  /** What has happened, over all generations. */
  readonly tallies = new Tallies()
  readonly #ports: EnginePorts
  readonly #flights = new Roll<Flight>()
  /** Hears of each call that is over while somebody looks on; undefined: nobody does, and no call pays for it. */
  watcher: ((record: CallRecord) => void) | undefined
  readonly #reconciler: Reconciler
  readonly #formers: Formers
  #serving: Serving
  #stopping = false
  #idle: (() => void) | undefined

  constructor(ports: Omit<EnginePorts, 'unknown' | 'deadlines' | 'patience' | 'unverified'>, generation: Generation) {
    const settlers = (): readonly Chain[] => [...this.#serving.generation.chains, ...this.#formers.chains]
    this.#reconciler = new Reconciler({ ...ports, settlers, late: (unknown) => ports.late?.(unknown) })
    this.#formers = new Formers({ ...ports, unsettled: () => this.unsettled.count })
    this.#ports = {
      ...{ ...ports, patience: new Patience(), unverified: new Unverified(), unknown: () => this.#reconciler.wake() },
      deadlines: deadlinesOf(ports),
    }
    this.#serving = this.#servingOf(generation, this.#ports)
    this.#reconciler.wake()
  }

  /** The generation that serves from now on. Calls under way stay with theirs, and what that has quoted is honoured. */
  take(generation: Generation, limits: CallLimits): void {
    const former = this.#serving
    const { upstreamTimeoutMs, deadlines } = former.ports
    const same = limits.upstreamTimeoutMs === upstreamTimeoutMs ? deadlines : deadlinesOf(limits)
    this.#serving = this.#servingOf(generation, { ...this.#ports, ...limits, deadlines: same })
    this.#formers.add(former)
  }

  #servingOf(generation: Generation, ports: EnginePorts): Serving {
    return new Serving(generation, ports, (serving, flight, call, ending) => {
      this.tallies.called(call, ending.kind, ending.refusal?.code, ending.tookMs)
      if (this.watcher !== undefined) this.watcher(recordOf(call, ending))
      this.#left(flight, serving)
    })
  }

  get generation(): Generation {
    return this.#serving.generation
  }

  /** Those that were replaced and whose quotes hold, newest first. */
  get honoured(): readonly Generation[] {
    return this.#formers.honoured.map(({ generation }) => generation)
  }

  /** Those that were replaced and are needed still. */
  get formers(): number {
    return this.#formers.size
  }

  /** Calls under way. */
  get underWay(): number {
    return this.#flights.size
  }

  /** Payments of this process whose settlement nobody knows. */
  get unsettled(): Unsettled {
    return this.#reconciler.unsettled
  }

  /** A settlement outside of a call has become unknown. */
  unknown(): void {
    this.#reconciler.wake()
  }

  /** Step 1 before the body is read: routes, operation and everything in the head, or the refusal. */
  target(incoming: Incoming): Target | Refusal {
    if (this.#stopping) return STOPPING
    return resolveTarget(this.#serving.generation, incoming)
  }

  /** The rest, once the body is there. The answer goes to the sink; the flight hears of the client's leaving. */
  begin(incoming: Incoming, target: Target, body: Uint8Array, sink: Sink): Flight | undefined {
    const serving = this.#serving
    if (this.#formers.honours || target.route.generation !== serving.generation) return this.#beginAnew(incoming, target, body, sink)
    return this.#fly(serving, incoming, target, body, sink)
  }

  /** After a reload: what was resolved before it is resolved again, and who pays what was quoted before it gets that. */
  #beginAnew(incoming: Incoming, before: Target, body: Uint8Array, sink: Sink): Flight | undefined {
    const serving = this.#serving
    const target = before.route.generation === serving.generation ? before : this.target(incoming)
    if (isRefusal(target)) {
      this.refuse(incoming, target, sink)
      return undefined
    }
    const former = this.#formers.taking(serving, { incoming, target, body })
    return this.#fly(former?.serving ?? serving, incoming, former?.target ?? target, body, sink)
  }

  #fly(serving: Serving, incoming: Incoming, target: Target, body: Uint8Array, sink: Sink): Flight | undefined {
    const request = this.#stopping ? STOPPING : resolveBody(target, incoming, body)
    if (isRefusal(request)) {
      this.refuse(incoming, request, sink)
      return undefined
    }
    const { number: generation, config } = serving.generation
    const at = { generation, config, receivedAtMs: this.#ports.clock.nowMs() as EpochMs, origin: this.#ports.origin() }
    const call = new EngineCall(incoming, target, request, body, at)
    const flight = new Flight(serving.ports, call, sink, serving.landed)
    serving.underWay += 1
    this.#flights.add(flight)
    flight.start()
    return flight
  }

  /** A request that never became a call. */
  refuse(incoming: Uncalled, refusal: Refusal, sink: Sink): void {
    const problem = this.problem(incoming, refusal)
    sink.answer(problem.status, problem.headers, problem.body)
  }

  problem(incoming: Uncalled, refusal: Refusal): Problem {
    this.tallies.refused(refusal.code)
    const told = new Set<string>()
    for (const chain of this.#serving.generation.chains) chain.observeRefused(incoming, refusal, told)
    return problemOf(refusal, incoming.id)
  }

  /** Whether one may ask for what is no call and costs work outside: by the plugins of the first chain that has an opinion. */
  turnAway(incoming: Uncalled): Refusal | undefined {
    for (const chain of this.#serving.generation.chains) {
      const refusal = chain.turnAway(incoming)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }

  /** The cause of a failure goes to the log, and nowhere else. */
  logFailure(incoming: Pick<Incoming, 'id'>, cause: unknown): void {
    this.#ports.log.error({ request: incoming.id, error: cause instanceof Error ? cause.stack : String(cause) }, 'a request failed inside the gateway')
  }

  /** What a call would be offered now, through the same chain that would admit it; undefined where it is not for sale. */
  quote(route: LiveRoute, entry: Entry): Quote | undefined {
    try {
      return quoteFor(route, entry, { generation: route.generation, nowMs: this.#ports.clock.nowMs(), health: this.#ports.health })
    } catch (cause) {
      // An adapter's or a plugin's fault: its calls are refused, so they are not offered either.
      this.#ports.log.warn({ api: route.api, operation: entry.operation.id, cause: String(cause) }, 'an operation has no price and is not offered')
      return undefined
    }
  }

  #left(flight: Flight, serving: Serving): void {
    this.#flights.delete(flight)
    if (serving !== this.#serving && serving.underWay === 0) this.#formers.look()
    if (this.#flights.size === 0) this.#idle?.()
  }

  /** No new calls; those under way finish, and after the grace they are cut. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#reconciler.close()
    if (this.#flights.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve
      })
      const timer = setTimeout(() => {
        for (const flight of this.#flights.all()) flight.onShutdown()
      }, graceMs)
      await idle
      clearTimeout(timer)
    }
    await this.#ports.transport.close()
    await this.#formers.close()
    await this.#serving.generation.close()
  }
}

const deadlinesOf = ({ upstreamTimeoutMs }: Pick<EnginePorts, 'upstreamTimeoutMs'>): Deadlines<Timed> =>
  new Deadlines<Timed>(upstreamTimeoutMs, (flight) => flight.onDeadline())
