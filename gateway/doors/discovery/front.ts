/** GET /: what is for sale and how to pay, as a page for people and as JSON for programs. */
import { dollars, usd } from '#contract'
import type { Gateway } from '../../gateway.ts'
import type { Answer } from '../edge.ts'
import { type CatalogueApi, type CatalogueOperation, catalogueOf } from './catalogue.ts'
import { callByCurl, callByFetch, mcpServer, priceByCurl } from './examples.ts'
import { code, type Html, html, jsonAnswer, link, pageAnswer, table, wantsJson } from './html.ts'

export const HOW_TO_PAY = [
  'Send the call. Unpaid it is answered 402 with the exact price and the offer.',
  'Pay that offer with any x402 client (PAYMENT-SIGNATURE, or X-PAYMENT for version 1), or send a key with credits (Authorization: Bearer atlas_...).',
  'Send an Idempotency-Key with each call, at least 16 characters where a wallet pays, so that a lost answer can be fetched again without paying twice.',
]

export const CHARGED = 'A call is charged once, and only when the provider answered well. Refusals and errors cost nothing.'

export function frontPage(gateway: Gateway, accept: string | undefined): Answer {
  const { apis } = catalogueOf(gateway)
  const { origin } = gateway.ground
  if (wantsJson(accept)) return jsonAnswer({ name: 'atlas', apis, how_to_pay: HOW_TO_PAY, ...MORE })
  const shown = exampleIn(apis)
  return pageAnswer(
    'atlas: data APIs, call by call',
    html`<h1>Data APIs, call by call</h1><p>No account, no subscription: one address for every API, paid by the call with x402 or from prepaid credits.</p>
<h2 id="pay">How to pay</h2><ol>${HOW_TO_PAY.map((step) => html`<li>${step}</li>`)}</ol><p>${CHARGED}</p>
${shown === undefined ? html`<p>Nothing is on sale at the moment.</p>` : examples(origin, shown)}${apis.map(apiSection)}${limit(apis)}
<h2 id="credits">Credits</h2><p>One x402 payment for many calls: <code>POST /credits</code> with <code>{"amount":"$15"}</code> is answered 402 with the price and, paid, with a key for the balance. <code>GET /credits</code> shows what is left.</p>
<h2 id="programs">For programs and agents</h2><ul>${PROGRAMS.map(([path, what]) => html`<li>${link(path, path)}: ${what}</li>`)}</ul>
<h3>MCP</h3><p>Every operation is a tool at <code>${origin}/mcp</code>, over streamable HTTP. Without a key, pay in <code>_meta["x402/payment"]</code>.</p>${code('Configuration of an MCP client', mcpServer(origin))}`,
  )
}

const MORE = { catalog: '/catalog', openapi: '/openapi.json', llms: '/llms.txt', x402: '/.well-known/x402', mcp: '/mcp' }
const PROGRAMS = [
  ['/catalog', 'every API and operation with price, units left and an example'],
  ['/openapi.json', 'the same as OpenAPI 3.1, to make a client from'],
  ['/llms.txt', 'the same in words, for language models'],
  ['/.well-known/x402', 'what can be paid for by x402'],
] as const

/** One that can be bought now, as cheap as there is, paid by x402 where that can be. */
export function exampleIn(apis: readonly CatalogueApi[]): { readonly x402: boolean; readonly operation: CatalogueOperation } | undefined {
  const all = apis.flatMap(({ x402, operations }) => operations.filter(({ sold_out }) => !sold_out).map((operation) => ({ x402, operation })))
  const cheapest = (found: typeof all): (typeof all)[number] | undefined =>
    found.reduce<(typeof all)[number] | undefined>(
      (best, one) => (best === undefined || usd(one.operation.price) < usd(best.operation.price) ? one : best),
      undefined,
    )
  return cheapest(all.filter(({ x402 }) => x402)) ?? cheapest(all)
}

function examples(origin: string, { x402, operation }: { readonly x402: boolean; readonly operation: CatalogueOperation }): Html {
  return html`<h2 id="examples">Examples</h2>${callExamples(origin, operation, x402)}`
}

export const callExamples = (origin: string, operation: CatalogueOperation, x402: boolean): Html =>
  html`<h3>Ask for the price</h3>${code('Asking for the price with curl', priceByCurl(origin, operation))}
<h3>Call with a key</h3>${code('A call with a key, by curl', callByCurl(origin, operation))}${
    x402
      ? html`<h3>Pay from a wallet, in TypeScript</h3><p class="quiet">npm install @x402/fetch @x402/evm viem</p>${code('A call paid by x402, in TypeScript', callByFetch(origin, operation))}`
      : undefined
  }`

export const operationPath = (api: string, id: string): string => `/catalog/${encodeURIComponent(api)}/${encodeURIComponent(id)}`

function apiSection(api: CatalogueApi): Html {
  const heads = [html`<th scope="col">call</th><th scope="col">what it answers</th><th scope="col" class="n">units</th><th scope="col" class="n">price</th>`]
  const rows = api.operations.map(
    ({ id, method, path, units, price, description, ...marks }) =>
      html`<tr><td>${link(operationPath(api.name, id), `${method} ${path}`)}</td><td>${description} ${marksOf(marks)}</td><td class="n">${units}</td><td class="n">${dollars(usd(price))}</td></tr>`,
  )
  const credit = api.attribution === null ? undefined : html` ${api.attribution}.`
  return html`<h2>${api.title}</h2><p class="quiet">${api.category}, ${api.units_left} units left.${credit} ${api.docs === '' ? '' : link(api.docs, 'Documentation of the provider')}</p>${table(`Calls of ${api.title}`, heads, rows)}`
}

export const marksOf = ({ sold_out, needs_client_limit }: Pick<CatalogueOperation, 'sold_out' | 'needs_client_limit'>): readonly Html[] => [
  ...(sold_out ? [html`<span class="mark">sold out</span> `] : []),
  ...(needs_client_limit ? [html`<a class="mark" href="/#limit">raise the limit of your client</a>`] : []),
]

export const LIMIT = "Official x402 clients pay at most $1 at once until they are told otherwise: client.setSpendControls({ maxAmountPerPayment: '$2' })."

const limit = (apis: readonly CatalogueApi[]): Html | undefined =>
  apis.some(({ operations }) => operations.some(({ needs_client_limit }) => needs_client_limit))
    ? html`<h2 id="limit">Calls above $1</h2><p>${LIMIT}</p>`
    : undefined
