/** Which connections, operations and plugins stand behind a path. */

import t from 'tap'
import { type Operation, usd } from '#contract'
import { FOUR, first, loaded } from './loading.ts'

t.test('connections of one adapter are one pool; a custom API is a pool and an adapter of its own', async (t) => {
  const config = await loaded(`api_connections:
  - { name: nansen, monthly_quota: 10000, reserved: 1 }
  - { name: nansen-2, adapter: nansen, monthly_quota: 10000, reserved: 1, operations: [{ id: extra, method: POST, path: /extra, units: 5, body: [q], query: { n: { type: integer } } }] }
  - name: acme
    adapter: custom
    base_url: https://api.acme.example/v1/
    credential: { in: header, name: X-Key }
    operations:
      - { id: search, method: GET, path: /search, units: 2, query: [q, limit], required: [q] }
      - { id: anything, method: ANY, path: /**, resale: allowed, own_price: $0.02 }
    failures: [{ status: 2xx, body_has: quota, means: quota-exhausted, bills: false }]
    monthly_quota: 1000
    reserved: 200
    base_cost: $0.01
    markup: 2x
    prices: { search: $0.40 }
    resale_terms: agreement:A-17
`)
  t.same(
    config.routes.map(({ prefix, connections }) => [prefix, connections.map(({ name }) => name)]),
    [
      ['/nansen', ['nansen', 'nansen-2']],
      ['/acme', ['acme']],
    ],
  )
  const ids = (operations: readonly Operation[] | undefined) => operations?.map(({ id }) => id)
  t.same(ids(config.routes[0]?.adapter.operations), ['search', 'extra'], 'the route carries what its connections add')
  t.same(ids(config.adapters.get('nansen')?.operations), ['search', 'extra'])
  t.same(
    config.connections.map(({ operations }) => ids(operations)),
    [[], ['extra'], []],
    'each connection says what it adds itself',
  )
  t.match(config.connections[1]?.operations[0], {
    units: 5,
    resale: 'ask',
    body: { q: {} },
    query: { n: { type: 'integer' } },
  })
  const acme = config.adapters.get('acme')
  t.match(acme, {
    name: 'acme',
    baseUrl: 'https://api.acme.example/v1',
    credential: { in: 'header', name: 'X-Key' },
  })
  t.same(acme?.failures, [
    {
      status: '2xx',
      means: 'quota-exhausted',
      bills: false,
      bodyHas: 'quota',
    },
  ])
  t.match(acme?.operations, [
    {
      id: 'search',
      units: 2,
      query: ['q', 'limit'],
      body: 'any',
      required: ['q'],
      resale: 'ask',
    },
    {
      id: 'anything',
      method: 'ANY',
      path: '/**',
      units: 1,
      query: 'any',
      body: 'any',
      ownPriceUsd: '0.02',
    },
  ])
  t.match(config.connections[2], {
    adapter: 'acme',
    simulated: false,
    terms: { agreement: 'A-17' },
    unitPrice: usd('$0.02'),
  })
  t.equal(config.connections[2]?.prices.get('search'), usd('$0.40'))
})

t.test('routes lead to an adapter or to one connection, with the chain of the file, of their own, or with other settings', async (t) => {
  const config = await loaded(`api_connections:
  - { name: nansen, monthly_quota: 10000, reserved: 1 }
  - { name: nansen-2, adapter: nansen, monthly_quota: 10000, reserved: 1 }
plugins: [auth, rate-limit: { burst: 7 }, markup-billing, quota-reserve]
routes:
  - { path: /all/*, adapter: nansen }
  - { path: /same/*, adapter: nansen }
  - { path: /one/*, connection: nansen-2, plugins: [auth, markup-billing, quota-reserve] }
  - { path: /slow/*, adapter: nansen, overrides: { rate-limit: { per_consumer: 10/minute } } }
`)
  const [all, same, one, slow] = config.routes
  t.equal(all?.chain, same?.chain, 'routes that change nothing share the chain')
  t.same(
    all?.connections.map(({ name }) => name),
    ['nansen', 'nansen-2'],
  )
  t.same(
    one?.connections.map(({ name }) => name),
    ['nansen-2'],
  )
  t.same(
    one?.chain.map(({ name }) => name),
    ['auth', 'markup-billing', 'quota-reserve'],
  )
  t.match(slow?.chain[1]?.settings, { per_consumer: { count: 10 }, burst: 7 }, 'an override changes one setting and keeps the others')
  t.match(all?.chain[1]?.settings, { per_consumer: { count: 60 }, burst: 7 })
})

t.test('a base_url is really called in sandbox mode, too', async (t) => {
  const config = await loaded(`${FOUR}    base_url: https://eu.api.nansen.example/\n`)
  t.match(first(config), {
    simulated: false,
    baseUrl: 'https://eu.api.nansen.example',
  })
})
