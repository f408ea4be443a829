/** A server with a lane in front of node:http, which answers with what was asked. */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Test } from 'tap'
import { readBody } from '../../gateway/doors/body.ts'
import type { Underway } from '../../gateway/doors/lane/connection.ts'
import { Lane } from '../../gateway/doors/lane/lane.ts'
import type { PlainRequest } from '../../gateway/doors/lane/request.ts'
import { DoorRequest, DoorResponse } from '../../gateway/doors/wire.ts'
import { until } from './gateway.ts'

export const LIMITS = {
  ...{ headerBytes: 16 * 1024, headers: 100, bodyBytes: 1024 * 1024, headersWithinMs: 10_000, idleMs: 60_000 },
  ...{ connections: 1000, connectionsPerAddress: 1000, concurrentPerConsumer: 50 },
}

export interface Served {
  readonly lane: Lane
  /** Connections that are node:http's. */
  left(): number
  /** Of all connections. */
  bytesRead(): number
  /** What each request was, in the order in which they were served, and by whom. */
  readonly seen: { readonly by: 'lane' | 'node'; readonly target: string; readonly body: string }[]
  connect(): Promise<Client>
}

export type Serve = (request: PlainRequest, body: Buffer) => Underway | undefined

export const echo: Serve = (request, body) => {
  request.answer(200, ['x-by', 'lane'], `<${request.target} ${body.toString('latin1')}>`)
  return undefined
}

/** Says what was asked. */
const nodeServer = (seen: Served['seen']) =>
  http.createServer({ IncomingMessage: DoorRequest, ServerResponse: DoorResponse }, (request, response) => {
    readBody(request, response, LIMITS.bodyBytes, (read) => {
      const body = 'body' in read ? read.body.toString('latin1') : ''
      seen.push({ by: 'node', target: request.url ?? '', body })
      const text = `<${request.url} ${body}>`
      response.answer(200, ['x-by', 'node', 'content-length', String(text.length)], text)
    })
  })

/** Behind a lane: `serve`; behind node:http an answer that says what was asked. */
export async function openLane(t: Test, serve: Serve = echo, still = LIMITS.idleMs): Promise<Served> {
  const seen: Served['seen'] = []
  const server = nodeServer(seen)
  let left = 0
  let count = 0
  const [begin] = server.listeners('connection') as ((this: unknown, socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket) => {
    left += 1
    begin?.call(server, socket)
  })
  const lane = new Lane({
    ...{ server: server as unknown as http.Server, tls: false, limits: LIMITS, stillMs: still },
    calls: {
      takes: (target) => target.startsWith('/api/'),
      nextId: () => {
        count += 1
        return `id-${count}`
      },
      client: (peer) => peer,
      serve: (request, body) => {
        seen.push({ by: 'lane', target: request.target, body: body.toString('latin1') })
        return serve(request, body)
      },
    },
  })
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => void sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: Client[] = []
  t.teardown(() => {
    for (const { socket } of clients) socket.destroy()
    server.close()
    server.closeAllConnections()
    lane.end()
  })
  const connected = async (): Promise<Client> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new Client(socket)
    clients.push(client)
    return client
  }
  return { lane, seen, connect: connected, left: () => left, bytesRead: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0) }
}

class Client {
  readonly socket: Socket
  got = ''
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('data', (chunk) => {
      this.got += chunk.toString('latin1')
    })
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  async has(text: string): Promise<string> {
    await until(text, () => this.got.includes(text))
    return this.got
  }
}

export const post = (target: string, body: string): string => `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
