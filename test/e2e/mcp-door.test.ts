/** Who may ask at /mcp at all: pages, methods, messages that are none, and addresses that ask too much. */

import t from 'tap'
import { MovableClock, OPEN_RATE, openGateway, type Rig, type RigOptions, sandbox, type Teardown } from '../rig/gateway.ts'
import { customConnection, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const PLUGINS = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']

async function open(t: Teardown, more: object = {}, options: RigOptions = {}): Promise<Rig & { readonly provider: Provider }> {
  const provider = await startProvider(t)
  provider.always(reply(200, { found: 1 }))
  const config = { api_connections: [customConnection(provider.url)], upstream: UPSTREAM, plugins: PLUGINS, ...more }
  return { ...(await openGateway(t, sandbox(config), options)), provider }
}

const HEADERS = { accept: 'application/json, text/event-stream' }
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

t.test('pages of other origins are refused, and so are other methods, batches, what is no message, and too much of it', async (t) => {
  const scene = await open(t, { limits: { body: '64KiB' } })
  const ask = (headers: Record<string, string>, body: object | string = LIST, method = 'POST') =>
    scene.call(method, '/mcp', { headers: { ...HEADERS, ...headers }, body })
  const { port } = new URL(scene.publicUrl)
  for (const [origin, status] of [
    ['https://evil.example', 403],
    [`http://rebound.example:${port}`, 403],
    ['null', 403],
    ['http://localhost:1', 403],
    [`https://localhost:${port}`, 403],
    [scene.publicUrl, 200],
    [`http://localhost:${port}`, 200],
  ] as const)
    t.equal((await ask({ origin })).status, status, origin)
  t.match((await ask({})).json, { id: 1, result: { tools: [{ name: 'catalog' }, { name: 'balance' }, { name: 'acme_search' }] } })
  for (const method of ['GET', 'DELETE', 'PUT']) t.match(await ask({}, '', method), { status: 405, headers: { allow: 'POST' } }, method)
  const before = scene.provider.seen.length
  for (const [body, status] of [
    [[LIST, LIST], 400],
    ['{', 400],
    ['', 400],
    ['{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', 400],
    [{ id: 1 }, 400],
    ['['.repeat(30_000), 400],
    [{ ...LIST, params: { pad: 'x'.repeat(70_000) } }, 413],
  ] as const)
    t.equal((await ask({ 'content-type': 'application/json' }, body as object)).status, status, JSON.stringify(body).slice(0, 60))
  t.equal((await ask({ accept: 'application/json' })).status, 406)
  t.equal((await ask({ 'content-type': 'text/plain' }, JSON.stringify(LIST))).status, 415)
  t.equal((await ask({ 'mcp-protocol-version': '1999-01-01' })).status, 400)
  t.equal(scene.provider.seen.length, before)
  const open2 = await open(t, { plugins: [{ cors: { origins: ['https://app.example'] } }, ...PLUGINS] })
  const from = (origin: string) => open2.call('POST', '/mcp', { headers: { ...HEADERS, origin }, body: LIST })
  t.match(await from('https://app.example'), { status: 200, headers: { 'access-control-allow-origin': 'https://app.example' } })
  t.equal((await from('https://other.example')).status, 403)
  const asks = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
  t.match((await open2.call('OPTIONS', '/mcp', { headers: asks })).headers['access-control-allow-headers'], /Mcp-Protocol-Version, Mcp-Session-Id/)
})

t.test('unpaid and malformed tool calls count for the address as they do over HTTP', async (t) => {
  const scene = await open(t, { trusted_proxies: ['127.0.0.1'] }, { clock: new MovableClock() })
  const ask = async (address: string, params: object): Promise<string> => {
    const headers = { ...HEADERS, 'x-forwarded-for': address }
    const { status, text } = await scene.call('POST', '/mcp', { headers, body: { ...LIST, method: 'tools/call', params } })
    const { result } = JSON.parse(text) as { result?: { _meta?: { 'atlas/problem'?: { code: string } } } }
    return result?._meta?.['atlas/problem']?.code ?? String(status)
  }
  for (const [address, params, first] of [
    ['198.51.100.1', { name: 'acme_search' }, 'payment_required'],
    ['198.51.100.2', { name: 'acme_search', arguments: { other: 1 } }, 'bad_request'],
  ] as const) {
    const seen: string[] = []
    for (let count = 0; count < 620; count += 1) seen.push(await ask(address, params))
    t.equal(seen[0], first)
    t.ok(seen.filter((code) => code === first).length <= 620)
  }
  const last = await ask('198.51.100.1', { name: 'acme_search' })
  t.equal(last, 'rate_limited')
  const list = (address: string) => scene.call('POST', '/mcp', { headers: { ...HEADERS, 'x-forwarded-for': address }, body: LIST })
  t.match(await list('198.51.100.2'), { status: 429, headers: { 'retry-after': /^\d+$/ } }, 'and what is free is no way around')
  t.equal((await list('198.51.100.3')).status, 200)
})
