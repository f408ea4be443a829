/** A call as an agent makes it, by MCP: one JSON-RPC message, its answer read from the result. */
import type { Dispatcher } from 'undici'
import { parseUsd } from '#contract'
import { type Asked, digestOf, send, type Told } from './calls.ts'

interface ToolResult {
  readonly isError?: boolean
  readonly content: readonly { readonly text?: string }[]
  readonly _meta?: Readonly<Record<string, unknown>>
}

/** `asked` is a search; the same by the tool of that operation. */
export async function askTool(dispatcher: Dispatcher, url: string, asked: Asked): Promise<Told> {
  const q = asked.path.split('?q=')[1]
  const message = { jsonrpc: '2.0', id: asked.number, method: 'tools/call', params: { name: 'plenty_search', arguments: { q } } }
  let text = ''
  const headers = { accept: 'application/json, text/event-stream' }
  const request = { ...asked, name: undefined, method: 'POST', path: '/mcp', body: JSON.stringify(message), headers }
  const told = await send(dispatcher, url, request, (body) => {
    text = body
  })
  const result = told.status === 200 && told.whole ? (JSON.parse(text) as { result?: ToolResult }).result : undefined
  if (result === undefined) return told
  const meta = result._meta ?? {}
  const problem = meta['atlas/problem'] as { code?: string; status?: number } | undefined
  if (result.isError === true) return { ...told, status: problem?.status ?? 404, code: problem?.code }
  return {
    ...told,
    receipt: meta['atlas/receipt'] as string | undefined,
    price: parseUsd(String(meta['atlas/price'] ?? '')),
    digest: digestOf(String(result.content[0]?.text)),
  }
}
