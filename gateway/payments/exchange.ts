/** One request and its JSON answer, by undici's dispatch: no stream, no signal and no header object for a few hundred bytes. */
import type { Dispatcher } from 'undici'
import type { FacilitatorAnswer } from '#contract'

const BODY_BYTES = 64 * 1024
/** Nothing of the request has left. */
const NEVER = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

type Lost = Extract<FacilitatorAnswer, { kind: 'lost' }>

export interface Asked {
  readonly path: string
  readonly method: 'GET' | 'POST'
  /** Flat list. */
  readonly headers: string[]
  readonly body?: string
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<FacilitatorAnswer>
  #resolve: (answer: FacilitatorAnswer) => void = () => undefined
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #status = 0
  #text = ''
  readonly #decoder = new TextDecoder()
  readonly #timer: NodeJS.Timeout

  constructor(dispatcher: Dispatcher, asked: Asked, deadlineMs: number) {
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setTimeout(() => this.#late(deadlineMs), deadlineMs)
    try {
      dispatcher.dispatch({ ...asked, body: asked.body ?? null }, this)
    } catch (cause) {
      this.#end({ kind: 'lost', sent: false, why: 'unreachable', cause })
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) controller.abort(new Error('the deadline has passed'))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number): void {
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#text += this.#decoder.decode(chunk, { stream: true })
    if (this.#text.length <= BODY_BYTES) return
    this.#end(lost('garbage', new Error(`the answer of the facilitator is over ${BODY_BYTES} bytes`)))
    controller.abort(new Error('too long'))
  }

  onResponseEnd(): void {
    this.#end(answerOf(this.#status, this.#text))
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, cause: Error): void {
    if ('code' in cause && NEVER.has(String(cause.code))) this.#end({ kind: 'lost', sent: false, why: 'unreachable', cause })
    else this.#end(lost('broken', cause))
  }

  /** What waits for a connection has not been sent. */
  #late(deadlineMs: number): void {
    const cause = new Error(`the facilitator did not answer within ${Math.round(deadlineMs)} ms`)
    const controller = this.#controller
    this.#end({ kind: 'lost', sent: controller !== undefined, why: 'slow', cause })
    controller?.abort(cause)
  }

  #end(answer: FacilitatorAnswer): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#resolve(answer)
  }
}

const lost = (why: Lost['why'], cause: unknown): Lost => ({ kind: 'lost', sent: true, why, cause })

/** A business failure is 200 with a boolean, or 4xx with the same JSON; anything else tells nothing. */
function answerOf(status: number, text: string): FacilitatorAnswer {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { kind: 'answer', status, body: body as Record<string, unknown> }
  } catch {
    // falls through: no JSON
  }
  return lost('garbage', new Error(`the facilitator answered ${status} without a JSON object`))
}
