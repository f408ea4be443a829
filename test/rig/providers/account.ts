/** One account at a provider: a real server with a credential, a counter of its own, and failures that a test asks for. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from '../gateway.ts'

/** A request, without the credential. */
interface Asked {
  readonly method: string
  /** Decoded. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: IncomingHttpHeaders
}

export interface Failure {
  readonly status: number
  readonly body: unknown
  readonly fields?: readonly string[]
  /** The provider counts it. Where nothing is stated it does: a stand-in. */
  readonly billed?: boolean
  /** No source states the status or the body. */
  readonly standIn?: boolean
  /** How the gateway passes it on: `400` with the provider's body, or a refusal of ours. */
  readonly shown: 'as it is' | 'upstream_error'
  /** Nothing more is sold until somebody enables the connection. */
  readonly closes?: boolean
}

/** Undefined: there is no such operation. */
type Costed = { readonly takes: number; readonly body: unknown } | undefined

export interface ProviderScript {
  readonly name: string
  readonly key: string
  /** Takes the credential off; undefined where it is none or a wrong one. `url` is as it was received. */
  admitted(url: URL, headers: IncomingHttpHeaders): string | undefined
  /** What an operation takes and answers, by the provider's own price list. */
  answer(asked: Asked): Costed
  /** The counter, where it can be asked; free. */
  usage?(asked: Asked, account: Counter): unknown
  /** Fields of good answers. */
  fields?(took: number, account: Counter): readonly string[]
  readonly unauthorized: Failure
  /** By what happens. Some are rehearsed with text that others have, too. */
  readonly failures: Readonly<Record<string, Failure>>
  /** After which nothing can be asked for a while. */
  readonly limited: Readonly<Record<string, Failure>>
}

interface Counter {
  readonly used: number
  readonly left: number
}

export interface ProviderAccount extends Counter {
  readonly script: ProviderScript
  readonly url: string
  /** Request lines and fields as received, with the credential. */
  readonly received: readonly string[]
  readonly asked: readonly Asked[]
  /** The next answer, once. */
  fail(failure: Failure): void
  /** Its owner uses the key elsewhere. */
  spend(units: number): void
}

export const QUOTA = 100_000

const text = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body))
  } catch {
    return {}
  }
}

interface Reply {
  readonly status: number
  readonly body: unknown
  readonly fields: readonly string[]
}

class Account implements Counter {
  readonly script: ProviderScript
  readonly received: string[] = []
  readonly asked: Asked[] = []
  readonly failing: Failure[] = []
  used = 0
  left: number

  constructor(script: ProviderScript, quota: number) {
    this.script = script
    this.left = quota
  }

  take(units: number): void {
    this.used += units
    this.left -= units
  }

  hear(method: string, target: string, headers: IncomingHttpHeaders, body: string): Reply {
    this.received.push(`${method} ${target} ${JSON.stringify(headers)} ${body}`)
    const url = new URL(target, 'http://provider.example')
    const path = this.script.admitted(url, headers)
    if (path === undefined) return { fields: [], ...this.script.unauthorized }
    const one = { method, path: decodeURIComponent(path), query: url.searchParams, body: parsed(body), headers }
    this.asked.push(one)
    return this.#answer(one)
  }

  #answer(one: Asked): Reply {
    const { script, failing } = this
    const usage = script.usage?.(one, this)
    if (usage !== undefined) return { status: 200, body: usage, fields: [] }
    const failure = failing.shift()
    const costed = script.answer(one)
    if (failure !== undefined) {
      if (failure.billed === true) this.take(costed?.takes ?? 0)
      return { fields: [], ...failure }
    }
    if (costed === undefined) return { status: 404, body: 'no such path', fields: [] }
    this.take(costed.takes)
    return { status: 200, body: costed.body, fields: script.fields?.(costed.takes, this) ?? [] }
  }
}

/** Ended with the test. */
export async function openAccount(t: Teardown, script: ProviderScript, quota = QUOTA): Promise<ProviderAccount> {
  const account = new Account(script, quota)
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const reply = account.hear(request.method ?? '', request.url ?? '/', request.headers, body)
      const type = typeof reply.body === 'string' ? 'text/plain' : 'application/json'
      response.writeHead(reply.status, ['content-type', type, ...OWN_FIELDS, ...reply.fields]).end(text(reply.body))
    })
  })
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  return {
    ...{ script, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received: account.received, asked: account.asked },
    get used() {
      return account.used
    },
    get left() {
      return account.left
    },
    fail: (failure) => void account.failing.push(failure),
    spend: (units) => account.take(units),
  }
}

/** What no consumer may see of any provider. */
const OWN_FIELDS = ['x-request-id', 'telltale-request', 'set-cookie', 'session=telltale', 'server', 'telltale', 'payment-required', 'telltale']

/** From a list of paths, `:x` for any segment. */
export function listOf<T>(list: Readonly<Record<string, T>>): (method: string, path: string) => T | undefined {
  const rules = Object.entries(list).map(([line, value]) => {
    const [method = '', path = ''] = line.split(' ')
    return { method, form: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`), isPlain: !path.includes(':'), value }
  })
  const ordered = [...rules.filter(({ isPlain }) => isPlain), ...rules.filter(({ isPlain }) => !isPlain)]
  return (method, path) => ordered.find((rule) => rule.method === method && rule.form.test(path))?.value
}

export const inHeader =
  (name: string, key: string): ProviderScript['admitted'] =>
  ({ pathname }, headers) =>
    headers[name] === key ? pathname : undefined
