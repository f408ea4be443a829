/**
 * A pool on a simulated clock: providers whose behaviour changes while the time passes, and consumers who call at an even rate.
 * Hours pass in seconds; what is waited for outside of the clock is the store alone.
 */

import type { Test } from 'tap'
import { type Adapter, type Connection, type FailureRule, units, usd } from '#contract'
import type { Attempt, AttemptEvents, OutgoingRequest } from '../../gateway/engine/transport.ts'
import { adapterOf, connectionOf, operationOf } from './acme.ts'
import type { Teardown } from './folder.ts'
import { type Flown, type Inside, openInside, reached, turns } from './inside.ts'
import type { ScriptedClock } from './scripted.ts'

/** How a provider takes one request: an answer, nothing at all, or no connection. */
export type Way = { readonly status: number; readonly body?: string; readonly headers?: readonly string[] } | 'hangs' | 'refuses connections'

/** The way at a moment, for the number of requests that came before. */
export type Behaviour = (nowMs: number, count: number, request: OutgoingRequest) => Way

const LATENCY_MS = 20

/** Providers by connection, each with its behaviour. */
class Providers {
  readonly behaviours = new Map<string, Behaviour>()
  readonly counts = new Map<string, number>()
  /** Under way, and the most at once. */
  readonly open = new Map<string, { now: number; most: number }>()
  #clock: ScriptedClock | undefined

  attach(clock: ScriptedClock): void {
    this.#clock = clock
  }

  sent(connection: string): number {
    return this.counts.get(connection) ?? 0
  }

  send(request: OutgoingRequest, events: AttemptEvents): Attempt {
    const clock = this.#clock as ScriptedClock
    const { name } = request.connection
    const before = this.sent(name)
    this.counts.set(name, before + 1)
    const open = this.open.get(name) ?? { now: 0, most: 0 }
    this.open.set(name, open)
    open.now += 1
    open.most = Math.max(open.most, open.now)
    const way = this.behaviours.get(name)?.(clock.nowMs(), before, request) ?? { status: 200 }
    const over = (): void => {
      open.now -= 1
    }
    return new SimulatedAttempt(way, clock, events, over)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

class SimulatedAttempt implements Attempt {
  readonly sent: boolean
  readonly #events: AttemptEvents
  readonly #over: () => void
  #alarm: { cancel(): void } | undefined

  constructor(way: Way, clock: ScriptedClock, events: AttemptEvents, over: () => void) {
    this.sent = way !== 'refuses connections'
    this.#events = events
    this.#over = over
    if (way !== 'hangs') this.#alarm = clock.alarm(LATENCY_MS, () => this.#answer(way))
  }

  #answer(way: Exclude<Way, 'hangs'>): void {
    this.#alarm = undefined
    this.#over()
    if (way === 'refuses connections') return this.#events.error(new Error('connection refused'), false)
    const headers = ['content-type', 'application/json', ...(way.headers ?? [])]
    this.#events.head(way.status, headers, () => undefined)
    this.#events.data(Buffer.from(way.body ?? '{}'))
    this.#events.end()
  }

  abort(): void {
    this.#alarm?.cancel()
    this.#alarm = undefined
    this.#over()
  }
}

const FAILURES: readonly FailureRule[] = [
  { status: 401, means: 'credential-refused', bills: false },
  { status: 402, means: 'quota-exhausted', bills: false },
  { status: 403, means: 'plan-lacks-it', bills: false },
  { status: 429, means: 'rate-limited', bills: false },
  { status: 503, means: 'provider-down', bills: false },
]
const PLENTY = units(1_000_000)
const PRICE = 150_000n
const TIMEOUT_MS = 5_000
const STORE_LAG_MS = 100

export interface Outage {
  readonly inside: Inside
  readonly providers: Providers
  /** `slow`: refused because the disk of this machine was slow, which says nothing of providers. */
  readonly answers: { good: number; bad: number; slow: number; readonly statuses: Map<number, number> }
  /** Calls for so long, so many a second, from every consumer in turn. */
  run(seconds: number, perSecond: number): Promise<void>
  /** One call by one consumer; over when it is answered. */
  call(consumer?: number, path?: string): Promise<Flown>
  /** Passes the time until a call is answered; its status. */
  over(flown: Flown): Promise<number | undefined>
  /** Attempts that reached a provider, a call. */
  attempts(): number
  /** What the consumers have paid, and what their good answers cost: the same. */
  money(): Promise<{ paid: bigint; owed: bigint }>
}

export interface OutageSetup {
  readonly connections?: readonly Connection[]
  readonly consumers?: number
  readonly adapter?: Partial<Adapter>
  readonly floor?: number
  /** How far the clock may run ahead of the store; with 0, no call is on its way because of a slow disk. */
  readonly storeLagMs?: number
}

const CREDITS = usd('$100000')

export async function openOutage(t: Teardown, setup: OutageSetup = {}): Promise<Outage> {
  const { connections = ['a', 'b'].map((name) => connectionOf(name, { owner: name, quota: PLENTY, reserved: units(0) })), consumers = 5, adapter = {} } = setup
  const providers = new Providers()
  const inside = await openInside(t, {
    adapter: adapterOf([operationOf('search'), operationOf('other'), operationOf('heavy', { heavy: true })], { failures: FAILURES, ...adapter }),
    ...{ apis: new Map([['acme', connections]]), transport: providers, bufferBytes: 1000, concurrentPerConsumer: 100_000 },
    ...(setup.floor === undefined ? {} : { floor: setup.floor }),
  })
  providers.attach(inside.clock)
  const headers = await Promise.all(Array.from({ length: consumers }, (_, at) => inside.key(`k${at}`, { credits: CREDITS })))
  const traffic = new Traffic(inside, headers, setup.storeLagMs ?? STORE_LAG_MS)
  const money = async (): Promise<{ paid: bigint; owed: bigint }> => {
    await inside.flushed()
    const balances = await Promise.all(headers.map((_, at) => inside.admin.balance(`key:k${at}`)))
    return { paid: balances.reduce((sum, balance) => sum + CREDITS - balance, 0n), owed: BigInt(traffic.answers.good) * PRICE }
  }
  return {
    ...{ inside, providers, answers: traffic.answers, money },
    run: (seconds, perSecond) => traffic.run(seconds, perSecond),
    call: (consumer, path) => traffic.call(consumer, path),
    over: (flown) => traffic.over(flown),
    attempts: () => [...providers.counts.values()].reduce((sum, count) => sum + count, 0) / traffic.calls,
  }
}

/** Calls of a few consumers in turn, on the scripted clock. */
class Traffic {
  readonly answers: Outage['answers'] = { good: 0, bad: 0, slow: 0, statuses: new Map() }
  calls = 0
  readonly #inside: Inside
  readonly #headers: readonly Record<string, string>[]
  /** Under way, with the time at which they came: the oldest first. */
  readonly #under = new Map<Flown, number>()

