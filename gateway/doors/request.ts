/** From node:http's request to what the engine takes, and from its answers to node:http's response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BlockList, isIPv6 } from 'node:net'
import { type Incoming, isLoopback, type Sink } from '../engine/index.ts'

export class HttpIncoming implements Incoming {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly address: string
  readonly loopback: boolean
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage, id: string, trusted: BlockList | undefined) {
    this.id = id
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.#request = request
    this.address = clientAddress(request, trusted)
    this.loopback = isLoopback(this.address)
  }

  get rawHeaders(): readonly string[] {
    return this.#request.rawHeaders
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }
}

const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** Of X-Forwarded-For only what trusted proxies added counts: from the right, the first address that is not one of them. */
function clientAddress(request: IncomingMessage, trusted: BlockList | undefined): string {
  let address = plain(request.socket.remoteAddress ?? '')
  const forwarded = request.headers['x-forwarded-for']
  if (trusted === undefined || forwarded === undefined || !isIn(trusted, address)) return address
  for (const hop of String(forwarded).split(',').reverse()) {
    const next = plain(hop.trim())
    if (next === '') break
    address = next
    if (!isIn(trusted, address)) break
  }
  return address
}

const isIn = (list: BlockList, address: string): boolean => {
  try {
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  } catch {
    return false
  }
}

const NO_BODY = new Set([204, 304])

/** Writes each answer with one raw header list: no header object, one packet for small answers. */
export class HttpSink implements Sink {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  answer(status: number, headers: readonly string[], body: Buffer | string): void {
    const response = this.#response
    if (response.destroyed || response.headersSent) return
    if (NO_BODY.has(status)) {
      response.writeHead(status, headers as string[])
      response.end()
      return
    }
    response.writeHead(status, [...headers, 'content-length', String(Buffer.byteLength(body))])
    response.end(body)
  }

  begin(status: number, headers: readonly string[]): void {
    if (this.#response.destroyed || this.#response.headersSent) return
    this.#response.writeHead(status, headers as string[])
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
