/**
 * The public port: fast-gateway on restana carries routing and life cycle, one route per API with a wildcard; the proxy step
 * is the engine's. A generation gets a router of its own, so that a reload swaps it under the same server.
 */
import type { EventEmitter } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { BlockList, type Socket } from 'node:net'
import gateway from 'fast-gateway'
import restana from 'restana'
import { isRefusal, type Refusal, refuse } from '#contract'
import type { Limits } from '../../config/model.ts'
import { type Engine, type Incoming, problemOf } from '../engine/index.ts'
import type { Gateway } from '../gateway.ts'
import { type Office, Receipts, receiptsOf } from '../office/index.ts'
import { readBody } from './body.ts'
import { catalogueOf } from './catalogue.ts'
import { CreditsPages } from './credits.ts'
import { Crowd } from './crowd.ts'
import { frontPage } from './page.ts'
import { basicsOf, HttpIncoming, HttpSink, isIn } from './request.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Ids of requests: a random beginning for the process, then a count. */
const idsFrom = (start: string): (() => string) => {
  let count = 0
  return () => {
    count += 1
    return `${start}-${count.toString(36)}`
  }
}

export class PublicDoor {
  readonly server: http.Server
  readonly #limits: Limits
  readonly #trusted: BlockList | undefined
  readonly #nextId: () => string
  readonly #ending = new WeakSet<Socket>()
  #handle: Handler
  #engine: Engine | undefined
  #receipts: Receipts | undefined
  #creditsPages: CreditsPages | undefined

