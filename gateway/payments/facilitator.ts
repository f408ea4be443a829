/**
 * A facilitator over HTTP on kept-alive connections (x402 specification v2 section 7): a deadline for each call, and a breaker,
 * so that one that is gone costs nobody a deadline. A verify may be repeated, a settle never.
 */
import { Pool } from 'undici'
import type { Clock, Facilitator, FacilitatorAnswer, FacilitatorRequest, FacilitatorState, FacilitatorSums } from '#contract'
import { Breaker } from './breaker.ts'
import { Exchange } from './exchange.ts'

const CONNECTIONS = 128
const CONNECT_WITHIN_MS = 5_000
const HEADERS = ['content-type', 'application/json', 'accept', 'application/json', 'accept-encoding', 'identity']

type Lost = Extract<FacilitatorAnswer, { kind: 'lost' }>
type Step = 'verify' | 'settle'

const RESTING: Lost = { kind: 'lost', sent: false, why: 'resting', cause: 'the facilitator failed five times in a row and is left alone for a second' }
const sums = (): { -readonly [S in keyof FacilitatorSums]: number } => ({ asked: 0, answered: 0, refused: 0, lost: 0 })

/** Verify and settle carry the same: written once. */
const bodies = new WeakMap<object, string>()

function bodyOf(request: FacilitatorRequest): string {
  const { paymentPayload: payment } = request
  if (typeof payment !== 'object' || payment === null) return JSON.stringify(request)
  const known = bodies.get(payment)
  if (known !== undefined) return known
  const body = JSON.stringify(request)
  bodies.set(payment, body)
  return body
}

export class HttpFacilitator implements Facilitator {
  readonly name: string
  readonly #pool: Pool
  readonly #basePath: string
  readonly #breaker: Breaker
  readonly #sums = { verify: sums(), settle: sums() }
  #lastFailure: string | undefined

  constructor(url: string, clock: Pick<Clock, 'monotonicNs'> = { monotonicNs: () => Math.round(performance.now() * 1e6) }) {
    const { origin, pathname, search } = new URL(url)
    this.name = origin
    this.#basePath = pathname.replace(/\/$/, '')
    if (search !== '') throw new Error('x402-payment: the URL of a facilitator has a query; expected one without')
    const connect = { timeout: CONNECT_WITHIN_MS }
    this.#pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect })
    this.#breaker = new Breaker(clock)
  }

  get state(): FacilitatorState {
    const { verify, settle } = this.#sums
    return { name: this.name, open: this.#breaker.isOpen, verify: { ...verify }, settle: { ...settle }, lastFailure: this.#lastFailure }
  }

  /** Again where the kept-alive connection had been closed under it: nothing was said, and asking twice does no harm. */
  async verify(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const endMs = performance.now() + deadlineMs
    const answer = await this.#ask('verify', request, deadlineMs)
    const leftMs = Math.ceil(endMs - performance.now())
    return answer.kind === 'lost' && answer.why === 'broken' && leftMs > 1 ? this.#ask('verify', request, leftMs) : answer
  }

  settle(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    return this.#ask('settle', request, deadlineMs)
  }

  supported(deadlineMs: number): Promise<FacilitatorAnswer> {
    return new Exchange(this.#pool, { path: `${this.#basePath}/supported`, method: 'GET', headers: HEADERS }, deadlineMs).answer
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }

  async #ask(step: Step, request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const sum = this.#sums[step]
    sum.asked += 1
    if (!this.#breaker.mayTry()) {
      sum.lost += 1
      return RESTING
    }
    const answer = await this.#exchange(`${this.#basePath}/${step}`, request, deadlineMs)
    const failed = answer.kind === 'lost' ? answer.why : answer.status >= 500 ? `status ${answer.status}` : undefined
    this.#breaker.ended(failed === undefined)
    if (failed !== undefined) this.#lastFailure = `${step}: ${failed}`
    if (answer.kind === 'lost') sum.lost += 1
    else if (answer.body.isValid === true || answer.body.success === true) sum.answered += 1
    else sum.refused += 1
    return answer
  }

  #exchange(path: string, request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    let body: string
    try {
      body = bodyOf(request)
    } catch (cause) {
      return Promise.resolve({ kind: 'lost', sent: false, why: 'unreachable', cause })
    }
    return new Exchange(this.#pool, { path, method: 'POST', headers: HEADERS, body }, deadlineMs).answer
  }
}
