/** Reads a request's body whole, with what follows it, up to a limit, before anything is admitted. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refuse } from '#contract'
import { type Fault, trailerFault } from './head.ts'

const EMPTY = Buffer.alloc(0)

export type BodyRead = { readonly body: Buffer } | Fault | { readonly gone: true }

/** Calls back once; at once where there is no body. Who waits to be told to go on is told here, when the head was found good. */
export function readBody(request: IncomingMessage, response: ServerResponse, limit: number, done: (read: BodyRead) => void): void {
  const length = request.headers['content-length']
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return done({ body: EMPTY })
  const tooLarge: Fault = { refusal: refuse('body_too_large', `the body is over ${limit} bytes`), ends: false }
  if (length !== undefined && Number(length) > limit) return done(tooLarge)
  if (waits(request)) response.writeContinue()
  const before = length === undefined ? request.socket.bytesRead : undefined
  const chunks: Buffer[] = []
  let size = 0
  let over = false
  const finish = (read: BodyRead): void => {
    if (over) return
    over = true
    done(read)
  }
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (over) return
    if (size > limit) finish(tooLarge)
    else if (before !== undefined && request.socket.bytesRead - before > SAID_BYTES + SAID_TIMES * size) finish(TOO_MUCH_SAID)
    else chunks.push(chunk)
  })
  request.on('end', () => finish(trailerFault(request) ?? { body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size) }))
  request.on('error', () => finish({ gone: true }))
  request.on('close', () => finish({ gone: true }))
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
