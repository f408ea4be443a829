/** From an answer to the result of a tool. Payments: x402, transport MCP, binding by tool results (specs/transports-v2/mcp.md). */
import { isUtf8 } from 'node:buffer'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import type { Problem } from '../../engine/index.ts'
import type { Collected } from './call.ts'

type Content = CallToolResult['content'][number]
type Json = Record<string, unknown>

const text = (words: string): Content => ({ type: 'text', text: words })
const PAYMENT_REQUIRED = 402

/** Which tool was called, and what its operation is called over HTTP. */
export interface Called {
  readonly tool: string
  readonly url: string
}

export function resultOf(answer: Collected, called: Called): CallToolResult {
  const { status, headers, end } = answer
  const _meta = metaOf(headers)
  if (status === 0) return { isError: true, content: [text('The call was ended before it was answered.')] }
  if (isProblem(answer)) return { ...problemResult(answer, called), _meta: { ..._meta, ...problemMeta(answer) } }
  const content = contentOf(answer, called)
  if (end === 'broken') {
    content.unshift(text('The provider broke this answer off. What it cost has become credit of the payer.'))
    return { isError: true, content, _meta }
  }
  if (end === 'cut') {
    _meta['atlas/cut'] = true
    content.push(text(`This is the beginning of a longer answer. Ask for less (a limit, a page), or call ${called.url} over HTTP, which passes all of it on.`))
  }
  // The provider's own word on a request that it cannot serve. Ours comes first, so that no client takes a provider's for an offer.
  if (status >= 400) return { isError: true, content: [text(`The provider answered ${status}; nothing was charged.`), ...content], _meta }
  const credit = headers.get('x-atlas-attribution')
  if (credit !== undefined) content.push(text(fromField(credit)))
  return { content, _meta }
}

/** A page of our own: JSON, or a problem. */
export function pageResult(answer: Collected, called: Called): CallToolResult {
  if (isProblem(answer)) return { ...problemResult(answer, called), _meta: problemMeta(answer) }
  const words = answer.body.toString('utf8')
  return { content: [text(words)], structuredContent: JSON.parse(words) as Json }
}

/** What never became a call. */
export const refusedResult = ({ status, headers, body }: Problem, called: Called): CallToolResult => {
  const fields = new Map<string, string>()
  for (let at = 0; at + 1 < headers.length; at += 2) fields.set(headers[at] as string, headers[at + 1] as string)
  return pageResult({ status, headers: fields, body: Buffer.from(body), end: 'whole', isOwn: true }, called)
}

/** What a provider writes is never taken for one of ours, whatever it looks like. */
const isProblem = ({ isOwn, headers }: Collected): boolean => isOwn && headers.get('content-type') === 'application/problem+json'

/** A 402 is the offer of x402 version 2, twice the same; any other refusal is the problem itself. */
function problemResult({ status, headers, body }: Collected, { tool }: Called): CallToolResult {
  const problem = JSON.parse(body.toString('utf8')) as Json
  const offer = status === PAYMENT_REQUIRED ? decoded(headers.get('payment-required')) : undefined
  if (offer === undefined) return { isError: true, content: [text(JSON.stringify(problem))], structuredContent: problem }
  const { bazaar: _, ...extensions } = (offer.extensions ?? {}) as Json
  const required = { ...offer, resource: { ...(offer.resource as Json), url: `mcp://tool/${tool}` }, extensions }
  return { isError: true, content: [text(JSON.stringify(required))], structuredContent: required }
}

function problemMeta({ headers, body }: Collected): Json {
  const { type, title, status, detail, code, request_id, fix } = JSON.parse(body.toString('utf8')) as Json
  const wait = headers.get('retry-after')
  return {
    'atlas/problem': { type, title, status, detail, code, request_id, fix },
    ...(wait === undefined ? {} : { 'atlas/retry-after-seconds': Number(wait) }),
  }
}

const META = ['price', 'units', 'receipt', 'replayed', 'attribution', 'credit', 'low-balance'] as const

function metaOf(headers: Collected['headers']): Json {
  const meta: Json = {}
  for (const name of META) {
    const value = headers.get(`x-atlas-${name}`)
    if (value !== undefined) meta[`atlas/${name}`] = name === 'units' ? Number(value) : name === 'replayed' ? true : fromField(value)
  }
  const id = headers.get('x-request-id')
  if (id !== undefined) meta['atlas/request-id'] = id
  const settled = decoded(headers.get('payment-response') ?? headers.get('x-payment-response'))
  if (settled !== undefined) meta['x402/payment-response'] = settled
  return meta
}

/** A field holds the bytes of UTF-8 as Latin-1. */
const fromField = (value: string): string => Buffer.from(value, 'latin1').toString('utf8')

function decoded(header: string | undefined): Json | undefined {
  return header === undefined ? undefined : (JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as Json)
}

function contentOf({ headers, body, end }: Collected, { url }: Called): Content[] {
  if (body.length === 0) return [text('')]
  const [type = 'application/octet-stream'] = (headers.get('content-type') ?? '').split(';', 1)
  // A cut may stand in the middle of a character.
  if (isUtf8(body) || (end !== 'whole' && !/^(image|audio|video)\//.test(type))) {
    const words = body.toString('utf8')
    return looksLikeOffer(words) ? [text('What the provider answered:'), text(words)] : [text(words)]
  }
  if (type.startsWith('image/')) return [{ type: 'image', data: body.toString('base64'), mimeType: type }]
  return [{ type: 'resource', resource: { uri: url, mimeType: type, blob: body.toString('base64') } }]
}

/** Clients look for an offer in the first text of a result; what a provider writes is none of ours, and nobody is to pay it. */
function looksLikeOffer(words: string): boolean {
  try {
    const value: unknown = JSON.parse(words)
    return typeof value === 'object' && value !== null && ('x402Version' in value || 'x402/error' in value)
  } catch {
    return false
  }
}
