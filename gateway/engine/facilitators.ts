/** Facilitators over HTTP on kept-alive connections, each call with a deadline (x402 specification v2 section 7). */
import { Pool } from 'undici'
import type { Facilitator, FacilitatorAnswer, FacilitatorRequest } from '#contract'

const BODY_BYTES = 64 * 1024
const CONNECTIONS = 128

export class HttpFacilitator implements Facilitator {
  readonly name: string
  readonly #pool: Pool
  readonly #basePath: string

  constructor(url: string) {
    const { origin, pathname } = new URL(url)
    this.name = url
    this.#basePath = pathname.replace(/\/$/, '')
    this.#pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 5_000 } })
  }

  verify(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    return this.#post('/verify', request, deadlineMs)
  }

  settle(request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    return this.#post('/settle', request, deadlineMs)
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }

  async #post(path: string, request: FacilitatorRequest, deadlineMs: number): Promise<FacilitatorAnswer> {
    const signal = AbortSignal.timeout(deadlineMs)
    let sent = false
    try {
      const body = JSON.stringify(request)
      const headers = { 'content-type': 'application/json', accept: 'application/json', 'accept-encoding': 'identity' }
      const response = await this.#pool.request({ path: this.#basePath + path, method: 'POST', headers, body, signal })
      sent = true
      let text = ''
      for await (const chunk of response.body.setEncoding('utf8')) {
        text += chunk
        if (text.length > BODY_BYTES) throw new Error(`the answer of the facilitator is over ${BODY_BYTES} bytes`)
      }
      return answerOf(response.statusCode, text)
    } catch (cause) {
      return { kind: 'lost', sent: sent || !neverConnected(cause), cause }
    }
  }
}

/** A business failure is 200 with a boolean, or 4xx with the same JSON; anything else tells nothing. */
function answerOf(status: number, text: string): FacilitatorAnswer {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { kind: 'answer', status, body: body as Record<string, unknown> }
  } catch {
    // falls through: no JSON
  }
  return { kind: 'lost', sent: true, cause: new Error(`the facilitator answered ${status} without a JSON object`) }
}

const NEVER = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])

const neverConnected = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && NEVER.has(String(cause.code))
