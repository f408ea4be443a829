/**
 * The server of a port, plain or TLS, with everything that holds before anybody asks what is wanted: limits of time and
 * size, the judgement of the head, and how a connection ends, so that nothing behind a refused request is ever carried out.
 */
import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { type Refusal, refuse } from '#contract'
import type { Limits } from '../../config/model.ts'
import { leavesBody } from './body.ts'
import { Closing, type HttpSocket } from './closing.ts'
import { type Fault, faultOf } from './head.ts'
import { type Calls, Lane } from './lane/lane.ts'
import { TLS, type Certificate } from './tls.ts'
import { DoorRequest, type DoorResponse, responsesSaying } from './wire.ts'

export interface Answer {
  readonly status: number
  /** Flat list. */
  readonly headers: readonly string[]
  readonly body: string | Buffer
}

export interface EdgeParts {
  readonly limits: Limits
  /** The longest body that is read to its end only to be thrown away. */
  bodyBytes(): number
  readonly certificate: Certificate | undefined
  /** What may take the short way. */
  readonly calls?: Calls
  /** A request whose head is good. */
  handle(request: DoorRequest, response: DoorResponse): void
  /** How this port says no; without a request where none came to be. */
  problem(refusal: Refusal, request: DoorRequest | undefined): Answer
}

/** An answer that ends a connection is lost with it where more is still coming in: so long it is thrown away (RFC 9112 section 9.6). */
const LINGER_MS = 2_000

/** Slow requests are looked for once a second, and are told why before anybody cuts them off for being still. */
const SLOWER_MS = 2_000

type DoorServer = http.Server<typeof DoorRequest, typeof DoorResponse>

export class Edge {
  readonly server: http.Server
  readonly #parts: EdgeParts
  #limits: Limits
  #stillMs: number
  readonly #closing: Closing
  readonly #lane: Lane | undefined
  /** Connections on which nothing more is carried out. */
  readonly #ending = new WeakSet<Socket>()

