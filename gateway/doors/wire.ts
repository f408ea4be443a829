/**
 * node:http's request and response without the streams around them. A call reads its body whole and writes its answer whole:
 * the parser's pieces go straight to the one reader, and a whole answer leaves in one write. What node:http checks stays as it
 * is (its parser, its order of answers on a connection, its limits of time); measured in docs/performance.md.
 *
 * Both lean on what node:http itself calls and reads: `push`, `_dump`, `readableEnded` of a request; `_header`, `finished` and
 * the event `finish` of a response. test/doors/wire.test.ts holds them to it.
 */
import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse, STATUS_CODES } from 'node:http'

/** Who reads a body. Each is called in the turn in which the parser saw it. */
export interface BodyTaker {
  piece(bytes: Buffer): void
  /** Everything came, trailers too. */
  whole(): void
  /** The connection was lost before. */
  gone(): void
}

/** Of a body that nobody has asked for yet this much is kept; then the connection is not read. */
const EARLY_BYTES = 16 * 1024

export class DoorRequest extends IncomingMessage {
  #taker: BodyTaker | undefined
  #early: Buffer[] | undefined
  #earlyBytes = 0
  /** Set once nobody wants the body: node:http drops what still comes. */
  _dumped = false

  /** At most once. What came before is handed on at once. */
  takeBody(taker: BodyTaker): void {
    const early = this.#early
    this.#taker = taker
    this.#early = undefined
    for (const piece of early ?? []) taker.piece(piece)
    if (this.complete) this.#whole()
    else if (this.destroyed) this.#gone()
    else if (this.#earlyBytes >= EARLY_BYTES) super._read(0)
  }

  /** By the parser: a piece of the body, or null at its end. False: nothing more is to be read for now. */
  override push(piece: Buffer | null): boolean {
    if (piece === null) {
      this.#whole()
      return true
    }
    if (this.#taker !== undefined) {
      this.#taker.piece(piece)
      return true
    }
    this.#early ??= []
    this.#early.push(piece)
    this.#earlyBytes += piece.length
    return this.#earlyBytes < EARLY_BYTES
  }

  /** By the server, when the answer has left and nobody has asked for the body: what still comes is for nobody. */
  _dump(): void {
    if (this._dumped) return
    this._dumped = true
    this.#taker = undefined
    this.#early = undefined
    if (!this.complete) super._read(0)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#gone()
    super._destroy(error, done)
  }

  #whole(): void {
    const taker = this.#taker
    this.#taker = undefined
    taker?.whole()
  }

  #gone(): void {
    const taker = this.#taker
    this.#taker = undefined
    taker?.gone()
  }
}

/** Nobody reads a request as a stream: it has ended when it is whole. (The types know no accessor here, so that it stands apart.) */
Object.defineProperty(DoorRequest.prototype, 'readableEnded', {
  get(this: DoorRequest): boolean {
    return this.complete
  },
})

/** What node:http keeps on a response. */
interface Inside {
  _header: string | null
  _headerSent: boolean
  _hasBody: boolean
  _keepAliveTimeout: number
  /** Who waited to be told to go on and was not told may send a body or not: nobody knows where the next request begins. */
  _expect_continue?: boolean
  _sent100: boolean
  finished: boolean
}

/** Bytes that a field may hold (RFC 9110 section 5.5). */
const FIELD = Uint8Array.from({ length: 256 }, (_, code) => (code === 9 || (code >= 0x20 && code !== 0x7f) ? 1 : 0))

function isField(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) if (FIELD[value.charCodeAt(at)] !== 1) return false
  return true
}

/** Longer answers are not worth being copied into text. */
const JOINED_BYTES = 12 * 1024

export class DoorResponse extends ServerResponse<DoorRequest> {
  /**
   * A whole answer with a body, `headers` as a flat list that holds its length. In one write where nothing else is to be said
   * or waited for; else as node:http does it, byte for byte the same but for the order of its own fields.
   */
  answer(status: number, headers: readonly string[], body: Buffer | string): void {
    const { socket } = this
    const { _hasBody, _expect_continue, _sent100 } = this._own
    const plain = this.shouldKeepAlive && !this.isLast && socket !== null && _hasBody && socket.writableLength === 0 && (_expect_continue !== true || _sent100)
    if (!plain || body.length > JOINED_BYTES || this.getHeaderNames().length > 0) {
      this.writeHead(status, headers as unknown as OutgoingHttpHeaders)
      this.end(body)
      return
    }
    const head = answerHead(status, headers, this._own._keepAliveTimeout)
    this.statusCode = status
    this._own._header = head
    this._own._headerSent = true
    this._own.finished = true
    // Bytes as text, so that head and body are one; the head is Latin-1 (RFC 9110 section 5.5), whatever the body is.
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    socket.write(head + bytes.toString('latin1'), 'latin1')
    // The next answer on this connection waits until the other side has taken this one; after a connection that is lost none comes.
    if (socket.writableLength === 0) this.emit('finish')
    else socket.write('', (error) => void (error ?? this.emit('finish')))
  }

  /** Nothing more is answered on its connection, whatever the request says. */
  protected get isLast(): boolean {
    return false
  }

  override writeHead(...said: unknown[]): this {
    if (this.shouldKeepAlive && this.isLast) this.shouldKeepAlive = false
    return super.writeHead(...(said as [number, OutgoingHttpHeaders]))
  }

  private get _own(): Inside {
    return this as unknown as Inside
  }
}

/**
 * Status line and fields of an answer, up to and with the empty line. The connection stays for `idleMs`; undefined: it ends.
 * @throws TypeError where a field holds what no field may (RFC 9110 section 5.5)
 */
export function answerHead(status: number, headers: readonly string[], idleMs: number | undefined): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] as string
    if (!isField(value)) throw new TypeError(`the field ${headers[at]} of an answer holds what no field may`)
    head += `${headers[at]}: ${value}\r\n`
  }
  const stays = idleMs === undefined ? 'close' : `keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleMs / 1000)}`
  return `${head}Date: ${dateNow()}\r\nConnection: ${stays}\r\n\r\n`
}

/**
 * Responses that say how long a connection may be idle, whoever sees to it (node:http takes it from its own timeout otherwise),
 * or that it ends with them.
 */
export function responsesSaying(idleMs: () => number, isLast: (request: DoorRequest) => boolean): typeof DoorResponse {
  class Saying extends DoorResponse {
    protected override get isLast(): boolean {
      return isLast(this.req)
    }
  }
  Object.defineProperty(Saying.prototype, '_keepAliveTimeout', { get: idleMs, set: () => undefined })
  return Saying
}

let date = ''
let dateEndsMs = 0

/** RFC 9110 section 5.6.7; made once a second. */
function dateNow(): string {
  const nowMs = Date.now()
  if (nowMs >= dateEndsMs || nowMs < dateEndsMs - 1000) {
    date = new Date(nowMs).toUTCString()
    dateEndsMs = nowMs - (nowMs % 1000) + 1000
  }
  return date
}
