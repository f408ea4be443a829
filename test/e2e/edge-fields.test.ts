/** The fields of a request, how many there may be, which may come once, what Connection names; methods and expectations. */

import t from 'tap'
import { rawConnection } from '../rig/raw.ts'
import { GET, head, HOST, KEY, openBattery, POSTED, post, REACHED, type Row, run, SMUGGLED } from '../rig/battery.ts'

const battery = await openBattery(t)

const row = (why: string, what: string, sent: string, answers: string | readonly string[], ends: boolean, ...reached: readonly string[]): Row => ({
  ...{ why, what, sent, answers: typeof answers === 'string' ? [answers] : answers, ends, reached },
})
const BAD = '400 bad_request'
type Short = readonly [why: string, what: string, sent: string]
/** 400, the connection ends, and nothing behind it is carried out. */
const ends = (rows: readonly Short[]): readonly Row[] => rows.map(([why, what, sent]) => row(why, what, sent + SMUGGLED, BAD, true))
/** 400, and the connection goes on. */
const stays = (rows: readonly Short[]): readonly Row[] => rows.map(([why, what, sent]) => row(why, what, sent + GET, [BAD, '200'], false, REACHED))
const good = (rows: readonly Short[]): readonly Row[] => rows.map(([why, what, sent]) => row(why, what, sent, '200', false, REACHED))

const SEARCH = 'GET /acme/search?q=1 HTTP/1.1'
const get = (...fields: readonly string[]): string => head(SEARCH, HOST, KEY, ...fields)

t.test('a field that is none is refused', async (t) => {
  const fields = [
    ...[
      'X : a',
      'X\t: a',
      ': a',
      ' X: a',
      'X',
      'X a',
      'X\0: a',
      'X: a\0b',
      'X: a\rb',
      'X: a\x0bb',
      'X: a\x7fb',
      'X: a\x01',
      'X: a\r\n b',
      'X: a\r\n\tb',
      'X\xe9: a',
    ],
    ...['X(: a', 'X@: a', 'X/: a', 'X[]: a', '"X": a', 'X{: a', 'X,Y: a', 'X;: a', 'X=: a', 'X?: a', '<X>: a', 'X\\: a'],
  ]
  await run(t, battery, [
    ...ends(fields.map((field) => ['RFC 9112 5', JSON.stringify(field), get(field)] as const)),
    ...good(
      ["X!#$%&'*+-.^_`|~0: a", 'X:', 'X: \t a \t ', 'X: caf\xe9', 'X: a"b', 'X: (a', `X: ${'x'.repeat(8000)}`, 'X_Y: a'].map(
        (field) => ['RFC 9110 5.5', JSON.stringify(field.slice(0, 40)), get(field)] as const,
      ),
    ),
    row('limits.headers', '100 fields', get(...Array.from({ length: 98 }, (_, at) => `X-${at}: 1`)), '200', false, REACHED),
    row('limits.headers', '101 fields', get(...Array.from({ length: 99 }, (_, at) => `X-${at}: 1`)), '431 headers_too_large', false),
    row(
      'limits.headers',
      '1,200 fields, the last a second Host',
      get(...Array.from({ length: 1200 }, () => 'A: 1'), 'Host: y'),
      '431 headers_too_large',
      false,
    ),
    ...['/healthz', '/catalog', '/', '/credits', '/receipts/rc_x', '/nothing'].map((path) =>
      row(
        'limits.headers',
        `101 fields on ${path}`,
        head(`GET ${path} HTTP/1.1`, HOST, ...Array.from({ length: 100 }, () => 'A: 1')),
        '431 headers_too_large',
        false,
      ),
    ),
    row('limits.header_bytes', 'over 16 KiB in one field', get(`X: ${'x'.repeat(17_000)}`), '431 headers_too_large', true),
    row('limits.header_bytes', 'over 16 KiB in many fields', get(...Array.from({ length: 90 }, () => `X: ${'x'.repeat(200)}`)), '431 headers_too_large', true),
    row('limits.header_bytes', 'over 16 KiB in a name', get(`${'X'.repeat(17_000)}: 1`), '431 headers_too_large', true),
    row(
      'limits.header_bytes',
      'over 16 KiB in the target',
      head(`GET /acme/search?q=${'x'.repeat(17_000)} HTTP/1.1`, HOST, KEY),
      '431 headers_too_large',
      true,
    ),
  ])
})

