/** What the gateway itself answers: never HTML but the page for people, never to be guessed at, and kept by caches where it is the same for everybody and asked for again; the admin port as strict as the public one. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { openGateway, sandbox } from '../rig/gateway.ts'
import { type RawAnswer, raw, rawConnection } from '../rig/raw.ts'

const rig = await openGateway(t, sandbox())

const GARBAGE = 'garbage\r\n\r\n'
const head = (line: string, ...fields: readonly string[]): string => [`${line} HTTP/1.1`, ...fields, '', ''].join('\r\n')
const HERE = `Host: 127.0.0.1:${new URL(rig.adminUrl).port}`

function guarded(answer: RawAnswer, what: string, type: RegExp): void {
  t.match(answer.headers, { 'x-content-type-options': 'nosniff', 'content-type': type, date: /GMT$/ }, what)
  t.match(
    answer.headers['cache-control'],
    what.includes('jwks') ? /^public, max-age=\d+$/ : /catalogue|front page/.test(what) ? /^no-cache$/ : /^no-store$/,
    `${what}: caches`,
  )
  for (const name of ['server', 'x-powered-by', 'via', 'set-cookie']) t.equal(answer.headers[name], undefined, `${what}: ${name}`)
}

t.test('on the public port', async (t) => {
  const get = (path: string, ...fields: readonly string[]): string => head(`GET ${path}`, 'Host: x', ...fields)
  for (const [what, sent, status, type] of [
    ['health', get('/healthz'), 200, /^application\/json$/],
    ['catalogue', get('/catalog'), 200, /^application\/json$/],
    ['front page for programs', get('/', 'Accept: application/json'), 200, /^application\/json$/],
    ['front page for people', get('/', 'Accept: text/html'), 200, /^text\/html; charset=utf-8$/],
    ['jwks', get('/.well-known/jwks.json'), 200, /^application\/json$/],
    ['a receipt that is none', get('/receipts/rc_x', 'Accept: text/html'), 404, /^application\/problem\+json$/],
    ['a balance of nobody', get('/credits', 'Accept: text/html'), 401, /^application\/problem\+json$/],
    [
      'an unpaid call',
      head('POST /nansen/profiler/address/current-balance', 'Host: x', 'Accept: text/html', 'Content-Length: 0'),
      400,
      /^application\/problem\+json$/,
    ],
    ['an unknown route', get('/<script>alert(1)</script>', 'Accept: text/html'), 404, /^application\/problem\+json$/],
    ['an unknown page', get('/nothing', 'Accept: text/html'), 404, /^application\/problem\+json$/],
    ['no Host', head('GET /', 'Accept: text/html'), 400, /^application\/problem\+json$/],
    ['garbage', GARBAGE, 400, /^application\/problem\+json$/],
    ['fields without end', head('GET /', 'Host: x', `X: ${'x'.repeat(17_000)}`), 431, /^application\/problem\+json$/],
    ['CONNECT', head('CONNECT x:1', 'Host: x:1'), 405, /^application\/problem\+json$/],
  ] as const) {
    const answer = await raw(rig.publicUrl, sent)
    t.equal(answer.status, status, what)
    guarded(answer, what, type)
    t.notMatch(answer.text, /<script>alert/, `${what}: nothing of the request comes back as it was`)
  }
})

t.test('the page for people runs nothing, loads nothing and stands in no frame', async (t) => {
  const { headers, text } = await raw(rig.publicUrl, head('GET /', 'Host: x', 'Accept: text/html'))
  const style = createHash('sha256')
    .update(/<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '')
    .digest('base64')
  t.equal(headers['content-security-policy'], `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`)
  t.match(headers, { 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' })
  t.notMatch(text, /<script|style=|onload|javascript:/i)
})

t.test('on the admin port', async (t) => {
  for (const [what, sent, status] of [
    ['health', head('GET /healthz', 'Host: x'), 200],
    ['readiness', head('GET /readyz', 'Host: x'), 200],
    ['status', head('GET /api/status', HERE), 200],
    ['another host', head('GET /api/status', 'Host: evil.example'), 403],
    ['nothing there', head('GET /nothing', HERE), 404],
    ['no Host', head('GET /api/status'), 400],
    ['garbage', GARBAGE, 400],
    ['fields without end', head('GET /api/status', HERE, `X: ${'x'.repeat(17_000)}`), 431],
    ['fields without number', head('GET /api/status', HERE, ...Array.from({ length: 101 }, () => 'A: 1')), 431],
    ['a body without end', head('POST /api/keys', HERE, 'Content-Type: application/json', 'Content-Length: 99999999'), 413],
    ['CONNECT', head('CONNECT x:1', 'Host: x:1'), 405],
  ] as const) {
    const answer = await raw(rig.adminUrl, sent)
    t.equal(answer.status, status, what)
    guarded(answer, what, /^application\/json$/)
    if (status >= 400) t.match(answer.json, { error: /./ }, what)
  }
})

t.test('what is ambiguous ends a connection to the admin port, too, and nothing behind it is carried out', async (t) => {
  const act = `${head('POST /api/disable', HERE, 'Content-Type: application/json', 'Content-Length: 12')}{"names":[]}`
  const post = (...fields: readonly string[]): string => head('POST /api/disable', HERE, 'Content-Type: application/json', ...fields)
  for (const [what, sent] of [
    ['two Hosts', head('GET /api/status', HERE, HERE)],
    ['another coding', post('Transfer-Encoding: gzip, chunked')],
    ['a length and chunks', post('Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['a trailer', `${post('Transfer-Encoding: chunked')}c\r\n{"names":[]}\r\n0\r\nAuthorization: x\r\n\r\n`],
    ['a URL of another host', head('GET http://evil.example/api/status', HERE)],
    ['what Connection names', head('GET /api/status', HERE, 'Connection: authorization')],
    ['another version', `GET /api/status HTTP/2.0\r\n${HERE}\r\n\r\n`],
    ['garbage', GARBAGE],
  ] as const) {
    const connection = await rawConnection(rig.adminUrl)
    connection.send(sent + act)
    t.match(await connection.answer(), { status: 400, headers: { connection: 'close' } }, what)
    t.equal(await connection.closed(), '', what)
  }
  t.match((await rig.office.marketplace.status()).connections[0], { enabled: true })
})
