/** A provider double on bare TCP: it says whatever bytes a test wants, when it wants, and remembers what reached it. */

import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Teardown } from './gateway.ts'

export interface RawRequest {
  readonly text: string
  /** Counted over all connections, from 0. */
  readonly number: number
  /** Which connection it came on, from 0. */
  readonly connection: number
  /** On its connection, from 0. */
  readonly onConnection: number
}

export type RawReply = (socket: Socket, request: RawRequest) => unknown

export interface RawProvider {
  readonly url: string
  readonly requests: readonly RawRequest[]
  readonly sockets: readonly Socket[]
  always(reply: RawReply): void
}

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Ended with the test. With a certificate it speaks TLS. */
export async function startRawProvider(t: Teardown, first: RawReply = say(''), certificate?: Certificate): Promise<RawProvider> {
  const requests: RawRequest[] = []
  const sockets: Socket[] = []
  let reply = first
  const serve = (socket: Socket): void => {
    const connection = sockets.push(socket) - 1
    let got = Buffer.alloc(0)
    let onConnection = 0
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk])
      for (let length = lengthOf(got); length !== undefined; length = lengthOf(got)) {
        const request = { text: got.toString('latin1', 0, length), number: requests.length, connection, onConnection }
        got = got.subarray(length)
        onConnection += 1
        requests.push(request)
        reply(socket, request)
      }
    })
    socket.on('end', () => socket.end())
  }
  const options = { noDelay: true, allowHalfOpen: true }
  const server = certificate === undefined ? createServer(options, serve) : createTlsServer({ ...options, ...certificate }, serve)
  // Below TLS there are those that never came to an agreement.
  const wires = new Set<Socket>()
  server.on('connection', (socket: Socket) => void wires.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of [...sockets, ...wires]) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return {
    ...{ url: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`, requests, sockets },
    always: (how) => {
      reply = how
    },
  }
}

/** Of a whole request at the beginning of the bytes. */
function lengthOf(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString('latin1', 0, end + 2))?.[1]
  const whole = end + 4 + Number(length ?? 0)
  return bytes.length >= whole ? whole : undefined
}

/** Pieces, each in a packet of its own. The connection stays open. */
export const say =
  (...pieces: readonly (string | Buffer)[]): RawReply =>
  async (socket) => {
    for (const piece of pieces) {
      if (!socket.writable) return
      await new Promise<void>((resolve) => socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece, () => resolve()))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

/** Then a FIN. */
export const sayAndEnd =
  (...pieces: readonly (string | Buffer)[]): RawReply =>
  async (socket, request) => {
    await say(...pieces)(socket, request)
    socket.end()
  }

/** Then a RST. */
export const sayAndReset =
  (...pieces: readonly (string | Buffer)[]): RawReply =>
  async (socket, request) => {
    await say(...pieces)(socket, request)
    socket.resetAndDestroy()
  }

/** A whole answer with a length. */
export const answer = (body: string, { status = '200 OK', fields = '' } = {}): string =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${fields}content-length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`
