/** What a request asks for: by default nothing. What no operation names is refused, and what it names is checked. */

import t from 'tap'
import { isRefusal, type Operation, type OperationRequest, type Refusal } from '../../gateway/contract/index.ts'
import { Catalogue } from '../../gateway/engine/catalogue.ts'
import { resolveBody, resolveTarget, type Target } from '../../gateway/engine/resolve.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Asked, incomingOf, openInside } from '../rig/inside.ts'

const operations: readonly Operation[] = [
  operationOf('plain', { query: ['q', 'limit'] }),
  operationOf('none', { query: undefined as never }),
  operationOf('typed', {
    query: {
      limit: { type: 'integer', minimum: 1, maximum: 50 },
      share: { type: 'number' },
      deep: { type: 'boolean' },
      ids: { type: 'array' },
      kind: { enum: ['a', 'b'] },
    },
    units: ({ query }) => Number(query.limit ?? 1),
  }),
  operationOf('needs', { query: { a: {}, b: {}, c: {} }, required: ['a'], requiredAny: ['b', 'c'] }),
  operationOf('names', { query: ['deep'], units: ({ query }) => (query.deep === '1' ? 5 : 1) }),
  operationOf('anything', { query: 'any', units: ({ query }) => Number(query.n ?? 1) }),
  operationOf('address', { path: '/address/:address/of/:chain', query: [] }),
  operationOf('fixed', { path: '/address/all/of/:chain', query: [] }),
  operationOf('below', { path: '/files/**', method: 'ANY', body: 'any' }),
  operationOf('write', {
    method: 'POST',
    path: '/write',
    query: [],
    body: { text: { type: 'string' }, n: { type: 'integer' } },
    required: ['text'],
    requiredAny: [],
  }),
  operationOf('put', { method: 'PUT', path: '/write', query: [] }),
]

const { generation } = await openInside(t, { adapter: adapterOf(operations) })
const target = (path: string, asked: Asked = {}): Target | Refusal => resolveTarget(generation, incomingOf('id', path, asked))
const code = (answer: unknown): string => (isRefusal(answer) ? `${answer.code}: ${answer.detail}` : 'ok')

const found = (path: string, asked: Asked = {}): Target => {
  const answer = target(path, asked)
  if (isRefusal(answer)) throw new Error(`${path}: ${answer.detail}`)
  return answer
}

function request(path: string, asked: Asked): OperationRequest | Refusal {
  const answer = target(path, asked)
  return isRefusal(answer) ? answer : resolveBody(answer, incomingOf('id', path, asked), Buffer.from(asked.body ?? ''))
}

