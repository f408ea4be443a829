/** What stands around a tool call: arguments that lead elsewhere, clients that leave, answers without end, a provider that lies. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import { bearer, OPEN_RATE, openGateway, type Rig, sandbox, type Teardown, until } from '../rig/gateway.ts'
import { openMcp } from '../rig/mcp.ts'
import { customConnection, hang, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const PAYMENT = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
const PLUGINS = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', PAYMENT, 'quota-reserve']
const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search', query: ['q', 'limit'], resale: 'allowed' },
  { id: 'of', method: 'GET', path: '/users/:name/of/:name2', resale: 'allowed' },
  { id: 'anything', method: 'ANY', path: '/any/**', resale: 'allowed' },
  { id: 'special', method: 'GET', path: '/any/special', units: 5, resale: 'allowed' },
  { id: 'events', method: 'GET', path: '/events', streaming: true, resale: 'allowed' },
]

interface Scene extends Rig {
  readonly provider: Provider
  readonly key: (wish: { credits?: string; owner?: string }) => Promise<{ id: string; key: string }>
}

async function open(t: Teardown, more: object = {}): Promise<Scene> {
  const provider = await startProvider(t)
  provider.always(reply(200, { found: 1 }))
  const config = { api_connections: [customConnection(provider.url, { operations: OPERATIONS })], upstream: UPSTREAM, plugins: PLUGINS, ...more }
  return { ...(await openGateway(t, sandbox(config))), provider }
}

const paying = async (t: Teardown, scene: Scene) => openMcp(t, scene.publicUrl, bearer((await scene.key({ credits: '$10' })).key))
const sold = async (rig: Rig) => ((await rig.office.report(monthOf(Date.now()), undefined)).total as { calls_sold: number }).calls_sold

t.test('arguments become path, query and body as they are meant, and whatever else is refused before the provider hears of it', async (t) => {
  const scene = await open(t)
  const mcp = await paying(t, scene)
  const { provider } = scene
  const asked = async (tool: string, args: object): Promise<string> => {
    const before = provider.seen.length
    const { texts, isError } = await mcp.call(tool, args)
    const { method, url, body } = provider.seen[before] ?? {}
    return isError ? `refused: ${(JSON.parse(texts[0] ?? '') as { detail: string }).detail}` : `${method} ${url}${body === '' ? '' : ` ${body}`}`
  }
  t.equal(await asked('acme_search', { q: 'a b&c=ü', limit: 5 }), 'GET /v1/search?q=a%20b%26c%3D%C3%BC&limit=5')
  t.equal(await asked('acme_of', { name: 'x:name2', name2: 'y z' }), 'GET /v1/users/x:name2/of/y%20z')
  t.equal(
    await asked('acme_anything', { method: 'POST', path: 'a/b c', query: { x: [1, 'two'], y: true }, body: { z: [null] } }),
    'POST /v1/any/a/b%20c?x=1&x=two&y=true {"z":[null]}',
  )
  t.equal(await asked('acme_anything', {}), 'GET /v1/any')
  const before = provider.seen.length
  for (const [tool, args, detail] of [
    ['acme_search', { q: 'x', other: 1 }, /"other" is not one of the arguments/],
    ['acme_search', { q: { a: 1 } }, /must be text/],
    ['acme_of', { name: 'x' }, /"name2" is missing/],
    ['acme_of', { name: '', name2: 'x' }, /not empty/],
    ['acme_of', { name: '..', name2: 'x' }, /dot segment/],
    ['acme_of', { name: 'a/b', name2: 'x' }, /encoded slash/],
    ['acme_anything', { path: '../search' }, /dot segment/],
    ['acme_anything', { path: 'a//b' }, /empty segment/],
    ['acme_anything', { path: 'special' }, /lead to another operation/],
    ['acme_anything', { method: 'TRACE' }, /the operation takes/],
    ['acme_anything', { method: 1 }, /name of a method/],
    ['acme_anything', { query: 'x=1' }, /must be an object/],
  ] as const)
    t.match(await asked(tool, args), detail, `${tool} ${JSON.stringify(args)}`)
  t.equal(provider.seen.length, before)
  await t.rejects(mcp.call('acme_none'), { code: -32602, message: /there is no tool "acme_none"/ })
})

t.test('a provider that writes an offer, or a problem like ours, is never taken for us', async (t) => {
  const scene = await open(t)
  const mcp = await paying(t, scene)
  const offer = {
    x402Version: 2,
    accepts: [{ scheme: 'exact', payTo: '0x1111111111111111111111111111111111111111' }],
    type: 'urn:atlas-gateway:problem:payment_required',
  }
  for (const [status, type] of [
    [404, 'application/problem+json'],
    [404, 'application/json'],
    [400, 'application/problem+json'],
    [200, 'application/json'],
    [200, 'application/problem+json'],
  ] as const) {
    scene.provider.next((response) => {
      response.writeHead(status, { 'content-type': type, 'payment-required': Buffer.from(JSON.stringify(offer)).toString('base64') })
      response.end(JSON.stringify(offer))
    })
    const answer = await mcp.call('acme_search', { q: 'x' })
    t.equal(answer.structured, undefined, `${status} ${type}`)
    t.equal(answer.isError, status !== 200)
    t.throws(() => JSON.parse(answer.texts[0] ?? ''), 'the first text is ours')
    t.equal(answer.texts.at(-1), JSON.stringify(offer))
    t.notOk('atlas/problem' in answer.meta)
  }
  t.equal(await sold(scene), 2)
})

t.test('a call ends with its client: when the connection is lost, and when its session takes it back', async (t) => {
  // Nothing but its client ends a call here in time.
  const scene = await open(t, { upstream: { ...UPSTREAM, timeout: '60s' } })
  const { provider } = scene
  provider.always(hang)
  const lost = await paying(t, scene)
  const first = lost.call('acme_search', { q: 'lost' })
  first.catch(() => undefined)
  await provider.asked(1)
  await lost.drop()
  await provider.seen[0]?.gone
  t.match(lost.session, /^[0-9a-f]{32}$/)
  const mcp = await paying(t, scene)
  const other = await paying(t, scene)
  const taken = new AbortController()
  const second = mcp.call('acme_search', { q: 'taken back' }, { signal: taken.signal })
  second.catch(() => undefined)
  await provider.asked(2)
  const third = other.call('acme_search', { q: 'of another session, under the same id' })
  await provider.asked(3)
  taken.abort()
  await provider.seen[1]?.gone
  await t.rejects(second)
  provider.always(reply(200, { found: 1 }))
  t.equal(await Promise.race([provider.seen[2]?.gone.then(() => 'gone'), other.call('acme_search', {}).then(() => 'there')]), 'there')
  await other.drop()
  await t.rejects(third)
  await until('nothing was charged but the call that came to its end', async () => (await sold(scene)) === 1, 2_000)
  await until('the records have them as abandoned', async () => kindsOf(scene).join() === 'abandoned,abandoned,abandoned', 2_000)
})

/** Of the calls that were not charged; none as long as nothing is written. */
function kindsOf(scene: Scene): readonly string[] {
  return existsSync(join(scene.folder, 'data', 'calls.jsonl')) ? scene.records().map(({ kind }) => kind) : []
}

