/** What passes: a good request reaches the provider as it was meant, its answer comes back as it was given, and the charge fits both. */

import t from 'tap'
import { type Answer, bearer, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown } from '../rig/gateway.ts'
import { bytes, customConnection, type Provider, type Reply, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

const OPERATIONS = [
  { id: 'item', method: 'GET', path: '/item/:id', query: ['q', 'tag'] },
  { id: 'pair', method: 'POST', path: '/pair/:left/and/:right', units: 3 },
  { id: 'fixed', method: 'GET', path: '/item/fixed' },
  { id: 'dear', method: 'GET', path: '/dear', units: 7 },
  { id: 'free', method: 'GET', path: '/free', units: 0 },
  { id: 'anything', method: 'ANY', path: '/any/**' },
].map((operation) => ({ resale: 'allowed', ...operation }))

async function openShop(t: Teardown, connection: object = {}): Promise<Shop> {
  const provider = await startProvider(t)
  const api_connections = [customConnection(provider.url, { operations: OPERATIONS, reserved: 0, prices: { dear: '$0.40' }, ...connection })]
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections, plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] }))
  return { ...rig, provider, consumer: (await rig.key({ credits: '$5' })).key }
}

const ask = (shop: Shop, path: string, method = 'GET', body?: object | string): Promise<Answer> =>
  shop.call(method, path, { headers: bearer(shop.consumer), ...(body === undefined ? {} : { body }) })
const charged = ({ status, headers }: Answer): string => `${status} ${headers['x-atlas-price']} ${headers['x-atlas-units']}`
const balance = async (shop: Shop): Promise<unknown> => (await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json.balance

t.test('a target is written in one way, whatever way it came, and means the same', async (t) => {
  const shop = await openShop(t)
  const targets = {
    '/acme/item/a': '/v1/item/a',
    '/acme/item/%61': '/v1/item/a',
    '/acme/%69tem/a': '/v1/item/a',
    '/acme/item/a%20b': '/v1/item/a%20b',
    '/acme/item/a+b': '/v1/item/a+b',
    '/acme/item/%C3%A9': '/v1/item/%C3%A9',
    '/acme/item/a%3Fb%23c': '/v1/item/a%3Fb%23c',
    '/acme/item/a:b@c;d=e,f': '/v1/item/a:b@c;d=e,f',
    '/acme/item/...': '/v1/item/...',
    '/acme/item/a?q=a+b': '/v1/item/a?q=a%20b',
    '/acme/item/a?q=a%26b%3Dc%2Bd': '/v1/item/a?q=a%26b%3Dc%2Bd',
    '/acme/item/a?tag=1&q=x&tag=2': '/v1/item/a?tag=1&tag=2&q=x',
    '/acme/item/a?q': '/v1/item/a?q=',
    '/acme/item/a?q=%C3%A9': '/v1/item/a?q=%C3%A9',
    '/acme/any/x/y/z?w=1&v=..%2F..': '/v1/any/x/y/z?w=1&v=..%2F..',
    '/acme/any': '/v1/any',
  }
  for (const target of Object.keys(targets)) t.equal((await ask(shop, target)).status, 200, target)
  t.same(
    shop.provider.seen.map(({ url }) => url),
    Object.values(targets),
  )
})

t.test('ANY is every method but TRACE and CONNECT, with its body', async (t) => {
  const shop = await openShop(t)
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    t.equal((await ask(shop, '/acme/any/x', method, `body of ${method}`)).status, 200, method)
  shop.provider.next((response) => response.writeHead(200, { 'content-length': 1234, etag: '"1"' }).end())
  t.match(await ask(shop, '/acme/any/x', 'HEAD'), { status: 200, text: '', headers: { etag: '"1"' } })
  t.same(
    shop.provider.seen.map(({ method, body }) => `${method} ${body}`),
    [...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => `${method} body of ${method}`), 'HEAD '],
  )
  t.equal((await ask(shop, '/acme/any/x', 'TRACE')).status, 405)
})

