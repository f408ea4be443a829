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
export class Providers {
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
    const headers = ['content-type', 'application/json', ...(way.headers ?? [])].map((text) => Buffer.from(text))
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

export const FAILURES: readonly FailureRule[] = [
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

export interface OutageSetup {
  readonly connections?: readonly Connection[]
  readonly consumers?: number
  readonly adapter?: Partial<Adapter>
  readonly floor?: number
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
  return new Outage(inside, providers, headers)
}

export class Outage {
  readonly inside: Inside
  readonly providers: Providers
  /** `slow`: refused because the disk of this machine was slow, which says nothing of providers. */
  readonly answers = { good: 0, bad: 0, slow: 0, statuses: new Map<number, number>() }
  readonly #headers: readonly Readonly<Record<string, string>>[]
  /** Under way, with the time at which they came: the oldest first. */
  readonly #under = new Map<Flown, number>()
  #calls = 0

  /** `headers`: of each consumer. */
  constructor(inside: Inside, providers: Providers, headers: readonly Readonly<Record<string, string>>[]) {
    this.inside = inside
    this.providers = providers
    this.#headers = headers
  }

  #fly(consumer: number, path: string): Flown {
    const { inside, answers } = this
    const flown = inside.fly(path, { headers: this.#headers[consumer % this.#headers.length] ?? {} })
    this.#calls += 1
    this.#under.set(flown, inside.clock.nowMs())
    const deadline = inside.clock.alarm(TIMEOUT_MS, () => flown.flight.onDeadline())
    void flown.landed.then(() => {
      deadline.cancel()
      this.#under.delete(flown)
      const { status = 0, body = '' } = flown.sink.answers[0] ?? {}
      answers.statuses.set(status, (answers.statuses.get(status) ?? 0) + 1)
      if (status === 200) answers.good += 1
      else if (body.includes('the store is slow')) answers.slow += 1
      else answers.bad += 1
    })
    return flown
  }

  /** The store works in the time of this machine: the clock waits for it. */
  async #pass(ms: number): Promise<void> {
    const { clock } = this.inside
    clock.pass(ms)
    await turns(1)
    for (const [{ flight }, sinceMs] of this.#under) {
      if (clock.nowMs() - sinceMs < STORE_LAG_MS) return
      while (flight.state === 'admitting' || flight.state === 'settling') await turns(1)
    }
  }

  async #settled(): Promise<void> {
    for (let step = 0; this.#under.size > 0 && step < 2000; step += 1) await this.#pass(10)
    await reached('every call is over', () => this.#under.size === 0)
  }

  /** Calls for so long, so many a second, from every consumer in turn. */
  async run(seconds: number, perSecond: number): Promise<void> {
    for (let at = 0; at < seconds * perSecond; at += 1) {
      this.#fly(at, '/acme/search')
      await this.#pass(1000 / perSecond)
    }
    await this.#settled()
  }

  /** One call by one consumer; over when it is answered. */
  async call(consumer = 0, path = '/acme/search'): Promise<Flown> {
    const flown = this.#fly(consumer, path)
    await this.#settled()
    return flown
  }

  /** Passes the time until a call is answered; its status. */
  async over(flown: Flown): Promise<number | undefined> {
    await reached('the call is over', () => {
      this.inside.clock.pass(5)
      return flown.flight.state === 'over'
    })
    return flown.sink.answers[0]?.status
  }

  /** What the consumers have paid, and what their good answers cost: the same. */
  async money(): Promise<{ paid: bigint; owed: bigint }> {
    const { inside, answers } = this
    await inside.flushed()
    const balances = await Promise.all(this.#headers.map((_, at) => inside.admin.balance(`key:k${at}`)))
    return { paid: balances.reduce((sum, balance) => sum + CREDITS - balance, 0n), owed: BigInt(answers.good) * PRICE }
  }

  /** Attempts that reached a provider, a call. */
  attempts(): number {
    return [...this.providers.counts.values()].reduce((sum, count) => sum + count, 0) / this.#calls
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
