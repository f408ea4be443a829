/**
 * The life of one call, steps 2 to 8, as a machine of states and events: whatever comes in whatever order, the hold ends
 * once and the record is written once.
 *
 *   new → reserving → authorizing → calling → settling → (streaming) → over
 *
 * Events: client gone, shutdown, deadline; of the provider: head, data, end, error. An event that a state does not name
 * changes nothing. `#endHold` is the only function that ends a hold.
 */
import {
  type Alternative,
  type Attempt as AttemptRecord,
  type CallRecord,
  type Charge,
  type Claim,
  isRefusal,
  type Named,
  type Outcome,
  type Payer,
  payerOf,
  type RateState,
  type Refusal,
  type Reserved,
  refusals,
  refuse,
  type Settlement,
  type StoreClaim,
  type StoredAnswer,
  type Units,
  type UnitsFate,
  type Usd,
  unreachable,
} from '#contract'
import type { EngineCall } from './call.ts'
import { chargeHeaders, chargeOf, type Priced, pricedFor } from './charge.ts'
import { mayFailOver, type Reading, readAnswer, upstreamRefusal } from './failures.ts'
import { answerHeaders, isConditional, requestHeaders, storedAnswer, storedBody } from './headers.ts'
import { keyName, nameClaims } from './names.ts'
import type { EnginePorts, Sink } from './ports.ts'
import { problemOf } from './problem.ts'
import type { Attempt, AttemptEvents } from './transport.ts'
import { quoteOf, unpaidRefusal } from './unpaid.ts'

export type FlightState = 'new' | 'reserving' | 'waiting' | 'authorizing' | 'calling' | 'settling' | 'streaming' | 'over'

const PENDING_RETRY_SECONDS = 2
const EMPTY = Buffer.alloc(0)

/** One try at one connection, with what has come of its answer. */
class Try implements AttemptEvents {
  readonly alternative: Alternative
  readonly startedAtMs: number
  readonly #flight: Flight
  attempt: Attempt | undefined
  status: number | undefined
  rawHeaders: Buffer[] = []
  chunks: Buffer[] = []
  size = 0
  resume: () => void = () => undefined
  ended = false
  broken: Error | undefined

  constructor(flight: Flight, alternative: Alternative, startedAtMs: number) {
    this.#flight = flight
    this.alternative = alternative
    this.startedAtMs = startedAtMs
  }

  head(status: number, rawHeaders: Buffer[], resume: () => void): boolean {
    this.status = status
    this.rawHeaders = rawHeaders
    this.resume = resume
    return this.#flight.onHead(this)
  }

  data(chunk: Buffer): boolean {
    return this.#flight.onData(this, chunk)
  }

  end(): void {
    this.ended = true
    this.#flight.onEnd(this)
  }

  error(cause: Error, sent: boolean): void {
    this.broken = cause
    this.#flight.onError(this, cause, sent)
  }

  body(): Buffer {
    if (this.chunks.length === 1) return this.chunks[0] as Buffer
    return this.chunks.length === 0 ? EMPTY : Buffer.concat(this.chunks, this.size)
  }
}

export class Flight {
  readonly #ports: EnginePorts
  readonly #call: EngineCall
  readonly #sink: Sink
  readonly #onOver: () => void
  #state: FlightState = 'new'
  #payer: Payer = { by: 'nobody' }
  #hold: string | undefined
  #rate: RateState | undefined
  #try: Try | undefined
  #tried: AttemptRecord[] = []
  #deadline: NodeJS.Timeout | undefined
  /** What belongs to a wallet, for the second move. */
  #later: StoreClaim[] = []
  #charged: { readonly priced: Priced; readonly chosen: Alternative } | undefined

  constructor(ports: EnginePorts, call: EngineCall, sink: Sink, onOver: () => void) {
    this.#ports = ports
    this.#call = call
    this.#sink = sink
    this.#onOver = onOver
  }

  get state(): FlightState {
    return this.#state
  }

  // ---------------------------------------------------------------- admit and reserve