t.test('a field that may come once and comes twice is refused, whatever it says', async (t) => {
  const once = [
    'Content-Type: application/json',
    'Idempotency-Key: a',
    'X-API-Key: atlas_x',
    'X-Atlas-Max-Price: $1',
    'PAYMENT-SIGNATURE: x',
    'X-PAYMENT: x',
    'SIGN-IN-WITH-X: x',
    'Content-Encoding: identity',
    'Origin: https://a.example',
    'If-Modified-Since: Mon, 23 Nov 2026 00:00:00 GMT',
  ]
  await run(t, battery, [
    ...stays(once.map((field) => ['RFC 9110 5.3', field, head(SEARCH, HOST, KEY, field, field.toLowerCase())] as const)),
    ...stays([
      ['RFC 9110 5.3', 'two keys', get(KEY)],
      ['RFC 9110 5.3', 'a bad key and a good one', head(SEARCH, HOST, 'Authorization: Bearer atlas_other', KEY)],
      ['RFC 9110 5.3', 'two names of a call', get('Idempotency-Key: a', 'idempotency-key: b')],
    ]),
    ...good(
      ['Accept: a/b', 'Cache-Control: no-cache', 'Via: 1.1 a', 'X-Forwarded-For: 1.2.3.4', 'Cookie: a=b', 'Accept-Language: de'].map(
        (field) => ['RFC 9110 5.3', `a list, ${field}`, get(field, field)] as const,
      ),
    ),
  ])
})