t.test('of a long answer the beginning comes, charged; one that the provider breaks off becomes credit', async (t) => {
  const scene = await open(t)
  const mcp = await paying(t, scene)
  const piece = Buffer.alloc(64 * 1024, 'x')
  let written = 0
  scene.provider.next((response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const more = (): void => {
      while (!response.destroyed && response.write(piece)) written += 1
      response.once('drain', more)
    }
    more()
  })
  const cut = await mcp.call('acme_search', {})
  t.match(cut, {
    isError: false,
    meta: { 'atlas/cut': true, 'atlas/price': '$0.02' },
    texts: [/^x+$/, /beginning of a longer answer.*http:\/\/127\.0\.0\.1:\d+\/acme\/search/],
  })
  const size = cut.texts[0]?.length ?? 0
  t.ok(size > 4 * 1024 * 1024 && size < 5 * 1024 * 1024, `${size} bytes`)
  await scene.provider.seen[0]?.gone
  t.ok(written * piece.length < 32 * 1024 * 1024, 'and no more is read')
  scene.provider.next((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    response.end('data: 2\n\n')
  })
  t.match(await mcp.call('acme_events'), { isError: false, texts: ['data: 1\n\ndata: 2\n\n'] })
  scene.provider.next((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
    setImmediate(() => response.destroy())
  })
  t.match(await mcp.call('acme_events'), { isError: true, texts: [/become credit/, 'data: 1\n\n'] })
  t.match((await mcp.call('balance')).structured, { balance: '9.96' })
})

t.test('bytes that are no text arrive as they are', async (t) => {
  const scene = await open(t)
  const mcp = await paying(t, scene)
  const bytes = Buffer.from([0x89, 0x50, 0xff, 0x00])
  for (const [type, found] of [
    ['image/png', { type: 'image', data: bytes.toString('base64'), mimeType: 'image/png' }],
    [
      'application/octet-stream',
      { type: 'resource', resource: { blob: bytes.toString('base64'), mimeType: 'application/octet-stream', uri: /\/acme\/search$/ } },
    ],
  ] as const) {
    scene.provider.next((response) => response.writeHead(200, { 'content-type': type }).end(bytes))
    t.match((await mcp.call('acme_search')).content, [found])
  }
})
