/** Tables of requests by hand against a whole gateway with a provider double: what is answered, whether the connection goes on, what reached the provider. */

import { EventEmitter } from 'node:events'
import type { Test } from 'tap'
import { bearer, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown } from './gateway.ts'
import { customConnection, type Provider, startProvider, UPSTREAM } from './provider.ts'
import { type RawAnswer, rawConnection } from './raw.ts'

export interface Row {
  /** Section of an RFC, or the reason. */
  readonly why: string
  readonly what: string
  readonly sent: string
  /** In their order: `400 bad_request`, `200`. */
  readonly answers: readonly string[]
  /** Does the gateway end the connection? */
  readonly ends: boolean
  /** Method and target of what the provider got. */
  readonly reached: readonly string[]
}

export interface Battery extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search', query: ['q', 'limit'] },
  { id: 'item', method: 'GET', path: '/item/:id' },
  { id: 'write', method: 'POST', path: '/write', body: { text: { type: 'string' } } },
  { id: 'raw', method: 'POST', path: '/raw' },
  { id: 'any', method: 'ANY', path: '/any/**' },
]

export async function openBattery(t: Teardown, more: object = {}): Promise<Battery> {
  // Lists of a hundred rows each listen to something of their own.
  EventEmitter.defaultMaxListeners = 50
  const provider = await startProvider(t)
  const operations = OPERATIONS.map((operation) => ({ resale: 'allowed', ...operation }))
  const plugins = ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve']
  const connection = customConnection(provider.url, { operations, monthly_quota: 100_000 })
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, limits: { body: '64KiB' }, plugins, api_connections: [connection], ...more }))
  return { ...rig, provider, consumer: (await rig.key({ credits: '$100' })).key }
}

/** Request line, then fields; `Host: x` and the key stand for themselves. */
export const head = (line: string, ...fields: readonly string[]): string => [line, ...fields, '', ''].join('\r\n')
export const HOST = 'Host: x'
/** Replaced by a field with a good key. */
export const KEY = 'Authorization: Bearer KEY'
export const GET = head('GET /acme/search?q=1 HTTP/1.1', HOST, KEY)
export const REACHED = 'GET /v1/search?q=1'
/** A call that must never be carried out. */
export const SMUGGLED = head('GET /acme/search?q=smuggled HTTP/1.1', HOST, KEY)
export const post = (body: string, ...fields: readonly string[]): string => head('POST /acme/raw HTTP/1.1', HOST, KEY, ...fields) + body
export const POSTED = 'POST /v1/raw'

const codeOf = ({ status, text }: RawAnswer): string => {
  const code = /"code":"(\w+)"/.exec(text)?.[1]
  return code === undefined ? String(status) : `${status} ${code}`
}

/** Each row on a connection of its own, one after the other. */
export async function run(t: Test, battery: Battery, rows: readonly Row[]): Promise<void> {
  t.equal(new Set(rows.map(({ why, what }) => `${why}: ${what}`)).size, rows.length, 'every row is another one')
  for (const row of rows) await runRow(t, battery, row)
  t.equal((await battery.call('GET', '/healthz')).status, 200, 'and the gateway goes on')
}

async function runRow(t: Test, { publicUrl, provider, consumer }: Battery, { why, what, sent, answers, ends, reached }: Row): Promise<void> {
  const name = `${why}: ${what}`
  const before = provider.seen.length
  const connection = await rawConnection(publicUrl)
  const found: string[] = []
  try {
    connection.send(sent.replaceAll(KEY, `Authorization: ${bearer(consumer).authorization}`))
    for (const expected of answers) {
      const answer = await connection.answer(/^HEAD /.test(sent) && expected !== '100' ? 'HEAD' : undefined)
      found.push(codeOf(answer))
      framed(t, answer, name, sent.startsWith('HEAD '))
      if (ends && found.length === answers.length) t.equal(answer.headers.connection, 'close', `${name}: says so`)
    }
    if (ends) t.equal(await connection.closed(), '', `${name}: nothing follows`)
    else {
      connection.send(head('GET /healthz HTTP/1.1', HOST))
      t.equal((await connection.answer()).text, '{"status":"ok"}', `${name}: the connection goes on`)
    }
  } catch (error) {
    t.fail(`${name}: ${error}`)
  } finally {
    connection.socket.destroy()
  }
  t.same(found, answers, name)
  const seen = provider.seen.slice(before).map(({ method, url }) => `${method} ${url}`)
  // Calls of one packet go out at once, and may arrive in any order.
  t.same(seen.sort(), [...reached].sort(), `${name}: what reached the provider`)
}

/** RFC 9112 section 6: one way to tell where an answer ends; RFC 9110 section 6.6.1: a date. */
function framed(t: Test, { status, head: section, headers }: RawAnswer, name: string, bare: boolean): void {
  if (status < 200) return
  const count = (field: string): number => section.split(/\r\n/).filter((line) => line.toLowerCase().startsWith(`${field}:`)).length
  const wanted = status === 204 || status === 304 ? [0] : bare ? [0, 1] : [1]
  const lengths = count('content-length') + count('transfer-encoding')
  const good = wanted.includes(lengths) && count('date') === 1 && headers['x-request-id'] !== undefined
  if (!good) t.fail(`${name}: ${lengths} lengths, ${count('date')} dates in ${section}`)
  if (status >= 400) t.match(headers, { 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' }, name)
}
