/** The official MCP client, on a gateway's /mcp. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Teardown } from './folder.ts'

export interface ToolAnswer {
  readonly isError: boolean
  /** All texts, in their order. */
  readonly texts: readonly string[]
  readonly content: readonly { readonly type: string }[]
  readonly structured: Record<string, unknown> | undefined
  readonly meta: Readonly<Record<string, unknown>>
}

interface CallWish {
  readonly meta?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
}

export interface McpRig {
  readonly client: Client
  readonly session: string | undefined
  call(tool: string, args?: object, wish?: CallWish): Promise<ToolAnswer>
  /** Ends the connections, whatever is under way on them. */
  drop(): Promise<void>
}

/** Connected; closed with the test. */
export async function openMcp(t: Teardown, publicUrl: string, headers: Readonly<Record<string, string>> = {}): Promise<McpRig> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', publicUrl), { requestInit: { headers } })
  await client.connect(transport as Parameters<Client['connect']>[0])
  t.teardown(() => client.close())
  return {
    client,
    session: transport.sessionId,
    call: async (name, args = {}, { meta, signal } = {}) => {
      const asked = { name, arguments: args as Record<string, unknown>, ...(meta === undefined ? {} : { _meta: meta }) }
      const result = await client.callTool(asked, undefined, signal === undefined ? {} : { signal })
      const content = result.content as { type: string; text?: string }[]
      return {
        isError: result.isError === true,
        texts: content.flatMap(({ text }) => text ?? []),
        content,
        structured: result.structuredContent as Record<string, unknown> | undefined,
        meta: result._meta ?? {},
      }
    },
    drop: () => transport.close(),
  }
}
