/** One request to a provider that belongs to no consumer's call, and its whole answer: for probes and usage endpoints. */
import type { Connection, Operation } from '#contract'
import type { Transport } from './transport.ts'

export interface OwnRequest {
  readonly connection: Connection
  readonly operation: Operation
  readonly method: string
  /** After the base, encoded. */
  readonly path: string
  /** With its `?`, or empty. */
  readonly query: string
  readonly body: Buffer
}

export type Answered =
  | { readonly state: 'answered'; readonly status: number; readonly rawHeaders: readonly string[]; readonly body: Buffer; readonly tookMs: number }
  /** `sent`: some byte of the request may have left. */
  | { readonly state: 'failed'; readonly sent: boolean; readonly late: boolean; readonly tookMs: number }

export interface ExchangePorts {
  readonly transport: Pick<Transport, 'send'>
  readonly withinMs: number
  /** Of the answer no more is read; what was read is the answer then. */
  readonly bufferBytes: number
}

export const EMPTY = Buffer.alloc(0)

/** Never rejects; resolves once. */
export function exchange({ transport, withinMs, bufferBytes }: ExchangePorts, request: OwnRequest): Promise<Answered> {
  const { connection, operation, method, path, query, body } = request
  const headers = ['accept-encoding', 'identity', 'user-agent', 'atlas-gateway', 'accept', 'application/json']
  if (body.length > 0) headers.push('content-type', 'application/json')
  return new Promise((resolve) => {
    const startedAt = performance.now()
    const tookMs = (): number => Math.round(performance.now() - startedAt)
    const chunks: Buffer[] = []
    let size = 0
    let status = 0
    let rawHeaders: readonly string[] = []
    const over = (answered: Answered): void => {
      clearTimeout(timer)
      resolve(answered)
    }
    const whole = (): void => over({ state: 'answered', status, rawHeaders, body: Buffer.concat(chunks, size), tookMs: tookMs() })
    const timer = setTimeout(() => {
      over({ state: 'failed', sent: attempt.sent, late: true, tookMs: tookMs() })
      attempt.abort()
    }, withinMs)
    const attempt = transport.send(
      { connection, operation, method, path, query, headers, body },
      {
        head(code, raw) {
          status = code
          rawHeaders = raw
          return true
        },
        data(chunk) {
          chunks.push(chunk)
          size += chunk.length
          if (size > bufferBytes) {
            whole()
            // Not from within its own event.
            setImmediate(() => attempt.abort())
          }
          return true
        },
        end: whole,
        error: (_cause, sent) => over({ state: 'failed', sent, late: false, tookMs: tookMs() }),
      },
    )
  })
}
