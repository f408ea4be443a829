/** The admin port: what programs ask for, behind `guard.ts`, and the console for people, which is loaded when it is first asked for. */
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { refusals } from '#contract'
import type { GatewayConfig } from '../../config/model.ts'
import type { Gateway } from '../gateway.ts'
import { type Live, Office, OfficeError } from '../office/index.ts'
import { actions } from './actions/index.ts'
import type { Action, Ask } from './actions/asks.ts'
import { readBody } from './body.ts'
import type { Console } from './console/index.ts'
import { type Answer, Edge } from './edge.ts'
import { Guard } from './guard.ts'
import { liveOf } from './live.ts'
import { isLong } from './long.ts'
import { METRICS_PATH, MetricsPage } from './metrics/index.ts'
import type { Certificate } from './tls.ts'
import type { DoorRequest, DoorResponse } from './wire.ts'
import { liveOfAll } from './workers/live.ts'
import type { Workers } from './workers/workers.ts'

const BODY_BYTES = 64 * 1024
/** A whole configuration, as JSON has it. */
const DIFF_BODY_BYTES = 2 * 1024 * 1024
const bodyBytesOf = (path: string): number => (path === '/api/diff' ? DIFF_BODY_BYTES : BODY_BYTES)

/** Without store or ledger nothing can be sold. Without a facilitator everything but paid calls goes on, and that is said. */
async function ready({ ground, payments }: Gateway, workers: Workers | undefined): Promise<Answer> {
  const { lost, ...serving } = await lostOf(ground.lost(), workers)
  const problems = await payments.problems().catch(() => ['nobody knows how it stands with the facilitators'])
  const isWhole = problems.length === 0 && (workers === undefined || workers.serving === workers.count)
  const status = lost.length > 0 ? 'not ready' : isWhole ? 'ready' : 'degraded'
  const said = problems.length === 0 ? { status, lost } : { status, lost: [...lost, 'facilitator'], payments: problems }
  return answerOf(lost.length === 0 ? 200 : 503, { ...said, ...serving })
}

/** What one worker has lost is lost for whoever meets it. */
async function lostOf(own: readonly string[], workers: Workers | undefined): Promise<{ readonly lost: readonly string[]; readonly workers?: object }> {
  if (workers === undefined) return { lost: own }
  const answers = await workers.ask('lost')
  const lost = new Set([...own, ...answers.flat(), ...(answers.length === 0 ? ['workers'] : [])])
  return { lost: [...lost], workers: { wanted: workers.count, serving: workers.serving } }
}

export interface Served {
  readonly gateway: Gateway
  readonly office: Office
  readonly workers: Workers | undefined
}

export class AdminDoor {
  readonly #edge: Edge
  readonly #guard: Guard
  readonly #metrics = new MetricsPage()
  #served: Served | undefined
  #console: Promise<Console> | undefined

