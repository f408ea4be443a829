/**
 * The public port: one server for as long as the gateway runs. What it does with a request is asked of the generation that serves when the request comes; no
 * answer is made of two of them.
 */
import type { Server } from 'node:http'
import type { BlockList, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRefusal, type Refusal, refuse } from '#contract'
import type { GatewayConfig, Limits } from '../../config/model.ts'
import { type Engine, ownFields, problemOf } from '../engine/index.ts'
import type { Gateway } from '../gateway.ts'
import type { Office } from '../office/index.ts'
import { type BodyRead, readBody } from './body.ts'
import { isIn, trustedList } from './client.ts'
import { Crowd } from './crowd.ts'
import { type Answer, Edge, METHODS } from './edge.ts'
import { callsTo } from './lane/calls.ts'
import { OwnPaths } from './own.ts'
import { HttpIncoming, HttpSink } from './request.ts'
import { Router } from './router.ts'
import type { Certificate } from './tls.ts'
import type { DoorRequest, DoorResponse } from './wire.ts'

/** Ids of requests: a random beginning for the process, then a count. */
const idsFrom = (start: string): (() => string) => {
  let count = 0
  return () => {
    count += 1
    return `${start}-${count.toString(36)}`
  }
}

export type DoorSettings = Pick<GatewayConfig, 'limits' | 'trustedProxies'>

export class PublicDoor {
  readonly #edge: Edge
  readonly #nextId: () => string
  readonly #crowd: Crowd
  #limits: Limits
  #trusted: BlockList | undefined
  #router: Router | undefined
  #engine: Engine | undefined
  #own: OwnPaths | undefined

  constructor({ limits, trustedProxies }: DoorSettings, idStart: string, certificate: Certificate | undefined) {
    this.#limits = limits
    this.#trusted = trustedList(trustedProxies)
    this.#nextId = idsFrom(idStart)
    this.#edge = new Edge({
      ...{ limits, certificate },
      bodyBytes: () => this.#limits.bodyBytes,
      calls: callsTo({ engine: () => this.#engine, nextId: this.#nextId, trusted: () => this.#trusted }),
      handle: (request, response) => this.#handle(request, response),
      problem: (refusal, request) => this.#problem(refusal, request),
    })
    this.#crowd = new Crowd(limits.connectionsPerAddress, (address) => this.#trusted !== undefined && isIn(this.#trusted, address))
    this.server.on('connection', (socket: Socket) => this.#crowd.enter(socket))
  }

  /** At a reload: connections that are open keep the limits of time that they have. */
  take({ limits, trustedProxies }: DoorSettings): void {
    this.#limits = limits
    this.#trusted = trustedList(trustedProxies)
    this.#crowd.most = limits.connectionsPerAddress
    this.#edge.take(limits)
  }

  get server(): Server {
    return this.#edge.server
  }

  close(): void {
    this.#edge.close()
  }

  /** Who is slow to take what he has paid for has what is left of the time for calls under way. */
  async taken(withinMs: number): Promise<void> {
    if (withinMs <= 0) return
    const over = new AbortController()
    await Promise.race([this.#edge.taken(), sleep(withinMs, undefined, over)])
    over.abort()
  }

  end(): void {
    this.#edge.end()
  }

  /** Serves this gateway from now on. */
  serve(served: Gateway, office: Office): void {
    const { engine } = served
    this.#own = new OwnPaths(served, office, {
      ...{ edge: this.#edge, limits: () => this.#limits, nextId: this.#nextId },
      incoming: (request) => this.#incoming(request),
      failed: (cause, request, response) => this.#failed(cause, request, response),
    })
    this.#router = new Router({
      generation: () => engine.generation,
      api: (request, response) => this.#api(engine, request, response),
      other: (request, response) => this.#other(engine, request, response),
      failed: (cause, request, response) => this.#failed(cause, request, response),
    })
    this.#engine = engine
  }

  #handle(request: DoorRequest, response: DoorResponse): void {
    if (this.#router === undefined) return this.#refuse(response, STARTING)
    if (request.headers.origin !== undefined && this.#answersBrowser(request, response)) return
    if (request.url === '*') return this.#everything(request, response)
    this.#router.route(request, response)
  }

  /** RFC 9110 section 9.3.7: of the whole server only its methods can be told. */
  #everything(request: DoorRequest, response: DoorResponse): void {
    if (request.method !== 'OPTIONS') return this.#refuse(response, refuse('bad_request', 'the request target * is for OPTIONS alone'))
    new HttpSink(response).answer(204, ['allow', METHODS, ...ownFields(this.#nextId())], '')
  }

  /** What a page may read stands on every answer; a preflight is answered here. */
  #answersBrowser(request: DoorRequest, response: DoorResponse): boolean {
    const preflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    const headers = this.#engine?.generation.cors(request.url ?? '/', { origin: request.headers.origin ?? '', preflight })
    if (headers === undefined) return false
    if (preflight) new HttpSink(response).answer(204, [...headers, ...ownFields(this.#nextId())], '')
    else for (let at = 0; at + 1 < headers.length; at += 2) response.setHeader(headers[at] as string, headers[at + 1] as string)
    return preflight
  }

  #api(engine: Engine, request: DoorRequest, response: DoorResponse): void {
    const incoming = this.#incoming(request)
    const target = engine.target(incoming)
    if (isRefusal(target)) return this.#edge.answer(response, engine.problem(incoming, target))
    readBody(request, response, this.#limits.bodyBytes, (read) => {
      if (!('body' in read)) return this.#unread(read, response)
      try {
        const flight = engine.begin(incoming, target, read.body, new HttpSink(response))
        if (flight !== undefined && flight.state !== 'over') response.on('close', () => flight.onClientGone())
      } catch (cause) {
        this.#failed(cause, request, response)
      }
    })
  }

  /** Whatever no route took: a path of our own, one that is malformed, or nothing that exists. */
  #other(engine: Engine, request: DoorRequest, response: DoorResponse): void {
    try {
      if (this.#own?.serve(request, response) !== true) this.#api(engine, request, response)
    } catch (cause) {
      this.#failed(cause, request, response)
    }
  }

  #unread(read: Exclude<BodyRead, { body: Buffer }>, response: DoorResponse): void {
    if (!('gone' in read)) this.#edge.refuse(response, read)
  }

  #failed(cause: unknown, request: DoorRequest, response: DoorResponse): void {
    const incoming = this.#incoming(request)
    this.#engine?.logFailure(incoming, cause)
    this.#edge.answer(response, problemOf(refuse('unavailable', 'a part of the gateway failed; nothing was charged'), incoming.id))
  }

  #refuse(response: DoorResponse, refusal: Refusal): void {
    this.#edge.refuse(response, { refusal, ends: false })
  }

  #problem(refusal: Refusal, request: DoorRequest | undefined): Answer {
    if (request === undefined || this.#engine === undefined) return problemOf(refusal, this.#nextId())
    return this.#engine.problem(this.#incoming(request), refusal)
  }

  #incoming(request: DoorRequest): HttpIncoming {
    return new HttpIncoming(request, this.#nextId(), this.#trusted)
  }
}

const STARTING = refuse('unavailable', 'the gateway is starting', { retryAfterSeconds: 1 })
