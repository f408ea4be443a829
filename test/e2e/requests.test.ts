/** Requests that are wrong, byte by byte over raw sockets: refused with the contract's code, never sent on, the connection as good as before. */

import t, { type Test } from 'tap'
import { bearer, openGateway, OPEN_RATE, sandbox } from '../rig/gateway.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'
import { type RawAnswer, raw, rawConnection } from '../rig/raw.ts'

const provider = await startProvider(t)
const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search', query: { q: { type: 'string' }, limit: { type: 'integer', maximum: 100 }, tag: { type: 'array' } } },
  { id: 'find', method: 'GET', path: '/find', query: ['q'], required: ['q'] },
  { id: 'item', method: 'GET', path: '/item/:id' },
  { id: 'write', method: 'POST', path: '/write', body: { text: { type: 'string', maxLength: 9 }, more: { type: 'object' } }, required: ['text'] },
  { id: 'remove', method: 'DELETE', path: '/write', body: {} },
]
const rig = await openGateway(
  t,
  sandbox({
    upstream: UPSTREAM,
    limits: { body: '64KiB' },
    api_connections: [customConnection(provider.url, { operations: OPERATIONS.map((operation) => ({ resale: 'allowed', ...operation })) })],
    plugins: [
      'auth',
      'abuse-detect',
      OPEN_RATE,
      'markup-billing',
      { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } },
      'quota-reserve',
    ],
  }),
)
const { key } = await rig.key({ credits: '$5' })
const host = new URL(rig.publicUrl).host