t.test('Connection names what is for this connection, and nothing that decides', async (t) => {
  const WHY = 'RFC 9110 7.6.1'
  const deciding = [
    'host',
    'content-length',
    'transfer-encoding',
    'authorization',
    'x-api-key',
    'idempotency-key',
    'payment-signature',
    'x-payment',
    'x-forwarded-for',
    'connection',
    'cookie',
    'content-encoding',
    'x-atlas-max-price',
  ]
  await run(t, battery, [
    ...ends(deciding.map((name) => [WHY, name, get(`Connection: keep-alive, ${name}`)] as const)),
    ...ends([
      [WHY, 'in a second field', get('Connection: keep-alive', 'Connection: Authorization')],
      [WHY, 'no list of names', get('Connection: keep alive')],
      [WHY, 'no name', get('Connection: "close"')],
    ]),
    ...good([
      ...['keep-alive', 'Keep-Alive', 'x-hop', 'te', 'keep-alive, x-hop', ',keep-alive,', 'accept', 'http2-settings', ''].map(
        (option): Short => [WHY, `Connection: ${option}`, get(`Connection: ${option}`, 'X-Hop: 1', 'TE: trailers')],
      ),
      ['RFC 9110 7.8', 'h2c is not switched to', get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA')],
      [
        'RFC 9110 7.8',
        'nor is WebSocket',
        get('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'),
      ],
    ]),
    row('RFC 9112 9.3', 'close', get('Connection: close'), '200', true, REACHED),
    row('RFC 9112 9.3', 'Close, keep-alive', get('Connection: Close, x'), '200', true, REACHED),
    row('RFC 9112 9.3', 'HTTP/1.0 ends by itself', head('GET /acme/search?q=1 HTTP/1.0', HOST, KEY), '200', true, REACHED),
    row('RFC 9112 9.3', 'HTTP/1.0 goes on where it asks to', head('GET /acme/search?q=1 HTTP/1.0', HOST, KEY, 'Connection: keep-alive'), '200', false, REACHED),
  ])
})

t.test('methods and expectations', async (t) => {
  const NOT = '405 method_not_allowed'
  const WHY = 'RFC 9110 9'
  const methods = ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'HEAD', 'PROPFIND', 'PURGE', 'MKCOL', 'LINK', 'SEARCH'].map((method) =>
    row(WHY, `${method} on an operation of GET`, head(`${method} /acme/search?q=1 HTTP/1.1`, HOST, KEY), method === 'HEAD' ? '405' : NOT, false),
  )
  const pages = ['/healthz', '/catalog', '/', '/.well-known/jwks.json'].flatMap((path) => [
    row('RFC 9110 9.3.2', `HEAD ${path}`, head(`HEAD ${path} HTTP/1.1`, HOST), '200', false),
    ...['POST', 'TRACE', 'OPTIONS', 'DELETE'].map((method) => row(WHY, `${method} ${path}`, head(`${method} ${path} HTTP/1.1`, HOST), NOT, false)),
  ])
  const EXPECT = 'RFC 9110 10.1.1'
  await run(t, battery, [
    ...methods,
    ...pages,
    row('RFC 9110 9.3.2', 'HEAD on an operation that takes it', head('HEAD /acme/any/x HTTP/1.1', HOST, KEY), '200', false, 'HEAD /v1/any/x'),
    row('RFC 9110 9.3.7', 'OPTIONS on an operation that takes it', head('OPTIONS /acme/any/x HTTP/1.1', HOST, KEY), '200', false, 'OPTIONS /v1/any/x'),
    ...['PUT', 'PATCH', 'DELETE'].map((method) =>
      row(WHY, `${method} on an operation that takes it`, head(`${method} /acme/any/x HTTP/1.1`, HOST, KEY), '200', false, `${method} /v1/any/x`),
    ),
    row('RFC 9110 9.3.8', 'TRACE on an operation that takes any', head('TRACE /acme/any/x HTTP/1.1', HOST, KEY), NOT, false),
    row('RFC 9110 9.3.6', 'CONNECT', head('CONNECT x:443 HTTP/1.1', 'Host: x:443') + SMUGGLED, NOT, true),
    row('RFC 9110 9.3.6', 'CONNECT without Host', head('CONNECT x:443 HTTP/1.1') + SMUGGLED, BAD, true),
    row('RFC 9110 9.3.6', 'CONNECT to a path', head('CONNECT /acme/search HTTP/1.1', HOST) + SMUGGLED, NOT, true),
    row('RFC 9110 9.3.7', 'OPTIONS *', head('OPTIONS * HTTP/1.1', HOST), '204', false),
    row('RFC 9112 3.2.4', 'GET *', head('GET * HTTP/1.1', HOST, KEY), BAD, false),
    row('RFC 9110 9.3.8', 'TRACE gives nothing back', head('TRACE /acme/search HTTP/1.1', HOST, KEY, 'Max-Forwards: 0'), NOT, false),
    row('RFC 9110 7.6.2', 'Max-Forwards is for OPTIONS and TRACE', get('Max-Forwards: 0'), '200', false, REACHED),
    row(EXPECT, '100-continue', `${post('{}', 'Content-Length: 2', 'Expect: 100-continue')}`, ['100', '200'], false, POSTED),
    row(EXPECT, '100-Continue', `${post('{}', 'Content-Length: 2', 'Expect: 100-Continue')}`, ['100', '200'], false, POSTED),
    row(EXPECT, 'a refusal comes in place of 100', post('', 'Content-Length: 99999', 'Expect: 100-continue') + SMUGGLED, '413 body_too_large', true),
    row(
      EXPECT,
      'and nobody takes the next request for the body',
      head('POST /acme/nothing HTTP/1.1', HOST, 'Content-Length: 2', 'Expect: 100-continue') + SMUGGLED,
      '404 unknown_operation',
      true,
    ),
    row(
      EXPECT,
      'nor where the head is ambiguous',
      head('POST /acme/raw HTTP/1.1', HOST, HOST, KEY, 'Content-Length: 2', 'Expect: 100-continue') + SMUGGLED,
      BAD,
      true,
    ),
    row(EXPECT, 'without a body there is nothing to wait for', get('Expect: 100-continue'), '200', true, REACHED),
    row(
      EXPECT,
      'HTTP/1.0 has none',
      `${head('POST /acme/raw HTTP/1.0', HOST, KEY, 'Connection: keep-alive', 'Content-Length: 2', 'Expect: 100-continue')}{}`,
      '200',
      false,
      POSTED,
    ),
    row(EXPECT, 'what nobody knows is passed over', `${post('{}', 'Content-Length: 2', 'Expect: something')}`, '200', false, POSTED),
  ])
})

t.test('an answer to HEAD says no length that GET would not have', async (t) => {
  const lengthOf = async (method: string, path: string): Promise<string | undefined> => {
    const connection = await rawConnection(battery.publicUrl)
    connection.send(head(`${method} ${path} HTTP/1.1`, HOST, `Authorization: Bearer ${battery.consumer}`))
    const { headers } = await connection.answer(method === 'HEAD' ? 'HEAD' : undefined)
    connection.socket.destroy()
    return headers['content-length']
  }
  for (const path of ['/healthz', '/nothing']) t.equal(await lengthOf('HEAD', path), await lengthOf('GET', path), path)
  t.equal(await lengthOf('HEAD', '/acme/any/x'), undefined)
})
