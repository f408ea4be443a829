/**
 * A facilitator over HTTP on kept-alive connections (x402 specification v2 section 7): a deadline for each call, and a breaker,
 * so that one that is gone costs nobody a deadline. A verify may be repeated, a settle never.
 */
import type { Clock, Facilitator, FacilitatorAnswer, FacilitatorRequest, FacilitatorState, FacilitatorSums, Outbound, OutboundRequest } from '#contract'
import { Breaker } from './breaker.ts'
import { PaymentRequest } from './request.ts'

const BODY_BYTES = 64 * 1024

type Lost = Extract<FacilitatorAnswer, { kind: 'lost' }>
type Step = 'verify' | 'settle'

export interface FacilitatorPorts {
  readonly outboundTo: (url: URL) => Outbound
  /** Default: the machine's own. */
  readonly clock?: Pick<Clock, 'monotonicNs'>
}

const MACHINE: Pick<Clock, 'monotonicNs'> = { monotonicNs: () => Math.round(performance.now() * 1e6) }
const RESTING: Lost = { kind: 'lost', sent: false, why: 'resting', cause: 'the facilitator failed five times in a row and is left alone for a second' }
const sums = (): { -readonly [S in keyof FacilitatorSums]: number } => ({ asked: 0, answered: 0, refused: 0, lost: 0 })

export class HttpFacilitator implements Facilitator {
  readonly name: string
  readonly #outbound: Outbound
  readonly #basePath: string
  readonly #breaker: Breaker
  readonly #sums = { verify: sums(), settle: sums() }
  #lastFailure: string | undefined

  constructor(url: string, { outboundTo, clock = MACHINE }: FacilitatorPorts) {
    const parsed = new URL(url)
    this.name = parsed.origin
    this.#basePath = parsed.pathname.replace(/\/$/, '')
    if (parsed.search !== '') throw new Error('x402-payment: the URL of a facilitator has a query; expected one without')
    this.#outbound = outboundTo(parsed)
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
    return this.#exchange({ path: `${this.#basePath}/supported`, method: 'GET', body: undefined, withinMs: deadlineMs, mostBytes: BODY_BYTES })
  }

  async close(): Promise<void> {
    this.#outbound.close()
  }

  async #ask(step: Step, request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const sum = this.#sums[step]
    sum.asked += 1
    if (!this.#breaker.mayTry()) {
      sum.lost += 1
      return RESTING
    }
    const answer = await this.#post(step, request, deadlineMs)
    const failed = answer.kind === 'lost' ? answer.why : answer.status >= 500 ? `status ${answer.status}` : undefined
    this.#breaker.ended(failed === undefined)
    if (failed !== undefined) this.#lastFailure = `${step}: ${failed}`
    if (answer.kind === 'lost') sum.lost += 1
    else if (answer.body.isValid === true || answer.body.success === true) sum.answered += 1
    else sum.refused += 1
    return answer
  }

  #post(step: Step, request: FacilitatorRequest, withinMs: number): FacilitatorAnswer | Promise<FacilitatorAnswer> {
    let body: string
    try {
      body = request instanceof PaymentRequest ? request.body : JSON.stringify(request)
    } catch (cause) {
      return { kind: 'lost', sent: false, why: 'unreachable', cause }
    }
    return this.#exchange({ path: `${this.#basePath}/${step}`, method: 'POST', body, withinMs, mostBytes: BODY_BYTES })
  }

  #exchange(request: OutboundRequest): Promise<FacilitatorAnswer> {
    return new Promise((resolve) =>
      this.#outbound.ask(request, {
        answered: (status, text) => resolve(answerOf(status, text)),
        unanswered: (what, cause) => resolve({ kind: 'lost', ...what, cause }),
      }),
    )
  }
}

/** A business failure is 200 with a boolean, or 4xx with the same JSON; anything else tells nothing. */
function answerOf(status: number, text: string): FacilitatorAnswer {
  try {
    const body: unknown = JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { kind: 'answer', status, body: body as Record<string, unknown> }
  } catch {
    // falls through: no JSON
  }
  return { kind: 'lost', sent: true, why: 'garbage', cause: new Error(`the facilitator answered ${status} without a JSON object`) }
}

const BYTE_ORDER_MARK = '\ufeff'
