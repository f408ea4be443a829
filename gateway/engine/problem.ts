/** A refusal on the wire: RFC 9457 problem details. `cause` has no way into it. */
import { type Refusal, type RefusalCode, refusals } from '#contract'

/** What ends by itself, at a moment that nobody knows: seconds to wait before the next try. */
const SOON: { readonly [C in RefusalCode]?: number } = { upstream_error: 5, upstream_timeout: 5, unavailable: 2 }

export interface Problem {
  readonly status: number
  /** Flat list. */
  readonly headers: string[]
  readonly body: string
}

/** On every answer that is the gateway's own, not a provider's: refusals, pages, receipts, credits, MCP, OPTIONS. */
export const ownFields = (requestId: string): string[] => ['x-content-type-options', 'nosniff', 'x-request-id', requestId]

export function problemOf(refusal: Refusal, requestId: string): Problem {
  const { status, title, fix } = refusals[refusal.code]
  const headers = ['content-type', 'application/problem+json', 'cache-control', 'no-store', ...ownFields(requestId)]
  const retryAfterSeconds = refusal.retryAfterSeconds ?? SOON[refusal.code]
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds))
  for (const [name, value] of Object.entries(refusal.headers ?? {})) headers.push(name, value)
  const body = {
    type: `urn:atlas-gateway:problem:${refusal.code}`,
    title,
    status,
    detail: refusal.detail,
    code: refusal.code,
    request_id: requestId,
    fix,
    ...refusal.members,
  }
  return { status, headers, body: JSON.stringify(body) }
}
