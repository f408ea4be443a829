/** What a provider may do instead of answering well: played on request, so that failures can be tried out with real sockets. */
import type { ServerResponse } from 'node:http'

export type ScriptedAnswer =
  /** The ordinary answer. */
  | 'plain'
  /** The socket is destroyed before anything is sent. */
  | 'reset'
  /** Bytes that are no HTTP. */
  | 'garbage'
  /** Nothing, and the socket stays open. */
  | 'hang'
  /** Half of the sample under a content-length of the whole, then the socket is destroyed. */
  | 'break'
  /** A JSON string of so many bytes. */
  | { readonly longBytes: number }
  | { readonly delayMs: number; readonly answer: ScriptedAnswer }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }

/** Everything but `plain` and delays, which need to know the provider. */
export type Misbehaviour = Exclude<ScriptedAnswer, 'plain' | { delayMs: number }>

/** A provider bills what it answered with success, and what broke off on the way, too. */
export const isBilled = (how: Misbehaviour): boolean =>
  how === 'break' || (typeof how === 'object' && ('longBytes' in how || (how.status >= 200 && how.status < 300)))

const CHUNK = Buffer.alloc(64 * 1024, 'a')

export function misbehave(how: Misbehaviour, response: ServerResponse, sample: Buffer): void {
  const socket = response.socket
  if (how === 'hang' || socket === null) return
  if (how === 'reset') {
    socket.destroy()
  } else if (how === 'garbage') {
    socket.end(Buffer.from([0x00, 0xff, 0x16, 0x03, 0x0d, 0x0a, 0x0d, 0x0a]))
  } else if (how === 'break') {
    response.writeHead(200, ['content-type', 'application/json', 'content-length', String(sample.length)])
    response.write(sample.subarray(0, Math.floor(sample.length / 2)), () => socket.destroy())
  } else if ('longBytes' in how) {
    sendLong(response, how.longBytes)
  } else {
    sendScripted(response, how)
  }
}

function sendScripted(response: ServerResponse, how: Extract<ScriptedAnswer, { status: number }>): void {
  const isBytes = typeof how.body === 'string' || Buffer.isBuffer(how.body)
  const body = how.body === undefined ? Buffer.alloc(0) : Buffer.from(isBytes ? (how.body as string) : JSON.stringify(how.body))
  // 304 and 204 have no body, so no length either.
  const length = how.status === 204 || how.status === 304 ? {} : { 'content-length': body.length }
  response.writeHead(how.status, { 'content-type': isBytes ? 'text/plain' : 'application/json', ...length, ...how.headers })
  response.end(body)
}

function sendLong(response: ServerResponse, bytes: number): void {
  response.writeHead(200, ['content-type', 'application/json', 'content-length', String(bytes)])
  let left = Math.max(0, bytes - 2)
  const more = (): void => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= chunk.length
      if (!response.write(chunk)) {
        response.once('drain', more)
        return
      }
    }
    response.end('"')
  }
  response.write('"')
  more()
}
