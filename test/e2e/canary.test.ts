/**
 * The canary: a known secret in every place where a credential may be, every route and every failure driven, and then
 * everything searched that the process has said or written. It is nowhere but on the socket to the provider.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { formatComplaint } from '../../config/complaints.ts'
import { loadConfig } from '../../config/load.ts'
import { actions } from '../../gateway/doors/actions/index.ts'
import { Credentials } from '../../gateway/vault/index.ts'
import { atlas, type Started, startAtlas } from '../rig/atlas.ts'
import { OPEN_RATE, sandbox, temporaryFolder, until, vocabulary, writeConfig } from '../rig/gateway.ts'
import { heapOf, heapOptions } from '../rig/heap.ts'
import { customConnection } from '../rig/provider.ts'
import { rawConnection } from '../rig/raw.ts'
import { answer, type RawProvider, type RawReply, say, sayAndEnd, sayAndReset, startRawProvider } from '../rig/raw-provider.ts'
import { ENCODINGS } from '../rig/spelled.ts'

const SECRET = 'cnry_9fK2/xQ+7bWz4LmT8vRd1HsYp3'
const PLACES = ['header', 'query', 'path', 'bearer', 'basic'] as const
const keyOf = (place: string): string => (place === 'basic' ? `canary:${SECRET}` : SECRET)

const seeker = new Credentials()
seeker.set(new Map([['canary', `canary:${SECRET}`]]))
/** In any encoding; the part behind the colon counts by itself. */
const holds = (bytes: Buffer | string): boolean => seeker.place('canary', { in: 'basic' }, { path: '/', headers: [] }, '')?.holds(Buffer.from(bytes)) === true

