/**
 * How the connections of a port end when it closes. Nobody new is taken, also one whose handshake was under way. Who is idle,
 * or has said nothing yet, is let go at once; a request that has begun gets its answer, which says that it is the last one.
 * Those in the lane end by `lane/lane.ts`; here stand those that node:http has.
 *
 * node:http leaves out three kinds when it closes: a connection on which nothing was ever sent counts as busy, an answer that
 * is written but not taken yet as idle, and an answer that has left keeps its connection.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { DoorRequest, DoorResponse } from './wire.ts'

/** What node:http keeps on a socket: the answer that is being written now, and the request that was read last. */
export type HttpSocket = Socket & {
  _httpMessage?: (DoorResponse & { req: DoorRequest; finished: boolean }) | null
  parser?: { incoming?: DoorRequest | null } | null
}

/** What node:tls keeps: the connection that a handshake was made on. */
type Shaken = Socket & { readonly _parent?: Socket }

export class Closing {
  begun = false
  readonly #server: Server
  readonly #sockets = new Set<HttpSocket>()
  /** Their handshake is under way. */
  readonly #shaking = new Set<Socket>()

  /** Before anybody else takes the place of node:http's own beginning of a connection. */
  constructor(server: Server, tls: boolean) {
    this.#server = server
    const event = tls ? 'secureConnection' : 'connection'
    const begins = server.listeners(event) as ((this: Server, socket: Socket) => void)[]
    server.removeAllListeners(event)
    server.on(event, (socket: HttpSocket) => {
      if (this.begun && socket.bytesRead === 0) return void socket.destroy()
      keep(this.#sockets, socket)
      for (const begin of begins) begin.call(server, socket)
    })
  }

  /** Of a port with TLS. */
  followHandshakes(): void {
    this.#server.on('connection', (socket: Socket) => keep(this.#shaking, socket))
    this.#server.prependListener('secureConnection', (socket: Shaken) => void this.#shaking.delete(socket._parent as Socket))
  }

  begin(): void {
    this.begun = true
    for (const socket of this.#shaking) socket.destroy()
    this.#closeIdle()
    for (const socket of this.#sockets) {
      if (socket.bytesRead === 0) socket.destroy()
      else this.#endAfter(socket, socket._httpMessage)
    }
  }

  async taken(): Promise<void> {
    await Promise.all(Array.from(this.#sockets, wasTaken))
  }

  end(): void {
    this.begun = true
    for (const socket of this.#shaking) socket.destroy()
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Whether the connection ends with the answer to this request: behind it stands no other that is under way. */
  isLast(request: DoorRequest): boolean {
    return this.begun && (request.socket as HttpSocket).parser?.incoming === request
  }

  /** Whether an answer is taken is not asked there: for as long as that takes, one that is not passes for one that is being made. */
  #closeIdle(): void {
    const written = Array.from(this.#sockets, ({ _httpMessage: answer }) => answer).filter((answer) => answer?.finished === true)
    for (const answer of written) if (answer) answer.finished = false
    this.#server.close()
    for (const answer of written) if (answer) answer.finished = true
  }

  /** The head of this answer has perhaps left, and said that the connection stays. */
  #endAfter(socket: HttpSocket, answer: HttpSocket['_httpMessage']): void {
    answer?.once('finish', () => {
      const next = socket._httpMessage
      if (next) this.#endAfter(socket, next)
      else socket.destroySoon()
    })
  }
}

/** Resolves when what was written to it has left, or it is gone. */
export function wasTaken(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.writableLength === 0) return resolve()
    socket.once('close', resolve)
    if (socket.writableEnded) socket.once('finish', resolve)
    else socket.write('', () => resolve())
  })
}

function keep<T extends Socket>(kept: Set<T>, socket: T): void {
  kept.add(socket)
  socket.once('close', () => kept.delete(socket))
}
