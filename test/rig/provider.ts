/** A provider double: a real HTTP server that a test scripts answer by answer, and that remembers what reached it. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { Teardown } from './gateway.ts'

/** A request as it reached the provider. */
export interface Seen {
  readonly method: string
  /** Path and query as received. */
  readonly url: string
  /** Flat list, as received. */
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
  /** Resolves with the time (performance.now) at which the caller's connection closed before the answer was whole. */
  readonly gone: Promise<number>
}

export type Reply = (response: ServerResponse, seen: Seen) => unknown

export interface Provider {
  readonly url: string
  readonly port: number
  readonly seen: readonly Seen[]
  /** What it answers from now on, where nothing is queued. */
  always(reply: Reply): void
  /** The next answers, one each. */
  next(...replies: readonly Reply[]): void
  /** Resolves once so many requests have arrived. */
  asked(count: number): Promise<void>
  close(): Promise<void>
}

/** A whole answer. Headers are a flat list, sent as they are. */
export const reply =
  (status: number, body: unknown, headers: readonly string[] = []): Reply =>
  (response) => {
    const text = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    response.writeHead(status, ['content-type', 'application/json', ...headers, 'content-length', String(Buffer.byteLength(text))])
    response.end(text)
  }

const socketOf = (response: ServerResponse): Socket => response.socket as Socket

export const hang: Reply = () => undefined
export const reset: Reply = (response) => socketOf(response).resetAndDestroy()
export const garbage: Reply = (response) => socketOf(response).end('HTTP/9.9 what\r\n\r\n')
/** Nothing at all but the end of the connection. */
export const silence: Reply = (response) => socketOf(response).end()
/** A head that promises a body, then a reset. */
export const resetAfterHead: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
  response.flushHeaders()
  setImmediate(() => socketOf(response).resetAndDestroy())
}
/** Half of the promised body, then the end. */
export const breakOff: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
  response.write('{"half":"', () => socketOf(response).destroy())
}
/** Bytes as they are, in place of an HTTP answer. */
export const bytes =
  (text: string): Reply =>
  (response) =>
    socketOf(response).end(Buffer.from(text, 'latin1'))

export const OK = reply(200, { ok: true })

const NO_HEADS = { rawHeaders: [], headers: {}, gone: new Promise<number>(() => undefined) }

/** Ended with the test. `forgetsHeads`: of each request only what was asked is remembered, for runs of hundreds of thousands. */
export async function startProvider(t: Teardown, { forgetsHeads = false } = {}): Promise<Provider> {
  const seen: Seen[] = []
  const queue: Reply[] = []
  const waiting: { count: number; done: () => void }[] = []
  let usual: Reply = OK
  const server = createServer((request, response) => {
    const gone = forgetsHeads ? NO_HEADS.gone : goneOf(response)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', rawHeaders, headers } = request
      const one: Seen = { method, url, ...(forgetsHeads ? NO_HEADS : { rawHeaders, headers, gone }), body: Buffer.concat(chunks).toString() }
      seen.push(one)
      for (const { count, done } of waiting) if (seen.length >= count) done()
      const how = queue.shift() ?? usual
      how(response, one)
    })
  })
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.teardown(close)
  return {
    ...{ url: `http://127.0.0.1:${port}`, port, seen, close },
    always: (how) => {
      usual = how
    },
    next: (...replies) => void queue.push(...replies),
    asked: (count) => (seen.length >= count ? Promise.resolve() : new Promise((done) => waiting.push({ count, done }))),
  }
}

const goneOf = (response: ServerResponse): Promise<number> =>
  new Promise((resolve) => {
    response.on('close', () => {
      if (!response.writableFinished) resolve(performance.now())
    })
  })

const DEAF = `
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:worker_threads').parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

/** A port that never takes a connection: whoever listens there sleeps, and the queue before it is full. */
export async function startUnreachable(t: Teardown): Promise<string> {
  const worker = new Worker(DEAF, { eval: true })
  const port = await new Promise<number>((resolve) => worker.once('message', resolve))
  const queue: Socket[] = []
  t.teardown(() => {
    for (const socket of queue) socket.destroy()
    return worker.terminate()
  })
  const taken = (socket: Socket): Promise<boolean> =>
    new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      setTimeout(() => resolve(false), 200)
    })
  for (let more = true; more; ) {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    queue.push(socket)
    more = await taken(socket)
  }
  return `http://127.0.0.1:${port}`
}

/** A connection to a double, of a custom API with one operation of each kind; a test overrides what it is about. */
export const customConnection = (url: string, more: object = {}): object => ({
  name: 'acme',
  adapter: 'custom',
  base_url: `${url}/v1`,
  api_key: 'secret-of-acme',
  credential: { in: 'header', name: 'X-Key' },
  operations: [
    { id: 'search', method: 'GET', path: '/search', query: ['q', 'limit'], resale: 'allowed' },
    { id: 'write', method: 'POST', path: '/write', body: { text: { type: 'string' } }, resale: 'allowed' },
  ],
  monthly_quota: 1000,
  reserved: 200,
  base_cost: '$0.01',
  markup: '2x',
  ...more,
})

/** What a sandbox needs so that a double on this machine is really called. */
export const UPSTREAM = { allow_private: true, timeout: '2s' }