/** Everything that a provider may do, by the name that a consumer asks for. */
const KINDS: Readonly<Record<string, RawReply>> = {
  ok: say(answer('{"ok":true}')),
  ...Object.fromEntries(
    [201, 204, 301, 304, 400, 401, 402, 403, 404, 429, 500, 503].map((status) => [`s${status}`, say(answer('{}', { status: `${status} x` }))]),
  ),
  ...Object.fromEntries(Object.entries(ENCODINGS).map(([, encode], at) => [`e${at}`, say(answer(`{"key":"${encode(SECRET, () => 5).toString('latin1')}"}`))])),
  ...Object.fromEntries([400, 401, 404, 429, 500].map((status) => [`echo${status}`, say(answer(`bad key ${SECRET}`, { status: `${status} x` }))])),
  reason: say(answer('{}', { status: `200 ${SECRET}` })),
  field: say(answer('{}', { fields: `x-key: ${SECRET}\r\n` })),
  interim: say(`HTTP/1.1 103 x\r\nlink: ${SECRET}\r\n\r\n${answer('{}')}`),
  trailer: say(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-key: ${SECRET}\r\n\r\n`),
  gzip: say('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n', `content-length: ${gzipSync(SECRET).length}\r\n\r\n`, gzipSync(SECRET)),
  zstd: say(answer(SECRET, { fields: 'content-encoding: zstd\r\n' })),
  reset: sayAndReset(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n${SECRET.slice(0, 5)}`),
  resetAtOnce: sayAndReset(''),
  silence: sayAndEnd(''),
  garbage: sayAndEnd(`what is ${SECRET}\r\n\r\n`),
  badField: say(`HTTP/1.1 200 OK\r\n${SECRET} : a\r\n\r\n`),
  badStatus: say(`HTTP/1.1 ${SECRET}\r\n\r\n`),
  short: sayAndEnd('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf'),
  badChunk: say(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${SECRET}\r\n`),
  behind: say(`${answer('{}')}${SECRET}`),
  endless: say('HTTP/1.1 103 x\r\n\r\n'.repeat(50)),
  hang: () => undefined,
  stream: say('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n', `data: ${SECRET.slice(0, 20)}`, `${SECRET.slice(20)}\n\n`),
}

/** What is driven in every place; the rest where it stands in a header. */
const ELSEWHERE = new Set(['ok', 'e0', 'e2', 'e19', 'echo401', 'field', 'garbage', 'reset', 's500', 'badChunk', 'hang'])
const isLeak = (kind: string): boolean => /^(e\d|echo|reason|field|interim|trailer|gzip)/.test(kind)

interface World {
  readonly started: Started
  readonly provider: RawProvider
  readonly folder: string
  readonly heap: string
  /** All bytes that the process sent to consumers and operators. */
  readonly said: string[]
}

async function open(t: Test): Promise<World> {
  const folder = temporaryFolder(t)
  const heap = join(temporaryFolder(t), 'heap')
  mkdirSync(heap)
  const provider = await startRawProvider(t, (socket, request) => {
    const kind = /[?&]q=([\w]+)/.exec(request.text)?.[1] ?? 'ok'
    return (KINDS[kind] as RawReply)(socket, request)
  })
  const connections = PLACES.map((place) => ({
    ...customConnection(provider.url, { name: `in-${place}`, api_key: `\${CANARY_${place.toUpperCase()}}`, reserved: 0 }),
    credential: place === 'header' || place === 'query' ? { in: place, name: 'X-Key' } : { in: place },
  }))
  const plugins = ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve']
  const file = writeConfig(folder, sandbox({ upstream: { allow_private: true, timeout: '400ms' }, api_connections: connections, plugins }))
  const env = {
    ...Object.fromEntries(PLACES.map((place) => [`CANARY_${place.toUpperCase()}`, keyOf(place)])),
    LOG_LEVEL: 'trace',
    NODE_OPTIONS: heapOptions(heap),
  }
  return { started: await startAtlas(t, file, { env }), provider, folder, heap, said: [] }
}

/** One request on a connection of its own, to its end. */
async function ask(world: World, url: string, request: string, { headers = '', body = '' } = {}): Promise<string> {
  const connection = await rawConnection(url)
  const length = body === '' ? '' : `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
  connection.send(`${request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${length}${headers}\r\n${body}`)
  const got = await connection.closed()
  connection.socket.destroy()
  world.said.push(got)
  return got
}

const statusOf = (got: string): number => Number(got.split(' ')[1])

/** Every failure in one place, the tellers in each; returns the receipt of a good call. */
async function driveCalls(t: Test, world: World, consumer: string): Promise<string> {
  const { publicUrl } = world.started
  const headers = `authorization: Bearer ${consumer}\r\n`
  for (const place of PLACES) {
    for (const kind of Object.keys(KINDS)) {
      if (place !== 'header' && !ELSEWHERE.has(kind)) continue
      const got = await ask(world, publicUrl, `GET /in-${place}/search?q=${kind}`, { headers })
      if (isLeak(kind)) {
        t.equal(statusOf(got), 502, `${place}, ${kind}`)
        // So that nothing is paused.
        await ask(world, publicUrl, `GET /in-${place}/search?q=ok`, { headers })
      }
    }
  }
  await ask(world, publicUrl, 'POST /in-header/write', { headers: `${headers}idempotency-key: canary-1\r\n`, body: '{"text":"x"}' })
  await ask(world, publicUrl, 'POST /in-header/write', { headers: `${headers}idempotency-key: canary-1\r\n`, body: '{"text":"x"}' })
  const good = await ask(world, publicUrl, 'GET /in-path/search?q=ok', { headers })
  return /x-atlas-receipt: (\S+)/i.exec(good)?.[1] ?? 'none'
}

async function driveRoutes(world: World, consumer: string, receipt: string): Promise<void> {
  const { publicUrl, adminUrl } = world.started
  const headers = `authorization: Bearer ${consumer}\r\n`
  const pages = [
    '/',
    '/catalog',
    '/openapi.json',
    '/healthz',
    '/readyz',
    '/metrics',
    '/credits',
    '/services.json',
    '/.well-known/jwks.json',
    '/.well-known/x402',
    '/mcp',
  ]
  for (const page of [...pages, `/receipts/${receipt}`, `/receipts/${receipt}/report`]) {
    await ask(world, publicUrl, `GET ${page}`, { headers })
    await ask(world, publicUrl, `POST ${page}`, { headers, body: '{"reason":"x"}' })
    await ask(world, adminUrl, `GET ${page}`)
  }
  for (const path of ['/in-header/search?q=ok', '/in-header/nothing', '/in-header/search?what=1', '/in-header/../x', '/nowhere'])
    await ask(world, publicUrl, `GET ${path}`)
  for (const action of Object.keys(actions)) {
    const [method, path] = action.split(' ') as [string, string]
    await ask(world, adminUrl, `${method} ${path}`, method === 'GET' ? {} : { body: '{"name":"in-header","names":["in-header"]}' })
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : []
  })
}

