/**
 * The life of one call as a machine of states and events: whatever comes in whatever order, the hold ends once and the
 * record is written once.
 *
 *   admitting → calling → settling → (streaming) → over
 *
 * Events: client gone, shutdown, deadline; of the provider: head, data, end, error. An event that a state does not name
 * changes nothing. `#giveUp` and `#succeeded` are the only two that end a hold, `#over` the only one that ends the call.
 */
import type { Alternative, Attempt as AttemptRecord, Charge, Outcome, Refusal, Rolled, Units, UnitsFate, Usd } from '#contract'
import { refuse, unreachable } from '#contract'
import { Admission } from './admission.ts'
import type { Admitted } from './admitted.ts'
import { type Listener, meaningOf, Try } from './attempt.ts'
import type { EngineCall } from './call.ts'
import { addChargeHeaders, chargeOf, type Priced, pricedFor } from './charge.ts'
import { describe } from './describe.ts'
import { elsewhere } from './failover.ts'
import { type Failure, fateOf, mayFailOver, type Reading, readAnswer, upstreamRefusal } from './failures.ts'
import { answerHeaders, isConditional, isEventStream, requestHeaders, storedAnswer, storedBody } from './headers.ts'
import { NotNow } from './health/index.ts'
import { HookError } from './hook-error.ts'
import { ageOf, keptOrSent, tellAnswered } from './kept.ts'
import { keyName } from './names.ts'
import type { EnginePorts, Landed, Sink } from './ports.ts'
import { problemOf } from './problem.ts'
import { type Ending, addRateHeaders, creditedOf, outcomeOf, recordOf, withOffer } from './reply.ts'
import { type Charged, chargeHold, type Paying, pending, refundTo } from './settle.ts'
import { PaidStream } from './stream.ts'

export type FlightState = 'admitting' | 'calling' | 'settling' | 'streaming' | 'over'

/** What a good answer was charged with. */
interface Sale {
  readonly chosen: Alternative
  readonly priced: Priced
  readonly hold: string
}

/** A sale made ready: what is charged, and the answer as it will leave. */
interface Sold {
  readonly hold: string
  readonly charge: Charge
  readonly headers: string[]
  readonly body: Buffer
}

const EMPTY = Buffer.alloc(0)
const CLIENT_CLOSED = 499

export class Flight implements Listener, Rolled {
  place = -1
  readonly #ports: EnginePorts
  readonly #call: EngineCall
  readonly #sink: Sink
  readonly #landed: Landed
  readonly #admission: Admission
  #state: FlightState = 'admitting'
  #payer: Paying = { by: 'nobody' }
  /** Headers of a settlement that preceded the call; flat list. */
  #paid: readonly string[] = []
  /** Of a payer by credits, this call's price taken off. */
  #available: Usd | undefined
  #hold: string | undefined
  #try: Try | undefined
  readonly #attempts: AttemptRecord[] = []
  /** Connections that have not served it. */
  #tried: Set<string> | undefined
  #sale: Sale | undefined
  #stream: PaidStream | undefined
  /** The client left, or the gateway stops, while the charge was being written. */
  #cutting = false
  #deadline: ReturnType<EnginePorts['deadlines']['start']> | undefined

  /** `landed` is called once, when the call is over. */
  constructor(ports: EnginePorts, call: EngineCall, sink: Sink, landed: Landed) {
    this.#ports = ports
    this.#call = call
    this.#sink = sink
    this.#landed = landed
    this.#admission = new Admission(ports, call, (admitted) => this.#admitted(admitted))
  }

  get state(): FlightState {
    return this.#state
  }

  /** Where an admitting call stands. */
  get admission(): Admission['state'] {
    return this.#admission.state
  }