  readonly #storeLagMs: number

  constructor(inside: Inside, headers: readonly Record<string, string>[], storeLagMs: number) {
    this.#inside = inside
    this.#headers = headers
    this.#storeLagMs = storeLagMs
  }

  async run(seconds: number, perSecond: number): Promise<void> {
    const step = 1000 / perSecond
    for (let at = 0; at < seconds * perSecond; at += 1) {
      this.#fly(at, '/acme/search')
      this.#inside.clock.pass(step)
      await turns(1)
      await this.#written()
    }
    await this.#settled()
  }

  async call(consumer = 0, path = '/acme/search'): Promise<Flown> {
    const flown = this.#fly(consumer, path)
    await this.#settled()
    return flown
  }

  async over(flown: Flown): Promise<number | undefined> {
    await reached('the call is over', () => {
      this.#inside.clock.pass(5)
      return flown.flight.state === 'over'
    })
    return flown.sink.answers[0]?.status
  }

  #fly(consumer: number, path: string): Flown {
    const { clock } = this.#inside
    const flown = this.#inside.fly(path, { headers: this.#headers[consumer % this.#headers.length] ?? {} })
    this.calls += 1
    this.#under.set(flown, clock.nowMs())
    const deadline = clock.alarm(TIMEOUT_MS, () => flown.flight.onDeadline())
    void flown.landed.then(() => {
      deadline.cancel()
      this.#under.delete(flown)
      const { status = 0, body = '' } = flown.sink.answers[0] ?? {}
      this.answers.statuses.set(status, (this.answers.statuses.get(status) ?? 0) + 1)
      if (status === 200) this.answers.good += 1
      else if (body.includes('the store is slow')) this.answers.slow += 1
      else this.answers.bad += 1
    })
    return flown
  }

  /** The store works in the time of this machine: the clock waits for it. */
  async #written(): Promise<void> {
    for (const [{ flight }, sinceMs] of this.#under) {
      if (this.#inside.clock.nowMs() - sinceMs < this.#storeLagMs) return
      while (flight.state === 'admitting' || flight.state === 'settling') await turns(1)
    }
  }

  async #settled(): Promise<void> {
    for (let step = 0; this.#under.size > 0 && step < 2000; step += 1) {
      this.#inside.clock.pass(10)
      await turns(1)
      await this.#written()
    }
    await reached('every call is over', () => this.#under.size === 0)
  }
}

export const always =
  (way: Way): Behaviour =>
  () =>
    way

/** Nobody paid for a failure, and no failure was multiplied; answers how large a part was served. */
export async function proven(t: Test, outage: Outage): Promise<number> {
  const { good, bad } = outage.answers
  const { paid, owed } = await outage.money()
  t.equal(paid, owed, 'paid is what good answers cost, and nothing else')
  t.ok(outage.attempts() <= 1.1, `${outage.attempts().toFixed(4)} attempts a call`)
  const availability = good / (good + bad)
  t.comment(`${good + bad} calls, ${(availability * 100).toFixed(3)} % served, ${outage.attempts().toFixed(4)} attempts a call`)
  return availability
}
