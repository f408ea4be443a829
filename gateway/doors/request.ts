/** From node:http's request to what the engine takes, and from its answers to node:http's response. */
import type { BlockList } from 'node:net'
import type { Incoming, Sink } from '../engine/index.ts'
import { clientOf } from './client.ts'
import type { DoorRequest, DoorResponse } from './wire.ts'

export class HttpIncoming implements Incoming {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly address: string
  readonly loopback: boolean
  readonly #request: DoorRequest

  constructor(request: DoorRequest, id: string, trusted: BlockList | undefined) {
    this.id = id
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.#request = request
    const { address, loopback } = clientOf(request, trusted)
    this.address = address
    this.loopback = loopback
  }

  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }
}

/** What is asked by whom, apart from the request that it stands in. */
export const basicsOf = ({ id, method, target, address, loopback, rawHeaders }: Incoming): Omit<Incoming, 'header'> => ({
  ...{ id, method, target, address, loopback, rawHeaders },
})

const NO_BODY = new Set([204, 304])

/** Writes each answer with one raw header list: no header object, one packet for small answers. */
export class HttpSink implements Sink {
  readonly #response: DoorResponse

  constructor(response: DoorResponse) {
    this.#response = response
  }

  answer(status: number, headers: string[], body: Buffer | string): void {
    const response = this.#response
    if (response.destroyed || response.headersSent) return
    if (NO_BODY.has(status)) {
      response.writeHead(status, headers)
      response.end()
      return
    }
    const length = Buffer.byteLength(body)
    // The length of an answer to HEAD is that of what GET would get, which nobody knows here (RFC 9110 section 8.6).
    if (length > 0 || response.req.method !== 'HEAD') headers.push('content-length', String(length))
    response.answer(status, headers, body)
  }

  begin(status: number, headers: string[]): void {
    if (this.#response.destroyed || this.#response.headersSent) return
    this.#response.writeHead(status, headers)
    this.#response.flushHeaders()
  }

  write(chunk: Buffer): boolean {
    return this.#response.destroyed || this.#response.write(chunk)
  }

  end(): void {
    this.#response.end()
  }

  abort(): void {
    this.#response.destroy()
  }

  drained(resume: () => void): void {
    this.#response.once('drain', resume)
  }
}
