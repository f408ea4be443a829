/** From an OpenAPI document to an adapter: two documents in two styles, and what is no document. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Operation } from '#contract'
import { isGood, shown, testAdapter } from '../../gateway/kit/index.ts'
import { readOpenApi } from '../../gateway/kit/openapi/index.ts'
import { ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'

const document = (name: string): string => join(ROOT, 'test/kit/openapi', name)
const STYLE = { ours: false, contract: 'atlas-gateway', extension: '.mjs' } as const

const one = (operations: readonly Operation[], id: string): Operation => {
  const found = operations.find((operation) => operation.id === id)
  if (found === undefined) throw new Error(`there is no ${id} among ${operations.map((operation) => operation.id)}`)
  return found
}

t.test('OpenAPI 3.0 in YAML: shared parts, variables of servers, nullable, lists in queries, bodies made of several', async (t) => {
  const { adapter, notes } = readOpenApi(document('weather.yaml'), 'weather')
  const { operations } = adapter
  t.match(adapter, {
    ...{ name: 'weather', title: 'Weather Desk', category: 'Forecasts', docs: 'https://docs.weather.example', baseUrl: 'https://eu.weather.example/api/v2' },
    credential: { in: 'header', name: 'X-Weather-Key' },
    terms: { source: 'not read yet: https://weather.example/terms' },
  })
  t.same(
    operations.map(({ id, method, path }) => `${id} ${method} ${path}`),
    [
      'get-station GET /stations/:station_id',
      'remove-station DELETE /stations/:station_id',
      'list-forecasts GET /forecasts',
      'search-forecasts POST /forecasts/search',
    ],
  )
  for (const { units, unitsAssumed, resale } of operations) t.same([units, unitsAssumed, resale], [1, true, 'ask'], 'priced and judged by nobody yet')
  const station = one(operations, 'get-station')
  t.same(station.params, { station_id: { type: 'string', pattern: '^[A-Z]{3}[0-9]{2}$' } })
  t.same(station.sample, { id: 'VIE01', name: 'text', place: { lat: -90, lon: -180 }, updated: '2026-01-02T03:04:05Z' }, 'what comes back to itself ends')
  const list = one(operations, 'list-forecasts')
  t.match(list.query, {
    station: { type: 'array', minItems: 1, maxItems: 20, items: { type: 'string' } },
    fields: { type: 'string' },
    days: { type: 'integer', exclusiveMinimum: 0, maximum: 14 },
    unit: { type: ['string', 'null'], enum: ['celsius', 'kelvin', null] },
  })
  t.notMatch(list.query, { days: { minimum: 0 } })
  t.same([list.required, list.example], [['station'], { query: { station: 'VIE01' } }])
  t.same(list.sample, { forecasts: [{ station: 'VIE01', day: '2026-01-02', rain: 0.4 }] })
  const search = one(operations, 'search-forecasts')
  t.same([Object.keys(Object(search.body)), search.required], [['page', 'text', 'near', 'parent'], ['text']])
  t.same(
    adapter.failures.map(({ status, means }) => [status, means]),
    [
      [404, 'not-found'],
      [422, 'bad-request'],
      [429, 'rate-limited'],
      ['5xx', 'provider-down'],
    ],
  )
  t.match(notes.join('\n'), /needs the header X-Trace.*\n.*GET \/maps\/\{z\}\.\{format\}: .* left out/)
})

t.test('OpenAPI 3.1 in JSON: types in lists, constants, a key in the query, deep objects, streams, what lies elsewhere', async (t) => {
  const { adapter, notes } = readOpenApi(document('market.json'), 'market')
  const { operations } = adapter
  t.match(adapter, { baseUrl: 'https://market.example/v1', credential: { in: 'query', name: 'apikey' } })
  const quote = one(operations, 'quotes-retrieve')
  t.same(Object.keys(Object(quote.query)), ['filter[venue]', 'filter[above]', 'precise'], 'the key is nobody’s to write')
  t.same(quote.sample, { symbol: 'BTC', price: 101.5, kind: 'spot' })
  const list = one(operations, 'quotes-list')
  t.same(list.example, { query: { symbols: 'BTC' } })
  t.match(list.query, { symbols: { description: /separated by \|/ }, odd: { type: 'string', pattern: undefined } })
  t.equal(one(operations, 'orders-create').body, 'any')
  t.equal(one(operations, 'ticks-stream').streaming, true)
  t.match(notes.join('\n'), /pattern can run away[\s\S]*x-www-form-urlencoded[\s\S]*elsewhere\.example\/order\.json lies outside/)
})

t.test('what is written loads, is good, and sells', async (t) => {
  const folder = temporaryFolder(t)
  for (const [name, file] of [
    ['weather', 'weather.yaml'],
    ['market', 'market.json'],
  ] as const) {
    const path = join(folder, `${name}.mjs`)
    writeFileSync(path, readOpenApi(document(file), name).source(STYLE))
    const verdict = await testAdapter(path)
    t.ok(isGood(verdict), shown(verdict))
  }
})

t.test('text of a specification is text in the file, whatever it holds', async (t) => {
  const evil = "*/ process.exit(7) /* '`$` \\u2028 \u2028 \n end"
  const spec = JSON.parse(readFileSync(document('market.json'), 'utf8')) as { info: { title: string }; paths: Record<string, { get: object }> }
  spec.info.title = evil
  const first = Object.values(spec.paths)[0] as { get: { description: string; operationId: string; parameters: object[] } }
  first.get.description = evil
  first.get.operationId = evil
  first.get.parameters.push({ name: '__proto__', in: 'query', schema: { type: 'string', description: evil } })
  const folder = temporaryFolder(t)
  const file = join(folder, 'evil.json')
  writeFileSync(file, JSON.stringify(spec))
  const path = join(folder, 'evil.mjs')
  const { source } = readOpenApi(file, 'evil')
  writeFileSync(path, source(STYLE))
  const verdict = await testAdapter(path)
  t.notMatch(shown(verdict), /could not be loaded/)
  t.ok(isGood(verdict), shown(verdict))
})

t.test('what is no OpenAPI 3 document is refused in a sentence', async (t) => {
  const folder = temporaryFolder(t)
  const cases: readonly [text: string | undefined, says: RegExp][] = [
    [undefined, /cannot be read \(ENOENT\)/],
    ['{', /is neither JSON nor YAML: /],
    ['- a\n- b', /is no OpenAPI document/],
    ['swagger: "2.0"', /is Swagger 2\.0; expected OpenAPI 3\.0 or 3\.1/],
    ['openapi: 3.2.0\npaths: {}', /is OpenAPI "3\.2\.0"; expected 3\.0 or 3\.1/],
    ['openapi: 3.0', /is OpenAPI 3; expected/],
    ['openapi: 3.0.0\npaths: {}', /has no paths/],
    ['openapi: 3.0.0\npaths: { "/a.{b}": { get: {} } }', /has no operation that could be taken over: .*GET \/a\.\{b\}/],
  ]
  for (const [text, says] of cases) {
    const file = join(folder, `${cases.findIndex(([one]) => one === text)}.yaml`)
    if (text !== undefined) writeFileSync(file, text)
    t.throws(() => readOpenApi(file, 'x'), { name: 'KitError', message: says })
  }
})