t.test('a credential is nowhere but on the socket to its provider', async (t) => {
  const world = await open(t)
  const { started, provider, folder, said } = world
  const [, consumer = ''] = /play key \([^)]*\)[^:]*: (\S+)/.exec((await waitFor(started)).stdout()) ?? []
  const receipt = await driveCalls(t, world, consumer)
  await driveRoutes(world, consumer, receipt)
  for (const place of PLACES)
    t.ok(
      provider.requests.some(({ text }) => text.includes(`in-${place}`) || holds(text)),
      `it was used in its place: ${place}`,
    )
  t.ok(provider.requests.filter(({ text }) => holds(text)).length > 100, 'the search finds it where it is')
  const heap = await heapOf(started.pid, world.heap, () => ask(world, started.publicUrl, 'GET /healthz'))
  t.ok(heap.errors > 0, `${heap.errors} errors are in the heap`)
  t.strictSame(
    heap.ofErrors.filter((text) => holds(text)),
    [],
    'no error in the heap leads to it',
  )
  t.ok(heap.strings.includes('in-basic') && heap.ofErrors.length > 0, 'the heap was read')
  t.comment(`${heap.strings.filter((text) => holds(text)).length} of ${heap.strings.length} strings of the whole heap hold it`)
  t.equal(await started.stop(), 0)
  t.notOk(holds(started.stdout()), 'stdout')
  t.notOk(holds(started.stderr()), 'stderr, which is the log')
  t.match(started.stderr(), 'held the credential', 'which told of it')
  for (const got of said) t.notOk(holds(got), 'what was sent')
  const files = filesBelow(folder)
  t.ok(files.length > 3, files.join())
  for (const file of files) t.notOk(holds(readFileSync(file)), file)
})

async function waitFor(started: Started): Promise<Started> {
  await until('the play key is shown', () => started.stdout().includes('an unpaid call'))
  return started
}

/** A configuration that is refused, or warned about, with the secret in it: from outside in any setting, and literally as a key. */
const FROM_OUTSIDE = ['$', '{CANARY}'].join('')
const WRONG: readonly object[] = [
  ...['name', 'monthly_quota', 'reserved', 'markup', 'base_cost', 'base_url', 'owner', 'adapter', 'resale_terms', 'billing_day', 'pay_to'].map((setting) => ({
    [setting]: FROM_OUTSIDE,
  })),
  ...[` ${SECRET}`, `${SECRET} `, `${SECRET}\n`, `${SECRET}\u0001`, [SECRET], { key: SECRET }].map((api_key) => ({ api_key })),
  { api_key: `${FROM_OUTSIDE}x\n` },
  { api_key: SECRET, unknown: 1, monthly_quota: -1 },
  { api_key: 'vault:nothing', base_url: `https://user:${SECRET}@x.example` },
  { base_url: `https://x.example/?key=${SECRET}` },
  { api_key: SECRET, credential: { in: 'header' } },
]

t.test('complaints about a configuration do not show it', async (t) => {
  const folder = temporaryFolder(t)
  const [plugins, adapters] = await vocabulary()
  let complaints = 0
  for (const wrong of WRONG) {
    const file = writeConfig(folder, sandbox({ upstream: { allow_private: true }, api_connections: [customConnection('http://127.0.0.1:1', wrong)] }))
    const { problems, warnings } = await loadConfig({ file, env: { CANARY: SECRET }, plugins, adapters })
    const text = [...problems, ...warnings].map(formatComplaint).join('\n')
    complaints += problems.length
    t.notOk(holds(text), `${JSON.stringify(wrong)}: ${text}`)
  }
  t.ok(complaints > 12, `${complaints} complaints`)
  const file = writeConfig(
    folder,
    sandbox({ api_connections: [customConnection('http://127.0.0.1:1', { api_key: `${SECRET} `, monthly_quota: FROM_OUTSIDE })] }),
  )
  for (const args of [
    ['check', '--config', file],
    ['check', '--json', '--config', file],
    ['start', '--config', file],
  ]) {
    const { status, stdout, stderr } = await atlas(args, { env: { CANARY: SECRET } })
    t.equal(status, 1, args.join(' '))
    t.notOk(holds(stdout + stderr), args.join(' '))
  }
})