  constructor({ admin, limits }: Pick<GatewayConfig, 'admin' | 'limits'>, certificate: Certificate | undefined) {
    // Of the configuration that is served now.
    const token = (): string | undefined => (this.#served?.gateway.ground.config.admin ?? admin).token
    this.#guard = new Guard(token, certificate === undefined ? 'http' : 'https')
    this.#edge = new Edge({
      ...{ limits, certificate },
      bodyBytes: () => BODY_BYTES,
      handle: (request, response) => this.#handle(request, response),
      problem: ({ code, detail, headers = {} }) => answerOf(refusals[code].status, { error: detail }, Object.entries(headers).flat()),
    })
  }

  get server(): Server {
    return this.#edge.server
  }

  close(): void {
    this.#edge.close()
  }

  end(): void {
    this.#edge.end()
  }

  /** At a reload. The token is asked of the configuration that serves, each time. */
  take({ limits }: Pick<GatewayConfig, 'limits'>): void {
    this.#edge.take(limits)
  }

  /** With workers the answers are theirs, too. */
  serve(gateway: Gateway, { workers, more = {} }: { readonly workers?: Workers | undefined; readonly more?: Pick<Live, 'reload' | 'diff'> } = {}): void {
    const live = { ...(workers === undefined ? liveOf(gateway) : liveOfAll(gateway, (what, of) => workers.ask(what, of))), ...more }
    this.#served = {
      ...{ gateway, workers },
      office: new Office(gateway.ground, live, this.#guard.needsToken ? 'with the admin token' : 'from loopback'),
    }
  }

  get office(): Office {
    if (this.#served === undefined) throw new Error('no gateway is served yet')
    return this.#served.office
  }

  #handle(request: DoorRequest, response: DoorResponse): void {
    // Not read by URL, which takes `//` for a host and throws where that is none.
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    if (path === '/healthz') return this.#answer(response, 200, { status: 'ok' })
    const served = this.#served
    if (served === undefined) return this.#answer(response, 503, { error: 'the gateway is starting' })
    if (path === '/readyz') {
      return void ready(served.gateway, served.workers).then((answer) => this.#edge.answer(response, answer))
    }
    if (isConsole(path)) return void this.#shown(request, response)
    const refused = this.#guard.refused(request)
    if (refused !== undefined) return this.#answer(response, refused.status, { error: refused.error })
    if (path === '/api/about' && request.method === 'GET') return this.#answer(response, 200, aboutOf(served.gateway, served.workers))
    if (path === METRICS_PATH && request.method === 'GET') return void this.#shows(served, response)
    const action = actions[`${request.method} ${path}`]
    if (action === undefined) return this.#answer(response, 404, { error: `there is no ${request.method} ${path}` })
    readBody(request, response, bodyBytesOf(path), (read) => {
      if ('gone' in read) return
      if (!('body' in read)) return this.#edge.refuse(response, read)
      const ask = askOf(request, query, read.body)
      // It may have held a credential.
      read.body.fill(0)
      void this.#act(action, served, ask, response)
    })
  }

  async #act(action: Action, served: Served, ask: Ask | undefined, response: DoorResponse): Promise<void> {
    if (ask === undefined) return this.#answer(response, 400, { error: 'the body must be a JSON object with content-type application/json' })
    try {
      const value = await action(served.office, ask)
      if (isLong(value)) await pipeline(Readable.from(value.text), response.writeHead(200, ['content-type', value.type, ...FIELDS]))
      else this.#answer(response, 200, value)
    } catch (error) {
      this.#failed(error, served.gateway, response)
    }
  }

  async #shows(served: Served, response: DoorResponse): Promise<void> {
    try {
      const { type, text } = await this.#metrics.text(served)
      this.#edge.answer(response, { status: 200, headers: ['content-type', type, ...FIELDS], body: text })
    } catch (error) {
      this.#failed(error, served.gateway, response)
    }
  }

  /** Loaded by the first who looks at it: a gateway that nobody watches has none of it in memory. */
  async #shown(request: DoorRequest, response: DoorResponse): Promise<void> {
    const parts = { guard: this.#guard, edge: this.#edge, served: () => this.#served as Served }
    this.#console ??= import('./console/index.ts').then((loaded) => new loaded.Console(parts))
    try {
      await (await this.#console).serve(request, response)
    } catch (error) {
      this.#failed(error, (this.#served as Served).gateway, response)
    }
  }

  #failed(error: unknown, { ground: { log } }: Gateway, response: DoorResponse): void {
    // In the middle of a long answer nothing can be said any more; it never looks complete.
    if (response.headersSent) return void response.destroy()
    if (error instanceof OfficeError) return this.#answer(response, 422, { error: error.message, ...error.members })
    log.error({ error: error instanceof Error ? error.stack : String(error) }, 'an admin request failed')
    this.#answer(response, 500, { error: 'the request failed inside the gateway; its log says why' })
  }

  #answer(response: DoorResponse, status: number, value: unknown): void {
    this.#edge.answer(response, answerOf(status, value))
  }
}

const isConsole = (path: string): boolean => path === '/console' || path.startsWith('/console/')

const aboutOf = ({ ground }: Gateway, workers: Workers | undefined): object => ({
  ...{ product: 'atlas', store: ground.storeId, pid: process.pid },
  ...(workers === undefined ? {} : { workers: workers.shown() }),
})

const FIELDS = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff']

function askOf(request: DoorRequest, query: string, body: Buffer): Ask | undefined {
  if (request.method === 'GET') return Object.fromEntries(new URLSearchParams(query))
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return undefined
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Ask) : undefined
  } catch {
    return undefined
  }
}

function answerOf(status: number, value: unknown, more: readonly string[] = []): Answer {
  return { status, headers: ['content-type', 'application/json', ...FIELDS, ...more], body: JSON.stringify(value) }
}
