/** What stays on which side: consumers and providers never see each other's credentials, accounts and traces. */

import t from 'tap'
import { bearer, openGateway, type Rig, sandbox, type Teardown } from '../rig/gateway.ts'
import { bytes, customConnection, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
  readonly owner: string
}

async function openShop(t: Teardown, connection: object = {}): Promise<Shop> {
  const provider = await startProvider(t)
  const operations = [
    { id: 'search', method: 'GET', path: '/search', resale: 'attribution', attribution: 'Data: Acme' },
    { id: 'write', method: 'POST', path: '/write', resale: 'allowed' },
  ]
  const rig = await openGateway(t, sandbox({ upstream: UPSTREAM, api_connections: [customConnection(provider.url, { operations, ...connection })] }))
  const [consumer, owner] = [(await rig.key({ credits: '$5' })).key, (await rig.key({ owner: 'operator' })).key]
  return { ...rig, provider, consumer, owner }
}

/** Everything that a consumer may have about him. */
const CHATTER = {
  cookie: 'session=mine',
  'payment-signature': 'bXkgcGF5bWVudA==',
  'x-payment': 'bXkgcGF5bWVudA==',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-host': 'mine.example',
  'x-forwarded-proto': 'https',
  'x-real-ip': '203.0.113.7',
  'true-client-ip': '203.0.113.7',
  'cf-connecting-ip': '203.0.113.7',
  forwarded: 'for=203.0.113.7',
  via: '1.1 mine.example',
  'proxy-authorization': 'Basic bWluZQ==',
  'proxy-connection': 'keep-alive',
  te: 'trailers',
  'x-http-method-override': 'DELETE',
  'x-method-override': 'DELETE',
  'x-original-url': '/admin',
  'x-key': 'mine',
  'x-secret': 'mine',
  'x-request-id': 'mine',
  traceparent: '00-mine-01',
  'accept-encoding': 'gzip, br',
  range: 'bytes=0-1',
  origin: 'https://mine.example',
  referer: 'https://mine.example/secret',
  'user-agent': 'mine/1',
  'idempotency-key': 'mine',
  'x-atlas-max-price': '$9',
}
/** And what a provider may hear of it. */
const PASSED = { accept: 'application/json', 'accept-language': 'de', 'if-none-match': '"1"', 'if-modified-since': 'Mon, 23 Nov 2026 00:00:00 GMT' }

const namesOf = (raw: readonly string[]): string[] => raw.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())

t.test('a provider gets the few fields that concern it and its credential, nothing else of the consumer', async (t) => {
  const shop = await openShop(t)
  const mine = Object.keys(CHATTER).filter((name) => !/^(payment-signature|x-payment)$/.test(name))
  const chatter = Object.fromEntries(Object.entries(CHATTER).filter(([name]) => mine.includes(name)))
  const sent = [
    // An owner's key ignores payments, so that they can be there.
    await shop.call('GET', '/acme/search?q=1', { headers: { ...CHATTER, ...PASSED, ...bearer(shop.owner) } }),
    await shop.call('GET', '/acme/search?q=1', { headers: { ...chatter, ...PASSED, 'x-api-key': shop.consumer } }),
    await shop.call('POST', '/acme/write', { headers: { ...chatter, ...PASSED, ...bearer(shop.consumer), 'idempotency-key': 'other' }, body: { text: 'a' } }),
  ]
  t.same(
    sent.map(({ status }) => status),
    [200, 200, 200],
  )
  for (const { method, rawHeaders, headers } of shop.provider.seen) {
    const body = method === 'POST' ? ['content-type', 'content-length'] : []
    const own = ['host', 'connection', 'accept-encoding', 'user-agent', 'x-key']
    t.same(namesOf(rawHeaders).sort(), [...own, ...body, ...Object.keys(PASSED)].sort(), method)
    t.match(headers, {
      ...PASSED,
      'x-key': 'secret-of-acme',
      'accept-encoding': 'identity',
      'user-agent': 'atlas-gateway',
      host: new URL(shop.provider.url).host,
    })
    t.notMatch(rawHeaders.join('\n'), /mine|atlas_|203\.0\.113\.7/)
  }
})

for (const [place, credential, secret, expected] of [
  ['header', { in: 'header', name: 'X-Token' }, 's3cret', { url: '/v1/search?q=1', 'x-token': 's3cret' }],
  ['bearer', { in: 'bearer' }, 's3cret', { url: '/v1/search?q=1', authorization: 'Bearer s3cret' }],
  ['basic', { in: 'basic' }, 'user:päss', { url: '/v1/search?q=1', authorization: `Basic ${Buffer.from('user:päss').toString('base64')}` }],
  ['query', { in: 'query', name: 'api key' }, 'a&b=c', { url: '/v1/search?q=1&api%20key=a%26b%3Dc' }],
  ['path', { in: 'path' }, 'a/b', { url: '/v1/a%2Fb/search?q=1' }],
  ['none', { in: 'none' }, undefined, { url: '/v1/search?q=1' }],
] as const)
  t.test(`a credential goes to its place (${place}) and to no other`, async (t) => {
    const shop = await openShop(t, { credential: place === 'query' ? { in: 'query', name: 'api_key' } : credential, api_key: secret })
    t.equal((await shop.call('GET', '/acme/search?q=1', { headers: bearer(shop.consumer) })).status, 200)
    const { url, ...fields } = expected as { url: string } & Record<string, string>
    const [seen] = shop.provider.seen
    t.equal(seen?.url, url.replace('api%20key', 'api_key'))
    t.same(namesOf(seen?.rawHeaders ?? []).sort(), ['host', 'connection', 'accept-encoding', 'user-agent', ...Object.keys(fields)].sort())
    t.match(seen?.headers, fields)
  })

