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

export interface Outage {
  readonly inside: Inside
  readonly providers: Providers
  readonly answers: { good: number; bad: number; readonly statuses: Map<number, number> }
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
  const answers: Outage['answers'] = { good: 0, bad: 0, statuses: new Map() }
  /** Under way, with the time at which they came: the oldest first. */
  const under = new Map<Flown, number>()
  let calls = 0
  const fly = (consumer: number, path: string): Flown => {
    const flown = inside.fly(path, { headers: headers[consumer % consumers] ?? {} })
    calls += 1
    under.set(flown, inside.clock.nowMs())
    const deadline = inside.clock.alarm(TIMEOUT_MS, () => flown.flight.onDeadline())
    void flown.landed.then(() => {
      deadline.cancel()
      under.delete(flown)
      const status = flown.sink.answers[0]?.status ?? 0
      answers.statuses.set(status, (answers.statuses.get(status) ?? 0) + 1)
      if (status === 200) answers.good += 1
      else answers.bad += 1
    })
    return flown
  }
  /** The store works in the time of this machine: the clock waits for it. */
  const written = async (): Promise<void> => {
    for (const [{ flight }, sinceMs] of under) {
      if (inside.clock.nowMs() - sinceMs < STORE_LAG_MS) return
      while (flight.state === 'admitting' || flight.state === 'settling') await turns(1)
    }
  }
  const settled = async (): Promise<void> => {
    for (let step = 0; under.size > 0 && step < 2000; step += 1) {
      inside.clock.pass(10)
      await turns(1)
      await written()
    }
    await reached('every call is over', () => under.size === 0)
  }
  const run = async (seconds: number, perSecond: number): Promise<void> => {
    const step = 1000 / perSecond
    for (let at = 0; at < seconds * perSecond; at += 1) {
      fly(at, '/acme/search')
      inside.clock.pass(step)
      await turns(1)
      await written()
    }
    await settled()
  }
  const call = async (consumer = 0, path = '/acme/search'): Promise<Flown> => {
    const flown = fly(consumer, path)
    await settled()
    return flown
  }
  const over = async (flown: Flown): Promise<number | undefined> => {
    await reached('the call is over', () => {
      inside.clock.pass(5)
      return flown.flight.state === 'over'
    })
    return flown.sink.answers[0]?.status
  }
  const money = async (): Promise<{ paid: bigint; owed: bigint }> => {
    await inside.flushed()
    const balances = await Promise.all(headers.map((_, at) => inside.admin.balance(`key:k${at}`)))
    return { paid: balances.reduce((sum, balance) => sum + CREDITS - balance, 0n), owed: BigInt(answers.good) * PRICE }
  }
  const attempts = (): number => [...providers.counts.values()].reduce((sum, count) => sum + count, 0) / calls
  return { inside, providers, answers, run, call, over, attempts, money }
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
