/** How an answer stands on the connection (RFC 9112), as node:http would write it. Without `idleMs` the connection ends with it. */
import type { Socket } from 'node:net'
import { answerHead } from '../wire.ts'

/** Longer answers are not worth being copied into text. */
const JOINED_BYTES = 12 * 1024
const NO_BODY: ReadonlySet<number> = new Set([204, 304])

/** @throws TypeError where a field holds what no field may; then nothing was written */
export function writeWhole(socket: Socket, idleMs: number | undefined, status: number, headers: string[], body: Buffer | string): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const empty = NO_BODY.has(status)
  if (!empty) headers.push('content-length', String(bytes.length))
  const head = answerHead(status, headers, idleMs)
  // Bytes as text, so that head and body are one write.
  if (empty || bytes.length <= JOINED_BYTES) return void socket.write(empty ? head : head + bytes.toString('latin1'), 'latin1')
  socket.cork()
  socket.write(head, 'latin1')
  socket.write(bytes)
  socket.uncork()
}

/** The head of an answer in chunks. @throws TypeError as above */
export function writeHead(socket: Socket, idleMs: number | undefined, status: number, headers: string[]): void {
  headers.push('transfer-encoding', 'chunked')
  socket.write(answerHead(status, headers, idleMs), 'latin1')
}

/** Not of nothing: that would be the end. False: more is not wanted for now. */
export function writeChunk(socket: Socket, chunk: Buffer): boolean {
  socket.cork()
  socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
  socket.write(chunk)
  const flows = socket.write('\r\n', 'latin1')
  socket.uncork()
  return flows
}

export const LAST_CHUNK = '0\r\n\r\n'
