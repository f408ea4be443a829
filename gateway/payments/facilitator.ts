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
type Done = (answer: FacilitatorAnswer) => void

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
  readonly #verifyPath: string
  readonly #settlePath: string
  readonly #breaker: Breaker
  readonly #sums = { verify: sums(), settle: sums() }
  #lastFailure: string | undefined

  constructor(url: string, { outboundTo, clock = MACHINE }: FacilitatorPorts) {
    const parsed = new URL(url)
    this.name = parsed.origin
    this.#basePath = parsed.pathname.replace(/\/$/, '')
    this.#verifyPath = `${this.#basePath}/verify`
    this.#settlePath = `${this.#basePath}/settle`
    if (parsed.search !== '') throw new Error('x402-payment: the URL of a facilitator has a query; expected one without')
    this.#outbound = outboundTo(parsed)
    this.#breaker = new Breaker(clock)
  }

  get state(): FacilitatorState {
    const { verify, settle } = this.#sums
    return { name: this.name, open: this.#breaker.isOpen, verify: { ...verify }, settle: { ...settle }, lastFailure: this.#lastFailure }
  }

  /** Again where the kept-alive connection had been closed under it: nothing was said, and asking twice does no harm. */
  verify(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const endMs = performance.now() + deadlineMs
    return new Promise((resolve) =>
      this.#ask('verify', request, deadlineMs, (answer) => {
        const leftMs = answer.kind === 'lost' && answer.why === 'broken' ? Math.ceil(endMs - performance.now()) : 0
        if (leftMs > 1) this.#ask('verify', request, leftMs, resolve)
        else resolve(answer)
      }),
    )
  }

  settle(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    return new Promise((resolve) => this.#ask('settle', request, deadlineMs, resolve))
  }

  supported(withinMs: number): Promise<FacilitatorAnswer> {
    const request = { path: `${this.#basePath}/supported`, method: 'GET', body: undefined, withinMs, mostBytes: BODY_BYTES } as const
    return new Promise((resolve) => this.#exchange(request, resolve))
  }

  async close(): Promise<void> {
    this.#outbound.close()
  }

  #ask(step: Step, request: FacilitatorRequest, withinMs: number, done: Done): void {
    this.#sums[step].asked += 1
    if (!this.#breaker.mayTry()) {
      this.#sums[step].lost += 1
      return done(RESTING)
    }
    let body: string
    try {
      body = request instanceof PaymentRequest ? request.body : JSON.stringify(request)
    } catch (cause) {
      return done(this.#noted(step, { kind: 'lost', sent: false, why: 'unreachable', cause }))
    }
    const path = step === 'verify' ? this.#verifyPath : this.#settlePath
    this.#exchange({ path, method: 'POST', body, withinMs, mostBytes: BODY_BYTES }, (answer) => done(this.#noted(step, answer)))
  }

  #noted(step: Step, answer: FacilitatorAnswer): FacilitatorAnswer {
    const sum = this.#sums[step]
    const failed = answer.kind === 'lost' ? answer.why : answer.status >= 500 ? `status ${answer.status}` : undefined
    this.#breaker.ended(failed === undefined)
    if (failed !== undefined) this.#lastFailure = `${step}: ${failed}`
    if (answer.kind === 'lost') sum.lost += 1
    else if (answer.body.isValid === true || answer.body.success === true) sum.answered += 1
    else sum.refused += 1
    return answer
  }

  #exchange(request: OutboundRequest, done: Done): void {
    this.#outbound.ask(request, {
      answered: (status, text) => done(answerOf(status, text)),
      unanswered: (what, cause) => done({ kind: 'lost', ...what, cause }),
    })
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