t.test('a consumer can put nothing in the place of the credential', async (t) => {
  const shop = await openShop(t, { credential: { in: 'query', name: 'api_key' } })
  for (const query of ['api_key=mine', 'q=1&api_key=', 'API_KEY=mine', 'api%5Fkey=mine']) {
    const answer = await shop.call('GET', `/acme/search?${query}`, { headers: bearer(shop.consumer) })
    t.match(answer.json, { status: 400, code: 'bad_request' }, query)
  }
  t.equal(shop.provider.seen.length, 0)
})

/** What a provider tells of itself, of the owner's account and of this one exchange. */
const TOLD = [
  ...['Set-Cookie', 'sid=1; HttpOnly', 'Set-Cookie', 'b=2', 'Server', 'theirs', 'Via', '1.1 theirs', 'X-Powered-By', 'theirs', 'Alt-Svc', 'h3=":443"'],
  ...['X-RateLimit-Limit', '300', 'X-RateLimit-Remaining', '17', 'RateLimit', '"theirs";r=1', 'RateLimit-Policy', '"theirs";q=1', 'Retry-After', '9'],
  ...['X-Nansen-Credits-Remaining', '17', 'X-Credits-Used', '3', 'X-Quota-Left', '17', 'X-Usage', '3', 'X-Monthly-Remaining', '17', 'X-Account-Balance', '3'],
  ...[
    'X-Request-Id',
    'theirs',
    'Request-Id',
    'theirs',
    'X-Amzn-RequestId',
    'theirs',
    'CF-Ray',
    'theirs',
    'X-Trace-Id',
    'theirs',
    'traceparent',
    '00-theirs-01',
  ],
  ...['PAYMENT-REQUIRED', 'theirs', 'PAYMENT-RESPONSE', 'theirs', 'X-PAYMENT-RESPONSE', 'theirs', 'X-Atlas-Price', '$0.00', 'X-Atlas-Receipt', 'theirs'],
  ...['X-Atlas-Replayed', 'true', 'X-Atlas-Attribution', 'theirs', 'Access-Control-Allow-Origin', '*', 'Strict-Transport-Security', 'max-age=1', 'Age', '3'],
  ...['Connection', 'X-Hop, keep-alive', 'X-Hop', 'theirs', 'Keep-Alive', 'timeout=99', 'Location', 'https://theirs.example', 'Link', '<x>'],
  ...['Cache-Control', 'public, max-age=3600', 'WWW-Authenticate', 'Bearer realm="theirs"', 'X-Cache', 'HIT from theirs', 'Server-Timing', 'db;dur=1'],
]
const KEPT = ['ETag', '"2"', 'Content-Language', 'en', 'X-Data-Version', '7', 'Last-Modified', 'Mon, 23 Nov 2026 00:00:00 GMT']

t.test('a consumer gets the answer and what the gateway says of it, nothing of the provider’s own', async (t) => {
  const shop = await openShop(t)
  const ask = () => shop.call('GET', '/acme/search', { headers: { ...bearer(shop.consumer), 'idempotency-key': 'one' } })
  shop.provider.always(reply(200, { ok: true }, [...TOLD, ...KEPT]))
  const own = ['content-type', 'content-length', 'date', 'connection', 'keep-alive', 'cache-control', 'x-request-id', 'ratelimit', 'ratelimit-policy']
  const charged = ['x-atlas-price', 'x-atlas-units', 'x-atlas-receipt', 'x-atlas-attribution']
  for (const [time, more] of [['first', []] as const, ['again', ['x-atlas-replayed']] as const]) {
    const { status, headers } = await ask()
    t.equal(status, 200)
    const kept = namesOf(KEPT)
    const expected = [...own.filter((name) => time === 'first' || !name.startsWith('ratelimit')), ...charged, ...kept, ...more]
    t.same(Object.keys(headers).sort(), expected.sort(), time)
    t.match(headers, { etag: '"2"', 'cache-control': 'private', 'x-atlas-price': '$0.02', 'x-atlas-attribution': 'Data: Acme' })
    t.notMatch(JSON.stringify(headers), /theirs|sid=|=99/)
  }
  t.equal(shop.provider.seen.length, 1)
})

t.test('fields that are not ASCII pass byte by byte and bring nothing down', async (t) => {
  const shop = await openShop(t)
  const field = 'caf\xe9 \xe2\x9c\x93 \xff'
  shop.provider.always(bytes(`HTTP/1.1 200 OK\r\nX-Name: ${field}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`))
  for (const time of ['first', 'again']) {
    const answer = await shop.call('GET', '/acme/search', { headers: { ...bearer(shop.consumer), 'idempotency-key': 'one' } })
    t.equal(answer.text, 'ok', time)
    t.equal(Buffer.from(answer.headers['x-name'] ?? '', 'utf8').toString('hex'), Buffer.from(field, 'utf8').toString('hex'), time)
  }
  t.match((await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json, { balance: '4.98' })
})
