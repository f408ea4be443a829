/** What the gateway itself answers on the public port, beside the APIs: pages, receipts, credits, and the messages of MCP. */
import { isRefusal, type Refusal, refuse } from '#contract'
import type { Limits } from '../../config/model.ts'
import { ownFields } from '../engine/index.ts'
import type { Gateway } from '../gateway.ts'
import { type Office, Receipts, receiptsOf } from '../office/index.ts'
import { type BodyRead, readBody } from './body.ts'
import { CreditsPages } from './credits.ts'
import { type Page, Pages } from './discovery/index.ts'
import type { Answer, Edge } from './edge.ts'
import { MCP_PATH, McpDoor } from './mcp/index.ts'
import { basicsOf, type HttpIncoming, HttpSink } from './request.ts'
import type { DoorRequest, DoorResponse } from './wire.ts'

/** What of the port is needed here. */
export interface OwnParts {
  readonly edge: Pick<Edge, 'answer' | 'refuse'>
  limits(): Pick<Limits, 'bodyBytes' | 'headerBytes'>
  nextId(): string
  incoming(request: DoorRequest): HttpIncoming
  /** Told to the log, and answered 503. */
  failed(cause: unknown, request: DoorRequest, response: DoorResponse): void
}

const PAGE_BODY_BYTES = 16 * 1024

const UNPAID = refuse('payment_required', 'a page was read')

export class OwnPaths {
  readonly #parts: OwnParts
  readonly #engine: Gateway['engine']
  readonly #pages: Pages
  readonly #receipts: Receipts
  readonly #credits: CreditsPages
  readonly #mcp: McpDoor

  constructor(served: Gateway, office: Office, parts: OwnParts) {
    this.#parts = parts
    this.#engine = served.engine
    this.#pages = new Pages(served)
    this.#receipts = receiptsOf(served.ground)
    this.#credits = new CreditsPages(served, office)
    this.#mcp = new McpDoor(served, this.#credits, () => parts.limits().headerBytes)
  }

  /** False: the path is none of ours, and nothing was answered. */
  serve(request: DoorRequest, response: DoorResponse): boolean {
    const path = pathOf(request)
    if (Receipts.serves(path)) this.#receipt(request, response, path)
    else if (CreditsPages.serves(path)) this.#credit(request, response, path)
    else if (path === MCP_PATH) this.#message(request, response)
    else return this.#page(this.#pages.at(path), request, response)
    return true
  }

  #page(page: Page | undefined, request: DoorRequest, response: DoorResponse): boolean {
    if (page === undefined) return false
    if (methodOf(request) !== 'GET') {
      this.#refuse(response, refuse('method_not_allowed', `${pathOf(request)} takes GET`, { headers: { allow: 'GET' } }))
      return true
    }
    const refusal = page.asks ? this.#turnedAway(request) : undefined
    if (refusal !== undefined) {
      this.#refuse(response, refusal)
      return true
    }
    const answer = page.answer(request.headers)
    if (answer === undefined) return false
    if (page.asks) this.#counts(request)
    this.#parts.edge.answer(response, { ...answer, headers: [...answer.headers, ...ownFields(this.#parts.nextId())] })
    return true
  }

  #turnedAway(request: DoorRequest): Refusal | undefined {
    return this.#engine.turnAway(this.#parts.incoming(request))
  }

  /** Who reads what is for sale is scored like who calls without paying: pages are no way around the limits of those who do not pay. */
  #counts(request: DoorRequest): void {
    const told = new Set<string>()
    const incoming = this.#parts.incoming(request)
    for (const chain of this.#engine.generation.chains) chain.observeRefused(incoming, UNPAID, told)
  }

  /** A message of MCP; a tool call in it is a call, and ends with its client. */
  #message(request: DoorRequest, response: DoorResponse): void {
    const { edge } = this.#parts
    const incoming = this.#parts.incoming(request)
    const say = (answer: Answer | Refusal): void =>
      isRefusal(answer) ? this.#refuse(response, answer) : edge.answer(response, { ...answer, headers: [...answer.headers, ...ownFields(incoming.id)] })
    const refusal = this.#mcp.refusal(incoming)
    if (refusal !== undefined) return say(refusal)
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    this.#read(request, response, this.#parts.limits().bodyBytes, (body) => this.#mcp.answer(incoming, body, gone.signal).then(say))
  }

  /** Receipts and the keys to check them. */
  #receipt(request: DoorRequest, response: DoorResponse, path: string): void {
    this.#read(request, response, PAGE_BODY_BYTES, async (body) => {
      const ask = { method: methodOf(request), path, accept: request.headers.accept, contentType: request.headers['content-type'], body }
      const answer = await this.#receipts.answer(ask)
      if (isRefusal(answer)) return this.#refuse(response, answer)
      const headers = ['content-type', answer.type, 'cache-control', answer.cache, ...ownFields(this.#parts.nextId())]
      new HttpSink(response).answer(answer.status, headers, answer.body)
    })
  }

  #credit(request: DoorRequest, response: DoorResponse, path: string): void {
    const incoming = this.#parts.incoming(request)
    this.#read(request, response, PAGE_BODY_BYTES, (body) => {
      const asked = { ...basicsOf(incoming), method: methodOf(request), header: (name: string) => incoming.header(name), path, body }
      return this.#credits.answer(asked, new HttpSink(response))
    })
  }

  #read(request: DoorRequest, response: DoorResponse, limit: number, work: (body: Buffer) => Promise<void>): void {
    readBody(request, response, limit, (read: BodyRead) => {
      if ('body' in read) work(read.body).catch((cause: unknown) => this.#parts.failed(cause, request, response))
      else if (!('gone' in read)) this.#parts.edge.refuse(response, read)
    })
  }

  #refuse(response: DoorResponse, refusal: Refusal): void {
    this.#parts.edge.refuse(response, { refusal, ends: false })
  }
}

const pathOf = ({ url = '' }: DoorRequest): string => url.split('?', 1)[0] as string

/** A page is asked for by HEAD as it is by GET; its body is left out where it is written (RFC 9110 section 9.3.2). */
const methodOf = ({ method = 'GET' }: DoorRequest): string => (method === 'HEAD' ? 'GET' : method)
