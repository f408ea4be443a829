/** GET /catalog/<api>/<operation>: all about one operation, with what it takes and a sample of what it answers. */
import { dollars, usd } from '#contract'
import type { Gateway } from '../../gateway.ts'
import type { Answer } from '../edge.ts'
import { type CatalogueApi, type CatalogueOperation, catalogueOf } from './catalogue.ts'
import { callExamples, CHARGED, marksOf } from './front.ts'
import { code, type Html, html, jsonAnswer, link, pageAnswer, table, wantsJson } from './html.ts'
import { operationsOf } from './names.ts'
import { type Parameter, type Parameters, parametersOf, rulesOf } from './parameters.ts'

/** Undefined where nothing of that name is for sale. */
export function operationPage(gateway: Gateway, name: { readonly api: string; readonly id: string }, accept: string | undefined): Answer | undefined {
  const api = catalogueOf(gateway, name.api).apis[0]
  const operation = api?.operations.find(({ id }) => id === name.id)
  if (api === undefined || operation === undefined) return undefined
  const { generation } = gateway.engine
  const found = [...operationsOf(generation).values()].find(({ route, entry }) => route.api === name.api && entry.operation.id === name.id)
  if (found === undefined) return undefined
  const { sample } = found.entry.operation
  const parameters = parametersOf(found.entry.operation)
  if (wantsJson(accept)) {
    const listed = parameters.all.map(({ member, in: place, schema, required }) => ({ name: member, in: place, required, schema }))
    return jsonAnswer({ api: api.name, ...operation, mcp_tool: found.name, parameters: listed, rules: rulesOf(parameters), sample: sample ?? null })
  }
  return pageAnswer(
    `${api.title}: ${operation.id}`,
    html`<p>${link('/', 'All APIs')}</p><h1>${api.title}: ${operation.id}</h1><p>${operation.description} ${marksOf(operation)}</p>
${facts(api, operation, found.name)}<p>${CHARGED}</p><h2>What it takes</h2>${takes(parameters)}
<h2>What it answers</h2><p class="quiet">A sample: the fields are the provider's, the values are made up.</p>${code('Sample answer', JSON.stringify(sample ?? null, null, 2))}
<h2>Examples</h2>${callExamples(gateway.ground.origin, operation, api.x402)}`,
  )
}

function facts(api: CatalogueApi, operation: CatalogueOperation, tool: string): Html {
  const { method, path, price, units, max_units, success_rate, latency_ms } = operation
  const rows: readonly (readonly [string, Html])[] = [
    ['Call', html`<code>${method} ${path}</code>`],
    [
      'Price',
      html`${dollars(usd(price))} for ${units} ${units === 1 ? 'unit' : 'units'}${max_units > units ? `, of the example; others take up to ${max_units} units, and an unpaid call says its price` : ''}`,
    ],
    ['Left', html`${api.units_left} units`],
    ...(success_rate === null ? [] : [['Lately', html`${Math.round(success_rate * 100)} % answered well, ${latency_ms ?? 0} ms`] as const]),
    ['MCP', html`<code>${tool}</code>`],
    ...(api.attribution === null ? [] : [['Credit line', html`${api.attribution}`] as const]),
    ...(api.docs === '' ? [] : [['Provider', link(api.docs, `Documentation of ${api.title}`)] as const]),
  ]
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}

function takes(parameters: Parameters): Html {
  const { all } = parameters
  if (all.length === 0) return html`<p>Nothing.</p>`
  const heads = [html`<th scope="col">name</th><th scope="col">in</th><th scope="col"></th><th scope="col">form</th>`]
  const rows = all.map(
    ({ member, in: place, schema, required }) =>
      html`<tr><td><code>${member}</code></td><td>${PLACES[place]}</td><td>${required ? 'required' : ''}</td><td><code>${JSON.stringify(schema)}</code></td></tr>`,
  )
  return html`${table('What it takes', heads, rows)}${rulesOf(parameters).map((rule) => html`<p>${rule}</p>`)}`
}

const PLACES: Readonly<Record<Parameter['in'], string>> = {
  ...{ method: 'method', path: 'path', rest: 'path, any number of segments', query: 'query', queries: 'query, any members', body: 'body', content: 'the body' },
}
