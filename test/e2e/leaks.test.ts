/** A provider that shows the credential shows it to nobody: the answer is stopped, that answer only, and the owner is told. */

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { type Answer, bearer, MovableClock, OPEN_RATE, openGateway, type Rig, sandbox, until } from '../rig/gateway.ts'
import { customConnection, UPSTREAM } from '../rig/provider.ts'
import { raw, rawConnection } from '../rig/raw.ts'
import { answer, type RawProvider, type RawReply, say, sayAndEnd, startRawProvider } from '../rig/raw-provider.ts'
import { Gate } from '../rig/scripted.ts'
import { ENCODINGS, type Encoding } from '../rig/spelled.ts'

const SECRET = 'sk_live/4eC39HqLyjWDarjtT1zdp+7dc'
const CLEAN = say(answer('{"ok":true}'))
const OPERATIONS = [
  { id: 'search', method: 'GET', path: '/search', query: ['q'], resale: 'allowed' },
  { id: 'other', method: 'GET', path: '/other', resale: 'allowed' },
  { id: 'feed', method: 'GET', path: '/feed', streaming: true, resale: 'allowed' },
]

interface World extends Rig {
  readonly provider: RawProvider
  readonly key: Rig['key']
  readonly consumer: string
  readonly clock: MovableClock
  ask(path?: string): Promise<Answer>
  state(connection?: string): Promise<{ balance: unknown; wasted: unknown; sold: unknown }>
}

async function open(t: Test, more: object = {}): Promise<World> {
  const provider = await startRawProvider(t, CLEAN)
  const clock = new MovableClock()
  const connection = (name: string): object => customConnection(provider.url, { name, api_key: SECRET, operations: OPERATIONS, reserved: 0, ...more })
  const payment = { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }
  const plugins = ['auth', OPEN_RATE, 'markup-billing', payment, 'quota-reserve']
  const config = { upstream: UPSTREAM, api_connections: [connection('acme'), connection('beta')], plugins }
  const rig = await openGateway(t, sandbox(config), { clock })
  const { key: consumer } = await rig.key({ credits: '$50' })
  const ask = (path = '/acme/search'): Promise<Answer> => patiently(() => rig.call('GET', path, { headers: bearer(consumer) }))
  const state: World['state'] = async (name = 'acme') => {
    const row = (await rig.office.marketplace.status()).connections.find((one) => one.name === name)
    const { balance } = (await rig.call('GET', '/credits', { headers: bearer(consumer) })).json
    return { balance, wasted: row?.wasted_units, sold: row?.sold_units }
  }
  return { ...rig, provider, consumer, clock, ask, state }
}
/** A disk that is busy with other tests is no matter of this one. */
async function patiently(ask: () => Promise<Answer>): Promise<Answer> {
  for (let left = 20; ; left -= 1) {
    const got = await ask()
    if (got.status !== 503 || left === 0) return got
  }
}

const leaks = ({ logged }: Rig): number => logged.filter(({ level, message }) => level === 'error' && message.includes('held the credential')).length

/** 502, nothing charged, the units wasted as for any broken answer, one alarm; and nothing of it anywhere. */
async function stopped(t: Test, world: World, what: string, how: RawReply): Promise<void> {
  const before = await world.state()
  const alarms = leaks(world)
  world.provider.always(how)
  const got = await world.ask()
  t.match({ status: got.status, code: got.json.code }, { status: 502, code: 'upstream_error' }, what)
  t.strictSame(await world.state(), { ...before, wasted: Number(before.wasted) + 1 }, what)
  t.equal(leaks(world), alarms + 1, what)
  // A clean answer in between: nothing is paused.
  world.provider.always(CLEAN)
  const next = await world.ask()
  t.equal(next.status, 200, `${what}: the next answer is not touched: ${next.text}`)
}

const chunked = (...pieces: readonly Buffer[]): Buffer[] => [
  Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'),
  ...pieces.map((piece) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])),
  Buffer.from('0\r\n\r\n'),
]