  constructor(parts: EdgeParts) {
    this.#parts = parts
    const { limits, certificate } = parts
    this.#limits = limits
    this.#stillMs = stillMsOf(limits)
    const options = {
      ...timesOf(limits),
      maxHeaderSize: limits.headerBytes,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
      noDelay: true,
      IncomingMessage: DoorRequest,
      ServerResponse: responsesSaying(
        () => this.#limits.idleMs,
        (request) => this.#isLast(request),
      ),
    }
    const server: DoorServer =
      certificate === undefined
        ? http.createServer(options)
        : https.createServer({ ...options, ...TLS, ...certificate.pair, handshakeTimeout: limits.headersWithinMs })
    this.server = server as unknown as http.Server
    this.server.maxConnections = limits.connections
    // Fields beyond a thousand would be cut off before anybody judges them; their bytes are limited.
    this.server.maxHeadersCount = 0
    this.server.timeout = this.#stillMs
    const arrived = (request: DoorRequest, response: DoorResponse): void => this.#arrived(request, response)
    server.on('request', arrived)
    // What is expected may be passed over (RFC 9110 section 10.1.1), or is told once the head is found good.
    server.on('checkExpectation', arrived)
    server.on('checkContinue', arrived)
    server.on('connect', (request, socket) => this.#tunnel(request, socket as Socket))
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#clientError(error, socket as HttpSocket))
    this.server.on('timeout', (socket: Socket) => this.#still(socket))
    certificate?.serveBy(this.server as https.Server)
    this.#closing = new Closing(this.server, certificate !== undefined)
    const { calls } = parts
    this.#lane = calls === undefined ? undefined : new Lane({ server: this.server, tls: certificate !== undefined, limits, stillMs: this.#stillMs, calls })
    if (certificate !== undefined) this.#closing.followHandshakes()
  }

  /** At a reload, for connections that are opened from now on. What is open keeps its timers. */
  take(limits: Limits): void {
    this.#limits = limits
    this.#stillMs = stillMsOf(limits)
    // node:http reads all of these when a connection comes, or when it looks at those it has.
    Object.assign(this.server, timesOf(limits), { maxHeaderSize: limits.headerBytes, timeout: this.#stillMs })
    if (this.server.maxConnections !== Number.POSITIVE_INFINITY) this.server.maxConnections = limits.connections
    if (this.#lane !== undefined) Object.assign(this.#lane, { limits, stillMs: this.#stillMs })
  }

  /** Idle connections end at once; busy ones with their answer. */
  close(): void {
    this.#closing.begin()
    this.#lane?.close()
  }

  /** Resolves when every answer that was written has been taken. */
  async taken(): Promise<void> {
    await Promise.all([this.#closing.taken(), this.#lane?.taken()])
  }

  end(): void {
    this.#closing.end()
    this.#lane?.end()
  }

  /** Of a port that is closing: what stands behind is thrown away. */
  #isLast(request: DoorRequest): boolean {
    if (!this.#closing.isLast(request)) return false
    this.#endWith(request.socket)
    return true
  }

  /** Says no. The connection ends with it where the rest of the request is not worth reading, or nobody knows where it ends. */
  refuse(response: DoorResponse, { refusal, ends }: Fault): void {
    this.answer(response, this.#parts.problem(refusal, response.req), ends)
  }

  /** An answer to a request whose body perhaps nobody has read. */
  answer(response: DoorResponse, { status, headers, body }: Answer, ends = false): void {
    if (response.destroyed || response.headersSent) return
    const last = ends || leavesBody(response.req, this.#parts.bodyBytes())
    if (last) this.#endWith(response.req.socket)
    // What a 304 stands for has a length, which is not that of nothing (RFC 9110 section 8.6).
    const fields = status === 304 ? headers : [...headers, 'content-length', String(Buffer.byteLength(body))]
    if (!last) return response.answer(status, fields, body)
    response.writeHead(status, [...fields, 'connection', 'close'])
    response.end(body)
  }

  #arrived(request: DoorRequest, response: DoorResponse): void {
    // Never carried out, never answered; read, so that the last answer is not lost.
    if (this.#ending.has(request.socket)) return request._dump()
    const fault = faultOf(request, this.#limits.headers)
    if (fault === undefined) this.#parts.handle(request, response)
    else this.refuse(response, fault)
  }

  /** With the answer our side ends at once; what still comes in is thrown away for a while, then the other side is cut off. */
  #endWith(socket: Socket): void {
    this.#ending.add(socket)
    // node:http calls this after an answer with `connection: close`, and would cut off both sides.
    socket.destroySoon = () => {
      if (socket.destroyed) return
      socket.end()
      lingering(socket)
    }
  }

  /** There is nothing to tunnel to (RFC 9110 section 9.3.6). */
  #tunnel(request: DoorRequest, socket: HttpSocket): void {
    socket.on('error', () => socket.destroy())
    socket.resume()
    const { problem } = this.#parts
    const refusal =
      faultOf(request, this.#limits.headers)?.refusal ?? refuse('method_not_allowed', 'there are no tunnels here', { headers: { allow: METHODS } })
    if (this.#ending.has(socket)) return
    this.#byHand(socket, () => problem(refusal, request))
  }

  /** What the parser refused never became a request. */
  #clientError(error: NodeJS.ErrnoException, socket: HttpSocket): void {
    // Whatever else comes on a connection that is ending is thrown away.
    if (this.#ending.has(socket)) return
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    // A connection on which nothing was ever sent is idle, not slow; the limit for that is another.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) return
    // The request before it was the last by its own words; its answer ends the connection.
    if (error.code === 'HPE_CLOSED_CONNECTION') return void this.#ending.add(socket)
    this.#byHand(socket, () => this.#parts.problem(this.#parserRefusal(error), undefined))
  }

  #parserRefusal({ code }: NodeJS.ErrnoException): Refusal {
    if (code === 'HPE_HEADER_OVERFLOW') return refuse('headers_too_large', `the header section is over ${this.#limits.headerBytes} bytes`)
    if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return refuse('body_too_large', 'the chunks of the body say too much beside it')
    return refuse('bad_request', code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'the request did not come to its end in time' : 'the request is not valid HTTP/1.1')
  }

  /** An answer where there is no request to answer, behind those that are still under way, then the end of the connection. */
  #byHand(socket: HttpSocket, problem: () => Answer): void {
    this.#ending.add(socket)
    const last = socket.parser?.incoming
    const turn = (): void => {
      const current = socket._httpMessage
      if (current?.req.complete === true) return void current.once('finish', turn)
      // In the middle of an answer, or of a request that was answered already, nothing can be said any more.
      const answered = !current && last?.complete === false
      if (current?.headersSent === true || answered) return void socket.destroy()
      if (!socket.writable) return
      const { status, headers, body } = problem()
      const fields = [...headers, 'date', new Date().toUTCString(), 'content-length', String(Buffer.byteLength(body)), 'connection', 'close']
      const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1]}`] : []))
      socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
      lingering(socket)
    }
    turn()
  }

  /** Nothing moved for as long as a connection may be idle. Who waits for an answer of ours is not idle; who does not take it is cut off. */
  #still(socket: HttpSocket): void {
    if (socket._httpMessage && socket.writableLength === 0) socket.setTimeout(this.#stillMs)
    else socket.destroy()
  }
}

const stillMsOf = ({ idleMs, headersWithinMs }: Limits): number => Math.max(idleMs, headersWithinMs + SLOWER_MS)

const timesOf = (limits: Limits) => ({
  headersTimeout: limits.headersWithinMs,
  requestTimeout: limits.headersWithinMs + limits.idleMs,
  // Two timers an answer, where the one that a connection has anyway says the same.
  keepAliveTimeout: stillMsOf(limits) === limits.idleMs ? 0 : limits.idleMs,
})

/** For OPTIONS of everything, and where no method helps. */
export const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

function lingering(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}
