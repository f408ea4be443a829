/** A port by itself, plain or with TLS, with a lane in front or without, whose answers a test gives. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { Edge } from '../../gateway/doors/edge.ts'
import type { Underway } from '../../gateway/doors/lane/connection.ts'
import type { PlainRequest } from '../../gateway/doors/lane/request.ts'
import { HttpSink } from '../../gateway/doors/request.ts'
import type { Certificate } from '../../gateway/doors/tls.ts'
import { readBody } from '../../gateway/doors/body.ts'
import type { Sink } from '../../gateway/engine/index.ts'
import { ROOT } from './atlas.ts'
import { type Teardown, until } from './gateway.ts'
import { LIMITS } from './lane.ts'

export interface Port {
  readonly edge: Edge
  readonly name: string
  /** What was carried out, and waits for its answer. */
  readonly asked: { readonly target: string; readonly body: string; readonly sink: Sink }[]
  /** Of all connections; without what a handshake takes. */
  bytesRead(): number
  /** A connection that both sides have, after the handshake where there is one; `bare`: before it. */
  connect(bare?: 'bare'): Promise<Caller>
  /** A connection that the other side has not been told of yet. */
  knock(): Caller
}

export interface Caller {
  readonly socket: Socket
  got: string
  /** It has come to its end, whoever ended it. */
  isOver: boolean
  send(text: string): void
}

export interface PortOptions {
  readonly tls: boolean
  /** In front of everything under /api/. */
  readonly lane: boolean
}

export const PORTS: readonly PortOptions[] = [false, true].flatMap((tls) => [false, true].map((lane) => ({ tls, lane })))

const pem = (name: string): string => readFileSync(join(ROOT, 'test/rig/tls', name), 'utf8')

export async function openPort(t: Teardown, { tls, lane }: PortOptions): Promise<Port> {
  const asked: Port['asked'] = []
  const certificate = { pair: { cert: pem('first.pem'), key: pem('first-key.pem') }, serveBy: () => undefined } as unknown as Certificate
  const serve = (request: PlainRequest, body: Buffer): Underway => {
    asked.push({ target: request.target, body: body.toString('latin1'), sink: request })
    return { onClientGone: () => undefined }
  }
  const calls = { takes: (target: string) => target.startsWith('/api/'), nextId: () => 'id', client: (peer: never) => peer, serve }
  const edge: Edge = new Edge({
    ...{ limits: LIMITS, certificate: tls ? certificate : undefined, ...(lane ? { calls } : {}) },
    bodyBytes: () => LIMITS.bodyBytes,
    handle: (request, response) => {
      readBody(request, response, LIMITS.bodyBytes, (read) => {
        if ('body' in read) asked.push({ target: request.url ?? '', body: read.body.toString('latin1'), sink: new HttpSink(response) })
      })
    },
    problem: ({ code }) => ({ status: 400, headers: [], body: code }),
  })
  const bare: Socket[] = []
  const ready: Socket[] = []
  edge.server.on('connection', (socket) => bare.push(socket))
  edge.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => ready.push(socket))
  edge.server.listen(0, '127.0.0.1')
  await once(edge.server, 'listening')
  const { port } = edge.server.address() as AddressInfo
  const callers: Caller[] = []
  t.teardown(() => {
    for (const { socket } of callers) socket.destroy()
    edge.end()
  })
  const to = { port, host: '127.0.0.1', allowHalfOpen: true }
  const begun = (secure: boolean): Caller => {
    const caller = callerOn(secure ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to))
    callers.push(caller)
    return caller
  }
  const connected = async (only?: 'bare'): Promise<Caller> => {
    const there = only === undefined ? ready : bare
    const before = there.length
    const caller = begun(tls && only === undefined)
    await until('both sides have it', () => there.length > before)
    return caller
  }
  const bytesRead = (): number => ready.reduce((sum, socket) => sum + socket.bytesRead, 0)
  return { edge, name: `${tls ? 'tls' : 'plain'}${lane ? ', lane' : ''}`, asked, bytesRead, connect: connected, knock: () => begun(false) }
}

export function callerOn(socket: Socket): Caller {
  const caller: Caller = { socket, got: '', isOver: false, send: (text) => void socket.write(text, 'latin1') }
  const over = (): void => {
    caller.isOver = true
  }
  socket.on('error', over)
  socket.on('end', over)
  socket.on('close', over)
  socket.on('data', (chunk: Buffer) => {
    caller.got += chunk.toString('latin1')
  })
  return caller
}
