/**
 * One connection to a provider: one request, its answer, then the next. It serves on only where nothing of one answer can
 * reach another request: the answer was whole, no byte came behind it, and the request had left altogether.
 */
import type { Socket } from 'node:net'
import { type AnswerEvents, AnswerReader } from './reader.ts'

/** A request and who hears of its answer. */
export interface Carried extends AnswerEvents {
  readonly over: boolean
  readonly method: string
  /** Follows what `request` gives. */
  readonly body: Uint8Array
  /** The head of the request, about to be written to the line; undefined where it cannot be made, which ends it. */
  request(line: Line): string | undefined
  end(): void
  fail(cause: Error): void
}

export interface LineOwner {
  /** The line may serve again. */
  free(line: Line): void
  gone(line: Line): void
}

const IDLE_MS = 4_000
const LONGEST_IDLE_MS = 60_000
/** A provider that says when it will close an idle connection has closed it by then. */
const MARGIN_MS = 1_000
const EMPTY = Buffer.alloc(0)
/** Longer bodies are not worth being copied into text. */
const JOINED_BYTES = 8 * 1024

export class Line {
  readonly #socket: Socket
  readonly #owner: LineOwner
  readonly #reader = new AnswerReader()
  #exchange: Carried | undefined
  /** Came while the reader was paused. */
  #rest: Buffer = EMPTY
  #paused = false
  #ended = false
  /** performance.now() until which it may serve again. */
  #goodUntilMs = Number.POSITIVE_INFINITY
  /** Turns of the event loop that it has rested since its last answer. */
  rested = 0

  constructor(socket: Socket, owner: LineOwner) {
    this.#socket = socket
    this.#owner = owner
    socket.on('end', () => this.#end())
    socket.on('error', (error) => this.#broken(error))
    socket.on('close', () => {
      if (!this.#ended) this.#broken(new Error('the connection to the provider was lost'))
      owner.gone(this)
    })
  }

  /** Nothing came since the last answer, nothing is owed to the other side, and it is not about to be closed. */
  isClean(nowMs: number): boolean {
    const { destroyed, readableLength, writableLength, readableEnded } = this.#socket
    return this.#exchange === undefined && !destroyed && !readableEnded && readableLength === 0 && writableLength === 0 && nowMs < this.#goodUntilMs
  }

  /** Writes the request; false where it could not be made, and the line is as it was. */
  begin(exchange: Carried): boolean {
    const request = exchange.request(this)
    if (request === undefined) return false
    this.#exchange = exchange
    this.#reader.begin(exchange.method)
    const socket = this.#socket
    const { body } = exchange
    if (body.length <= JOINED_BYTES) {
      // Bytes as text, so that head and body are one write.
      const text = body.length === 0 ? request : request + Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1')
      socket.write(text, 'latin1')
    } else {
      socket.cork()
      socket.write(request, 'latin1')
      socket.write(body)
      socket.uncork()
    }
    return true
  }

  /** The exchange is over before its answer is: so is the line. */
  drop(exchange: Carried): void {
    if (this.#exchange !== exchange) return
    this.#exchange = undefined
    this.#socket.destroy()
  }

  resume(exchange: Carried): void {
    if (!this.#paused || this.#exchange !== exchange) return
    this.#paused = false
    const rest = this.#rest
    this.#rest = EMPTY
    if (rest.length > 0) this.#read(exchange, rest)
    if (this.#paused || this.#exchange !== exchange) return
    if (this.#ended) this.#finish()
    else this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Whoever reads the socket. */
  came(chunk: Buffer): void {
    // Bytes that nobody asked for: whatever they belong to, they reach nobody.
    if (this.#exchange === undefined) this.#socket.destroy()
    else if (this.#paused) this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    else this.#read(this.#exchange, chunk)
  }

  #read(exchange: Carried, bytes: Buffer): void {
    let at: number
    try {
      at = this.#reader.read(bytes, 0, exchange)
    } catch (error) {
      return this.#broken(error as Error)
    }
    // It was given up within.
    if (this.#exchange !== exchange) return
    if (this.#reader.whole) return this.#whole(exchange, at === bytes.length)
    if (!this.#reader.paused) return
    this.#paused = true
    this.#rest = at === bytes.length ? EMPTY : bytes.subarray(at)
    this.#socket.pause()
  }

  #whole(exchange: Carried, exactly: boolean): void {
    const socket = this.#socket
    this.#exchange = undefined
    this.#paused = false
    const { reusable, keptMs } = this.#reader
    const idleMs = keptMs === undefined ? IDLE_MS : Math.min(keptMs - MARGIN_MS, LONGEST_IDLE_MS)
    if (reusable && exactly && idleMs > 0 && !this.#ended && !socket.destroyed && socket.writableLength === 0) {
      this.#goodUntilMs = performance.now() + idleMs
      this.rested = 0
      if (socket.isPaused()) socket.resume()
      this.#owner.free(this)
    } else socket.destroy()
    exchange.end()
  }

  /** The other side will send no more. */
  #end(): void {
    this.#ended = true
    if (this.#exchange === undefined) this.#socket.destroy()
    else if (!this.#paused) this.#finish()
  }

  #finish(): void {
    const exchange = this.#exchange
    if (exchange === undefined) return
    if (this.#reader.finish()) this.#whole(exchange, true)
    else this.#broken(new Error('the provider closed the connection before its answer was whole'))
  }

  #broken(cause: Error): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#socket.destroy()
    exchange?.fail(cause)
  }
}
