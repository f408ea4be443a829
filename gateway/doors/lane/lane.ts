/**
 * The short way for plain calls: of each connection the lane reads first, and goes on as long as what comes is a whole request
 * that is written plainly and names an API. Everything else is for node:http on the same port, from the first byte of it on.
 * Read `head.ts` for what is plain, `connection.ts` for the life of a connection.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { Roll } from '#contract'
import type { Limits } from '../../../config/model.ts'
import { type Client, peerOf } from '../client.ts'
import { type LaneOwner, PlainConnection, type Underway } from './connection.ts'
import type { PlainHead } from './head.ts'
import { type Answering, PlainRequest } from './request.ts'

/** What is done with a call. */
export interface Calls {
  takes(target: string): boolean
  nextId(): string
  /** Who asks, where a proxy is trusted to say it; the peer otherwise. */
  client(peer: Client, forwarded: string | undefined): Client
  /** Undefined where it was answered at once. */
  serve(request: PlainRequest, body: Buffer): Underway | undefined
}

export interface LaneOptions {
  readonly server: Server
  readonly tls: boolean
  readonly limits: Limits
  readonly stillMs: number
  readonly calls: Calls
}

export class Lane implements LaneOwner {
  limits: Limits
  stillMs: number
  closing = false
  readonly #server: Server
  readonly #calls: Calls
  readonly #connections = new Roll<PlainConnection>()
  /** node:http's own beginning of a connection. */
  readonly #begin: (this: Server, socket: Socket) => void

  constructor({ server, tls, limits, stillMs, calls }: LaneOptions) {
    this.limits = limits
    this.stillMs = stillMs
    this.#server = server
    this.#calls = calls
    const event = tls ? 'secureConnection' : 'connection'
    const [begin, ...others] = server.listeners(event)
    if (begin === undefined || others.length > 0) throw new Error(`node:http was expected to listen to ${event}, and nobody else`)
    this.#begin = begin as (this: Server, socket: Socket) => void
    server.removeAllListeners(event)
    server.on(event, (socket: Socket) => this.#came(socket))
  }

  /** A handshake, or whoever hands connections on, may have taken its time: to a port that is closing nobody comes any more. */
  #came(socket: Socket): void {
    if (this.closing) socket.destroy()
    else this.#connections.add(new PlainConnection(socket, peerOf(socket), this))
  }

  get idleMs(): number | undefined {
    return this.closing ? undefined : this.limits.idleMs
  }

  takes(target: string): boolean {
    return this.#calls.takes(target)
  }

  request(head: PlainHead, peer: Client, to: Answering): PlainRequest {
    const forwarded = head.names.indexOf('x-forwarded-for')
    const client = forwarded === -1 ? peer : this.#calls.client(peer, head.fields[forwarded * 2 + 1])
    return new PlainRequest(this.#calls.nextId(), head, client, to)
  }

  serve(request: PlainRequest, body: Buffer): Underway | undefined {
    return this.#calls.serve(request, body)
  }

  leave(connection: PlainConnection, socket: Socket, bytes: Buffer | undefined): void {
    this.#connections.delete(connection)
    this.#begin.call(this.#server, socket)
    if (bytes !== undefined) socket.emit('data', bytes)
  }

  gone(connection: PlainConnection): void {
    this.#connections.delete(connection)
  }

  /** Connections that are idle end at once; one on which a request has begun, or waits for its answer, ends with that. */
  close(): void {
    this.closing = true
    for (const connection of this.#connections.all()) connection.close()
  }

  /** Resolves when every answer that was written has been taken. */
  async taken(): Promise<void> {
    await Promise.all(this.#connections.all().map((connection) => connection.taken()))
  }

  end(): void {
    this.closing = true
    for (const connection of this.#connections.all()) connection.destroy()
  }
}
