/** The head of a request: its line, Host, fields that may come once, what Connection names, methods, versions and expectations. */

import t from 'tap'
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

t.test('a request line that is none is refused', async (t) => {
  const LINE = 'RFC 9112 3'
  const lines = [
    ...[
      'GET/acme/search?q=1 HTTP/1.1',
      'GET /acme/search?q=1',
      'GET\t/acme/search?q=1 HTTP/1.1',
      'GET /acme/search?q=1\tHTTP/1.1',
      ' GET /acme/search?q=1 HTTP/1.1',
    ],
    ...[
      'get /acme/search?q=1 HTTP/1.1',
      'Get /acme/search?q=1 HTTP/1.1',
      'G@T /acme/search?q=1 HTTP/1.1',
      ' /acme/search?q=1 HTTP/1.1',
      'GETT /acme/search HTTP/1.1',
    ],
    ...[
      'GET /acme/search?q=1 HTTP/1.1 x',
      'GET /acme/search?q=1 HTTP/1.1 ',
      'GET /acme/se arch HTTP/1.1',
      'GET acme/search HTTP/1.1',
      'GET  HTTP/1.1',
      'GET ?q=1 HTTP/1.1',
    ],
    ...[
      'GET /acme/search?q=\x00 HTTP/1.1',
      'GET /acme/search?q=\x7f HTTP/1.1',
      'GET /acme/search?q=\xe9 HTTP/1.1',
      'GET /acme/search?q=1\x0bHTTP/1.1',
      'GET \\acme\\search HTTP/1.1',
    ],
  ]
  const versions = [
    'HTTP/0.9',
    'HTTP/2.0',
    'HTTP/3.0',
    'HTTP/1.2',
    'HTTP/1.10',
    'HTTP/1',
    'HTTP/11',
    'HTTP/1.',
    'HTTP/01.1',
    'HTTP/1.1.1',
    'HTTP/-1.1',
    'http/1.1',
    'Http/1.1',
    'HTTPS/1.1',
    'HTTP 1.1',
    'HTTP/1,1',
    'XTTP/1.1',
  ]
  await run(t, battery, [
    ...ends(lines.map((line) => [LINE, JSON.stringify(line), head(line, HOST, KEY)] as const)),
    ...ends(versions.map((version) => ['RFC 9110 2.5', version, head(`GET /acme/search?q=1 ${version}`, HOST, KEY)] as const)),
    ...ends([
      ['RFC 9112 2.2', 'a line that ends in LF', `${SEARCH}\n${HOST}\r\n${KEY}\r\n\r\n`],
      ['RFC 9112 2.2', 'a line that ends in CR', `${SEARCH}\r${HOST}\r\n${KEY}\r\n\r\n`],
      ['RFC 9112 2.2', 'a field that ends in LF', `${SEARCH}\r\n${HOST}\n${KEY}\r\n\r\n`],
      ['RFC 9112 2.2', 'an end in LF', `${SEARCH}\r\n${HOST}\r\n${KEY}\r\n\n`],
      ['RFC 9112 2.2', 'CR twice', `${SEARCH}\r\r\n${HOST}\r\n${KEY}\r\n\r\n`],
      ['RFC 9112 2.2', 'a space before the first field', `${SEARCH}\r\n ${HOST}\r\n${KEY}\r\n\r\n`],
      ['RFC 9113 3.4', 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['RFC 1945 4.1', 'HTTP/0.9', 'GET /acme/search?q=1\r\n\r\n'],
      ['RFC 8446 5.1', 'TLS on a port without', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
      ['no HTTP', 'SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
      ['no HTTP', 'PROXY protocol', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${GET}`],
    ]),
    ...good([['RFC 9112 3', 'two spaces are read as one', head('GET  /acme/search?q=1 HTTP/1.1', HOST, KEY)]]),
  ])
})

t.test('a Host that is missing, doubled, empty or no host is refused', async (t) => {
  const WHY = 'RFC 9112 3.2'
  const hosts = [
    ...[
      '',
      ' ',
      'x y',
      'x, y',
      'x,y',
      'user@x',
      'user:pass@x',
      '@',
      'x/',
      'x/path',
      '/',
      'x?q',
      'x#f',
      'http://x',
      'x:port',
      'x:80:80',
      'x:-1',
      'x:65536',
      'x:999999',
    ],
    ...[
      'x:80a',
      ':80',
      ':',
      '[::1',
      '::1',
      '[]',
      '[x]',
      '[::1]x',
      'x\\y',
      'x\x0by',
      'x\0',
      'caf\xe9',
      'x..y',
      '.x',
      '.',
      '..',
      'x;y',
      "x'",
      '"x"',
      '<x>',
      'x%00',
      'x|y',
      'x^',
      '*',
      'x\ty',
    ],
  ]
  await run(t, battery, [
    ...ends(hosts.map((host) => [WHY, `Host: ${JSON.stringify(host)}`, head(SEARCH, `Host: ${host}`, KEY)] as const)),
    ...ends([
      [WHY, 'no Host', head(SEARCH, KEY)],
      [WHY, 'two', head(SEARCH, HOST, 'Host: y', KEY)],
      [WHY, 'two that are equal', head(SEARCH, HOST, HOST, KEY)],
      [WHY, 'two, spelled differently', head(SEARCH, HOST, KEY, 'hOST: x')],
      [WHY, 'two in HTTP/1.0', head('GET /acme/search?q=1 HTTP/1.0', HOST, 'Host: y', KEY, 'Connection: keep-alive')],
      [WHY, 'a bad one in HTTP/1.0', head('GET /acme/search?q=1 HTTP/1.0', 'Host: x y', KEY, 'Connection: keep-alive')],
      [WHY, 'a space before the colon', head(SEARCH, 'Host : x', KEY)],
      [WHY, 'a folded one', head(SEARCH, 'Host:\r\n x', KEY)],
      ['RFC 9112 3.2.2', 'a URL of another host', head('GET http://y/acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a URL of another port', head('GET http://x:81/acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a URL with a user', head('GET http://u@x/acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a URL without Host', head('GET http://x/acme/search?q=1 HTTP/1.1', KEY)],
      ['RFC 9112 3.2.2', 'a URL without a host', head('GET http:///acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'another scheme', head('GET ftp://x/acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a scheme without slashes', head('GET http:x HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a URL of a file', head('GET file:///etc/passwd HTTP/1.1', HOST, KEY)],
      ...['/healthz', '/catalog', '/', '/credits', '/receipts/rc_x', '/.well-known/jwks.json', '/nothing'].map(
        (path): Short => [WHY, `two on ${path}`, head(`GET ${path} HTTP/1.1`, HOST, 'Host: y')],
      ),
    ]),
    ...good([
      ...['x', 'x.', 'X', 'api.example', 'a_b.example', 'x:80', 'x:', 'x:65535', '127.0.0.1:8080', '[::1]', '[::1]:8080', 'localhost'].map(
        (host): Short => [WHY, `Host: ${host}`, head(SEARCH, `Host: ${host}`, KEY)],
      ),
      ['RFC 9112 3.2.2', 'a URL of the same host', head('GET http://x/acme/search?q=1 HTTP/1.1', HOST, KEY)],
      ['RFC 9112 3.2.2', 'a URL of the same host in capitals', head('GET HTTP://X/acme/search?q=1 HTTP/1.1', HOST, KEY)],
    ]),
    row('RFC 9112 3.2.2', 'a URL without a path', head('GET http://x HTTP/1.1', HOST, 'Accept: application/json'), '200', false),
    row('RFC 9112 3.2', 'no Host in HTTP/1.0', head('GET /acme/search?q=1 HTTP/1.0', KEY, 'Connection: keep-alive'), '200', false, REACHED),
  ])
})

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
