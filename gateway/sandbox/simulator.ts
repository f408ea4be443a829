/**
 * The sandbox's providers: one real HTTP server on the loopback that plays every adapter from its samples.
 * A connection's base is http://127.0.0.1:PORT/<connection>; below it come the provider's own paths.
 * It stands in the benchmark's path, so the plain case copies bytes prepared beforehand and parses nothing twice in a row.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Adapter, Clock } from '#contract'
import { isBilled, misbehave, type ScriptedAnswer } from './misbehaviour.ts'
import { type SimulatedConnection, type SimulatedProvider, simulateProvider } from './provider.ts'
import { type Asked, type Routes, routesOf } from './routes.ts'

export type { ScriptedAnswer } from './misbehaviour.ts'
export type { SimulatedConnection } from './provider.ts'

/** A request as it reached the provider. */
export interface SeenCall {
  readonly method: string
  /** After the connection's base, as received. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Simulator {
  baseUrl(connection: string): string
  /** A second time under one name: credential, quota and adapter change, the units used stay. */
  register(connection: SimulatedConnection): void
  /** The next answers of this connection, before it goes back to answering well. What it answers with success or breaks off counts units. */
  script(connection: string, next: readonly ScriptedAnswer[]): void
  /** The last calls, oldest first. */
  calls(connection: string): readonly SeenCall[]
  used(connection: string): number
  close(): Promise<void>
}

export interface SimulatorOptions {
  readonly clock: Clock
  /** Keep to the adapters' calls a second. Default true; a benchmark turns it off. */
  readonly paced?: boolean
}

const CALLS_KEPT = 256
const NO_BODY = Buffer.alloc(0)

interface Account {
  readonly provider: SimulatedProvider
  readonly script: ScriptedAnswer[]
  /** A ring: the oldest is overwritten. */
  readonly seen: { readonly asked: Asked; readonly headers: IncomingHttpHeaders }[]
  count: number
}

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  /** Shared by the connections of a pool. */
  const prepared = new WeakMap<Adapter, Routes>()
  const accounts = new Map<string, Account>()
  const delays = new Set<NodeJS.Timeout>()
  const server = serve(accounts, delays)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  const known = (connection: string): Account => {
    const account = accounts.get(connection)
    if (account === undefined) throw new Error(`no simulated connection ${connection}; register it first`)
    return account
  }

  return {
    baseUrl: (connection) => `http://127.0.0.1:${port}/${encodeURIComponent(connection)}`,
    register(connection) {
      const { name, adapter } = connection
      const routes = prepared.get(adapter) ?? routesOf(adapter)
      prepared.set(adapter, routes)
      const before = accounts.get(name)
      const usedBefore = before?.provider.used() ?? 0
      const provider = simulateProvider(connection, { routes, clock: options.clock, paced: options.paced ?? true, usedBefore })
      accounts.set(name, { provider, script: before?.script ?? [], seen: before?.seen ?? [], count: before?.count ?? 0 })
    },
    script(connection, next) {
      known(connection).script.push(...next)
    },
    calls: (connection) => seenBy(known(connection)),
    used: (connection) => known(connection).provider.used(),
    close() {
      for (const timer of delays) clearTimeout(timer)
      return new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function serve(accounts: ReadonlyMap<string, Account>, delays: Set<NodeJS.Timeout>): Server {
  const server = createServer((request, response) => {
    const { name, path, query } = split(request.url ?? '/')
    const account = accounts.get(name)
    if (account === undefined) {
      response.writeHead(404).end()
      return
    }
    readBody(request, (body) => {
      const asked: Asked = { method: request.method ?? 'GET', path, query, body }
      account.seen[account.count % CALLS_KEPT] = { asked, headers: request.headers }
      account.count += 1
      play(account.script.shift() ?? 'plain', { account, asked, request, response, delays })
    })
  })
  // A pool of connections decides when to close; the server must not race it.
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  return server
}

interface Turn {
  readonly account: Account
  readonly asked: Asked
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly delays: Set<NodeJS.Timeout>
}

function play(how: ScriptedAnswer, turn: Turn): void {
  const { account, asked, request, response, delays } = turn
  if (how === 'plain') {
    const reply = account.provider.answer(asked, request.headers)
    response.writeHead(reply.status, reply.headers as string[])
    response.end(reply.body)
  } else if (typeof how === 'object' && 'delayMs' in how) {
    const timer = setTimeout(() => {
      delays.delete(timer)
      play(how.answer, turn)
    }, how.delayMs)
    delays.add(timer)
  } else {
    misbehave(how, response, isBilled(how) ? account.provider.bill(asked) : NO_BODY)
  }
}

function seenBy({ seen, count }: Account): readonly SeenCall[] {
  const start = seen.length < CALLS_KEPT ? 0 : count % CALLS_KEPT
  return [...seen.slice(start), ...seen.slice(0, start)].map(({ asked, headers }) => ({ ...asked, headers, body: asked.body.toString() }))
}

/** `/name/path?query` in its three parts; the path begins with `/`. */
function split(url: string): { name: string; path: string; query: string } {
  const mark = url.indexOf('?')
  const end = mark === -1 ? url.length : mark
  const slash = url.indexOf('/', 1)
  const nameEnd = slash === -1 || slash > end ? end : slash
  const query = mark === -1 ? '' : url.slice(mark + 1)
  return { name: decodeName(url.slice(1, nameEnd)), path: nameEnd === end ? '/' : url.slice(nameEnd, end), query }
}

function decodeName(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  request.on('data', (chunk: Buffer) => {
    if (first === undefined) first = chunk
    else if (rest === undefined) rest = [first, chunk]
    else rest.push(chunk)
  })
  request.on('end', () => done(rest !== undefined ? Buffer.concat(rest) : (first ?? NO_BODY)))
}
