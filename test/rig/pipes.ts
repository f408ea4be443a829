/** Many requests on a few connections, one after the other without waiting (RFC 9112 section 9.3.2): for crowds that ask a lot. */

import { connect, type Socket } from 'node:net'

export interface Piped {
  readonly status: number
  readonly head: string
  readonly body: string
}

interface Pipe {
  readonly socket: Socket
  readonly waiting: ((answer: Piped | Error) => void)[]
  text: string
}

export interface PipedRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export const written = ({ method = 'GET', path, headers = {}, body }: PipedRequest, host = 'gateway.example'): string => {
  const fields = Object.entries(body === undefined ? headers : { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) })
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body ?? ''}`
}

export class Pipes {
  readonly #pipes: readonly Pipe[]
  #turn = 0

  private constructor(pipes: readonly Pipe[]) {
    this.#pipes = pipes
  }

  static async open(t: { teardown(work: () => unknown): unknown }, url: string, count: number): Promise<Pipes> {
    const { hostname, port } = new URL(url)
    const pipes = await Promise.all(Array.from({ length: count }, () => opened(hostname, Number(port))))
    t.teardown(() => pipes.forEach(({ socket }) => void socket.destroy()))
    return new Pipes(pipes)
  }

  /** Answers in the order of the requests, all of them on one connection. */
  ask(requests: readonly PipedRequest[]): Promise<readonly Piped[]> {
    this.#turn = (this.#turn + 1) % this.#pipes.length
    const pipe = this.#pipes[this.#turn] as Pipe
    const answers = requests.map(
      () => new Promise<Piped>((resolve, reject) => pipe.waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)))),
    )
    pipe.socket.write(requests.map((request) => written(request)).join(''), 'latin1')
    return Promise.all(answers)
  }
}

async function opened(host: string, port: number): Promise<Pipe> {
  const socket = connect({ host, port, noDelay: true })
  const pipe: Pipe = { socket, waiting: [], text: '' }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => read(pipe, chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => {
    for (const answer of pipe.waiting.splice(0)) answer(new Error('the connection ended before an answer'))
  })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return pipe
}

function read(pipe: Pipe, chunk: string): void {
  const text = pipe.text + chunk
  let at = 0
  for (;;) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const head = text.slice(at, end)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (text.length < end + 4 + length) break
    pipe.waiting.shift()?.({ status: Number(head.slice(9, 12)), head, body: text.slice(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
  pipe.text = text.slice(at)
}