t.test('what no operation names is not there', async (t) => {
  const cases: readonly [string, string, RegExp][] = [
    ['GET', '/other/plain', /^unknown_route/],
    ['GET', '/', /^unknown_route/],
    ['GET', '/acme', /^unknown_operation/],
    ['GET', '/acme/plainer', /^unknown_operation/],
    ['GET', '/acme/plain/more', /^unknown_operation/],
    ['GET', '/acme/address/0x1/of', /^unknown_operation/],
    ['POST', '/acme/plain', /^method_not_allowed/],
    ['HEAD', '/acme/plain', /^method_not_allowed/],
    ['OPTIONS', '/acme/plain', /^method_not_allowed/],
    ['TRACE', '/acme/files/a', /^method_not_allowed/],
    ['GET', '/acme/plain/', /^bad_request/],
    ['GET', '/acme/files/%2e%2e/secret', /^bad_request/],
    ['GET', '/acme/files/..;/secret', /^bad_request/],
    ['GET', '/acme/files/a%2fb', /^bad_request/],
    ['GET', '/ACME/plain', /^unknown_route/],
    ['GET', '/acme/PLAIN', /^unknown_operation/],
    ['GET', '/acme/__proto__', /^unknown_operation/],
    ['GET', '/__proto__/plain', /^unknown_route/],
  ]
  for (const [method, path, expected] of cases) t.match(code(target(path, { method })), expected, `${method} ${path}`)
  t.match(target('/acme/write'), { headers: { allow: 'POST, PUT' } }, 'Allow names what there is')
  t.match(target('/acme/files/a', { method: 'TRACE' }), { headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' } }, 'and ANY is no method')
})

t.test('however a path is written, it is the same operation, and the provider gets it in one way', async (t) => {
  for (const path of ['/acme/plain', '/acme/%70lain', '/%61cme/plain']) {
    t.match(found(path), { entry: { operation: { id: 'plain' } }, upstreamPath: '/plain', target: '/acme/plain' }, path)
  }
  const address = found('/acme/address/a%20b/of/x?')
  t.strictSame({ ...address.params }, { address: 'a b', chain: 'x' })
  t.equal(address.upstreamPath, '/address/a%20b/of/x')
  t.equal(found('/acme/files/a/b%20c', { method: 'DELETE' }).upstreamPath, '/files/a/b%20c')
  t.equal(found('/acme/address/all/of/x').entry.operation.id, 'address', 'the first that is listed decides')
})

t.test('a query member that is not listed, or not as listed, is refused; what passes means one thing', async (t) => {
  const wrong = [
    ...[
      '/acme/plain?x=1',
      '/acme/plain?q=1&__proto__=2',
      '/acme/none?q=1',
      '/acme/typed?limit=0',
      '/acme/typed?limit=51',
      '/acme/typed?limit=',
      '/acme/typed?limit=1e1',
    ],
    ...[
      '/acme/typed?limit=0x10',
      '/acme/typed?limit=+5',
      '/acme/typed?limit=05',
      '/acme/typed?limit=5.0',
      '/acme/typed?limit=%205',
      '/acme/typed?limit=5&limit=50',
    ],
    ...[
      '/acme/typed?share=.5',
      '/acme/typed?share=1e3',
      '/acme/typed?share=Infinity',
      '/acme/typed?deep=1',
      '/acme/typed?deep=True',
      '/acme/typed?kind=c',
      '/acme/typed?kind=a&kind=b',
    ],
    ...['/acme/needs?b=1', '/acme/needs?a=1', '/acme/plain?q&'],
    ...['/acme/names?deep=1&deep=0', '/acme/anything?n=1&n=50'],
  ]
  for (const path of wrong) t.match(code(target(path)), /^bad_request/, path)
  const right = [
    ...[
      '/acme/plain?q=1&limit=x',
      '/acme/plain?q=1&q=2',
      '/acme/plain?q',
      '/acme/plain?',
      '/acme/typed?limit=50&share=0.5&deep=true&kind=a',
      '/acme/typed?ids=1&ids=2',
    ],
    ...['/acme/typed?share=-0.25', '/acme/needs?a=1&c=2', '/acme/names?deep=1', '/acme/anything?n=5&x=1'],
  ]
  for (const path of right) t.equal(code(target(path)), 'ok', path)
  t.equal(found('/acme/plain?q=a+b&limit=%31').upstreamQuery, '?q=a%20b&limit=1')
  t.match(code(target('/acme/typed?kind=c')), /"kind".*: a, b/, 'the complaint says what there is')
})

t.test('a body that the operation does not list is refused; an empty one is no member', async (t) => {
  const post = (body: string | Buffer, headers: Record<string, string> = {}): Asked => ({ method: 'POST', body, headers })
  const wrong: readonly [string, Asked][] = [
    ['/acme/plain', { body: '{}' }],
    ['/acme/write', post('')],
    ['/acme/write', post('{}')],
    ['/acme/write', post('{"text":1}')],
    ['/acme/write', post('{"text":"a","more":1}')],
    ['/acme/write', post('{"text":"a","__proto__":1}')],
    ['/acme/write', post('{"text":"a","n":1.5}')],
    ['/acme/write', post('{"text":"a","text":"a"}')],
    ['/acme/write', post('["text"]')],
    ['/acme/write', post('{"text":"a"}', { 'content-type': 'application/x-www-form-urlencoded' })],
    ['/acme/write', post('{"text":"a"}', { 'content-type': 'text/json' })],
    ['/acme/write', post('{"text":"a"}', { 'content-encoding': 'br' })],
    ['/acme/write', { method: 'PUT', body: '{}' }],
  ]
  for (const [path, asked] of wrong) t.match(code(request(path, asked)), /^bad_request/, `${path} ${asked.body}`)
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/vnd.acme+json', 'Application/JSON']) {
    t.match(request('/acme/write', post('{"text":"a","n":2}', { 'content-type': type })), { body: { text: 'a', n: 2 } }, type)
  }
  t.equal(code(request('/acme/write', post('{"text":"a"}', { 'content-encoding': 'identity' }))), 'ok')
  t.equal(code(request('/acme/files/a', { method: 'PUT', body: Buffer.from([0xff, 0x00]) })), 'ok', 'where any body is taken, it is not looked at')
})

t.test('what a price may be read from is what the provider gets', async (t) => {
  const read = request('/acme/typed?limit=5&ids=1&ids=2', {})
  if (isRefusal(read)) throw new Error(read.detail)
  t.strictSame({ ...read.query }, { limit: '5', ids: '2' })
  t.strictSame(
    [...read.queryAll],
    [
      ['limit', ['5']],
      ['ids', ['1', '2']],
    ],
  )
  t.equal(Object.getPrototypeOf(read.query), null, 'no name means anything by itself')
})

t.test('a limit of price and a name of the call are read, or refused', async (t) => {
  const headers = (name: string, value: string): Asked => ({ headers: { [name]: value } })
  t.equal(found('/acme/plain', headers('x-atlas-max-price', ' $0.20 ')).maxPrice, 200_000n)
  t.equal(found('/acme/plain', headers('x-atlas-max-price', '0')).maxPrice, 0n)
  t.equal(found('/acme/plain').maxPrice, undefined)
  for (const wrong of ['', 'free', '-1', '$-1', '$0.0000001', '1e3', '0,20', '$0.20, $0.30']) {
    t.match(code(target('/acme/plain', headers('x-atlas-max-price', wrong))), /^bad_request/, wrong)
  }
  t.equal(found('/acme/plain', headers('idempotency-key', 'a'.repeat(255))).idempotencyKey, 'a'.repeat(255))
  for (const wrong of ['', 'a'.repeat(256), 'é', 'a\tb']) t.match(code(target('/acme/plain', headers('idempotency-key', wrong))), /^bad_request/, wrong)
})

t.test("an owner's added operation is carried by his connection, the adapter's own by every one", async (t) => {
  const added = operationOf('added')
  const own = operationOf('own')
  const [alice, bob] = [connectionOf('alice', { operations: [added] }), connectionOf('bob')]
  const catalogue = new Catalogue(adapterOf([own, added]), [alice, bob])
  const carriers = (path: string): readonly string[] | undefined => catalogue.plain('GET', path)?.connections.map(({ name }) => name)
  t.strictSame(carriers('/own'), ['alice', 'bob'])
  t.strictSame(carriers('/added'), ['alice'])
})
