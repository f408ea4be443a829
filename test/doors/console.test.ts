/** The console's door, by hand on a socket: who gets in, what a page of somebody else cannot do, and what no page ever holds. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatUsd } from '#contract'
import { LOOKERS } from '../../gateway/doors/console/feed.ts'
import { IDLE_MS, LONGEST_MS } from '../../gateway/doors/console/sessions.ts'
import { BALANCE, bearer, MovableClock, OPEN_RATE, openGateway, type Rig, sandbox, temporaryFolder, until, WALLET } from '../rig/gateway.ts'
import { ask, cookieIn, csrfIn, hostOf, originOf, session, TOKEN } from '../rig/console.ts'
import { raw, type RawAnswer, rawConnection } from '../rig/raw.ts'

const SECRET = 'cnry9fK2xQ7bWz4LmT8vRd1HsYp3'
const VIEWS = ['', '/connections', '/consumers', '/calls', '/x402', '/audit', '/configuration']

const open = (t: Test, more: object = {}, clock = new MovableClock()): Promise<Rig> => openGateway(t, sandbox(more), { clock })
const guarded = { admin: { listen: '127.0.0.1:0', token: TOKEN } }
const isOnSale = async (rig: Rig): Promise<unknown> => (await rig.office.marketplace.status()).connections[0]?.enabled

const reference = (inside: string): string => ['$', '{', inside, '}'].join('')

t.test('without a cookie there is a login, and nothing else', async (t) => {
  const rig = await open(t, guarded)
  for (const view of VIEWS) {
    const answer = await ask(rig, `GET /console${view}`)
    t.same([answer.status, answer.headers.location, answer.text], [303, '/console/login', ''], view)
  }
  t.equal((await ask(rig, 'GET /console/calls/stream')).status, 401)
  t.equal((await ask(rig, 'POST /console/pause', { form: { name: 'nansen' }, fields: [originOf(rig)] })).headers.location, '/console/login')
  t.equal((await ask(rig, 'GET /console', { fields: ['Cookie: atlas_console_1=x; y'] })).status, 303)
  t.equal((await ask(rig, 'GET /console', { fields: [`Authorization: Bearer ${TOKEN}`] })).status, 303, 'the token of a program is no session')
  t.equal((await ask(rig, 'GET /api/status', { fields: [(await session(rig)).cookie] })).status, 401, 'and a session opens nothing for programs')
  t.equal(await isOnSale(rig), true)
})

t.test('the cookie is random, out of reach of scripts and of other sites, and ends with the session', async (t) => {
  const clock = new MovableClock()
  const rig = await open(t, guarded, clock)
  const login = (): Promise<RawAnswer> => ask(rig, 'POST /console/login', { form: { token: TOKEN }, fields: [originOf(rig)] })
  const [one, two] = [await login(), await login()]
  t.match(one.headers['set-cookie'], /^atlas_console_\d+=[\w-]{43}; Path=\/console; HttpOnly; SameSite=Strict$/)
  t.not(cookieIn(one), cookieIn(two))
  const enters = async (cookie: string): Promise<boolean> => (await ask(rig, 'GET /console/x402', { fields: [cookie] })).status === 200
  t.same([await enters(cookieIn(one)), await enters(cookieIn(two))], [true, true])
  clock.aheadMs += IDLE_MS - 60_000
  t.equal(await enters(cookieIn(two)), true, 'who goes on stays')
  clock.aheadMs += 120_000
  t.same([await enters(cookieIn(one)), await enters(cookieIn(two))], [false, true], 'who was idle is gone')
  while (clock.aheadMs < LONGEST_MS) {
    clock.aheadMs += IDLE_MS / 2
    await enters(cookieIn(two))
  }
  t.equal(await enters(cookieIn(two)), false, 'and nobody stays for ever')
  const { cookie, csrf } = await session(rig)
  const out = await ask(rig, 'POST /console/logout', { form: { csrf }, fields: [cookie, originOf(rig)] })
  t.match(out.headers['set-cookie'], /Max-Age=0/)
  t.equal(await enters(cookie), false)
})

t.test('wrong tokens are paced, and the right one waits its turn, too', async (t) => {
  const clock = new MovableClock()
  const rig = await open(t, guarded, clock)
  const login = (token: string): Promise<RawAnswer> => ask(rig, 'POST /console/login', { form: { token }, fields: [originOf(rig)] })
  for (const wrong of ['', 'wrong', `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase()]) t.equal((await login(wrong)).status, 401, wrong)
  const refused = await login('another')
  t.equal(refused.status, 429)
  t.ok(Number(refused.headers['retry-after']) >= 1)
  t.equal((await login(TOKEN)).status, 429)
  clock.aheadMs += 10_000
  t.equal((await login(TOKEN)).status, 303)
  t.equal(rig.logged.filter(({ message }) => message.includes('wrong admin token')).length, 5)
})

t.test('a form of somebody else does nothing: foreign Origin, no session, no proof', async (t) => {
  for (const more of [guarded, {}]) {
    const rig = await open(t, more)
    const { cookie, csrf } = await session(rig)
    const post = (form: Readonly<Record<string, string>>, ...fields: readonly string[]): Promise<RawAnswer> => ask(rig, 'POST /console/pause', { form, fields })
    const good = { csrf, name: 'nansen' }
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `https://${hostOf(rig)}`, `http://localhost.evil.example`])
      t.equal((await post(good, cookie, `Origin: ${origin}`)).status, 403, `Origin ${origin}`)
    t.equal((await post({ name: 'nansen' }, cookie, originOf(rig))).status, 403, 'without the proof')
    for (const wrong of ['', 'x', csrf.slice(1), 'A'.repeat(43), csrfIn(await ask(rig, 'GET /console/connections', { fields: [(await session(rig)).cookie] }))])
      t.equal((await post({ ...good, csrf: wrong }, cookie, originOf(rig))).status, 403, `proof ${wrong}`)
    t.not((await post(good, originOf(rig))).status, 200, 'without the cookie')
    t.equal((await ask(rig, 'GET /console/pause?name=nansen', { fields: [cookie] })).status, 404, 'by a link')
    const json = ['Content-Type: application/json', 'Content-Length: 2', cookie, originOf(rig)]
    t.equal((await raw(rig.adminUrl, [`POST /console/pause HTTP/1.1`, `Host: ${hostOf(rig)}`, ...json, '', '{}'].join('\r\n'))).status, 415)
    t.equal(await isOnSale(rig), true, 'nothing was done')
    t.equal((await post(good, cookie, originOf(rig))).headers.location, '/console/connections#nansen')
    t.equal(await isOnSale(rig), false, 'our own page can')
  }
})

t.test('without a token this machine is served under its own names only', async (t) => {
  const rig = await open(t)
  for (const path of [...VIEWS, '/calls/stream', '/login', '/assets/x']) {
    for (const host of ['evil.example', '127.0.0.1.evil.example', '0.0.0.0']) {
      const answer = await ask(rig, `GET /console${path}`, { host })
      t.same([answer.status, answer.headers['set-cookie']], [403, undefined], `${host} ${path}`)
    }
  }
  t.equal((await ask(rig, 'GET /console', { fields: ['Origin: https://evil.example'] })).status, 403)
  t.equal((await ask(rig, 'GET /console')).status, 200)
  t.equal((await ask(rig, 'GET /console/login')).headers.location, '/console', 'nobody has to sign in')
})

t.test('each answer says what a page may load, and that nobody may frame it', async (t) => {
  const rig = await open(t, guarded)
  const { cookie } = await session(rig)
  const page = await ask(rig, 'GET /console', { fields: [cookie] })
  const assets = [...page.text.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)].map((found) => found[1] as string)
  t.equal(assets.length, 4)
  const asked = [...VIEWS.map((view) => `/console${view}`), '/console/login', '/console/nothing', ...assets]
  for (const path of asked)
    for (const fields of [[cookie], []]) {
      const { headers, status } = await ask(rig, `GET ${path}`, { fields })
      const policy = headers['content-security-policy'] ?? ''
      for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
        t.ok(policy.includes(part), `${path} ${status}: ${part}`)
      t.notMatch(policy, /unsafe|https?:|\*|data:/)
      t.same([headers['x-frame-options'], headers['x-content-type-options'], headers['referrer-policy']], ['DENY', 'nosniff', 'same-origin'], path)
      t.equal(headers['cache-control'], assets.includes(path) ? 'public, max-age=31536000, immutable' : 'no-store', path)
    }
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const { status, headers } = await ask(rig, `${method} /console`, { fields: [cookie] })
    t.equal(status, 405)
    t.ok(headers['content-security-policy'])
  }
  t.equal((await ask(rig, 'GET /console/assets/../../package.json', { fields: [cookie] })).status, 404)
})

t.test('what others have written is text on every page', async (t) => {
  const rig = await open(t, { plugins: ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', 'quota-reserve'] })
  const hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>\'`'
  const { key } = await rig.office.keys.create({ credits: 1_000_000n as never, note: hostile })
  await rig.call('POST', `/nansen/${encodeURIComponent(hostile)}`, { headers: bearer(key), body: WALLET })
  await rig.call('POST', BALANCE, { headers: { ...bearer(key), 'idempotency-key': hostile }, body: WALLET })
  await rig.gateway.ground.audit.write({ action: 'key.create', actor: 'consumer', owner: undefined, subject: hostile, detail: hostile })
  const { cookie } = await session(rig)
  for (const view of VIEWS) {
    const { status, text } = await ask(rig, `GET /console${view}?owner=${encodeURIComponent(hostile)}`, { fields: [cookie] })
    t.equal(status, 200, view)
    t.notMatch(text, /<script>|onerror=alert\(1\)>|<img/, view)
    t.notMatch(text, / style="| on\w+="|<script>|<style/, 'and nothing of ours stands inline')
  }
  const shown = async (view: string): Promise<string> => (await ask(rig, `GET /console${view}`, { fields: [cookie] })).text
  for (const view of ['/consumers', '/audit']) t.ok((await shown(view)).includes('&#60;script&#62;alert(1)&#60;/script&#62;'), view)
})

t.test('no view holds a secret: not of the file, not of the environment, not of a comment', async (t) => {
  const folder = temporaryFolder(t)
  const secret = (name: string): string => `${SECRET}-${name}`
  const text = `# once it was api_key: ${secret('comment')}, at https://user:${secret('login')}@x.example/?key=${secret('query')}
listen: 127.0.0.1:0
admin: { listen: "127.0.0.1:0", token: ${secret('token')} }
webhooks:
  - { url: "https://hooks.example/${secret('path')}", secret: "\${HOOK:-whsec_${Buffer.from(secret('hook-secret')).toString('base64')}}" }
api_connections:
  - name: nansen
    api_key: "${secret('literal')}"
    monthly_quota: 10000
    reserved: 3000
    resale_terms: confirmed
  - { name: kaito, api_key: "\${KAITO}", monthly_quota: 10000, reserved: 1, base_cost: $1, notify: { webhook: "https://hooks.example/x?t=${secret('notify')}" } }
  - name: arkham
    api_key: >-
      ${secret('folded')}
    monthly_quota: 10000
    reserved: 1
    base_cost: $1
`
  const rig = await openGateway(t, text, { folder, env: { KAITO: secret('environment') } })
  const entered = await ask(rig, 'POST /console/login', { form: { token: secret('token') }, fields: [originOf(rig)] })
  t.equal(entered.status, 303)
  for (const view of VIEWS) {
    const page = await ask(rig, `GET /console${view}`, { fields: [cookieIn(entered)] })
    t.equal(page.status, 200, view)
    t.notMatch(page.text, SECRET, view)
  }
  const { text: shown } = await ask(rig, 'GET /console/configuration', { fields: [cookieIn(entered)] })
  for (const part of ['monthly_quota: 10000', 'https://hooks.example/•••', reference('KAITO'), reference('HOOK:-•••'), 'api_key: •••'])
    t.ok(shown.includes(part.replaceAll('"', '&#34;')), part)
  writeFileSync(join(folder, 'gateway.config.yml'), `${text}# ${secret('later')}\n`)
  const later = await ask(rig, 'GET /console/configuration', { fields: [cookieIn(entered)] })
  t.match(later.text, 'data-state="differs"')
  t.notMatch(later.text, SECRET)
})

t.test('live calls are a bounded stream that resumes, and cost nothing when nobody looks', async (t) => {
  const rig = await open(t, { plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] })
  const { key } = await rig.key({ credits: '$100' })
  const call = (): Promise<unknown> => rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  await call()
  t.equal(rig.gateway.engine.watcher, undefined, 'nobody has looked')
  const stream = async (...fields: readonly string[]): Promise<{ read(): string; close(): void }> => {
    const connection = await rawConnection(rig.adminUrl)
    let got = ''
    connection.socket.on('data', (bytes: Buffer) => {
      got += bytes.toString()
    })
    connection.send(['GET /console/calls/stream HTTP/1.1', `Host: ${hostOf(rig)}`, ...fields, '', ''].join('\r\n'))
    await until('the stream begins', () => got.includes('retry: 2000'))
    return { read: () => got, close: () => void connection.socket.destroy() }
  }
  const first = await stream()
  t.match(first.read(), /content-type: text\/event-stream/i)
  await call()
  await until('the call is told', () => first.read().includes('charged 200'))
  const id = /id: (\d+)/.exec(first.read())?.[1]
  first.close()
  await call()
  const again = await stream(`Last-Event-ID: ${id}`)
  await until('what was missed is told', () => again.read().includes('charged 200'))
  t.match(again.read(), `id: ${Number(id) + 1}`)
  const others = await Promise.all(Array.from({ length: LOOKERS - 1 }, () => stream()))
  t.equal((await ask(rig, 'GET /console/calls/stream')).status, 503, 'one more is too many')
  for (const one of [again, ...others]) one.close()
  await until('places are free again', async () => (await openable(rig)) === 200)
})

/** Of a stream, without waiting for its end. */
async function openable(rig: Rig): Promise<number> {
  const connection = await rawConnection(rig.adminUrl)
  connection.send(`GET /console/calls/stream HTTP/1.1\r\nHost: ${hostOf(rig)}\r\n\r\n`)
  const status = await new Promise<number>((resolve) => connection.socket.once('data', (bytes: Buffer) => resolve(Number(bytes.toString().split(' ')[1]))))
  connection.socket.destroy()
  return status
}

t.test('spending of a consumer is what the ledger says of it', async (t) => {
  const rig = await open(t, { plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] })
  const { key, id } = await rig.key({ credits: '$10' })
  for (let count = 0; count < 3; count += 1) await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
  const { text } = await ask(rig, 'GET /console/consumers')
  const row = new RegExp(`<tr><th[^>]*><data value="${id}">.*?</tr>`).exec(text)?.[0] ?? ''
  t.match(row, `<data value="${formatUsd(450_000n)}">$0.45</data>`)
  t.match(row, '<data value="9.55">$9.55</data>')
})
