/**
 * Towards the provider: one pool of connections per origin, undici `dispatch` with raw headers both ways.
 * The credential joins the request in the last line before the socket. Redirects are not followed; nothing is retried here.
 */
import { isIP } from 'node:net'
import { type Dispatcher, Pool, buildConnector } from 'undici'
import type { Connection, Operation } from '#contract'
import { isPrivateAddress } from './addresses.ts'

/** What the flight hears of one attempt. */
export interface AttemptEvents {
  /** False from `head` or `data` pauses the provider; `resume` continues. */
  head(status: number, rawHeaders: Buffer[], resume: () => void): boolean
  data(chunk: Buffer): boolean
  end(): void
  /** `sent`: some byte of the request may have left. */
  error(cause: Error, sent: boolean): void
}

export interface Attempt {
  /** Some byte of the request may have left. */
  readonly sent: boolean
  abort(): void
}

export interface OutgoingRequest {
  readonly connection: Connection
  readonly operation: Operation
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: string[]
  readonly body: Uint8Array
}

/** Writes the credential into a request (vault). */
export type PlaceCredential = (connection: Connection, request: { path: string; headers: string[] }, basePath: string) => void

interface Target {
  readonly pool: Pool
  readonly basePath: string
}

const CONNECT_WITHIN_MS = 10_000
const CONNECTIONS_PER_ORIGIN = 512

export class Transport {
  readonly #place: PlaceCredential
  readonly #allowPrivate: boolean
  readonly #pools = new Map<string, Pool>()
  readonly #targets = { simulated: new Map<string, Target>(), real: new Map<string, Target>() }

  constructor(options: { readonly place: PlaceCredential; readonly allowPrivate: boolean }) {
    this.#place = options.place
    this.#allowPrivate = options.allowPrivate
  }

  send(request: OutgoingRequest, events: AttemptEvents): Attempt {
    const handler = new AttemptHandler(events)
    try {
      const target = this.#target(request.connection)
      const outgoing = { path: target.basePath + request.path + request.query, headers: request.headers }
      const body = request.body.length > 0 ? request.body : null
      this.#place(request.connection, outgoing, target.basePath)
      target.pool.dispatch({ path: outgoing.path, method: request.method as Dispatcher.HttpMethod, headers: outgoing.headers, body }, handler)
    } catch (error) {
      handler.onError(error as Error)
    }
    return handler
  }

  #target(connection: Connection): Target {
    const { baseUrl = '', simulated } = connection
    const targets = this.#targets[simulated ? 'simulated' : 'real']
    let target = targets.get(baseUrl)
    if (target === undefined) {
      const url = new URL(baseUrl)
      target = { pool: this.#pool(url.origin, simulated), basePath: url.pathname.replace(/\/$/, '') }
      targets.set(baseUrl, target)
    }
    return target
  }

  /** A real connection never shares one that was let through to a private address because it was simulated. */
  #pool(origin: string, simulated: boolean): Pool {
    const key = simulated ? `simulated ${origin}` : origin
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new Pool(origin, {
        connections: CONNECTIONS_PER_ORIGIN,
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: this.#allowPrivate || simulated ? { timeout: CONNECT_WITHIN_MS } : publicOnly(),
      })
      this.#pools.set(key, pool)
    }
    return pool
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}

/** Looked at after the name was resolved, on each connection: a name that changes its address gains nothing. */
function publicOnly(): buildConnector.connector {
  const connect = buildConnector({ timeout: CONNECT_WITHIN_MS })
  return (options, callback) => {
    if (isIP(options.hostname) !== 0 && isPrivateAddress(options.hostname)) return callback(new Error('the address of the provider is not public'), null)
    connect(options, (...result) => {
      const [error, socket] = result
      if (error === null && isPrivateAddress(socket.remoteAddress ?? '')) {
        socket.destroy()
        return callback(new Error('the address of the provider is not public'), null)
      }
      callback(...result)
    })
  }
}

/** One monomorphic object per attempt, in undici's own handler form: no wrapper, no stream, no promise. */
class AttemptHandler implements Dispatcher.DispatchHandler, Attempt {
  readonly #events: AttemptEvents
  #abort: ((cause: Error) => void) | undefined
  #aborted = false
  sent = false

  constructor(events: AttemptEvents) {
    this.#events = events
  }

  onConnect(abort: (cause?: Error) => void): void {
    this.#abort = abort
    if (this.#aborted) abort(new Error('given up'))
    else this.sent = true
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    // 1xx are not the answer
    return status < 200 || this.#events.head(status, headers, resume)
  }

  onData(chunk: Buffer): boolean {
    return this.#events.data(chunk)
  }

  onComplete(): void {
    this.#events.end()
  }

  onError(cause: Error): void {
    this.#events.error(cause, this.sent)
  }

  abort(): void {
    this.#aborted = true
    this.#abort?.(new Error('given up'))
  }
}
