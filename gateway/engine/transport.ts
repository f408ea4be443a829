/**
 * Towards the provider: one pool of connections per origin, HTTP/1.1 read strictly (upstream/), raw fields both ways. The
 * credential joins the request in the last line before the socket. Redirects are not followed; nothing is retried here.
 */
import type { LookupFunction } from 'node:net'
import type { AnswerScan, Connection, Operation } from '#contract'
import { type LeakBook, PausedError } from './leaks.ts'
import { connectorOf, type Desk, Exchange, Lines } from './upstream/index.ts'

/** What the flight hears of one attempt. */
export interface AttemptEvents {
  /** False from `head` or `data` pauses the provider; `resume` continues. */
  head(status: number, rawHeaders: readonly string[], resume: () => void): boolean
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

/** Writes the credential into a request (vault), and gives what looks for it in the answer; undefined where none was needed. */
export type PlaceCredential = (connection: Connection, request: { path: string; headers: string[] }, basePath: string) => AnswerScan | undefined

export interface TransportOptions {
  readonly place: PlaceCredential
  readonly allowPrivate: boolean
  /** The most that a coded answer may be, coded and decoded. */
  readonly bufferBytes?: number
  readonly leaks?: LeakBook
  /** Default: the system's. */
  readonly lookup?: LookupFunction
}

/** What a reload may change. */
export type TransportLimits = Required<Pick<TransportOptions, 'allowPrivate' | 'bufferBytes'>>

interface Target {
  readonly lines: Lines
  readonly host: string
  readonly basePath: string
}

const BUFFER_BYTES = 256 * 1024

export class Transport {
  readonly #options: TransportOptions
  readonly #desk: { -readonly [K in keyof Desk]: Desk[K] }
  #allowPrivate: boolean
  readonly #pools = new Map<string, Lines>()
  readonly #targets = { simulated: new Map<string, Target>(), real: new Map<string, Target>() }
  #closed = false

  constructor(options: TransportOptions) {
    this.#options = options
    const { place, leaks, bufferBytes = BUFFER_BYTES } = options
    this.#desk = { place, leaks, bufferBytes }
    this.#allowPrivate = options.allowPrivate
  }

  /** At a reload: pools stay, but for those to addresses that are let through in another way now. */
  configure({ allowPrivate, bufferBytes }: TransportLimits): void {
    this.#desk.bufferBytes = bufferBytes
    if (allowPrivate === this.#allowPrivate) return
    this.#allowPrivate = allowPrivate
    this.#targets.real.clear()
  }

  send(request: OutgoingRequest, events: AttemptEvents): Attempt {
    const { connection, operation } = request
    const target = this.#target(connection)
    const exchange = new Exchange(this.#desk, target, request, events)
    if (this.#desk.leaks?.isPaused(connection, operation) === true) exchange.fail(new PausedError())
    else if (this.#closed) exchange.fail(new Error('the gateway is stopping'))
    else target.lines.send(exchange)
    return exchange
  }

  #target(connection: Connection): Target {
    const { baseUrl = '', simulated } = connection
    const targets = this.#targets[simulated ? 'simulated' : 'real']
    let target = targets.get(baseUrl)
    if (target === undefined) {
      const url = new URL(baseUrl)
      target = { lines: this.#lines(url, simulated), host: url.host, basePath: url.pathname.replace(/\/$/, '') }
      targets.set(baseUrl, target)
    }
    return target
  }

  /** A real connection never shares one that was let through to a private address because it was simulated. */
  #lines(url: URL, simulated: boolean): Lines {
    const allowPrivate = simulated || this.#allowPrivate
    const key = `${simulated ? 'simulated ' : allowPrivate ? 'any ' : ''}${url.origin}`
    let lines = this.#pools.get(key)
    if (lines === undefined) {
      const { lookup } = this.#options
      lines = new Lines(url, connectorOf({ allowPrivate, ...(lookup === undefined ? {} : { lookup }) }))
      this.#pools.set(key, lines)
    }
    return lines
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const lines of this.#pools.values()) lines.close()
  }
}