  start(): void {
    this.#admission.start()
    // A call that waits for another of its name waits no longer than a call may take.
    if (this.#state === 'admitting') this.#deadline = this.#ports.deadlines.start(this)
  }

  #admitted(admitted: Admitted): void {
    switch (admitted.kind) {
      case 'refused':
        return this.#refuse(admitted.refusal, admitted.price)
      case 'stored': {
        const { status, headers } = admitted.answer
        return this.#answer('replayed', status, [...headers, 'x-atlas-replayed', 'true'], storedBody(admitted.answer))
      }
      case 'held':
        this.#hold = admitted.hold
        this.#payer = admitted.payer
        this.#available = admitted.available
        this.#paid = admitted.paid
        return this.#callProvider(admitted.chosen)
      default:
        unreachable(admitted)
    }
  }

  // ---------------------------------------------------------------- 5 call

  #callProvider(chosen: Alternative): void {
    this.#state = 'calling'
    try {
      this.#ports.store.calling(this.#hold as string)
      this.#deadline = this.#ports.deadlines.restart(this.#deadline, this)
      this.#attempt(chosen)
    } catch (error) {
      this.#lost(error)
    }
  }

  #attempt(alternative: Alternative): void {
    const call = this.#call
    const connection = call.pool.find(({ name }) => name === alternative.connection)
    if (connection === undefined) return this.#lost(new Error(`connection ${alternative.connection} is not in the pool`))
    const of = { consumer: call.consumer.id, isOwners: this.#payer.by === 'owner', isFirst: this.#tried === undefined }
    const attempt = new Try(this, alternative, this.#ports.clock.nowMs(), of)
    this.#try = attempt
    const { method, operation, upstreamPath: path, upstreamQuery: query, body, incoming } = call
    const request = { connection, operation, method, path, query, headers: requestHeaders(incoming, body), body }
    attempt.attempt = call.chain.keeps ? keptOrSent(this.#ports, call, request, attempt) : this.#ports.health.send(this.#ports.transport, request, attempt.trip)
  }

  onHead(from: Try): boolean {
    if (this.#state !== 'calling' || this.#try !== from) return true
    const openEnded = this.#call.operation.streaming === true || isEventStream(from.rawHeaders)
    if (!openEnded || readAnswer(this.#call.adapter, from.status, EMPTY).meaning !== 'ok') return true
    this.#succeeded(from, { long: true })
    return this.#flows()
  }

  /** The provider pauses while the charge is being written; what was charged at once goes on at once. */
  #flows(): boolean {
    return this.#state !== 'settling'
  }

  onData(from: Try, chunk: Buffer): boolean {
    if (this.#try !== from || this.#state === 'over') return true
    if (this.#stream !== undefined) return this.#stream.write(chunk)
    from.keep(chunk)
    if (this.#state !== 'calling' || from.size <= this.#ports.bufferBytes) return true
    const reading = readAnswer(this.#call.adapter, from.status, from.body())
    if (reading.meaning === 'ok') {
      this.#succeeded(from, { long: true })
      return this.#flows()
    }
    this.#failed(from, 'unknown', fateOf(reading), false, { status: from.status, bytes: from.size })
    from.attempt?.abort()
    return true
  }

  onEnd(from: Try): void {
    if (this.#try !== from) return
    if (this.#state === 'streaming') {
      this.#stream?.end()
      return this.#over(this.#paidKind(), from.status, undefined)
    }
    if (this.#state !== 'calling') return
    const body = from.body()
    if (from.status === 304 && isConditional(this.#call.incoming)) return this.#pass(from, { meaning: 'ok', bills: true }, EMPTY)
    const reading = readAnswer(this.#call.adapter, from.status, body)
    const { meaning } = reading
    if (meaning === 'ok') return this.#succeeded(from, { long: false })
    if (meaning === 'bad-request' || meaning === 'not-found') return this.#pass(from, reading, body)
    const cause = { status: from.status, connection: from.alternative.connection }
    this.#failed(from, meaning, fateOf(reading), mayFailOver(reading, this.#call.operation), cause)
  }

  onError(from: Try, cause: Error, sent: boolean): void {
    if (this.#try !== from) return
    if (this.#state === 'streaming') return this.#stream?.break(cause)
    if (this.#state !== 'calling') return
    if (cause instanceof HookError) return this.#unserved('returned', cause.refusal)
    if (cause instanceof NotNow) this.#onwards(from, 'returned', upstreamRefusal(cause.why === 'open' ? 'not-sent' : 'rate-limited', cause, cause.waitMs))
    else if (sent) this.#failed(from, meaningOf(cause, 'broken'), 'wasted', false, cause)
    else this.#failed(from, meaningOf(cause, 'not-sent'), 'returned', true, cause)
  }

  /** The provider's own word on a request that it cannot serve: the consumer gets it, uncharged. */
  #pass(from: Try, reading: Reading, body: Buffer): void {
    this.#note(from, reading.meaning, fateOf(reading))
    this.#giveUp(fateOf(reading))
    const headers = answerHeaders(from.rawHeaders, this.#call.adapter)
    headers.push('cache-control', 'no-store', ...creditedOf(this.#payer, this.#paid))
    this.#answer('passed', from.status, headers, body)
  }

  /** Another connection where nothing can be billed twice, the pool has a retry left and the price does not rise; else the call is over. */
  #failed(from: Try, meaning: Failure, fate: UnitsFate, failOver: boolean, cause: unknown): void {
    this.#note(from, meaning, fate)
    const { health } = this.#ports
    const refusal = upstreamRefusal(meaning, cause, meaning === 'rate-limited' ? health.waitMs(from.trip) : 0)
    if (failOver && health.mayRetry(from.trip)) return this.#onwards(from, fate, refusal)
    this.#try = undefined
    this.#unserved(fate, refusal)
  }

  /** To another connection; without one the call is over. */
  #onwards(from: Try, fate: UnitsFate, refusal: Refusal): void {
    this.#try = undefined
    this.#tried ??= new Set()
    this.#tried.add(from.alternative.connection)
    const stranded = { hold: this.#hold as string, payer: this.#payer, fate, tried: this.#tried, waits: () => this.#state === 'calling' }
    const found = elsewhere(this.#ports, this.#call, stranded)
    if (found === undefined) return this.#unserved(fate, refusal)
    found
      .then((next) => {
        if (this.#state !== 'calling') return
        if (next === undefined) this.#unserved(fate, refusal)
        else this.#attempt(next)
      })
      .catch((error) => this.#lost(error))
  }

  #unserved(fate: UnitsFate, refusal: Refusal): void {
    this.#giveUp(fate)
    this.#refuse(refusal)
  }

  /** Nothing was charged: the hold ends, its units return or are wasted. */
  #giveUp(fate: UnitsFate): void {
    const hold = this.#hold
    this.#hold = undefined
    if (hold !== undefined) this.#ports.store.release(hold, fate)
  }

  // ---------------------------------------------------------------- 6 settle, 7 release

  /** The answer is good: it is charged, and only then does any of it leave. */
  #succeeded(from: Try, { long }: { long: boolean }): void {
    this.#ports.deadlines.stop(this.#deadline)
    let sold: Sold
    try {
      sold = this.#sell(from, long)
    } catch (error) {
      // Prices and splits come from plugins: what throws there charges nothing and lets nothing out.
      return this.#lost(error)
    }
    this.#state = 'settling'
    this.#hold = undefined
    const { hold, charge, headers, body } = sold
    const tell = (charged: Charged): void => this.#settled(from, charged, { long, headers, body })
    chargeHold(this.#ports, this.#call, this.#payer, { hold, charge, chosen: from.alternative }, tell)
  }

  #sell(from: Try, long: boolean): Sold {
    const hold = this.#hold as string
    const body = from.body()
    const own = this.#payer.by === 'owner'
    const priced = pricedFor(this.#call, this.#payer, from.alternative, body, from.kept !== undefined)
    this.#sale = { chosen: from.alternative, priced, hold }
    if (!long && this.#call.chain.keeps) tellAnswered(this.#ports, this.#call, from, body)
    this.#note(from, from.kept === undefined ? 'ok' : 'kept', own ? 'own' : 'sold', priced.units)
    const headers = answerHeaders(from.rawHeaders, this.#call.adapter)
    if (from.kept !== undefined) headers.push('age', ageOf(from.kept, this.#ports.clock.nowMs()))
    if (own) headers.push('cache-control', 'private')
    else addChargeHeaders(headers, this.#call, priced, hold, this.#available)
    headers.push(...this.#paid)
    const named = this.#payer.by === 'x402' || this.#payer.by === 'upfront' || keyName(this.#call) !== undefined
    const answer = named && !long ? storedAnswer(from.status, [...headers], body) : undefined
    const record = recordOf(this.#call, this.#ending(this.#paidKind(), from.status, undefined))
    return { hold, charge: chargeOf(this.#call, priced, body, answer, record), headers, body }
  }

  #settled(from: Try, charged: Charged, { long, headers, body }: { long: boolean; headers: string[]; body: Buffer }): void {
    if (charged.state !== 'charged') {
      from.attempt?.abort()
      this.#sale = undefined
      if (charged.state === 'refused') this.#unsold()
      return this.#refuse(charged.refusal, undefined, charged.state)
    }
    headers.push(...charged.headers)
    if (!long) return this.#answer(this.#paidKind(), from.status, headers, body)
    this.#addOwnHeaders(headers)
    this.#state = 'streaming'
    this.#stream = new PaidStream(from, this.#sink, this.#ports.upstreamTimeoutMs, (cause) => this.#streamBroken(cause))
    this.#write(() => this.#stream?.begin(headers))
    // What came while the charge was being written.
    if (from.broken !== undefined) this.#stream.break(from.broken)
    else if (from.ended) this.onEnd(from)
    else if (this.#cutting) this.#cutStream()
  }

  /** The provider's work was for nothing. */
  #unsold(): void {
    const last = this.#attempts.pop()
    if (last !== undefined) this.#attempts.push({ ...last, used: 'wasted' })
  }

  #paidKind(): 'charged' | 'free' {
    return this.#payer.by === 'owner' ? 'free' : 'charged'
  }

  /** The provider broke a charged stream off: the charge becomes credit of the payer. */
  #streamBroken(cause: unknown): void {
    const { chosen, priced, hold } = this.#sale as Sale
    const broken = { request: this.#call.id, connection: chosen.connection, cause: describe(cause) }
    this.#ports.log.warn(broken, 'a stream was broken off by the provider; its charge becomes credit')
    refundTo(this.#ports, this.#call, this.#payer, { hold, chosen, ...priced })
    if (this.#try !== undefined) this.#ports.health.brokeOff(this.#try.trip, this.#call)
    this.#over(this.#paidKind(), this.#try?.status ?? 200, undefined)
  }

  // ---------------------------------------------------------------- events from outside

  onClientGone(): void {
    this.#cut('client-gone', undefined)
  }

  onShutdown(): void {
    this.#cut('shutdown', refuse('unavailable', 'the gateway is stopping; nothing was charged', { retryAfterSeconds: 1 }))
  }

  onDeadline(): void {
    this.#cut('timeout', this.#late())
  }

  #late(): Refusal {
    if (this.#state !== 'admitting') return refuse('upstream_timeout', 'the provider did not answer in time; nothing was charged')
    if (this.#admission.state === 'waiting') return pending('the same call is still under way')
    return refuse('unavailable', 'a part of the gateway did not answer in time; nothing was charged', { retryAfterSeconds: 1 })
  }

  /** After settling has begun nothing is cancelled any more; a stream is cut, its charge stands. */
  #cut(why: 'client-gone' | 'shutdown' | 'timeout', refusal: Refusal | undefined): void {
    const current = this.#try
    switch (this.#state) {
      case 'over':
        return
      case 'settling':
        this.#cutting ||= why !== 'timeout'
        return
      case 'streaming':
        // The deadline is that of the first byte.
        if (why !== 'timeout') this.#cutStream()
        return
      case 'calling': {
        const fate = current === undefined || current.attempt?.sent === false ? 'returned' : 'wasted'
        this.#try = undefined
        if (current !== undefined) this.#note(current, why, fate)
        this.#giveUp(fate)
        current?.attempt?.abort()
        break
      }
      case 'admitting':
        // A settlement has a deadline of its own.
        if (why === 'timeout' && this.#admission.state === 'paying') return
        this.#admission.cancel()
        break
      default:
        unreachable(this.#state)
    }
    if (refusal === undefined) this.#over('abandoned', CLIENT_CLOSED, undefined)
    else this.#refuse(refusal)
  }

  #cutStream(): void {
    if (this.#state !== 'streaming') return
    this.#stream?.cut()
    this.#over(this.#paidKind(), this.#try?.status ?? 200, undefined)
  }

  /** A part of the house is lost before anything was charged: never a free call, never a lost charge. */
  #lost(cause: unknown): void {
    if (this.#state === 'over') return
    const current = this.#try
    const fate = current === undefined || current.kept !== undefined ? 'returned' : 'wasted'
    if (current !== undefined && this.#sale === undefined) this.#note(current, current.kept === undefined ? 'ok' : 'kept', fate)
    this.#sale = undefined
    this.#try = undefined
    this.#giveUp(fate)
    current?.attempt?.abort()
    this.#refuse(refuse('unavailable', 'a part of the gateway is out of reach; nothing was charged', { cause }))
  }

  // ---------------------------------------------------------------- 8 record

  #refuse(refusal: Refusal, price?: Usd, kind: Outcome['kind'] = 'refused'): void {
    const full = withOffer(this.#ports, this.#call, refusal, price)
    if (full.cause !== undefined) this.#ports.log.warn({ request: this.#call.id, code: full.code, cause: describe(full.cause) }, full.detail)
    const problem = problemOf(full, this.#call.id)
    problem.headers.push(...creditedOf(this.#payer, this.#paid))
    addRateHeaders(problem.headers, this.#admission.rate)
    this.#write(() => this.#sink.answer(problem.status, problem.headers, problem.body))
    this.#over(kind, problem.status, full)
  }

  #answer(kind: Outcome['kind'], status: number, headers: string[], body: Buffer): void {
    this.#addOwnHeaders(headers)
    this.#write(() => this.#sink.answer(status, headers, body))
    this.#over(kind, status, undefined)
  }

  /** What cannot be written ends the connection, never the gateway: the call ends as it would have. */
  #write(write: () => void): void {
    try {
      write()
    } catch (error) {
      this.#ports.log.error({ request: this.#call.id, cause: describe(error) }, 'an answer could not be written')
      this.#sink.abort()
    }
  }

  #addOwnHeaders(headers: string[]): void {
    headers.push('x-request-id', this.#call.id)
    addRateHeaders(headers, this.#admission.rate)
  }

  #note(from: Try, meaning: AttemptRecord['meaning'], used: AttemptRecord['used'], units: Units = from.alternative.units): void {
    const tookMs = this.#ports.clock.nowMs() - from.startedAtMs
    const attempt = { connection: from.alternative.connection, units, status: from.status === 0 ? undefined : from.status, meaning, used, tookMs }
    this.#attempts.push(attempt)
    if (from.kept !== undefined) return
    this.#ports.health.ended(from.trip, this.#call, attempt, from.rawHeaders)
    this.#ports.attempted(this.#call, attempt, from.rawHeaders)
  }

  #ending(kind: Outcome['kind'], status: number, refusal: Refusal | undefined): Ending {
    const tookMs = this.#ports.clock.nowMs() - this.#call.receivedAtMs
    return { kind, status, refusal, attempts: this.#attempts, priced: this.#sale?.priced, receipt: this.#sale?.hold, tookMs }
  }

  /** Exactly once, whatever happened. */
  #over(kind: Outcome['kind'], status: number, refusal: Refusal | undefined): void {
    if (this.#state === 'over') throw new Error('a call ended twice')
    this.#state = 'over'
    this.#ports.deadlines.stop(this.#deadline)
    const ending = this.#ending(kind, status, refusal)
    // A charged or free call's record stands in the journal, with its charge.
    if (kind !== 'charged' && kind !== 'free') this.#ports.record(recordOf(this.#call, ending))
    this.#call.chain.observe(this.#call, outcomeOf(ending, this.#sale?.chosen))
    this.#landed(this, this.#call, ending)
  }
}