const head = (line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${key}`, ...fields, '', ''].join('\r\n')
const get = (target: string, ...fields: readonly string[]): string => head(`GET ${target}`, ...fields)
const post = (body: string, ...fields: readonly string[]): string =>
  `${head('POST /acme/write', ...fields, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body, 'latin1')}`)}${body}`

interface Wrong {
  readonly what: string
  readonly sent: string
  /** 400 and bad_request, unless it says otherwise. */
  readonly is?: string
  readonly allow?: string
}

const paths: readonly Wrong[] = [
  ...['/acme/../acme/search', '/acme/./search', '/acme/..', '/acme/%2e%2e/search', '/acme/%2E./search', '/acme/item/%2e', '/acme/item/..'],
  ...['/acme/item/a%2fb', '/acme/item%2Fa', '/acme/item/%252e%252e', '/acme/item/%2525', '/acme/item/a\\b', '/acme/item/a%5cb', '/acme\\search'],
  ...['//acme/search', '/acme//search', '/acme/search/', '//', '/acme/item/', '/acme/item/a%00b', '/acme/item/a%0d%0ab', '/acme/item/%7f'],
  ...['/acme/item/%ff', '/acme/item/%c3', '/acme/item/%', '/acme/item/%zz', '/acme/item/%u0041'],
  ...['/acme/search#part', '/acme/search?q=1#part', '*'],
  ...['/acme/search?q=%', '/acme/search?q=%ff', '/acme/search?q=%00', '/acme/search?q=1&&q=2'],
].map((target) => ({ what: `GET ${JSON.stringify(target)}`, sent: get(target) }))

const members: readonly Wrong[] = [
  ...['/acme/search?other=1', '/acme/search?Q=1', '/acme/search?=1', '/acme/search?__proto__=1', '/acme/search?constructor=1'],
  ...['/acme/search?q=1&q=2', '/acme/search?limit=x', '/acme/search?limit=1e1', '/acme/search?limit=0x1', '/acme/search?limit=01', '/acme/search?limit=101'],
  ...['/acme/search?limit=', '/acme/find', `/acme/search?${Array(101).fill('tag=1').join('&')}`],
].map((target) => ({ what: `GET ${target.slice(0, 60)}`, sent: get(target) }))

const bodies: readonly Wrong[] = [
  ...[
    '{"text":"a","other":1}',
    '{"text":1}',
    '{"text":"longer than nine"}',
    '{}',
    '',
    '[]',
    'null',
    '"text"',
    '{"text":"a"',
    '{text:"a"}',
    '\xff\xfe',
    '{"text":"a"}x',
  ],
  ...['{"text":"a","text":"b"}', '{"text":"a","t\\u0065xt":"b"}', '{"text":"a","more":{"x":1,"x":2}}', '{"text":"a","premium_labels":true}', '{"__proto__":1}'],
  ...[`{"text":"a","more":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`],
].map((body) => ({ what: `POST ${JSON.stringify(body.slice(0, 60))}`, sent: post(body) }))

const fields: readonly Wrong[] = [
  { what: 'a body that is text', sent: post('{"text":"a"}').replace('application/json', 'text/plain') },
  { what: 'a body that is packed', sent: post('{"text":"a"}', 'Content-Encoding: gzip') },
  { what: 'a body where none is taken', sent: `${head('DELETE /acme/write', 'Content-Length: 7')}{"a":1}` },
  { what: 'a limit that is no amount', sent: get('/acme/search', 'X-Atlas-Max-Price: cheap') },
  { what: 'two limits', sent: get('/acme/search', 'X-Atlas-Max-Price: 1', 'X-Atlas-Max-Price: 2') },
  { what: 'an empty Idempotency-Key', sent: get('/acme/search', 'Idempotency-Key:') },
  { what: 'an Idempotency-Key of 256 characters', sent: get('/acme/search', `Idempotency-Key: ${'k'.repeat(256)}`) },
  { what: 'an Idempotency-Key beyond ASCII', sent: get('/acme/search', 'Idempotency-Key: caf\xe9') },
  { what: 'a payment that is none', sent: get('/acme/search', 'PAYMENT-SIGNATURE: e30=') },
  { what: 'a payment of version 1 that is none', sent: get('/acme/search', 'X-PAYMENT: %%%') },
  { what: 'another method', sent: head('POST /acme/search', 'Content-Length: 0'), is: '405 method_not_allowed', allow: 'GET' },
  { what: 'a method that two operations do not have', sent: get('/acme/write'), is: '405 method_not_allowed', allow: 'POST, DELETE' },
  { what: 'OPTIONS', sent: head('OPTIONS /acme/search'), is: '405 method_not_allowed', allow: 'GET' },
  { what: 'TRACE', sent: head('TRACE /acme/search'), is: '405 method_not_allowed', allow: 'GET' },
  { what: 'a method of WebDAV', sent: head('PROPFIND /acme/search'), is: '405 method_not_allowed', allow: 'GET' },
  { what: 'another method on a page', sent: `${head('POST /catalog', 'Content-Length: 2')}{}`, is: '405 method_not_allowed', allow: 'GET' },
  { what: 'an unknown route', sent: get('/nothing/search'), is: '404 unknown_route' },
  { what: 'an unknown page', sent: get('/services.json'), is: '404 unknown_route' },
  { what: 'an unknown operation', sent: get('/acme/nothing'), is: '404 unknown_operation' },
  { what: 'no operation', sent: get('/acme'), is: '404 unknown_operation' },
  { what: 'an unknown operation with a body', sent: post('{"text":"a"}').replace('/acme/write', '/acme/nothing'), is: '404 unknown_operation' },
  { what: 'a bad key', sent: get('/acme/search').replace(key, 'atlas_bad'), is: '401 unauthenticated' },
  { what: 'a key in another scheme', sent: get('/acme/search').replace('Bearer', 'Basic'), is: '401 unauthenticated' },
  { what: 'two keys', sent: get('/acme/search', 'X-API-Key: atlas_other'), is: '401 unauthenticated' },
  { what: 'more than 100 fields', sent: get('/acme/search', ...Array.from({ length: 99 }, (_, at) => `X-${at}: 1`)), is: '431 headers_too_large' },
]

/** What the parser refuses, and what leaves open where it would lead: the connection ends. */
const broken: readonly Wrong[] = [
  { what: 'no Host', sent: get('/acme/search').replace(`Host: ${host}\r\n`, '') },
  { what: 'a URL of another host', sent: get('https://elsewhere.example/acme/search') },
  { what: 'a header section over 16 KiB', sent: get('/acme/search', `X: ${'x'.repeat(17 * 1024)}`), is: '431 headers_too_large' },
  { what: 'a target over 16 KiB', sent: get(`/acme/search?q=${'x'.repeat(17 * 1024)}`), is: '431 headers_too_large' },
  { what: 'NUL in the target', sent: get('/acme/item/a\0b') },
  { what: 'bytes beyond ASCII in the path', sent: get('/acme/item/\xc3\xa9') },
  { what: 'bytes beyond ASCII in the query', sent: get('/acme/search?q=\xff') },
  { what: 'a target that begins nowhere', sent: get('acme/search') },
  { what: 'NUL in a field', sent: get('/acme/search', 'X: a\0b') },
  { what: 'a bare CR in a field', sent: get('/acme/search', 'X: a\rb') },
  { what: 'a space before the colon', sent: get('/acme/search', 'X : a') },
  { what: 'a folded field', sent: get('/acme/search', 'X: a', ' b') },
  { what: 'length and chunks at once', sent: `${head('POST /acme/write', 'Content-Length: 3', 'Transfer-Encoding: chunked')}0\r\n\r\n` },
  { what: 'two lengths', sent: `${head('POST /acme/write', 'Content-Length: 2', 'Content-Length: 3')}{}` },
  { what: 'a length that is none', sent: `${head('POST /acme/write', 'Content-Length: +2')}{}` },
  { what: 'chunks twice', sent: `${head('POST /acme/write', 'Transfer-Encoding: chunked, chunked')}0\r\n\r\n` },
  { what: 'a chunk that is none', sent: `${head('POST /acme/write', 'Transfer-Encoding: chunked')}zz\r\n` },
  { what: 'another version', sent: get('/acme/search').replace('HTTP/1.1', 'HTTP/3.7') },
  { what: 'a method that is none', sent: get('/acme/search').replace('GET', 'G T') },
  { what: 'TLS', sent: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' },
]

function check(t: Test, answer: RawAnswer, { what, is = '400 bad_request', allow }: Wrong): void {
  const { status, headers, json } = answer
  t.equal(`${status} ${json.code}`, is, what)
  t.match(json, { type: String, title: String, status, detail: String, code: String, request_id: headers['x-request-id'] }, `${what}: a whole problem`)
  t.match(headers, { 'content-type': 'application/problem+json', 'x-request-id': /./, 'x-content-type-options': 'nosniff' }, `${what}: its fields`)
  t.equal(headers.allow, allow, `${what}: Allow`)
  t.notMatch(answer.text, /\n {4}at |node:|\.[jt]s:|\/dist\/|atlas_/, `${what}: nothing of the inside`)
}

t.test('a wrong request is refused with its code, and the connection goes on', async (t) => {
  const connection = await rawConnection(rig.publicUrl)
  for (const wrong of [...paths, ...members, ...bodies, ...fields]) {
    connection.send(wrong.sent)
    check(t, await connection.answer(), wrong)
    connection.send(get('/healthz'))
    t.equal((await connection.answer()).text, '{"status":"ok"}', `${wrong.what}: the next request is answered`)
  }
  connection.send(get('/acme/search?q=1'))
  t.equal((await connection.answer()).status, 200)
  connection.socket.destroy()
})

t.test('what is no HTTP is refused with its code, and the connection ends', async (t) => {
  for (const wrong of broken) {
    const connection = await rawConnection(rig.publicUrl)
    connection.send(wrong.sent)
    const answer = await connection.answer()
    check(t, answer, wrong)
    t.equal(answer.headers.connection, 'close', wrong.what)
    t.equal(await connection.closed(), '', `${wrong.what}: nothing follows`)
  }
})

t.test('of everything that was wrong nothing reached the provider, and nothing was charged', async (t) => {
  t.same(
    provider.seen.map(({ url }) => url),
    ['/v1/search?q=1'],
  )
  t.match((await rig.call('GET', '/credits', { headers: bearer(key) })).json, { balance: '4.98' })
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: 1, wasted_units: 0, units_left: 799 })
  t.equal((await raw(rig.publicUrl, get('/healthz', 'Connection: close'))).status, 200)
})