  constructor(limits: Limits, options: { readonly trustedProxies: readonly string[]; readonly idStart: string }) {
    this.#limits = limits
    this.#trusted = trustedList(options.trustedProxies)
    this.#nextId = idsFrom(options.idStart)
    this.#handle = (request, response) =>
      this.#refuse(
        new HttpIncoming(request, this.#nextId(), this.#trusted),
        response,
        refuse('unavailable', 'the gateway is starting', { retryAfterSeconds: 1 }),
      )
    this.server = http.createServer({
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersWithinMs,
      requestTimeout: limits.headersWithinMs + limits.idleMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
      noDelay: true,
    })
    this.server.maxConnections = limits.connections
    const crowd = new Crowd(limits.connectionsPerAddress, (address) => this.#trusted !== undefined && isIn(this.#trusted, address))
    this.server.on('connection', (socket: Socket) => crowd.enter(socket))
    this.server.on('request', (request, response) => {
      if (request.headers.origin === undefined || !this.#answersBrowser(request, response)) this.#handle(request, response)
    })
    // An expectation that nobody knows may be passed over (RFC 9110 section 10.1.1); without this the answer would not be ours.
    this.server.on('checkExpectation', (request, response) => this.#handle(request, response))
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#clientError(error, socket as Socket))
  }

  /** Serves this gateway from now on. */
  serve(served: Gateway, office: Office): void {
    const { engine } = served
    this.#engine = engine
    this.#receipts = receiptsOf(served.ground, () => engine.origin)
    this.#creditsPages = new CreditsPages(served, office)
    const api: Handler = (request, response) => this.#api(engine, request, response)
    const app = restana({
      server: { on: () => undefined } as unknown as EventEmitter as http.Server,
      prioRequestsProcessing: false,
      defaultRoute: (request, response) => this.#other(engine, request, response),
      errorHandler: (error, request, response) => this.#failed(engine, error, request as IncomingMessage, response as unknown as ServerResponse),
    })
    // fast-gateway would answer this path with a list of its routes; the first handler wins.
    app.get('/services.json', api as never)
    app.get('/healthz', ((_: IncomingMessage, response: ServerResponse) => sendJson(response, this.#nextId(), { status: 'ok' })) as never)
    app.get('/catalog', ((_: IncomingMessage, response: ServerResponse) => sendJson(response, this.#nextId(), catalogueOf(served))) as never)
    app.get('/', ((request: IncomingMessage, response: ServerResponse) => frontPage(served, request, response, this.#nextId())) as never)
    gateway({
      server: app as never,
      proxyFactory: (() => () => undefined) as never,
      routes: served.routes.map(({ prefix }) => ({
        prefix,
        pathRegex: '/*',
        target: 'http://unused.invalid',
        urlRewrite: (request: { url: string }) => request.url,
        disableQsOverwrite: true,
        proxyHandler: (request: unknown, response: unknown) => api(request as IncomingMessage, response as ServerResponse),
      })) as never,
    })
    const router = app as unknown as { handle: Handler }
    this.#handle = (request, response) => router.handle(request, response)
  }

  /** What a page may read stands on every answer; a preflight is answered here. */
  #answersBrowser(request: IncomingMessage, response: ServerResponse): boolean {
    const preflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    const headers = this.#engine?.generation.cors(request.url ?? '/', { origin: request.headers.origin ?? '', preflight })
    if (headers === undefined) return false
    if (preflight) new HttpSink(response).answer(204, [...headers, 'x-request-id', this.#nextId()], '')
    else for (let at = 0; at + 1 < headers.length; at += 2) response.setHeader(headers[at] as string, headers[at + 1] as string)
    return preflight
  }

  #api(engine: Engine, request: IncomingMessage, response: ServerResponse): void {
    const incoming = new HttpIncoming(request, this.#nextId(), this.#trusted)
    const wrong = this.#wrongHead(request)
    const target = wrong ?? engine.target(incoming)
    if (isRefusal(target)) return this.#refuse(incoming, response, target, engine)
    readBody(request, this.#limits.bodyBytes, (read) => {
      if ('gone' in read) return
      if ('tooLarge' in read) return this.#refuse(incoming, response, refuse('body_too_large', `the body is over ${this.#limits.bodyBytes} bytes`), engine)
      try {
        const flight = engine.begin(incoming, target, read.body, new HttpSink(response))
        if (flight !== undefined && flight.state !== 'over') response.on('close', () => flight.onClientGone())
      } catch (cause) {
        this.#failed(engine, cause, request, response)
      }
    })
  }

  /** Whatever no route took: another method on a page of our own, a path that is malformed, or nothing that exists. */
  #other(engine: Engine, request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?', 1)[0] as string
    if (Receipts.serves(path)) return this.#page(engine, request, response, path)
    if (CreditsPages.serves(path)) return this.#credits(engine, request, response, path)
    if (!OWN_PATHS.has(path)) return this.#api(engine, request, response)
    const incoming = new HttpIncoming(request, this.#nextId(), this.#trusted)
    this.#refuse(incoming, response, refuse('method_not_allowed', `${path} takes GET`, { headers: { allow: 'GET' } }), engine)
  }

  /** Receipts and the keys to check them. */
  #page(engine: Engine, request: IncomingMessage, response: ServerResponse, path: string): void {
    const incoming = new HttpIncoming(request, this.#nextId(), this.#trusted)
    readBody(request, PAGE_BODY_BYTES, (read) => {
      if ('gone' in read) return
      if ('tooLarge' in read) return this.#refuse(incoming, response, refuse('body_too_large', `the body is over ${PAGE_BODY_BYTES} bytes`), engine)
      const ask = { method: request.method ?? 'GET', path, accept: request.headers.accept, contentType: request.headers['content-type'], body: read.body }
      const answered = this.#receipts?.answer(ask) ?? Promise.reject(new Error('no gateway is served yet'))
      answered.then(
        (answer) => {
          if (isRefusal(answer)) return this.#refuse(incoming, response, answer, engine)
          const headers = ['content-type', answer.type, 'cache-control', answer.cache, 'x-content-type-options', 'nosniff', 'x-request-id', incoming.id]
          new HttpSink(response).answer(answer.status, headers, answer.body)
        },
        (cause: unknown) => this.#failed(engine, cause, request, response),
      )
    })
  }

  #wrongHead(request: IncomingMessage): Refusal | undefined {
    if (request.rawHeaders.length > this.#limits.headers * 2)
      return refuse('headers_too_large', `the request has more than ${this.#limits.headers} header fields`)
    if (request.httpVersionMinor === 1 && request.headers.host === undefined) return refuse('bad_request', 'the request has no Host field')
    return undefined
  }

  #credits(engine: Engine, request: IncomingMessage, response: ServerResponse, path: string): void {
    const incoming = new HttpIncoming(request, this.#nextId(), this.#trusted)
    const wrong = this.#wrongHead(request)
    if (wrong !== undefined) return this.#refuse(incoming, response, wrong, engine)
    readBody(request, PAGE_BODY_BYTES, (read) => {
      if ('gone' in read) return
      if ('tooLarge' in read) return this.#refuse(incoming, response, refuse('body_too_large', `the body is over ${PAGE_BODY_BYTES} bytes`), engine)
      const asked = { ...basicsOf(incoming), header: (name: string) => incoming.header(name), path, body: read.body }
      this.#creditsPages?.answer(asked, new HttpSink(response)).catch((cause: unknown) => this.#failed(engine, cause, request, response))
    })
  }

  #failed(engine: Engine, cause: unknown, request: IncomingMessage, response: ServerResponse): void {
    const incoming = new HttpIncoming(request, this.#nextId(), this.#trusted)
    engine.logFailure(incoming, cause)
    this.#refuse(incoming, response, refuse('unavailable', 'a part of the gateway failed; nothing was charged'))
  }

  #refuse(incoming: Incoming, response: ServerResponse, refusal: Refusal, engine?: Engine): void {
    const problem = engine === undefined ? problemOf(refusal, incoming.id) : engine.problem(incoming, refusal)
    const sink = new HttpSink(response)
    if (this.#endsWithAnswer(response.req)) sink.lastAnswer(problem.status, problem.headers, problem.body, LINGER_MS)
    else sink.answer(problem.status, problem.headers, problem.body)
  }

  /** A body that nobody reads is thrown away where it is short; where it is long, or nobody knows, the connection ends. */
  #endsWithAnswer({ complete, headers }: IncomingMessage): boolean {
    return !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > this.#limits.bodyBytes)
  }

  /** What the parser refused never became a request; the answer is written by hand, then the connection ends. */
  #clientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // Whatever else comes on a connection that is ending is thrown away.
    if (this.#ending.has(socket)) return
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    // In the middle of an answer nothing can be said any more.
    if ((socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage?.headersSent === true) return void socket.destroy()
    const { status, headers, body } = problemOf(this.#parserRefusal(error), this.#nextId())
    const fields = [...headers, 'content-length', String(Buffer.byteLength(body)), 'connection', 'close']
    const lines = fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${fields[at + 1]}`] : []))
    this.#ending.add(socket)
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
    socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
  }

  #parserRefusal({ code }: NodeJS.ErrnoException): Refusal {
    if (code === 'HPE_HEADER_OVERFLOW') return refuse('headers_too_large', `the header section is over ${this.#limits.headerBytes} bytes`)
    return refuse('bad_request', code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'the request did not come to its end in time' : 'the request is not valid HTTP/1.1')
  }
}

const PAGE_BODY_BYTES = 16 * 1024

/** An answer that ends a connection is lost with it where more is still coming in: so long it is thrown away (RFC 9112 section 9.6). */
const LINGER_MS = 2_000

const OWN_PATHS = new Set(['/', '/catalog', '/healthz'])

export function sendJson(response: ServerResponse, id: string, value: unknown): void {
  new HttpSink(response).answer(
    200,
    ['content-type', 'application/json', 'cache-control', 'no-store', 'x-content-type-options', 'nosniff', 'x-request-id', id],
    JSON.stringify(value),
  )
}

function trustedList(proxies: readonly string[]): BlockList | undefined {
  if (proxies.length === 0) return undefined
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', prefix] = proxy.split('/')
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}
