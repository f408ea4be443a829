/** What is on sale, for people and for programs: the catalogue never promises what a call does not keep. */

import t from 'tap'
import { type Answer, bearer, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown } from '../rig/gateway.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'

interface Listed {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly units: number
  readonly price: string
  readonly resale: string
  readonly sold_out: boolean
  readonly needs_client_limit: boolean
  readonly example: { readonly path: string; readonly query: Record<string, string>; readonly body: object | null }
}

interface Api {
  readonly name: string
  readonly units_left: number
  readonly operations: readonly Listed[]
}

const QUOTA = { monthly_quota: 1_000_000, reserved: 1000, base_cost: '$0.05' }
const SUBSCRIPTIONS = (terms: object): object[] => ['nansen', 'kaito', 'arkham'].map((name) => ({ name, ...QUOTA, ...terms }))

const open = (t: Teardown, connections: readonly object[], more: object = {}): Promise<Rig> =>
  openGateway(t, sandbox({ api_connections: connections, plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'], ...more }))
const catalogue = async (rig: Rig): Promise<readonly Api[]> => (await rig.call('GET', '/catalog')).json.apis as Api[]
const apiOf = async (rig: Rig, name: string): Promise<Api> => (await catalogue(rig)).find((api) => api.name === name) as Api

const callExample = (rig: Rig, { method, example }: Listed, key: string): Promise<Answer> => {
  const query = new URLSearchParams(example.query).toString()
  return rig.call(method, example.path + (query === '' ? '' : `?${query}`), { headers: bearer(key), ...(example.body === null ? {} : { body: example.body }) })
}

t.test('every operation of the catalogue works as its example says, at the price and for the units that it says', async (t) => {
  const rig = await open(t, SUBSCRIPTIONS({ resale_terms: 'agreement:test' }))
  const { key } = await rig.key({ credits: '$100000' })
  const apis = await catalogue(rig)
  t.same(apis.map(({ name }) => name).sort(), ['arkham', 'kaito', 'nansen'])
  for (const api of apis) {
    t.match(api, { title: String, category: String, docs: /^https:/, units_left: 999_000 })
    t.ok('attribution' in api)
    for (const operation of api.operations) {
      t.match(operation, {
        id: String,
        method: /^[A-Z]+$/,
        path: new RegExp(`^/${api.name}/`),
        units: Number,
        price: /^\d+\.\d{2,6}$/,
        description: /\w/,
        needs_client_limit: Boolean,
        sold_out: false,
      })
      t.ok('success_rate' in operation && 'latency_ms' in operation)
      t.equal(operation.needs_client_limit, Number(operation.price) > 1, `${operation.id} at ${operation.price}`)
      const { status, headers } = await callExample(rig, operation, key)
      // Where the rows of the answer decide, the price is the most that it can be.
      t.equal(status, 200, `${api.name} ${operation.id}`)
      t.ok(Number(headers['x-atlas-units']) <= operation.units, `${headers['x-atlas-units']} of ${operation.units} units`)
      if (Number(headers['x-atlas-units']) === operation.units) t.equal(headers['x-atlas-price'], `$${operation.price}`)
    }
  }
  const [first] = (await apiOf(rig, 'nansen')).operations as unknown as { success_rate: number; latency_ms: number }[]
  t.match(first, { success_rate: 1, latency_ms: Number }, 'and how it has served so far')
})

t.test('what may not be sold is not listed, is 404 for whoever would buy it, and open to the owner', async (t) => {
  const rig = await open(t, SUBSCRIPTIONS({ resale_terms: 'agreement:test' }))
  const all = (await catalogue(rig)).flatMap(({ operations }) => operations)
  for (const [terms, sold] of [
    [{}, ['allowed', 'attribution']],
    [{ resale_terms: 'confirmed' }, ['allowed', 'attribution', 'ask']],
  ] as const) {
    const strict = await open(t, SUBSCRIPTIONS(terms))
    const { key } = await strict.key({ credits: '$1000' })
    const { key: owner } = await strict.key({ owner: 'operator' })
    const listed = (await catalogue(strict)).flatMap(({ operations }) => operations.map(({ path }) => path))
    t.same(
      listed.sort(),
      all
        .filter(({ resale }) => (sold as readonly string[]).includes(resale))
        .map(({ path }) => path)
        .sort(),
    )
    for (const operation of all.filter(({ path }) => !listed.includes(path))) {
      for (const shown of [key, undefined]) {
        const { method, example } = operation
        const query = new URLSearchParams(example.query).toString()
        const answer = await strict.call(method, `${example.path}?${query}`.replace(/\?$/, ''), {
          headers: shown === undefined ? {} : bearer(shown),
          ...(example.body === null ? {} : { body: example.body }),
        })
        t.match(answer.json, { status: 404, code: 'unknown_operation' }, `${operation.id} ${shown === undefined ? 'unpaid' : 'with credits'}`)
      }
      t.equal((await callExample(strict, operation, owner)).status, 200, `${operation.id} by the owner`)
    }
    t.equal((await strict.call('GET', '/credits', { headers: bearer(key) })).json.balance, '1000.00')
  }
})

t.test('units that are left and prices are those of the next call, over the whole pool', async (t) => {
  const pool = [
    { name: 'nansen', monthly_quota: 10, reserved: 4, base_cost: '$0.05' },
    { name: 'nansen-2', adapter: 'nansen', monthly_quota: 2, reserved: 0, base_cost: '$0.04' },
  ]
  const rig = await open(t, pool)
  const { key } = await rig.key({ credits: '$10' })
  const cheapest = async (): Promise<Listed> => (await apiOf(rig, 'nansen')).operations.find(({ units }) => units === 1) as Listed
  const seen = []
  for (let left = 8; left >= 0; left -= 1) {
    const operation = await cheapest()
    const { units_left } = await apiOf(rig, 'nansen')
    const answer = await callExample(rig, operation, key)
    seen.push(`${units_left} left at $${operation.price}${operation.sold_out ? ' sold out' : ''}: ${answer.headers['x-atlas-price'] ?? answer.status}`)
  }
  t.same(seen, [
    ...['8 left at $0.12: $0.12', '7 left at $0.12: $0.12'],
    ...[6, 5, 4, 3, 2, 1].map((left) => `${left} left at $0.15: $0.15`),
    '0 left at $0.12 sold out: 503',
  ])
  await rig.office.marketplace.disable(['nansen', 'nansen-2'])
  t.match(await apiOf(rig, 'nansen'), { units_left: 0, operations: [{ sold_out: true }] })
})

t.test('the front page is a page for people and JSON for programs, and nothing in it is taken for HTML', async (t) => {
  const provider = await startProvider(t)
  const operations = [{ id: 'search', method: 'GET', path: '/search', resale: 'allowed', description: '<script>alert("1")</script> & more' }]
  const rig = await open(t, [customConnection(provider.url, { operations })], { upstream: UPSTREAM })
  for (const accept of ['text/html,application/xhtml+xml,*/*;q=0.8', '*/*', 'text/html, application/json']) {
    const { status, headers, text } = await rig.call('GET', '/', { headers: { accept } })
    t.equal(status, 200)
    t.match(headers, {
      'content-type': /^text\/html/,
      'content-security-policy': /default-src 'none'/,
      'x-content-type-options': 'nosniff',
      'x-request-id': /./,
    })
    t.match(text, /GET \/acme\/search.*&#60;script&#62;.*\$0\.02/s)
    t.notMatch(text, /<script/i)
  }
  const { headers, json } = await rig.call('GET', '/', { headers: { accept: 'application/json' } })
  t.equal(headers['content-type'], 'application/json')
  t.match(json, { apis: [{ name: 'acme', operations: [{ id: 'search', price: '0.02' }] }], how_to_pay: [/402/, /x402/, /Idempotency-Key/] })
})

t.test('health, balance and statement', async (t) => {
  const rig = await open(t, SUBSCRIPTIONS({}))
  t.same((await rig.call('GET', '/healthz')).json, { status: 'ok' })
  const { key } = await rig.key({ credits: '$5' })
  const statement = () => rig.call('GET', '/credits', { headers: bearer(key) })
  t.match((await statement()).json, { balance: '5.00', entries: [{ kind: 'credit', amount: '5.00', receipt: null }] })
  const operation = (await apiOf(rig, 'nansen')).operations.find(({ units }) => units === 1) as Listed
  const receipts: unknown[] = []
  for (let time = 0; time < 3; time += 1) receipts.unshift((await callExample(rig, operation, key)).headers['x-atlas-receipt'])
  const { headers, json } = await statement()
  t.equal(headers['cache-control'], 'no-store')
  t.equal(json.balance, '4.55')
  const entries = json.entries as { at: string; kind: string; amount: string; receipt: string }[]
  t.same(
    entries.map(({ kind, amount }) => `${kind} ${amount}`),
    ['charge -0.15', 'charge -0.15', 'charge -0.15', 'credit 5.00'],
  )
  t.same(
    entries
      .slice(0, 3)
      .map(({ receipt }) => receipt)
      .sort(),
    receipts.sort(),
  )
  t.ok(entries.every(({ at }) => new Date(at).toISOString() === at))
  t.match((await rig.call('PUT', '/credits')).headers, { allow: 'GET, POST' })
})
