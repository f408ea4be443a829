/**
 * A tool call is a call like any other: a request to the engine in this process, with the key of the MCP request and the
 * payment of its `_meta`, through the same chain, claims, charge and record. What comes back is collected here.
 */
import { isRefusal, PassingMap, type Refusal, refuse, sha256 } from '#contract'
import type { Engine, Flight, Incoming, Sink } from '../../engine/index.ts'
import type { NamedOperation } from '../discovery/names.ts'
import type { ToolRequest } from './tools.ts'

/** Fields of the MCP request that say who asks, who pays and how; a payment or a name may stand in `_meta` as well. */
const PASSED = ['authorization', 'x-api-key', 'sign-in-with-x', 'payment-signature', 'x-payment', 'idempotency-key', 'x-atlas-max-price', 'accept-language']

export type Meta = Readonly<Record<string, unknown>> | undefined

/** What x402 (transport MCP) and this gateway read of `_meta` -> the field that says the same over HTTP. */
export function fieldsOf(meta: Meta, mostBytes: number): ReadonlyMap<string, string> | Refusal {
  const fields = new Map<string, string>()
  const payment = meta?.['x402/payment']
  if (payment !== undefined) {
    if (typeof payment !== 'object' || payment === null) return refuse('bad_request', '_meta["x402/payment"] is no payment')
    const header = Buffer.from(JSON.stringify(payment)).toString('base64')
    if (header.length > mostBytes) return refuse('bad_request', `_meta["x402/payment"] is over ${mostBytes} bytes`)
    fields.set((payment as { x402Version?: unknown }).x402Version === 1 ? 'x-payment' : 'payment-signature', header)
  }
  for (const [member, field] of [['atlas/idempotency-key', 'idempotency-key'] as const, ['atlas/max-price', 'x-atlas-max-price'] as const]) {
    const value = meta?.[member]
    if (value === undefined) continue
    if (typeof value !== 'string') return refuse('bad_request', `_meta["${member}"] must be text`)
    fields.set(field, value)
  }
  return fields
}

/** The request to the engine, or to a page of our own. */
export class ToolIncoming implements Incoming {
  readonly id: string
  readonly method: string
  readonly target: string
  readonly address: string
  readonly loopback: boolean
  readonly rawHeaders: readonly string[] = []
  readonly #fields: ReadonlyMap<string, string>
  readonly #isJson: boolean

  constructor(asked: Incoming, { method, target, body }: ToolRequest, fields: ReadonlyMap<string, string>) {
    this.id = asked.id
    this.method = method
    this.target = target
    this.address = asked.address
    this.loopback = asked.loopback
    this.#isJson = body.length > 0
    const pays = fields.has('payment-signature') || fields.has('x-payment')
    const all = new Map<string, string>()
    for (const name of PASSED) {
      const value = asked.header(name)
      if (value !== undefined && !(pays && (name === 'payment-signature' || name === 'x-payment'))) all.set(name, value)
    }
    for (const [name, value] of fields) all.set(name, value)
    this.#fields = all
  }

  header(name: string): string | undefined {
    return name === 'content-type' && this.#isJson ? 'application/json' : this.#fields.get(name)
  }
}

export interface Collected {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** `cut`: there was more than is taken; `broken`: the provider, or the gateway, did not bring it to its end. */
  readonly end: 'whole' | 'cut' | 'broken'
  /** The gateway's own words, not a provider's. */
  readonly isOwn: boolean
}

/** Of an answer that is longer than `upstream.buffer`, or has no end, so much is taken: a tool's result is one message. */
const MOST_BYTES = 4 * 1024 * 1024
const MOST_MS = 20_000
/** Of all that are being collected now. */
const MOST_BYTES_IN_ALL = 64 * 1024 * 1024
let held = 0

/** Takes an answer as the engine writes it. Resolves once; never rejects. */
export class Collector implements Sink {
  readonly answered: Promise<Collected>
  #resolve!: (collected: Collected) => void
  #enough: () => void
  #status = 0
  #headers: readonly string[] = []
  #chunks: Buffer[] = []
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #over = false
  #isOwn = false

  /** `enough` is called, not from within the sink, when nothing more is wanted. */
  constructor(enough: () => void) {
    this.#enough = enough
    this.answered = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  answer(status: number, headers: string[], body: Buffer | string): void {
    if (this.#over) return
    this.#status = status
    this.#headers = headers
    this.#isOwn = typeof body === 'string'
    this.#chunks = [typeof body === 'string' ? Buffer.from(body) : body]
    this.#finish('whole')
  }

  begin(status: number, headers: string[]): void {
    this.#status = status
    this.#headers = headers
    this.#timer = setTimeout(() => this.#cut(), MOST_MS)
  }

  write(chunk: Buffer): boolean {
    if (this.#over) return true
    this.#chunks.push(chunk)
    this.#size += chunk.length
    held += chunk.length
    if (this.#size > MOST_BYTES || held > MOST_BYTES_IN_ALL) this.#cut()
    return true
  }

  end(): void {
    this.#finish('whole')
  }

  abort(): void {
    this.#finish('broken')
  }

  drained(resume: () => void): void {
    resume()
  }

  #cut(): void {
    if (this.#over) return
    this.#finish('cut')
    setImmediate(this.#enough)
  }

  #finish(end: Collected['end']): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    held -= this.#size
    const headers = new Map<string, string>()
    for (let at = 0; at + 1 < this.#headers.length; at += 2) headers.set((this.#headers[at] as string).toLowerCase(), this.#headers[at + 1] as string)
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#resolve({ status: this.#status, headers, body, end, isOwn: this.#isOwn })
  }
}

/** Calls by the session and the id that their client gave them, so that it may take them back in another message. */
export class CallsUnderWay {
  readonly #calls = new PassingMap<AbortController>()

  enter(session: string | undefined, id: string | number, call: AbortController): void {
    if (session !== undefined) this.#calls.set(nameOf(session, id), call)
  }

  leave(session: string | undefined, id: string | number, call: AbortController): void {
    if (session === undefined) return
    const name = nameOf(session, id)
    if (this.#calls.get(name) === call) this.#calls.delete(name)
  }

  cancel(session: string | undefined, id: string | number): void {
    if (session !== undefined) this.#calls.get(nameOf(session, id))?.abort()
  }
}

/** Hashed: clients choose both, and are not to choose which names meet in a table. */
const nameOf = (session: string, id: string | number): string => sha256(`${session} ${typeof id} ${id}`)

/** One call through the engine. Aborted, it is for nobody: what becomes of it then is as where a client of HTTP leaves. */
export async function callTool(
  engine: Engine,
  { entry }: NamedOperation,
  { incoming, body, signal }: { readonly incoming: Incoming; readonly body: Buffer; readonly signal: AbortSignal },
): Promise<Collected> {
  let flight: Flight | undefined
  const sink = new Collector(() => flight?.onClientGone())
  const gone = (): void => {
    flight?.onClientGone()
    sink.abort()
  }
  const found = engine.target(incoming)
  // What is asked in the name of one tool is never another operation.
  const target = isRefusal(found) || found.entry.operation === entry.operation ? found : refuse('unknown_operation', 'the arguments lead to another operation')
  if (isRefusal(target)) engine.refuse(incoming, target, sink)
  else flight = engine.begin(incoming, target, body, sink)
  if (signal.aborted) gone()
  signal.addEventListener('abort', gone)
  try {
    return await sink.answered
  } finally {
    signal.removeEventListener('abort', gone)
  }
}