t.test('a call is charged by its operation: units, a price of its own, or nothing', async (t) => {
  const shop = await openShop(t)
  t.equal(charged(await ask(shop, '/acme/item/a')), '200 $0.02 1')
  t.equal(charged(await ask(shop, '/acme/pair/a/and/b', 'POST', {})), '200 $0.06 3')
  t.equal(charged(await ask(shop, '/acme/dear')), '200 $0.40 7', 'of its own')
  t.equal(charged(await ask(shop, '/acme/free')), '200 $0.00 0')
  t.equal(await balance(shop), '4.52')
  t.match((await shop.office.marketplace.status()).connections[0], { sold_units: 11, units_left: 989, revenue: '0.48' })
})

t.test('an operation that needs more units than are left is sold out, one that needs fewer is not', async (t) => {
  const shop = await openShop(t, { monthly_quota: 10, reserved: 1 })
  t.equal((await ask(shop, '/acme/pair/a/and/b', 'POST', {})).status, 200)
  t.match((await ask(shop, '/acme/dear')).json, { code: 'sold_out' })
  t.equal((await ask(shop, '/acme/pair/a/and/b', 'POST', {})).status, 200)
  t.equal((await ask(shop, '/acme/pair/a/and/b', 'POST', {})).status, 200)
  t.match((await ask(shop, '/acme/item/a')).json, { code: 'sold_out' })
  t.equal((await ask(shop, '/acme/free')).status, 200, 'what needs none is never sold out')
})

t.test('where the rows of the answer decide, the most is held and the actual is paid', async (t) => {
  const rig = await openGateway(
    t,
    sandbox({ api_connections: [{ name: 'arkham', monthly_quota: 10_000, reserved: 0, base_cost: '$0.01', markup: '2x', resale_terms: 'confirmed' }] }),
  )
  const { key } = await rig.key({ credits: '$0.25' })
  const rows = (limit: number): Promise<Answer> => rig.call('GET', `/arkham/transfers?base=binance&limit=${limit}`, { headers: bearer(key) })
  t.match((await rows(10)).json, { code: 'insufficient_credits', detail: /\$0\.40/ }, 'ten rows of two credits may come')
  t.equal(charged(await rows(5)), '200 $0.04 2', 'one came')
  t.match((await rig.call('GET', '/credits', { headers: bearer(key) })).json, { balance: '0.21' })
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: 2, units_left: 9998 })
})

t.test('an answer comes back byte by byte, however the provider frames it', async (t) => {
  const shop = await openShop(t)
  const binary = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  const answers: readonly [what: string, how: Reply, text: string][] = [
    ['with a length', reply(200, { a: 1 }), '{"a":1}'],
    ['in chunks', (response) => void [response.write('{"a"'), response.end(':1}')], '{"a":1}'],
    ['to the end of the connection', bytes('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end'), 'to the end'],
    ['after a word in between', (response) => void [response.writeEarlyHints({ link: '</x>; rel=preload' }), response.end('then')], 'then'],
    ['binary', reply(200, binary), binary.toString('utf8')],
    ['nothing', (response) => void response.writeHead(204).end(), ''],
    ['empty', reply(200, ''), ''],
    ['created', reply(201, { made: true }), '{"made":true}'],
  ]
  for (const [what, how, text] of answers) {
    shop.provider.next(how)
    const answer = await ask(shop, '/acme/item/a')
    t.equal(answer.text, text, what)
    t.match(answer.headers, { 'x-atlas-price': '$0.02', 'x-request-id': /./ }, what)
    t.notOk(answer.headers.link, what)
  }
  t.equal(await balance(shop), (5 - 0.02 * answers.length).toFixed(2))
})

t.test('a provider that closes after each answer is called again', async (t) => {
  const shop = await openShop(t)
  shop.provider.always(reply(200, {}, ['connection', 'close']))
  for (let time = 0; time < 20; time += 1) t.equal((await ask(shop, '/acme/item/a')).status, 200)
  t.equal(shop.provider.seen.length, 20)
})

t.test('a connection whose credential is not there is not called', async (t) => {
  const { api_key, ...rest } = customConnection('http://127.0.0.1:9', {}) as { api_key: string }
  t.ok(api_key)
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections: [rest] }))
  const { key } = await rig.key({ credits: '$5' })
  t.match((await rig.call('GET', '/acme/search', { headers: bearer(key) })).json, { status: 502, code: 'upstream_error' })
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: 0, wasted_units: 0 })
})
