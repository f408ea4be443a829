/** GET /: what is for sale and how to pay, as a page for people and as JSON for programs. */
import { createHash } from 'node:crypto'
import { dollars, usd } from '#contract'
import type { Gateway } from '../../gateway.ts'
import { type CatalogueApi, catalogueOf } from './catalogue.ts'
import type { Answer } from '../edge.ts'

const HOW_TO_PAY = [
  'Send the call. Unpaid it is answered 402 with the exact price and the offer.',
  'Pay that offer with any x402 client (PAYMENT-SIGNATURE, or X-PAYMENT for version 1), or send a key with credits (Authorization: Bearer atlas_...).',
  'Send an Idempotency-Key with each call, so that a lost answer can be fetched again without paying twice.',
]

export function frontPage(gateway: Gateway, accept: string | undefined): Answer {
  const { apis } = catalogueOf(gateway)
  const common = ['x-content-type-options', 'nosniff', 'cache-control', 'no-store', 'vary', 'accept']
  if (wantsJson(accept)) {
    const body = JSON.stringify({ name: 'atlas', apis, how_to_pay: HOW_TO_PAY, catalog: '/catalog' })
    return { status: 200, headers: ['content-type', 'application/json', ...common], body }
  }
  return { status: 200, headers: ['content-type', 'text/html; charset=utf-8', ...FENCE, ...common], body: pageOf(apis) }
}

const wantsJson = (accept = ''): boolean => accept.includes('application/json') && !accept.includes('text/html')

const STYLE = `
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884}td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.9em}
`
/** The page holds one style and nothing that runs, stands in no frame, and tells nobody where its reader came from. */
const FENCE = [
  'content-security-policy',
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ...['x-frame-options', 'DENY', 'referrer-policy', 'no-referrer', 'cross-origin-opener-policy', 'same-origin'],
]

const escaped = (text: string): string => text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`)

function pageOf(apis: readonly CatalogueApi[]): string {
  const steps = HOW_TO_PAY.map((step) => `<li>${escaped(step)}</li>`).join('')
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>atlas</title><style>${STYLE}</style></head><body><h1>Data APIs, call by call</h1><ol>${steps}</ol>${apis.map(apiSection).join('')}<p>The same for programs: <a href="/catalog">/catalog</a></p></body></html>`
}

function apiSection(api: CatalogueApi): string {
  const rows = api.operations.map(
    ({ method, path, units, price, sold_out, needs_client_limit, description }) =>
      `<tr><td><code>${escaped(method)} ${escaped(path)}</code></td><td>${escaped(description)}</td><td class="n">${units}</td><td class="n">${dollars(usd(price))}${needs_client_limit ? ' (raise the limit of your client)' : ''}${sold_out ? ' sold out' : ''}</td></tr>`,
  )
  const credit = api.attribution === null ? '' : `<p>${escaped(api.attribution)}</p>`
  return `<h2>${escaped(api.title)}</h2><p>${escaped(api.category)}, ${api.units_left} units left. <a href="${escaped(api.docs)}">Documentation of the provider</a></p>${credit}<table><thead><tr><th>call</th><th></th><th>units</th><th>price</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}
