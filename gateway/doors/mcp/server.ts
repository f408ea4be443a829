/**
 * The tools by the official SDK (streamable HTTP): a server and a transport for each message, so that nothing is kept between
 * two of them. Imported when the first message comes. Answers are whole JSON; no stream is opened.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import {
  CallToolRequestSchema,
  type CallToolResult,
  CancelledNotificationSchema,
  ErrorCode,
  ListToolsRequestSchema,
  type ListToolsResult,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import { isRefusal, type Refusal, refuse } from '#contract'
import type { Incoming } from '../../engine/index.ts'
import type { Gateway } from '../../gateway.ts'
import type { CreditsPages } from '../credits.ts'
import { catalogueOf } from '../discovery/catalogue.ts'
import { operationsOf } from '../discovery/names.ts'
import { type CallsUnderWay, callTool, Collector, fieldsOf, type Meta, ToolIncoming } from './call.ts'
import { pageResult, refusedResult, resultOf } from './result.ts'
import { listed, type ListedTool, requestOf } from './tools.ts'

export interface McpParts {
  readonly gateway: Gateway
  readonly credits: CreditsPages
  readonly version: string
  readonly mostHeaderBytes: number
  readonly calls: CallsUnderWay
}

/** One message, as the door read it. */
export interface Message {
  readonly incoming: Incoming
  readonly session: string | undefined
  readonly json: unknown
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal
}

/** Nothing is ever asked of a client; made once, as it is dear. */
const validator = new AjvJsonSchemaValidator()
const TOOLS_A_PAGE = 250
const EMPTY = Buffer.alloc(0)

const INSTRUCTIONS = [
  'Every operation of the gateway is a tool, with its price in its description. An unpaid call is answered with an offer of x402: pay it in _meta["x402/payment"],',
  'or send a key with credits as Authorization: Bearer atlas_... with every request. A call is charged once, and only when the provider answered well.',
  'Give a call that you may have to repeat a name in _meta["atlas/idempotency-key"] (16 characters or more): under the same name it is answered again, not paid again.',
].join(' ')

export async function answerMessage(parts: McpParts, message: Message): Promise<Response> {
  const server = new Server(
    { name: 'atlas', version: parts.version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS, jsonSchemaValidator: validator },
  )
  server.setRequestHandler(ListToolsRequestSchema, ({ params }) => listTools(parts, params?.cursor))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { requestId }) => new ToolCall(parts, message, params).answer(requestId))
  server.setNotificationHandler(CancelledNotificationSchema, ({ params: { requestId } }) => {
    if (requestId !== undefined) parts.calls.cancel(message.session, requestId)
  })
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  // Its optional members are not written for exactOptionalPropertyTypes.
  await server.connect(transport as Parameters<Server['connect']>[0])
  const { incoming } = message
  const headers = new Headers()
  for (const name of ['accept', 'content-type', 'mcp-protocol-version']) headers.set(name, incoming.header(name) ?? '')
  if (incoming.header('mcp-protocol-version') === undefined) headers.delete('mcp-protocol-version')
  try {
    return await transport.handleRequest(new Request('http://mcp.invalid/mcp', { method: 'POST', headers }), { parsedBody: message.json })
  } finally {
    await server.close()
  }
}

function listTools({ gateway }: McpParts, cursor: string | undefined): ListToolsResult {
  const from = cursor === undefined ? 0 : Number(cursor)
  if (!Number.isSafeInteger(from) || from < 0) throw new McpError(ErrorCode.InvalidParams, 'the cursor is none of ours')
  const names = [...operationsOf(gateway.engine.generation).values()]
  const tools = names.slice(from, from + TOOLS_A_PAGE).flatMap((tool) => listed(gateway, tool) ?? [])
  const next = from + TOOLS_A_PAGE < names.length ? { nextCursor: String(from + TOOLS_A_PAGE) } : {}
  return { tools: [...(from === 0 ? OWN_TOOLS : []), ...tools] as unknown as ListToolsResult['tools'], ...next }
}

