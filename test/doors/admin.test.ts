/** The admin port: for the operator of this machine, or whoever shows the token; no page from elsewhere, and no request that brings it down. */

import t from 'tap'
import { bearer, openGateway, type Rig, sandbox } from '../rig/gateway.ts'
import { raw, type RawAnswer, rawConnection } from '../rig/raw.ts'

const TOKEN = 'an-admin-token'
const open = (more: object = {}): Promise<Rig> => openGateway(t, sandbox(more))

const rig = await open()
const port = new URL(rig.adminUrl).port
const guarded = await open({ admin: { listen: '127.0.0.1:0', token: TOKEN } })

/** One request by hand: fields as they stand, and no others. */
const ask = (to: Rig, line: string, fields: readonly string[], body = ''): Promise<RawAnswer> =>
  raw(to.adminUrl, [`${line} HTTP/1.1`, ...fields, ...(body === '' ? [] : [`Content-Length: ${body.length}`]), '', body].join('\r\n'))

const JSON_BODY = 'Content-Type: application/json'
const here = `Host: 127.0.0.1:${port}`

t.test('without a token this machine is served under its own names only', async (t) => {
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'localhost', '127.0.0.1', `[::1]:${port}`, `LOCALHOST:${port}`])
    t.equal((await ask(rig, 'GET /api/status', [`Host: ${host}`])).status, 200, host)
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example', 'evil.localhost', '127.0.0.2', '0.0.0.0'])
    t.equal((await ask(rig, 'GET /api/status', [`Host: ${host}`])).status, 403, `Host ${host}`)
  t.equal((await ask(rig, 'GET /api/status', ['Host:'])).status, 400, 'and one at all is needed')
})

t.test('without a token no page from elsewhere can act', async (t) => {
  const revoke = JSON.stringify({ names: [] })
  for (const origin of [
    'https://evil.example',
    'null',
    `http://evil.example:${port}`,
    'http://127.0.0.1:1',
    `https://127.0.0.1:${port}`,
    `http://localhost:${port}`,
  ])
    t.equal((await ask(rig, 'POST /api/disable', [here, `Origin: ${origin}`, JSON_BODY], revoke)).status, 403, `Origin ${origin}`)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx', undefined])
    t.equal((await ask(rig, 'POST /api/disable', [here, ...(type === undefined ? [] : [`Content-Type: ${type}`])], revoke)).status, 400, `a form as ${type}`)
  t.match((await rig.office.marketplace.status()).connections[0], { enabled: true }, 'nothing was done')
  t.equal((await ask(rig, 'POST /api/disable', [here, `Origin: http://127.0.0.1:${port}`, JSON_BODY], revoke)).status, 200, 'its own page can')
  t.match((await rig.office.marketplace.status()).connections[0], { enabled: false })
  await rig.office.marketplace.enable([], { acceptRisk: false })
})

t.test('with a token whoever shows it is served, and nobody else', async (t) => {
  const fields = (...more: string[]): string[] => ['Host: anywhere.example', ...more]
  t.equal((await ask(guarded, 'GET /api/status', fields(`Authorization: Bearer ${TOKEN}`))).status, 200)
  t.equal((await ask(guarded, 'GET /api/status', fields(`Authorization: bearer  ${TOKEN}`))).status, 200)
  for (const wrong of [
    [],
    ['Authorization: Bearer'],
    ['Authorization: Bearer wrong'],
    [`Authorization: Basic ${TOKEN}`],
    [`Authorization: Bearer ${TOKEN}x`],
    [`X-API-Key: ${TOKEN}`],
  ])
    for (const path of ['/api/status', `/api/status?token=${TOKEN}`, '/api/about', '/api/nothing'])
      t.match((await ask(guarded, `GET ${path}`, fields(...wrong))).json, { error: /token/ }, `${path} with ${wrong}`)
  t.equal((await ask(guarded, 'POST /api/disable', [here, JSON_BODY], '{}')).status, 401, 'on this machine, too')
  t.match((await guarded.office.marketplace.status()).connections[0], { enabled: true })
})

t.test('health needs neither name nor token and tells nothing else', async (t) => {
  for (const to of [rig, guarded]) {
    t.same((await ask(to, 'GET /healthz', ['Host: x'])).json, { status: 'ok' })
    t.same((await ask(to, 'GET /readyz', ['Host: x'])).json, { status: 'ready', lost: [] })
  }
})

t.test('no request brings the gateway down', async (t) => {
  const strange = [
    '//',
    '///',
    '/\\',
    '//evil.example:99999/',
    '/api//status',
    '/%',

    '*',
    'http://[',
    'http://evil.example:x/',
    '/api/report?month=2026-13',
    '/api/__proto__',
    '/constructor',
  ]
  for (const target of strange) {
    const { status } = await ask(rig, `GET ${target}`, [here])
    t.ok(status >= 400 && status < 500, `GET ${target} is ${status}`)
  }
  for (const [body, status] of [
    ['{', 400],
    ['[]', 400],
    ['null', 400],
    ['"x"', 400],
    ['{"names":"nansen"}', 422],
    ['{"names":[1]}', 422],
    ['{"names":["nothing"]}', 422],
    ['{"names":["__proto__"]}', 422],
  ] as const)
    t.equal((await ask(rig, 'POST /api/disable', [here, JSON_BODY], body)).status, status, body)
  for (const wish of [
    { credits: -1 },
    { credits: '-$1' },
    { credits: 'much' },
    { credits: '$0.0000001' },
    { owner: 'nobody' },
    { expires_in_ms: -5 },
    { expires_in_ms: 1.5 },
    { cap_per_day: [] },
    { cap_per_month: '-$1' },
  ]) {
    const answer = await ask(rig, 'POST /api/keys', [here, JSON_BODY], JSON.stringify(wish))
    t.match(answer.json, { error: String }, JSON.stringify(wish))
    t.equal(answer.status, 422)
    t.notMatch(answer.text, /\n {4}at |node:/)
  }
  t.same(await rig.office.keys.list(), { keys: [] })
  t.equal((await ask(rig, 'GET /api/status', [here])).status, 200, 'and it goes on')
})

t.test('a body without end is refused, not gathered', async (t) => {
  const connection = await rawConnection(rig.adminUrl)
  connection.send([`POST /api/keys HTTP/1.1`, here, JSON_BODY, 'Transfer-Encoding: chunked', '', ''].join('\r\n'))
  for (let sent = 0; sent < 128; sent += 1) connection.send(`400\r\n${'x'.repeat(1024)}\r\n`)
  t.equal((await connection.answer()).status, 413)
  connection.socket.destroy()
})

t.test('what consumers use is not served here, and the other way round', async (t) => {
  const { key } = await rig.key({ credits: '$1' })
  t.equal((await ask(rig, 'GET /catalog', [here])).status, 404)
  for (const path of ['/api/status', '/api/keys', '/readyz', '/metrics']) t.equal((await rig.call('GET', path, { headers: bearer(key) })).status, 404, path)
})
