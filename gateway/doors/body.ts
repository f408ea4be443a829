/** Reads a request's body whole, with what follows it, up to a limit, before anything is admitted. */
import type { IncomingMessage } from 'node:http'
import { refuse } from '#contract'
import { type Fault, trailerFault } from './head.ts'
import type { BodyTaker, DoorRequest, DoorResponse } from './wire.ts'

const EMPTY = Buffer.alloc(0)

export type BodyRead = { readonly body: Buffer } | Fault | { readonly gone: true }

/** Calls back once; at once where there is no body. Who waits to be told to go on is told here, when the head was found good. */
export function readBody(request: DoorRequest, response: DoorResponse, limit: number, done: (read: BodyRead) => void): void {
  const length = request.headers['content-length']
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return done({ body: EMPTY })
  if (length !== undefined && Number(length) > limit) return done(tooLarge(limit))
  if (waits(request)) response.writeContinue()
  request.takeBody(new Whole(request, length !== undefined, limit, done))
}

const tooLarge = (limit: number): Fault => ({ refusal: refuse('body_too_large', `the body is over ${limit} bytes`), ends: false })

class Whole implements BodyTaker {
  readonly #request: DoorRequest
  readonly #limit: number
  /** How much the connection had brought before; undefined where the length is known. */
  readonly #before: number | undefined
  #done: ((read: BodyRead) => void) | undefined
  /** Most bodies come in one. */
  #first: Buffer | undefined
  #others: Buffer[] | undefined
  #size = 0

  constructor(request: DoorRequest, hasLength: boolean, limit: number, done: (read: BodyRead) => void) {
    this.#request = request
    this.#limit = limit
    this.#before = hasLength ? undefined : request.socket.bytesRead
    this.#done = done
  }

  piece(bytes: Buffer): void {
    this.#size += bytes.length
    if (this.#done === undefined) return
    const before = this.#before
    if (this.#size > this.#limit) return this.#finish(tooLarge(this.#limit))
    if (before !== undefined && this.#request.socket.bytesRead - before > SAID_BYTES + SAID_TIMES * this.#size) return this.#finish(TOO_MUCH_SAID)
    if (this.#first === undefined) {
      this.#first = bytes
      return
    }
    this.#others ??= [this.#first]
    this.#others.push(bytes)
  }

  whole(): void {
    const body = this.#others === undefined ? (this.#first ?? EMPTY) : Buffer.concat(this.#others, this.#size)
    this.#finish(trailerFault(this.#request) ?? { body })
  }

  gone(): void {
    this.#finish({ gone: true })
  }

  #finish(read: BodyRead): void {
    const done = this.#done
    this.#done = undefined
    this.#first = undefined
    this.#others = undefined
    done?.(read)
  }
}

/** Chunks of a single byte are six; whoever says much more beside the data says it to keep us busy (RFC 9112 section 7.1.1). */
const SAID_TIMES = 16
const SAID_BYTES = 16 * 1024
const TOO_MUCH_SAID: Fault = { refusal: refuse('body_too_large', 'the chunks of the body say too much beside it'), ends: true }

/** RFC 9110 section 10.1.1; nobody waits in HTTP/1.0. */
const waits = ({ headers, httpVersionMinor }: IncomingMessage): boolean =>
  headers.expect !== undefined && httpVersionMinor === 1 && headers.expect.toLowerCase() === '100-continue'

/** A body that nobody reads is thrown away where it is short; where it is long, or nobody knows, or may never come, the connection ends. */
export const leavesBody = ({ complete, headers }: IncomingMessage, limit: number): boolean =>
  !complete && (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > limit || headers.expect !== undefined)