const OWN_TOOLS: readonly Omit<ListedTool, '_meta'>[] = [
  {
    name: 'catalog',
    title: 'What is for sale',
    description: 'Every API and operation on sale: prices, units left, examples, how well it has served. Free.',
    inputSchema: { type: 'object', properties: { api: { type: 'string', description: 'Only this API' } }, additionalProperties: false },
    annotations: { readOnlyHint: true, openWorldHint: true },
  },
  {
    name: 'balance',
    title: 'Credits',
    description: 'Balance and latest entries of the key that the request carries (Authorization: Bearer atlas_...). Free.',
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: { readOnlyHint: true, openWorldHint: true },
  },
]

interface Asked {
  readonly name: string
  readonly arguments?: Readonly<Record<string, unknown>> | undefined
  readonly _meta?: Meta
}

class ToolCall {
  readonly #parts: McpParts
  readonly #message: Message
  readonly #asked: Asked

  constructor(parts: McpParts, message: Message, asked: Asked) {
    this.#parts = parts
    this.#message = message
    this.#asked = asked
  }

  /** `requestId`: by which the client may take the call back. */
  async answer(requestId: string | number): Promise<CallToolResult> {
    const { calls } = this.#parts
    const { session, signal } = this.#message
    const taken = new AbortController()
    const gone = (): void => taken.abort()
    signal.addEventListener('abort', gone)
    calls.enter(session, requestId, taken)
    try {
      if (this.#asked.name === 'catalog') return this.#catalog()
      if (this.#asked.name === 'balance') return await this.#balance()
      return await this.#operation(taken.signal)
    } finally {
      calls.leave(session, requestId, taken)
      signal.removeEventListener('abort', gone)
    }
  }

  #catalog(): CallToolResult {
    const { engine } = this.#parts.gateway
    // It costs nothing, so that nobody but abuse detection stands before it.
    const away = engine.turnAway(this.#message.incoming)
    if (away !== undefined) return this.#refused(away)
    const only = this.#asked.arguments?.api
    const found = catalogueOf(this.#parts.gateway, only === undefined ? undefined : String(only))
    return { content: [{ type: 'text', text: JSON.stringify(found) }], structuredContent: found as unknown as Record<string, unknown> }
  }

  async #balance(): Promise<CallToolResult> {
    const { incoming } = this.#message
    const request = { method: 'GET', target: '/credits', body: EMPTY }
    const page = new ToolIncoming(incoming, request, new Map())
    const sink = new Collector(() => undefined)
    const header = (name: string): string | undefined => page.header(name)
    const { id, method, target, rawHeaders, address, loopback } = page
    await this.#parts.credits.answer({ id, method, target, rawHeaders, address, loopback, header, path: '/credits', body: EMPTY }, sink)
    return pageResult(await sink.answered, { tool: 'balance', url: '/credits' })
  }

  async #operation(signal: AbortSignal): Promise<CallToolResult> {
    const { gateway, mostHeaderBytes } = this.#parts
    const { engine } = gateway
    const tool = operationsOf(engine.generation).get(this.#asked.name)
    if (tool === undefined) {
      this.#refused(refuse('unknown_operation', 'there is no such tool'))
      throw new McpError(ErrorCode.InvalidParams, `there is no tool ${JSON.stringify(this.#asked.name.slice(0, 80))}; tools/list tells those there are`)
    }
    const request = requestOf(tool, this.#asked.arguments ?? {})
    if (isRefusal(request)) return this.#refused(request)
    const fields = fieldsOf(this.#asked._meta, mostHeaderBytes)
    if (isRefusal(fields)) return this.#refused(fields)
    const incoming = new ToolIncoming(this.#message.incoming, request, fields)
    const answer = await callTool(engine, tool, { incoming, body: request.body, signal })
    return resultOf(answer, { tool: tool.name, url: `${gateway.ground.origin}${request.target}` })
  }

  /** Told to whoever watches for abuse, like every refusal. */
  #refused(refusal: Refusal): CallToolResult {
    const { engine } = this.#parts.gateway
    return refusedResult(engine.problem(this.#message.incoming, refusal), { tool: this.#asked.name, url: '/mcp' })
  }
}