  start(): void {
    const claims = this.#call.chain.admit(this.#call)
    if (isRefusal(claims)) return this.#refuse(claims)
    this.#payer = payerOf(this.#call)
    if (this.#payer.by === 'nobody') return this.#unpaid()
    const names = nameClaims(this.#call)
    if (isRefusal(names)) return this.#refuse(names)
    this.#reserve([...names, ...this.#slot(), ...claims])
  }

  /** Without a payer only a replay may be had; its refusal is the 402. */
  #unpaid(): void {
    const name = keyName(this.#call)
    const named: Named = name === undefined ? { state: 'absent' } : this.#ports.store.named(name, this.#call.digest)
    if (named.state === 'absent') return this.#refuse(unpaidRefusal(this.#call, this.#ports.store.stock, this.#ports.clock.nowMs()))
    this.#named(named, name as string, () => this.#unpaid())
  }

  #slot(): Claim[] {
    const { consumer } = this.#call
    return [{ kind: 'slot', key: consumer.id, of: 'consumer', limit: this.#ports.concurrentPerConsumer }]
  }

  #reserve(claims: readonly Claim[]): void {
    const wallet = this.#call.consumer.kind === 'wallet'
    const now: StoreClaim[] = []
    this.#later = []
    for (const claim of claims) {
      if (claim.kind === 'unpaid') continue
      if (wallet && 'of' in claim && claim.of === 'consumer') this.#later.push(claim)
      else now.push(claim)
    }
    this.#state = 'reserving'
    const id = `rc_${this.#call.receivedAtMs.toString(36)}${this.#ports.chance.hex(16)}`
    try {
      const reserved = this.#ports.store.reserve({ id, claims: now })
      if (reserved instanceof Promise)
        reserved.then(
          (r) => this.#reserved(id, r, claims),
          (error) => this.#lost(error),
        )
      else this.#reserved(id, reserved, claims)
    } catch (error) {
      this.#lost(error)
    }
  }

  #reserved(id: string, reserved: Reserved, claims: readonly Claim[]): void {
    if (reserved.kind === 'held') this.#hold = id
    if (this.#state !== 'reserving') return this.#endHold({ release: 'returned' })
    if (reserved.kind === 'named') return this.#named(reserved.named, reserved.name, () => this.#reserve(claims))
    if (reserved.kind === 'refused') return this.#refuseReserved(reserved)
    this.#rate = reserved.rate
    if (this.#payer.by === 'x402') void this.#authorize(reserved.chosen)
    else this.#callProvider(reserved.chosen)
  }

  #refuseReserved(reserved: Extract<Reserved, { kind: 'refused' }>): void {
    this.#rate = reserved.rate
    const more = reserved.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: reserved.retryAfterSeconds }
    this.#refuse(refuse(reserved.code, reserved.detail, more), reserved.price)
  }

  /** The same call is under way, was answered, or nobody knows. */
  #named(named: Exclude<Named, { state: 'absent' }>, name: string, again: () => void): void {
    switch (named.state) {
      case 'waiting':
        return this.#wait(name, again)
      case 'stored':
        return this.#replay(named.answer)
      case 'unknown':
        return this.#refuse(refuse('payment_pending', 'the settlement of this call is not known yet', { retryAfterSeconds: PENDING_RETRY_SECONDS }))
      case 'gone':
        return this.#refuse(
          refuse('replay_unavailable', `the answer is no longer stored; the call's receipt is ${named.receipt}`, { members: { receipt: named.receipt } }),
        )
      case 'conflict':
        return this.#refuse(refuse('idempotency_conflict', 'the same Idempotency-Key or payment was used for another request'))
      default:
        unreachable(named)
    }
  }

  #wait(name: string, again: () => void): void {
    this.#state = 'waiting'
    this.#arm()
    void this.#ports.store.ended(name).then(() => {
      if (this.#state !== 'waiting') return
      this.#disarm()
      again()
    })
  }

  #replay(answer: StoredAnswer): void {
    this.#answer('replayed', answer.status, [...answer.headers, 'x-atlas-replayed', 'true', ...this.#ownHeaders()], storedBody(answer))
  }

  // ---------------------------------------------------------------- authorize

  /** The reservation stands; what must be asked outside is asked now. A wallet's own claims follow, since only now is it known. */
  async #authorize(chosen: Alternative): Promise<void> {
    this.#state = 'authorizing'
    const refusal = await this.#call.chain.authorize(this.#call)
    if (this.#state !== 'authorizing') return
    if (refusal !== undefined) {
      this.#endHold({ release: 'returned' })
      return this.#refuse(refusal)
    }
    if (this.#later.length > 0) {
      const second = await this.#ports.store.extend(this.#hold as string, this.#later)
      if (this.#state !== 'authorizing') return
      if (second.kind !== 'held') {
        this.#endHold({ release: 'returned' })
        return second.kind === 'refused' ? this.#refuseReserved(second) : this.#named(second.named, second.name, () => this.start())
      }
      this.#rate = second.rate
    }
    this.#callProvider(chosen)
  }

  // ---------------------------------------------------------------- call

  #callProvider(chosen: Alternative): void {
    this.#state = 'calling'
    this.#ports.store.calling(this.#hold as string)
    this.#arm()
    this.#attempt(chosen)
  }

  #attempt(alternative: Alternative): void {
    const call = this.#call
    const connection = call.pool.find(({ name }) => name === alternative.connection)
    if (connection === undefined) return this.#lost(new Error(`connection ${alternative.connection} is not in the pool`))
    const attempt = new Try(this, alternative, this.#ports.clock.nowMs())
    this.#try = attempt
    attempt.attempt = this.#ports.transport.send(
      {
        connection,
        method: call.method,
        path: call.upstreamPath,
        query: call.upstreamQuery,
        headers: requestHeaders(call.incoming, call.body),
        body: call.body,
      },
      attempt,
    )
  }

  onHead(from: Try): boolean {
    if (this.#state !== 'calling' || this.#try !== from) return true
    if (this.#call.operation.streaming !== true || readAnswer(this.#call.adapter, from.status as number, EMPTY).meaning !== 'ok') return true
    this.#succeeded(from, { long: true })
    return false
  }

  onData(from: Try, chunk: Buffer): boolean {
    if (this.#try !== from) return true
    if (this.#state === 'streaming') return this.#forward(from, chunk)
    from.chunks.push(chunk)
    from.size += chunk.length
    if (this.#state !== 'calling' || from.size <= this.#ports.bufferBytes) return true
    this.#overflow(from)
    return false
  }

  onEnd(from: Try): void {
    if (this.#try !== from) return
    if (this.#state === 'streaming') return this.#streamed()
    if (this.#state !== 'calling') return
    const body = from.body()
    if (from.status === 304 && isConditional(this.#call.incoming)) return this.#pass(from, { meaning: 'ok', bills: true }, EMPTY)
    const reading = readAnswer(this.#call.adapter, from.status as number, body)
    if (reading.meaning === 'ok') return this.#succeeded(from, { long: false })
    if (reading.meaning === 'bad-request' || reading.meaning === 'not-found') return this.#pass(from, reading, body)
    this.#failed(from, reading.meaning, reading.bills ? 'wasted' : 'returned', mayFailOver(reading), () =>
      upstreamRefusal(reading.meaning as 'unknown', { status: from.status }),
    )
  }

  onError(from: Try, cause: Error, sent: boolean): void {
    if (this.#try !== from) return
    if (this.#state === 'streaming') return this.#streamBroken(cause)
    if (this.#state !== 'calling') return
    const refusal = (): Refusal => upstreamRefusal('provider-down', cause)
    if (sent) this.#failed(from, 'broken', 'wasted', false, refusal)
    else this.#failed(from, 'not-sent', 'returned', true, refusal)
  }

  /** Longer than what is read whole: judged by its head and beginning. */
  #overflow(from: Try): void {
    const reading = readAnswer(this.#call.adapter, from.status as number, from.body())
    if (reading.meaning === 'ok') return this.#succeeded(from, { long: true })
    from.attempt?.abort()
    this.#failed(from, 'unknown', reading.bills ? 'wasted' : 'returned', false, () => upstreamRefusal('unknown', { status: from.status, size: from.size }))
  }

  /** The provider's own word on a request that it cannot serve: the consumer gets it, uncharged. */
  #pass(from: Try, reading: Reading, body: Buffer): void {
    const fate: UnitsFate = reading.bills ? 'wasted' : 'returned'
    this.#note(from, reading.meaning, fate)
    this.#endHold({ release: fate })
    this.#answer('passed', from.status as number, [...answerHeaders(from.rawHeaders), 'cache-control', 'no-store', ...this.#ownHeaders()], body)
  }

  /** Another connection where nothing can be billed twice and the price does not rise; else the call is over. */
  #failed(from: Try, meaning: AttemptRecord['meaning'], fate: UnitsFate, failOver: boolean, refusal: () => Refusal): void {
    this.#note(from, meaning, fate)
    this.#try = undefined
    const next = failOver ? this.#nextAlternative() : undefined
    if (next === undefined) {
      this.#endHold({ release: fate })
      return this.#refuse(refusal())
    }
    void Promise.resolve(this.#ports.store.switch(this.#hold as string, next, fate)).then(
      (switched) => {
        if (this.#state !== 'calling') return
        if (switched) return this.#attempt(next)
        this.#endHold({ release: fate })
        this.#refuse(refusal())
      },
      (error) => this.#lost(error),
    )
  }

  #nextAlternative(): Alternative | undefined {
    const payer = this.#payer
    const tried = new Set(this.#tried.map(({ connection }) => connection))
    return this.#call.price.alternatives.find(({ connection, owner }) => !tried.has(connection) && (payer.by !== 'owner' || owner === payer.owner))
  }

  // ---------------------------------------------------------------- settle and release

  #succeeded(from: Try, { long }: { long: boolean }): void {
    this.#state = 'settling'
    this.#disarm()
    const body = from.body()
    const chosen = from.alternative
    const priced = pricedFor(this.#call, this.#payer, chosen, body)
    this.#charged = { priced, chosen }
    this.#note(from, 'ok', this.#payer.by === 'owner' ? 'own' : 'sold', priced.units)
    const receipt = this.#hold as string
    const headers = [
      ...answerHeaders(from.rawHeaders),
      ...(this.#payer.by === 'owner' ? ['cache-control', 'private'] : chargeHeaders(this.#call, priced, receipt)),
    ]
    const named = this.#payer.by === 'x402' || keyName(this.#call) !== undefined
    const answer = named && !long ? storedAnswer(from.status as number, headers, body) : undefined
    const record = this.#record(this.#payer.by === 'owner' ? 'free' : 'charged', from.status as number, undefined)
    const charge = chargeOf(this.#call, priced, body, answer, record)
    const deliver = (more: readonly string[]): void => this.#deliver(from, long, [...headers, ...more, ...this.#ownHeaders()], body)
    this.#endHold({ charge }, deliver)
  }

  #deliver(from: Try, long: boolean, headers: readonly string[], body: Buffer): void {
    const status = from.status as number
    if (!long) {
      this.#sink.answer(status, headers, body)
      return this.#over(this.#payer.by === 'owner' ? 'free' : 'charged', status, undefined)
    }
    this.#state = 'streaming'
    this.#sink.begin(status, headers)
    for (const chunk of from.chunks) this.#sink.write(chunk)
    from.chunks = []
    if (from.broken !== undefined) return this.#streamBroken(from.broken)
    if (from.ended) return this.#streamed()
    this.#arm()
    from.resume()
  }

  #forward(from: Try, chunk: Buffer): boolean {
    if (this.#sink.write(chunk)) {
      this.#arm()
      return true
    }
    // Waiting for the reader is not the provider's silence.
    this.#disarm()
    this.#sink.drained(() => {
      if (this.#state !== 'streaming') return
      this.#arm()
      from.resume()
    })
    return false
  }

  #streamed(): void {
    this.#sink.end()
    this.#over(this.#payer.by === 'owner' ? 'free' : 'charged', this.#try?.status ?? 200, undefined)
  }

  /** The provider broke a charged stream off: the charge becomes credit of the payer. */
  #streamBroken(cause: unknown): void {
    this.#sink.abort()
    const { priced, chosen } = this.#charged as { priced: Priced; chosen: Alternative }
    this.#ports.log.warn(
      { request: this.#call.id, connection: chosen.connection, cause: String(cause) },
      'a stream was broken off by the provider; its charge becomes credit',
    )
    const account = this.#payer.by === 'credits' ? this.#payer.account : this.#payer.by === 'x402' ? `wallet:${this.#payer.payment.payer}` : undefined
    if (account !== undefined && priced.price > 0n) {
      const refund = {
        receipt: this.#hold as string,
        connection: chosen.connection,
        owner: chosen.owner,
        account,
        price: priced.price,
        platformShare: priced.platformShare,
      }
      this.#ports.store
        .refund(refund)
        .catch((error) => this.#ports.log.error({ request: this.#call.id, error: String(error) }, 'a refund could not be written'))
    }
    this.#over('charged', this.#try?.status ?? 200, undefined)
  }

  /**
   * The one place where a hold ends. Released at once; charged: `deliver` runs when the charge is durable (credits), without
   * waiting (owners), or when the settlement is (x402).
   */
  #endHold(end: { readonly release: UnitsFate } | { readonly charge: Charge }, deliver: (more: readonly string[]) => void = () => undefined): void {
    const hold = this.#hold
    if (hold === undefined) return
    if ('release' in end) {
      this.#hold = undefined
      this.#ports.store.release(hold, end.release)
      return
    }
    if (this.#payer.by === 'x402') return void this.#settle(hold, end.charge, this.#payer.payment, deliver)
    const committed = this.#ports.store.commit(hold, end.charge)
    if (this.#payer.by === 'owner') {
      committed.catch((error) => this.#ports.log.error({ request: this.#call.id, error: String(error) }, "an owner's call could not be written"))
      return deliver([])
    }
    committed.then(
      () => deliver([]),
      (error) => this.#lost(error),
    )
  }

  /** Intent durable (S), settle, outcome durable (T). What is not known stays so until the reconciler knows. */
  async #settle(hold: string, charge: Charge, payment: Extract<Payer, { by: 'x402' }>['payment'], deliver: (more: readonly string[]) => void): Promise<void> {
    let settlement: Settlement
    try {
      await this.#ports.store.intend(hold, charge, payment)
      settlement = await this.#call.chain.settle(payment)
      await this.#ports.store.resolve(hold, settlement)
    } catch (error) {
      return this.#lost(error)
    }
    switch (settlement.state) {
      case 'settled':
        return deliver(Object.entries(settlement.headers).flat())
      case 'not_settled':
        return this.#refuse(refuse('payment_invalid', `the payment could not be settled: ${settlement.reason}`, { headers: settlement.headers ?? {} }))
      case 'unknown':
        this.#ports.log.warn({ request: this.#call.id, hold, cause: String(settlement.cause) }, 'the outcome of a settlement is not known')
        this.#ports.unknown()
        return this.#refuse(
          refuse('payment_pending', 'the settlement of this call is not known yet', { retryAfterSeconds: PENDING_RETRY_SECONDS }),
          undefined,
          'unknown',
        )
      default:
        unreachable(settlement)
    }
  }

  // ---------------------------------------------------------------- events from outside

  onClientGone(): void {
    this.#cut('client-gone', undefined)
  }

  onShutdown(): void {
    this.#cut('shutdown', refuse('unavailable', 'the gateway is stopping; nothing was charged', { retryAfterSeconds: 1 }))
  }

  #onDeadline(): void {
    if (this.#state === 'streaming') {
      this.#try?.attempt?.abort()
      return this.#streamBroken('the provider was silent for too long')
    }
    const waiting = this.#state === 'waiting' && this.#payer.by !== 'credits'
    this.#cut(
      'timeout',
      waiting
        ? refuse('payment_pending', 'the same call is still under way', { retryAfterSeconds: PENDING_RETRY_SECONDS })
        : refuse('upstream_timeout', 'the provider did not answer in time; nothing was charged'),
    )
  }

  /** After settling has begun nothing is cancelled any more; a stream is cut, its charge stands. */
  #cut(why: 'client-gone' | 'shutdown' | 'timeout', refusal: Refusal | undefined): void {
    switch (this.#state) {
      case 'settling':
      case 'over':
        return
      case 'streaming':
        this.#try?.attempt?.abort()
        this.#sink.abort()
        return this.#over(this.#payer.by === 'owner' ? 'free' : 'charged', this.#try?.status ?? 200, undefined)
      case 'calling': {
        const current = this.#try
        this.#try = undefined
        current?.attempt?.abort()
        if (current !== undefined) this.#note(current, why, 'wasted')
        this.#endHold({ release: 'wasted' })
        break
      }
      case 'new':
      case 'reserving':
      case 'waiting':
      case 'authorizing':
        this.#endHold({ release: 'returned' })
        break
      default:
        unreachable(this.#state)
    }
    if (refusal === undefined) return this.#over('abandoned', 499, undefined)
    this.#refuse(refusal)
  }

  // ---------------------------------------------------------------- answers and the record

  /** A part of the house is lost: never a free call, never a lost charge. What was settling stays with the store. */
  #lost(cause: unknown): void {
    if (this.#state === 'over') return
    this.#try?.attempt?.abort()
    if (this.#state === 'settling') {
      const code = this.#payer.by === 'x402' ? 'payment_pending' : 'unavailable'
      return this.#refuse(
        refuse(code, 'the outcome of this call could not be written down; its charge will show in the statement or never was', {
          cause,
          retryAfterSeconds: PENDING_RETRY_SECONDS,
        }),
      )
    }
    this.#endHold({ release: this.#state === 'calling' ? 'wasted' : 'returned' })
    this.#refuse(refuse('unavailable', 'a part of the gateway is out of reach; nothing was charged', { cause }))
  }

  #refuse(refusal: Refusal, price?: Usd, kind: Outcome['kind'] = 'refused'): void {
    const full = refusals[refusal.code].status === 402 ? this.#withOffer(refusal, price) : refusal
    if (full.cause !== undefined) this.#ports.log.warn({ request: this.#call.id, code: full.code, cause: describe(full.cause) }, full.detail)
    const problem = problemOf(full, this.#call.id)
    this.#sink.answer(problem.status, [...problem.headers, ...this.#rateHeaders()], problem.body)
    this.#over(kind, problem.status, full)
  }

  #withOffer(refusal: Refusal, price: Usd | undefined): Refusal {
    if (!this.#call.chain.gives('challenge')) return { ...refusal, members: { x402Version: 1, error: refusal.detail, accepts: [], ...refusal.members } }
    try {
      const offer = this.#call.challenge(
        price ?? quoteOf(this.#call, this.#ports.store.stock)?.price ?? (this.#call.price.alternatives[0]?.price as Usd),
        refusal.detail,
      )
      return { ...refusal, headers: { ...offer.headers, ...refusal.headers }, members: { ...offer.members, ...refusal.members } }
    } catch (cause) {
      return refuse('unavailable', 'the offer for this call could not be made; nothing was charged', { cause })
    }
  }

  #answer(kind: Outcome['kind'], status: number, headers: readonly string[], body: Buffer): void {
    this.#sink.answer(status, headers, body)
    this.#over(kind, status, undefined)
  }

  #ownHeaders(): string[] {
    return ['x-request-id', this.#call.id, ...this.#rateHeaders()]
  }

  /** draft-ietf-httpapi-ratelimit-headers-10 */
  #rateHeaders(): string[] {
    const rate = this.#rate
    if (rate === undefined) return []
    return ['ratelimit-policy', `"default";q=${rate.limit};w=${rate.windowSeconds}`, 'ratelimit', `"default";r=${rate.remaining};t=${rate.resetSeconds}`]
  }

  #note(from: Try, meaning: AttemptRecord['meaning'], used: AttemptRecord['used'], units: Units = from.alternative.units): void {
    const tookMs = this.#ports.clock.nowMs() - from.startedAtMs
    const attempt = { connection: from.alternative.connection, units, status: from.status, meaning, used, tookMs }
    this.#tried.push(attempt)
    this.#ports.quality.note(this.#call.operation, attempt)
  }

  #record(kind: CallRecord['kind'], status: number, refusal: Refusal | undefined): CallRecord {
    const { id, receivedAtMs, generation, api, operation, consumer } = this.#call
    const charged = this.#charged?.priced
    const base = { v: 1 as const, id, at: receivedAtMs, generation, api, operation: operation.id, consumer: consumer.id, kind, status }
    const more = {
      units: charged?.units ?? 0,
      price: (charged?.price ?? 0n).toString(),
      attempts: this.#tried,
      tookMs: this.#ports.clock.nowMs() - receivedAtMs,
    }
    if (refusal !== undefined) return { ...base, code: refusal.code, ...more }
    return this.#hold === undefined ? { ...base, ...more } : { ...base, receipt: this.#hold, ...more }
  }

  /** Exactly once, whatever happened. */
  #over(kind: Outcome['kind'], status: number, refusal: Refusal | undefined): void {
    if (this.#state === 'over') throw new Error('a call ended twice')
    this.#state = 'over'
    this.#disarm()
    const tookMs = this.#ports.clock.nowMs() - this.#call.receivedAtMs
    const { priced, chosen } = this.#charged ?? { priced: undefined, chosen: undefined }
    const receipt = kind === 'charged' ? this.#hold : undefined
    if (kind !== 'charged' && kind !== 'free') this.#ports.record(this.#record(kind, status, refusal))
    this.#call.chain.observe(this.#call, {
      kind,
      status,
      refusal,
      code: refusal?.code,
      attempts: this.#tried,
      chosen,
      units: priced?.units ?? (0 as Units),
      price: priced?.price ?? (0n as Usd),
      receipt,
      tookMs,
    })
    this.#onOver()
  }

  #arm(): void {
    if (this.#deadline !== undefined && this.#state !== 'streaming') return
    if (this.#deadline !== undefined) this.#deadline.refresh()
    else this.#deadline = setTimeout(() => this.#onDeadline(), this.#ports.upstreamTimeoutMs)
  }

  #disarm(): void {
    clearTimeout(this.#deadline)
    this.#deadline = undefined
  }
}

const describe = (cause: unknown): unknown => (cause instanceof Error ? { name: cause.name, message: cause.message } : cause)
