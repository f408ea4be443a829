/** The line of a request and its Host: what is no HTTP/1.1, or open to two readings, is refused and ends the connection. */

import t from 'tap'
import { GET, head, HOST, KEY, openBattery, REACHED, type Row, run, SMUGGLED } from '../rig/battery.ts'

const battery = await openBattery(t)

const row = (why: string, what: string, sent: string, answers: string | readonly string[], ends: boolean, ...reached: readonly string[]): Row => ({
  ...{ why, what, sent, answers: typeof answers === 'string' ? [answers] : answers, ends, reached },
})
const BAD = '400 bad_request'
type Short = readonly [why: string, what: string, sent: string]
/** 400, the connection ends, and nothing behind it is carried out. */
const ends = (rows: readonly Short[]): readonly Row[] => rows.map(([why, what, sent]) => row(why, what, sent + SMUGGLED, BAD, true))
const good = (rows: readonly Short[]): readonly Row[] => rows.map(([why, what, sent]) => row(why, what, sent, '200', false, REACHED))

const SEARCH = 'GET /acme/search?q=1 HTTP/1.1'

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
