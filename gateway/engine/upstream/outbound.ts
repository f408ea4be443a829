/** Requests of our own to one origin (contract/outbound.ts), by the same lines as those to providers: one write, an answer read strictly. */
import { type Outbound, type OutboundEvents, type OutboundRequest, Roll, type Rolled, type Unanswered } from '#contract'
import { connectorOf } from './connect.ts'
import type { Head } from './head.ts'
import type { Carried, Line } from './line.ts'
import { Lines } from './lines.ts'

const MOST_LINES = 128
/** Less than the request may take, so that somebody else can still be asked. */
const CONNECT_WITHIN_MS = 5_000
/** How late a deadline may be noticed. */
const BEAT_MS = 20
const FIELDS = 'connection: keep-alive\r\naccept: application/json\r\naccept-encoding: identity\r\nuser-agent: atlas-gateway\r\n'
const PATH = /^\/[\x21-\x7e]*$/
const NOTHING = new Uint8Array(0)
const STOPPING = new Error('the gateway is stopping')

/** JSON says the same with what is not ASCII escaped: then it is as long as it has characters, and leaves in one write with its head. */
const escaped = (json: string): string =>
  Buffer.byteLength(json) === json.length
    ? json
    : // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII as a whole is what is looked for
      json.replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

class Question implements Carried, Rolled {
  readonly #text: string
  readonly #mostBytes: number
  readonly #events: OutboundEvents
  readonly #asked: Roll<Question>
  readonly method: string
  readonly body = NOTHING
  readonly dueAtMs: number
  place = -1
  over = false
  #line: Line | undefined
  #status = 0
  #first: Buffer | undefined
  #more: Buffer[] | undefined
  #size = 0

  constructor({ method, withinMs, mostBytes }: OutboundRequest, text: string, events: OutboundEvents, asked: Roll<Question>) {
    this.method = method
    this.dueAtMs = performance.now() + withinMs
    this.#mostBytes = mostBytes
    this.#text = text
    this.#events = events
    this.#asked = asked
    asked.add(this)
  }

  request(line: Line): string {
    this.#line = line
    return this.#text
  }

  head(head: Head): boolean {
    this.#status = head.status
    return true
  }

  piece(bytes: Buffer): boolean {
    this.#size += bytes.length
    if (this.#size > this.#mostBytes) this.#fail('garbage', new Error(`the answer is over ${this.#mostBytes} bytes`))
    else if (this.#first === undefined) this.#first = bytes
    else {
      this.#more ??= [this.#first]
      this.#more.push(bytes)
    }
    return true
  }

  trailers(): void {}

  end(): void {
    if (this.over) return
    const body = this.#more === undefined ? this.#first : Buffer.concat(this.#more, this.#size)
    this.#end()
    this.#events.answered(this.#status, body === undefined ? '' : body.toString('utf8'))
  }

  fail(cause: Error): void {
    this.#fail('broken', cause)
  }

  late(): void {
    this.#fail('slow', new Error('no answer came in time'))
  }

  #fail(why: 'slow' | 'broken' | 'garbage', cause: Error): void {
    if (this.over) return
    const line = this.#line
    this.#end()
    line?.drop(this)
    // What waits for a connection has not been sent, nor what never had one.
    const what: Unanswered = line === undefined ? { sent: false, why: why === 'slow' ? why : 'unreachable' } : { sent: true, why }
    this.#events.unanswered(what, cause)
  }

  #end(): void {
    this.over = true
    this.#line = undefined
    this.#asked.delete(this)
  }
}

class OriginLines implements Outbound {
  readonly #lines: Lines
  readonly #host: string
  readonly #asked = new Roll<Question>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(url: URL) {
    this.#host = url.host
    this.#lines = new Lines(url, connectorOf({ allowPrivate: true, withinMs: CONNECT_WITHIN_MS }), MOST_LINES)
  }

  ask(request: OutboundRequest, events: OutboundEvents): void {
    const { method, path } = request
    if (!PATH.test(path)) throw new Error('the path of a request holds what no path may')
    const body = request.body === undefined ? undefined : escaped(request.body)
    const framed = body === undefined ? '\r\n' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const text = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${FIELDS}${framed}`
    const question = new Question(request, text, events, this.#asked)
    if (this.#closed) return question.fail(STOPPING)
    this.#lines.send(question)
    this.#timer ??= setTimeout(this.#look, BEAT_MS)
  }

  /** Few are under way at once, so that all of them are looked at. */
  readonly #look = (): void => {
    this.#timer = undefined
    const nowMs = performance.now()
    for (const question of this.#asked.all()) if (question.dueAtMs <= nowMs) question.late()
    if (this.#asked.size > 0) this.#timer ??= setTimeout(this.#look, BEAT_MS)
  }

  close(): void {
    this.#closed = true
    this.#lines.close()
    clearTimeout(this.#timer)
    for (const question of this.#asked.all()) question.fail(STOPPING)
  }
}

/** Where the operator's own configuration leads, also to private addresses. */
export const outboundTo = (url: URL): Outbound => new OriginLines(url)
