/** Calls to paste: into a shell with curl, into a program with the official x402 client. Each carries an Idempotency-Key. */
import type { CatalogueOperation } from './catalogue.ts'

type Shown = Pick<CatalogueOperation, 'method' | 'price' | 'needs_client_limit' | 'example'>

/** What an example asks; an operation that takes any method is asked by GET. */
export interface ExampleCall {
  readonly method: string
  readonly url: string
  /** As JSON. */
  readonly body: string | undefined
}

export function callOf(origin: string, { method, example }: Shown): ExampleCall {
  const query = new URLSearchParams(example.query).toString()
  return {
    method: method === 'ANY' ? 'GET' : method,
    url: `${origin}${example.path}${query === '' ? '' : `?${query}`}`,
    body: example.body === null || example.body === undefined ? undefined : JSON.stringify(example.body),
  }
}

/** For a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** Parts of a command: one to a line, or joined by spaces. */
export function curlParts(origin: string, operation: Shown): string[] {
  const { method, url, body } = callOf(origin, operation)
  if (body !== undefined)
    return [`curl -i ${method === 'POST' ? '' : `-X ${method} `}${quoted(url)}`, "-H 'Content-Type: application/json'", `-d ${quoted(body)}`]
  return [`curl -i ${method === 'GET' ? '' : method === 'HEAD' ? '-I ' : `-X ${method} `}${quoted(url)}`]
}

const lines = (parts: readonly string[]): string => parts.join(' \\\n  ')

/** Answered 402 with the exact price, or, where the name is known, with the answer that was paid for under it. */
export const priceByCurl = (origin: string, operation: Shown): string => lines([...curlParts(origin, operation), NAME])

/** `ATLAS_KEY` is a key with credits. */
export const callByCurl = (origin: string, operation: Shown): string => lines([...curlParts(origin, operation), '-H "Authorization: Bearer $ATLAS_KEY"', NAME])

/** Another for each call; the same for one that is sent again. */
const NAME = '-H "Idempotency-Key: $(openssl rand -hex 16)"'

/** `PRIVATE_KEY` is that of a wallet with USDC; a payment moves only what the 402 asks. */
export function callByFetch(origin: string, operation: Shown): string {
  const { method, url, body } = callOf(origin, operation)
  const limit = operation.needs_client_limit
    ? [`client.setSpendControls({ maxAmountPerPayment: '$${operation.price}' }) // the client's own limit is $1 a payment`]
    : []
  return [
    "import { wrapFetchWithPayment, x402Client } from '@x402/fetch'",
    "import { registerExactEvmScheme } from '@x402/evm/exact/client'",
    "import { privateKeyToAccount } from 'viem/accounts'",
    '',
    'const client = new x402Client()',
    `registerExactEvmScheme(client, { signer: privateKeyToAccount(process.env.PRIVATE_KEY as \`0x\${string}\`) })`,
    ...limit,
    'const payingFetch = wrapFetchWithPayment(fetch, client)',
    '',
    `const answer = await payingFetch(${JSON.stringify(url)}, {`,
    `  method: ${JSON.stringify(method)},`,
    `  headers: { ${body === undefined ? '' : "'Content-Type': 'application/json', "}'Idempotency-Key': crypto.randomUUID() },`,
    ...(body === undefined ? [] : [`  body: JSON.stringify(${body}),`]),
    '})',
    "console.log(answer.status, answer.headers.get('x-atlas-price'), await answer.text())",
  ].join('\n')
}

/** For clients of MCP that are told their servers as JSON. */
export const mcpServer = (origin: string): string =>
  JSON.stringify({ mcpServers: { atlas: { type: 'http', url: `${origin}/mcp`, headers: { Authorization: 'Bearer atlas_...' } } } }, null, 2)
