/** GET /llms.txt: what is for sale and how it is called and paid for, in words that a language model can act on (llmstxt.org). */
import { dollars, usd } from '#contract'
import type { Gateway } from '../../gateway.ts'
import { type CatalogueApi, type CatalogueOperation, catalogueOf } from './catalogue.ts'
import { callByCurl, callByFetch, callOf } from './examples.ts'
import { CHARGED, exampleIn, HOW_TO_PAY, LIMIT, operationPath } from './front.ts'

/** What an operator or a provider wrote stays on its line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const oneLine = (text: string): string => text.replace(/[\s\u0000-\u001f\u007f\u2028\u2029]+/g, ' ').trim()
const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``

export function llmsTextOf(gateway: Gateway): string {
  const { apis } = catalogueOf(gateway)
  const { origin } = gateway.ground
  const shown = exampleIn(apis)
  const examples =
    shown === undefined
      ? []
      : [
          ...(shown.x402 ? ['### From a wallet, with the official x402 client (TypeScript)', fenced('ts', callByFetch(origin, shown.operation))] : []),
          '### With a key that has credits (curl)',
          fenced('sh', callByCurl(origin, shown.operation)),
        ]
  return `${[
    '# atlas',
    `> Data APIs, call by call: one address (${origin}), no account, no subscription. Calls are paid by x402 or from prepaid credits.`,
    '## How to call and pay',
    HOW_TO_PAY.map((step, at) => `${at + 1}. ${step}`).join('\n'),
    [CHARGED, 'Answers say what they cost in X-Atlas-Price, and name their receipt in X-Atlas-Receipt.', LIMIT].join(' '),
    ...examples,
    '## Calls',
    'Each line: method, URL and price of an example that works as it stands. Below it the JSON body, where there is one.',
    ...apis.map((api) => sectionOf(origin, api)),
    '## More',
    more(origin),
  ].join('\n\n')}\n`
}

function sectionOf(origin: string, api: CatalogueApi): string {
  const credit = api.attribution === null ? '' : ` Credit line: ${oneLine(api.attribution)}.`
  const docs = api.docs === '' ? '' : ` Documentation of the provider: ${oneLine(api.docs)}`
  const head = `### ${oneLine(api.title)}\n\n${oneLine(api.category)}. ${api.units_left} units left.${credit}${docs}`
  return `${head}\n\n${api.operations.map((operation) => lineOf(origin, api, operation)).join('\n')}`
}

function lineOf(origin: string, { name }: CatalogueApi, operation: CatalogueOperation): string {
  const { method, url, body } = callOf(origin, operation)
  const { id, price, units, description, sold_out, needs_client_limit } = operation
  const marks = `${sold_out ? ' SOLD OUT.' : ''}${needs_client_limit ? " Above the client's limit of $1." : ''}`
  const cost = `${dollars(usd(price))} (${units} ${units === 1 ? 'unit' : 'units'})`
  const line = `- ${method} ${url} costs ${cost}. ${oneLine(description)}.${marks} [All about it](${origin}${operationPath(name, id)})`
  return body === undefined ? line : `${line}\n  Body: ${body}`
}

const more = (origin: string): string =>
  [
    `- [Catalogue](${origin}/catalog): everything above as JSON`,
    `- [OpenAPI 3.1](${origin}/openapi.json): with what each call takes`,
    `- [x402](${origin}/.well-known/x402): what can be paid for by x402`,
    `- MCP: every call is a tool at ${origin}/mcp (streamable HTTP); pay in _meta["x402/payment"], or send Authorization: Bearer atlas_...`,
    `- Credits: POST ${origin}/credits with {"amount":"$15"} sells a key; GET ${origin}/credits shows its balance`,
  ].join('\n')
