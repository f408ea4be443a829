/** The provider sees exactly the path that was priced, and a path that could lead elsewhere leads nowhere. */

import t from 'tap'
import { head, HOST, KEY, openBattery, type Row, run } from '../rig/battery.ts'

const battery = await openBattery(t)

const ask = (target: string, ...fields: readonly string[]): string => head(`GET ${target} HTTP/1.1`, HOST, KEY, ...fields)

t.test('a path reaches the provider written in the one way in which it was priced', async (t) => {
  const WHY = 'RFC 3986 6.2'
  const passed: readonly (readonly [target: string, reached: string])[] = [
    ['/acme/item/a', '/item/a'],
    ['/acme/item/%61', '/item/a'],
    ['/%61cme/item/a', '/item/a'],
    ['/acme/%69tem/a', '/item/a'],
    ['/acme/item/a%20b', '/item/a%20b'],
    ['/acme/item/a+b', '/item/a+b'],
    ['/acme/item/%e2%82%ac', '/item/%E2%82%AC'],
    ['/acme/item/~a-b_c.d', '/item/~a-b_c.d'],
    ['/acme/item/%7Ea', '/item/~a'],
    ['/acme/item/a:b@c', '/item/a:b@c'],
    ['/acme/item/a=b&c', '/item/a=b&c'],
    ['/acme/item/a;b', '/item/a;b'],
    ['/acme/item/...', '/item/...'],
    ['/acme/item/..a', '/item/..a'],
    ['/acme/item/a..', '/item/a..'],
    ['/acme/item/%3Fq', '/item/%3Fq'],
    ['/acme/item/%23', '/item/%23'],
    ['/acme/item/%25', '/item/%25'],
    ['/acme/any/a/b/c', '/any/a/b/c'],
    ['/acme/search', '/search'],
    ['/acme/search?', '/search'],
    ['/acme/search?q=a+b', '/search?q=a%20b'],
    ['/acme/search?q=a%2Bb', '/search?q=a%2Bb'],
    ['/acme/search?q=/../x', '/search?q=%2F..%2Fx'],
    ['/acme/search?q=a%26limit=2', '/search?q=a%26limit%3D2'],
    ['/acme/search?q=%3D&limit=2', '/search?q=%3D&limit=2'],
    ['/acme/search?limit=2&q=1', '/search?limit=2&q=1'],
    ['/acme/search?q=?x', '/search?q=%3Fx'],
    ['/acme/search?%71=1', '/search?q=1'],
    ['/acme/search?q', '/search?q='],
    ['/acme/search?q=http://x/', '/search?q=http%3A%2F%2Fx%2F'],
  ]
  await run(
    t,
    battery,
    passed.map(([target, reached]): Row => ({ why: WHY, what: target, sent: ask(target), answers: ['200'], ends: false, reached: [`GET /v1${reached}`] })),
  )
})

t.test('a path that could lead elsewhere leads nowhere', async (t) => {
  const refused = (status: string, why: string, targets: readonly string[]): readonly Row[] =>
    targets.map((target) => ({ why, what: target, sent: ask(target), answers: [status], ends: false, reached: [] }))
  const dots = [
    '/acme/any/../x',
    '/acme/any/./x',
    '/acme/any/%2e%2e/x',
    '/acme/any/.%2E/x',
    '/acme/any/..;/x',
    '/acme/any/..;a=b/x',
    '/acme/any/%2e%2e%3b/x',
    '/acme/any/..',
    '/../acme/search',
    '/acme/..',
    '/./acme/search',
    '/acme/../../etc/passwd',
    '/acme/any/...%2f..',
    '/acme/any/%2e',
  ]
  const slashes = [
    '//acme/search',
    '/acme//search',
    '/acme/search/',
    '/healthz/',
    '/acme/any/a%2fb',
    '/acme/any/a%2Fb',
    '/acme%2fsearch',
    '/acme/any/a%5cb',
    '/acme/any/a\\b',
    '/acme/any/%5c..%5cx',
    '/acme/any/',
    '///',
    '/acme/any//x',
    '/acme/any/x//',
    '//x/acme/search',
    '/acme/any/%2f',
  ]
  const bytes = [
    '/acme/any/%00',
    '/acme/any/%0a',
    '/acme/any/a%0d%0aX:%20y',
    '/acme/any/%7f',
    '/acme/any/%09',
    '/acme/any/%ff',
    '/acme/any/%c0%ae%c0%ae/x',
    '/acme/any/%e2%82',
    '/acme/any/%ed%a0%80',
    '/acme/any/%',
    '/acme/any/%2',
    '/acme/any/%gg',
    '/acme/any/%u002e',
    '/acme/any/%252e%252e',
    '/acme/any/%252fx',
    '/acme/any/%25%32%65',
  ]
  const queries = [
    '?q=%',
    '?q=%0',
    '?q=%ff',
    '?q=%00',
    '?q=%0d%0a',
    '?q=1&',
    '?&q=1',
    '?q=1&&limit=1',
    '?Q=1',
    '?_method=DELETE',
    '?q=1&x=2',
    '?q=1#f',
    '#f',
    '?q=1&q=2',
    '?q[]=1',
    '?__proto__=1',
    '?constructor=1',
    '?q=1;limit=2;x',
    '?api_key=x',
  ].map((query) => `/acme/search${query}`)
  // A semicolon is a character like any other: one member, not two.
  const members = queries.filter((target) => !target.includes(';') && !target.includes('q=1&q=2'))
  await run(t, battery, [
    ...refused('400 bad_request', 'RFC 3986 5.2.4', dots),
    ...refused('400 bad_request', 'two readings of a slash', slashes),
    ...refused('400 bad_request', 'RFC 3986 2.1', bytes),
    ...refused('400 bad_request', 'RFC 3986 3.4', members),
    ...refused('404 unknown_operation', 'default-deny', [
      '/acme',
      '/acme/nothing',
      '/acme/SEARCH',
      '/acme/search;x',
      '/acme/searchx',
      '/acme/item',
      '/acme/item/a/b',
      '/acme/search.json',
      '/acme/search%20',
      '/acme/%73earch%20',
    ]),
    ...refused('404 unknown_route', 'default-deny', [
      '/ACME/search',
      '/Acme/search',
      '/acme;x/search',
      '/nothing',
      '/admin',
      '/api/status',
      '/console',
      '/metrics',
      '/readyz',
      '/services.json',
      '/.git/config',
      '/favicon.ico',
      '/robots.txt',
      '/healthz/x',
      '/Healthz',
      '/catalog.json',
      '/acme%20/search',
    ]),
  ])
})