const inBody = (status: string, text: Buffer): RawReply => say(`HTTP/1.1 ${status}\r\ncontent-length: ${text.length + 6}\r\n\r\n{"a":"`, text)
const coded = (coding: string, bytes: Buffer): RawReply =>
  say(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${coding}\r\ncontent-length: ${bytes.length}\r\n\r\n`, bytes)

t.test('in each encoding, in a body, across its pieces, and in a field', async (t) => {
  const world = await open(t)
  for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
    const text = ENCODINGS[encoding](SECRET, () => 5)
    const half = Math.floor(text.length / 2)
    await stopped(
      t,
      world,
      `${encoding}, across chunks`,
      say(...chunked(Buffer.from('{"a":"'), text.subarray(0, half), text.subarray(half), Buffer.from('"}'))),
    )
    await stopped(t, world, `${encoding}, in a field`, say(`HTTP/1.1 200 OK\r\nx-key: ${text.toString('latin1')}\r\ncontent-length: 2\r\n\r\n{}`))
  }
  t.notMatch(JSON.stringify(world.logged), SECRET, 'the alarms do not show it')
})

t.test('in each place of an answer, whatever its status', async (t) => {
  const world = await open(t)
  const plain = Buffer.from(SECRET)
  const name = SECRET.replaceAll('/', '%2F')
  const places: Readonly<Record<string, RawReply>> = {
    'the reason': say(`HTTP/1.1 200 ${SECRET}\r\ncontent-length: 2\r\n\r\n{}`),
    'the reason, across packets': say('HTTP/1.1 200 sk_live/4eC39Hq', 'LyjWDarjtT1zdp+7dc\r\ncontent-length: 2\r\n\r\n{}'),
    'the name of a field': say(`HTTP/1.1 200 OK\r\n${name}: a\r\ncontent-length: 2\r\n\r\n{}`),
    'the name of a field, in capitals': say(`HTTP/1.1 200 OK\r\n${name.toUpperCase()}: a\r\ncontent-length: 2\r\n\r\n{}`),
    'a field that is not passed on': say(`HTTP/1.1 200 OK\r\nset-cookie: k=${SECRET}\r\ncontent-length: 2\r\n\r\n{}`),
    'a trailer': say(...chunked(Buffer.from('{}')).slice(0, -1), `0\r\nx-key: ${SECRET}\r\n\r\n`),
    'an interim answer': say(`HTTP/1.1 103 Early Hints\r\nlink: <https://x.example/?k=${SECRET}>\r\n\r\n${answer('{}')}`),
    'a body that ends with the connection': sayAndEnd('HTTP/1.1 200 OK\r\n\r\nx ', plain),
    'a body of 400': inBody('400 Bad Request', plain),
    'a body of 401': inBody('401 Unauthorized', plain),
    'a body of 404': inBody('404 Not Found', plain),
    'a body of 429': inBody('429 Slow Down', plain),
    'a body of 500': inBody('500 Broken', plain),
    gzip: coded('gzip', gzipSync(SECRET)),
    'x-gzip, in capitals': coded('X-GZIP', gzipSync(SECRET)),
    deflate: coded('deflate', deflateSync(SECRET)),
    'deflate without its wrapper': coded('deflate', deflateRawSync(SECRET)),
    br: coded('br', brotliCompressSync(SECRET)),
    'a long body, before the buffer is full': say(answer('x'.repeat(100_000) + SECRET + 'y'.repeat(100_000))),
  }
  for (const [place, how] of Object.entries(places)) await stopped(t, world, place, how)
})

