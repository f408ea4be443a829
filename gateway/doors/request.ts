/** From node:http's request to what the engine takes, and from its answers to node:http's response. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BlockList, isIP, isIPv6 } from 'node:net'
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

/** What is asked by whom, apart from the request that it stands in. */
export const basicsOf = ({ id, method, target, address, loopback, rawHeaders }: Incoming): Omit<Incoming, 'header'> => ({
  ...{ id, method, target, address, loopback, rawHeaders },
})

/** IPv4 inside IPv6 is IPv4. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

/** Some proxies write the port, too, which changes with every connection. */
const withoutPort = (hop: string): string => /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop)?.[1] ?? /^\[(.*)\](:\d+)?$/.exec(hop)?.[1] ?? hop

/** Of X-Forwarded-For only what trusted proxies added counts: from the right, the first address that is not one of them. */
function clientAddress(request: IncomingMessage, trusted: BlockList | undefined): string {
  let address = plainAddress(request.socket.remoteAddress ?? '')
  const forwarded = request.headers['x-forwarded-for']
  if (trusted === undefined || forwarded === undefined || !isIn(trusted, address)) return address
  for (const hop of String(forwarded).split(',').reverse()) {
    const next = plainAddress(withoutPort(hop.trim()))
    if (isIP(next) === 0) break
    address = next
    if (!isIn(trusted, address)) break
  }
  return address
}

export const isIn = (list: BlockList, address: string): boolean => {
  try {
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  } catch {
    return false
  }
}

const JOINED_BYTES = 32 * 1024
const NO_BODY = new Set([204, 304])

/** Writes each answer with one raw header list: no header object, one packet for small answers. */
export class HttpSink implements Sink {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
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
    headers.push('content-length', String(length))
    response.writeHead(status, headers)
    // As text the body joins the head in one write; the bytes are the same.
    if (typeof body !== 'string' && length <= JOINED_BYTES) response.end(body.toString('latin1'), 'latin1')
    else response.end(body)
  }

  /** The answer, and with it the end of the connection, once the other side has stopped sending or `lingerMs` are over. */
  lastAnswer(status: number, headers: readonly string[], body: string, lingerMs: number): void {
    const response = this.#response
    if (response.destroyed || response.headersSent) return
    response.writeHead(status, [...headers, 'content-length', String(Buffer.byteLength(body)), 'connection', 'close'])
    response.write(body)
    const end = (): void => {
      clearTimeout(timer)
      response.end()
    }
    const timer = setTimeout(end, lingerMs)
    response.req.on('end', end).on('close', end).resume()
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
