/**
 * fast-gateway on restana carries routing and life cycle, one route per API with a wildcard; the proxy step is the engine's. Each generation gets a router of its
 * own, made when it is first needed; whoever asks gets that of the generation that serves.
 */
import type { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import gateway from 'fast-gateway'
import restana from 'restana'
import type { Generation } from '../engine/index.ts'
import { namesOne } from './lane/calls.ts'
import type { DoorRequest, DoorResponse } from './wire.ts'

export type Handler = (request: DoorRequest, response: DoorResponse) => void

export interface RouterParts {
  generation(): Generation
  /** A call of an API. */
  readonly api: Handler
  /** Whatever no route took. */
  readonly other: Handler
  failed(cause: unknown, request: DoorRequest, response: DoorResponse): void
}

export class Router {
  readonly #parts: RouterParts
  readonly #made = new WeakMap<Generation, Handler>()

  constructor(parts: RouterParts) {
    this.#parts = parts
  }

  /** A call that names its API plainly is the engine's at once; the router has whatever else there is. */
  route(request: DoorRequest, response: DoorResponse): void {
    const generation = this.#parts.generation()
    if (namesOne(generation.prefixes, request.url ?? '')) this.#parts.api(request, response)
    else this.#of(generation)(request, response)
  }

  #of(generation: Generation): Handler {
    const found = this.#made.get(generation) ?? routerOf(generation, this.#parts)
    this.#made.set(generation, found)
    return found
  }
}

function routerOf({ prefixes }: Generation, { api, other, failed }: RouterParts): Handler {
  const app = restana({
    server: { on: () => undefined } as unknown as EventEmitter as Server,
    prioRequestsProcessing: false,
    defaultRoute: other as never,
    errorHandler: ((error: Error, request: DoorRequest, response: DoorResponse) => failed(error, request, response)) as never,
  })
  // fast-gateway would answer this path with a list of its routes; the first handler wins.
  app.get('/services.json', api as never)
  gateway({
    server: app as never,
    proxyFactory: (() => () => undefined) as never,
    routes: [...prefixes].map((prefix) => ({
      prefix,
      pathRegex: '/*',
      target: 'http://unused.invalid',
      urlRewrite: (request: { url: string }) => request.url,
      disableQsOverwrite: true,
      proxyHandler: (request: unknown, response: unknown) => api(request as DoorRequest, response as DoorResponse),
    })) as never,
  })
  const router = app as unknown as { handle: Handler }
  return (request, response) => router.handle(request, response)
}