t.test('an answer that is coded although nobody asked for it is decoded within a bound, or is 502', async (t) => {
  const world = await open(t)
  const text = JSON.stringify({ text: 'x'.repeat(10_000) })
  for (const [coding, bytes] of Object.entries({ gzip: gzipSync(text), deflate: deflateSync(text), br: brotliCompressSync(text) })) {
    world.provider.always(coded(coding, bytes))
    const { status, text: got, headers } = await world.ask()
    t.equal(status, 200, coding)
    t.equal(got, text, coding)
    t.equal(headers['content-encoding'], undefined, coding)
    t.equal(headers['content-length'], String(text.length), coding)
  }
  const refused: Readonly<Record<string, RawReply>> = {
    'a bomb': coded('gzip', gzipSync(Buffer.alloc(50 * 1024 * 1024))),
    'more than the buffer': coded('gzip', Buffer.alloc(300 * 1024)),
    'an unknown coding': coded('zstd', Buffer.from('x')),
    'two codings': coded('gzip, br', Buffer.from('x')),
    'two fields': say(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx`),
    damaged: coded('gzip', gzipSync(text).subarray(0, 40)),
    'what is not coded at all': coded('br', Buffer.from('{"plain":true}')),
    'a stream of events': say('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx'),
  }
  for (const [what, how] of Object.entries(refused)) {
    const before = await world.state()
    world.provider.always(how)
    const got = await world.ask()
    t.match({ status: got.status, code: got.json.code }, { status: 502, code: 'upstream_error' }, what)
    t.strictSame(await world.state(), { ...before, wasted: Number(before.wasted) + 1 }, what)
    // So that the breaker does not open.
    world.provider.always(CLEAN)
    await world.ask()
  }
  t.equal(leaks(world), 0)
})

const NEVER = Buffer.from('\n\ndata: never\n\n')

/** What a consumer got of a stream, as bytes. `began`: once something of it has arrived. */
async function stream(world: World, path: string, began = (): void => undefined): Promise<string> {
  const connection = await rawConnection(world.publicUrl)
  connection.socket.on('data', (chunk: Buffer) => {
    if (chunk.includes('data: ')) began()
  })
  connection.send(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${world.consumer}\r\nconnection: close\r\n\r\n`)
  const all = await connection.closed()
  connection.socket.destroy()
  return all.startsWith('HTTP/1.1 503 ') ? stream(world, path, began) : all
}

t.test('after the first byte the connection is cut before any of it leaves; the charge becomes credit', async (t) => {
  const world = await open(t)
  for (const encoding of Object.keys(ENCODINGS) as Encoding[]) {
    const text = ENCODINGS[encoding](SECRET, () => 5)
    const half = Math.floor(text.length / 2)
    const [head, event, ...rest] = chunked(Buffer.from('data: {"n":1}\n\n'), Buffer.from('data: '), text.subarray(0, half), text.subarray(half), NEVER)
    const arrived = new Gate()
    world.provider.always(async (socket, request) => {
      await say(head as Buffer, event as Buffer)(socket, request)
      await arrived.opened
      await say(...rest)(socket, request)
    })
    const all = await stream(world, '/acme/feed', arrived.open)
    t.match(all, /^HTTP\/1\.1 200 /, encoding)
    t.match(all, 'data: {"n":1}\n\n', encoding)
    t.notMatch(all, /never|\r\n0\r\n\r\n$/, `${encoding}: it does not look whole`)
    t.notOk(Buffer.from(all, 'latin1').includes(text.subarray(4, half)), `${encoding}: nothing of it left`)
    world.provider.always(CLEAN)
    await world.ask('/acme/feed')
  }
  const expected = (50 - 0.02 * Object.keys(ENCODINGS).length).toFixed(2)
  let left: unknown
  const isRight = async (): Promise<boolean> => {
    left = (await world.state()).balance
    return left === expected
  }
  await until('what was cut is credited', isRight).catch((error: Error) => t.fail(`${error.message}: ${left} instead of ${expected}`))
})

t.test('a long answer is cut within, and another one under way is not', async (t) => {
  const world = await open(t)
  const filler = Buffer.alloc(400 * 1024, 'x')
  world.provider.always(async (socket, request) => {
    if (request.text.includes('q=leak')) return say(...chunked(filler, Buffer.from(SECRET), filler))(socket, request)
    return say(...chunked(filler, filler))(socket, request)
  })
  const [leaked, clean] = await Promise.all([stream(world, '/acme/search?q=leak'), stream(world, '/acme/search?q=clean')])
  t.notOk(leaked.includes(SECRET.slice(0, 8)))
  t.notMatch(leaked, /\r\n0\r\n\r\n$/)
  t.match(clean.slice(-5), '0\r\n\r\n')
  t.ok(clean.length > 800 * 1024)
})

t.test('an operation is paused after 20 with no clean one between: that operation, on that connection, for ten minutes', async (t) => {
  const world = await open(t)
  const leak = say(answer(`{"key":"${SECRET}"}`))
  world.provider.always(leak)
  for (let count = 0; count < 19; count += 1) t.equal((await world.ask()).status, 502)
  world.provider.always(CLEAN)
  t.equal((await world.ask()).status, 200, 'one clean answer begins the count anew')
  world.provider.always(leak)
  for (let count = 0; count < 20; count += 1) t.equal((await world.ask()).status, 502)
  const [asked, { wasted, balance }] = [world.provider.requests.length, await world.state()]
  for (let count = 0; count < 5; count += 1) t.match((await world.ask()).json, { code: 'upstream_error' })
  t.equal(world.provider.requests.length, asked, 'it is not asked any more')
  t.strictSame(await world.state(), { ...(await world.state()), wasted, balance }, 'which costs nobody anything')
  world.provider.always(CLEAN)
  t.equal((await world.ask('/acme/other')).status, 200, 'another operation of the connection is')
  t.equal((await world.ask('/beta/search')).status, 200, 'and the same operation of another connection')
  t.equal((await world.ask()).status, 502)
  world.clock.aheadMs += 600_001
  t.equal((await world.ask()).status, 200, 'after ten minutes it is tried again')
  const told = world.logged.map(({ fields }) => (fields as { kind?: string }).kind)
  t.ok(told.includes('credential-leaked') && told.includes('operation-paused'), 'its owner was told')
  t.notMatch(JSON.stringify(world.logged), SECRET.slice(0, 12))
})

t.test('hits that are further apart than ten minutes pause nothing', async (t) => {
  const world = await open(t)
  world.provider.always(say(answer(`{"key":"${SECRET}"}`)))
  for (let count = 0; count < 30; count += 1) {
    t.equal((await world.ask()).status, 502)
    world.clock.aheadMs += 40_000
  }
  t.equal(world.provider.requests.length, 30)
  t.equal((await raw(world.publicUrl, 'GET /acme/search HTTP/1.1\r\nhost: x\r\n\r\n')).status, 402)
})
