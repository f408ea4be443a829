/** Reads a request's body whole, up to a limit, before anything is admitted. */
import type { IncomingMessage } from 'node:http'

const EMPTY = Buffer.alloc(0)

export type BodyRead = { readonly body: Buffer } | { readonly tooLarge: true } | { readonly gone: true }

/** Calls back once; at once where there is no body. */
export function readBody(request: IncomingMessage, limit: number, done: (read: BodyRead) => void): void {
  const length = request.headers['content-length']
  if (request.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return done({ body: EMPTY })
  if (length !== undefined && Number(length) > limit) return done({ tooLarge: true })
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
    if (size > limit) finish({ tooLarge: true })
    else chunks.push(chunk)
  })
  request.on('end', () => finish({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size) }))
  request.on('error', () => finish({ gone: true }))
  request.on('close', () => finish({ gone: true }))
}
