/** The provider of a soak: it counts what it was asked for and what of it it bills, by connection, and has moods that change with the time. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Teardown } from '../rig/folder.ts'
import { BUFFER_KIB, CONNECTIONS, type Connection, UNBILLED, UNITS, UPSTREAM_TIMEOUT_MS } from './shop.ts'

/** Most of the time it is well; in each of the others a part of the answers is as the name says. */
const BAD_MOODS = ['failing', 'limited', 'slow', 'hanging', 'resetting', 'truncated', 'redirecting', 'away', 'lost', 'garbled'] as const
type Mood = 'well' | (typeof BAD_MOODS)[number]
const WELL_PART = 0.5
/** Of the answers in a bad mood. */
const BAD_PART = 0.4
const MOOD_MS = { least: 1_500, more: 4_000 }

export interface Count {
  /** Units of the requests that arrived. */
  asked: number
  /** Units of those that it bills. */
  billed: number
  /** Requests that it answered with 200. */
  good: number
}

export interface SoakProvider {
  readonly url: string
  readonly counts: Readonly<Record<Connection, Count>>
  /** Requests by what became of them. */
  readonly fates: Readonly<Record<string, number>>
  /** Requests for what no operation is. */
  readonly stray: readonly string[]
  /** From now on all answers are good; until `moody`. */
  calm(): void
  moody(): void
  /** Requests that have no whole answer yet. */
  open(): number
}

const pathOf = (url: string): string => url.split('?', 1)[0] as string
const NANSEN_PATH = '/profiler/address/current-balance'

class Moody implements SoakProvider {
  url = ''
  readonly counts = Object.fromEntries(CONNECTIONS.map((name) => [name, { asked: 0, billed: 0, good: 0 }])) as Record<Connection, Count>
  readonly fates: Record<string, number> = {}
  readonly stray: string[] = []
  readonly #random: () => number
  readonly #moods = new Map<string, { mood: Mood; untilMs: number }>()
  #isCalm = false
  #answers = 0
  readonly #open = new Set<ServerResponse>()

  constructor(random: () => number) {
    this.#random = random
  }

  calm(): void {
    this.#isCalm = true
  }

  moody(): void {
    this.#isCalm = false
    this.#moods.clear()
  }

  open(): number {
    return this.#open.size
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const [, name = '', ...rest] = pathOf(request.url ?? '').split('/')
    const count = this.counts[name as Connection]
    const path = `/${rest.join('/')}`
    const operation = rest[0] ?? ''
    const units = path === NANSEN_PATH ? 1 : UNITS[operation as keyof typeof UNITS]
    if (count === undefined || units === undefined) {
      this.stray.push(`${request.method} ${request.url}`)
      return this.#say(response, 404, '{}')
    }
    const mood = this.#moodOf(name)
    const fate = mood === 'well' || this.#random() > BAD_PART ? 'well' : mood
    this.fates[fate] = (this.fates[fate] ?? 0) + 1
    count.asked += units
    const isNansen = path === NANSEN_PATH
    if (!isUnbilled(fate, isNansen)) count.billed += units
    if (fate === 'well' || fate === 'slow') count.good += 1
    this.#open.add(response)
    response.once('close', () => this.#open.delete(response))
    response.on('error', () => undefined)
    const laterMs = this.#random() * 5 + (fate === 'slow' ? 200 + this.#random() * 600 : 0)
    setTimeout(() => this.#answer(response, { fate, operation, isNansen }), laterMs)
  }

  #moodOf(name: string): Mood {
    if (this.#isCalm) return 'well'
    const now = performance.now()
    const found = this.#moods.get(name)
    if (found !== undefined && now < found.untilMs) return found.mood
    const mood = this.#random() < WELL_PART ? 'well' : (BAD_MOODS[Math.floor(this.#random() * BAD_MOODS.length)] as Mood)
    this.#moods.set(name, { mood, untilMs: now + MOOD_MS.least + this.#random() * MOOD_MS.more })
    return mood
  }

  #answer(response: ServerResponse, { fate, operation, isNansen }: { fate: Mood; operation: string; isNansen: boolean }): void {
    const socket = response.socket as Socket | null
    if (socket === null || response.destroyed) return
    const isStream = operation === 'feed'
    switch (fate) {
      case 'failing':
        return this.#say(response, 500, '{"error":"broken"}')
      case 'limited':
        return this.#say(response, 429, '{"error":"slow down"}', ['retry-after', '1'])
      case 'away':
        return this.#say(response, 503, 'away')
      case 'lost':
        return this.#say(response, 404, '{"error":"nothing there"}')
      case 'redirecting':
        return this.#say(response, 302, '', ['location', 'http://127.0.0.1:1/elsewhere'])
      case 'hanging':
        // Until the caller has given up, or long after.
        return void setTimeout(() => socket.destroy(), UPSTREAM_TIMEOUT_MS * 2)
      case 'resetting':
        return void socket.resetAndDestroy()
      case 'garbled':
        return void socket.end('HTTP/9.9 what\r\n\r\n')
      case 'truncated':
        if (isStream) return this.#stream(response, 3)
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': operation === 'big' ? 600_000 : 200 })
        return void response.write(operation === 'big' ? 'x'.repeat(400_000) : '{"half":"', () => setTimeout(() => socket.destroy(), 20))
      default:
        if (isStream) return this.#stream(response, undefined)
        return this.#say(response, 200, this.#body(operation, isNansen))
    }
  }

  /** Never the same twice, so that a replay cannot be a new answer. */
  #body(operation: string, isNansen: boolean): string {
    this.#answers += 1
    if (isNansen) return JSON.stringify({ data: [{ chain: 'ethereum', token_symbol: 'ETH', token_amount: this.#answers }] })
    const size = operation === 'big' ? BUFFER_KIB * 1024 * (0.5 + this.#random() * 2) : this.#random() * 300
    return JSON.stringify({ answer: this.#answers, rows: 'ä'.repeat(Math.floor(size / 2)) })
  }

  #stream(response: ServerResponse, breaksAfter: number | undefined): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const events = 3 + Math.floor(this.#random() * 6)
    let sent = 0
    const next = (): void => {
      if (response.destroyed) return
      sent += 1
      response.write(`data: {"event":${sent}}\n\n`)
      if (sent === breaksAfter) return void setTimeout(() => response.socket?.destroy(), 20)
      if (sent === events) return void response.end()
      setTimeout(next, 20)
    }
    next()
  }

  #say(response: ServerResponse, status: number, text: string, headers: readonly string[] = []): void {
    response.writeHead(status, ['content-type', 'application/json', ...headers, 'content-length', String(Buffer.byteLength(text))])
    response.end(text)
  }
}

const STATUS: Partial<Record<Mood, number>> = { failing: 500, limited: 429, away: 503, lost: 404 }

/** As its adapter says: Nansen's takes no credits for 4xx and 5xx; the custom ones for what their connection lists. */
function isUnbilled(fate: Mood, isNansen: boolean): boolean {
  const status = STATUS[fate]
  return status !== undefined && (isNansen || UNBILLED.includes(status))
}

/** Ended with the test. */
export async function startSoakProvider(t: Teardown, random: () => number): Promise<SoakProvider> {
  const moody = new Moody(random)
  const server = createServer((request, response) => {
    request.resume()
    request.on('error', () => undefined)
    request.once('end', () => moody.take(request, response))
  })
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  moody.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return moody
}
