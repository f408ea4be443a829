/**
 * POST /mcp: the operations as tools of the Model Context Protocol, over streamable HTTP without sessions that are kept. Read
 * `call.ts` for how a tool call becomes a call. The SDK is loaded when the first message comes.
 */
import { randomBytes } from 'node:crypto'
import { isLoopback, type Refusal, refuse } from '#contract'
import { readJsonObject } from '../../engine/json.ts'
import type { Incoming } from '../../engine/index.ts'
import type { Gateway } from '../../gateway.ts'
import { versionOf } from '../../ground/index.ts'
import type { CreditsPages } from '../credits.ts'
import type { Answer } from '../edge.ts'
import { CallsUnderWay } from './call.ts'

export const MCP_PATH = '/mcp'

/** Unguessable; says only which messages are of one client, so that a cancellation finds its call. */
const SESSION = /^[0-9a-f]{32}$/
/** JSON-RPC 2.0, and the SDK's number for whatever the transport refuses. */
const PARSE_ERROR = -32_700
const REFUSED = -32_000

export class McpDoor {
  readonly #gateway: Gateway
  readonly #credits: CreditsPages
  readonly #mostHeaderBytes: () => number
  readonly #calls = new CallsUnderWay()
  readonly #version = versionOf()
  #server: Promise<typeof import('./server.ts')> | undefined

  constructor(gateway: Gateway, credits: CreditsPages, mostHeaderBytes: () => number) {
    this.#gateway = gateway
    this.#credits = credits
    this.#mostHeaderBytes = mostHeaderBytes
  }

  /** Before the body is read: by what stands in the head. */
  refusal(incoming: Incoming): Answer | Refusal | undefined {
    if (incoming.method !== 'POST') return refuse('method_not_allowed', `${MCP_PATH} takes POST`, { headers: { allow: 'POST' } })
    const origin = incoming.header('origin')
    // What stands on a page elsewhere asks with its origin; without one it is no browser (MCP, streamable HTTP: DNS rebinding).
    return origin === undefined || this.#isOurs(origin) ? undefined : failure(403, REFUSED, 'pages of this origin may not call here; cors allows origins')
  }

  #isOurs(origin: string): boolean {
    const { engine, ground } = this.#gateway
    if (origin === ground.origin) return true
    const [asked, own] = [urlOf(origin), urlOf(ground.origin)]
    // A gateway on this machine alone has more than one name.
    if (asked?.origin === origin && own !== undefined && isMachine(asked) && isMachine(own) && asked.protocol === own.protocol && asked.port === own.port)
      return true
    const headers = engine.generation.cors(MCP_PATH, { origin, preflight: false }) ?? []
    return headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'access-control-allow-origin')
  }

  async answer(incoming: Incoming, body: Uint8Array, signal: AbortSignal): Promise<Answer | Refusal> {
    const json = readJsonObject(body)
    if (typeof json === 'string') return this.#scored(incoming, failure(400, PARSE_ERROR, `${json}; expected one JSON-RPC message`))
    // A call is judged by the chain; whatever else is asked costs nothing.
    const away = json.method === 'tools/call' ? undefined : this.#gateway.engine.turnAway(incoming)
    if (away !== undefined) return away
    this.#server ??= import('./server.ts')
    const { answerMessage } = await this.#server
    const shown = incoming.header('mcp-session-id')
    const session = shown !== undefined && SESSION.test(shown) ? shown : undefined
    const parts = { gateway: this.#gateway, credits: this.#credits, version: this.#version, mostHeaderBytes: this.#mostHeaderBytes(), calls: this.#calls }
    const response = await answerMessage(parts, { incoming, session, json, signal })
    const answer = { status: response.status, headers: [...FIELDS], body: await response.text() }
    if (json.method === 'initialize' && response.status === 200) answer.headers.push('mcp-session-id', randomBytes(16).toString('hex'))
    return response.status >= 400 ? this.#scored(incoming, answer) : answer
  }

  #scored(incoming: Incoming, answer: Answer): Answer {
    this.#gateway.engine.problem(incoming, refuse('bad_request', 'a message that is none'))
    return answer
  }
}

const FIELDS = ['content-type', 'application/json', 'cache-control', 'no-store']

const failure = (status: number, code: number, message: string): Answer => ({
  status,
  headers: [...FIELDS],
  body: JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }),
})

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)
const isMachine = ({ hostname }: URL): boolean => hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))
