/** Whatever a provider does wrong costs nobody any money, moves units as the rule says, and shows nothing of the provider. */

import t from 'tap'
import { type Answer, bearer, openGateway, type Rig, sandbox, type Teardown, until } from '../rig/gateway.ts'
import {
  breakOff,
  bytes,
  customConnection,
  garbage,
  hang,
  OK,
  type Provider,
  type Reply,
  reply,
  reset,
  resetAfterHead,
  silence,
  startProvider,
  startUnreachable,
  UPSTREAM,
} from '../rig/provider.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

/** A pace that refills too slowly to blur what a test counts. */
const PACE = { 'rate-limit': { per_consumer: '24/day', burst: 100 } }
const FAILURES = [
  { status: 429, means: 'rate-limited', bills: false },
  { status: 500, body_has: 'unbilled', means: 'provider-down', bills: false },
  { status: '2xx', body_has: '"error"', means: 'provider-down' },
]

async function openShop(t: Teardown, more: object = {}): Promise<Shop> {
  const provider = await startProvider(t)
  const config = { upstream: { ...UPSTREAM, timeout: '400ms' }, api_connections: [customConnection(provider.url, { failures: FAILURES })], plugins: CHAIN }
  const rig = await openGateway(t, sandbox({ ...config, ...more }))
  return { ...rig, provider, consumer: (await rig.key({ credits: '$5' })).key }
}

const CHAIN = ['auth', 'abuse-detect', PACE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve']

const ask = (shop: Shop, signal?: AbortSignal): Promise<Answer> =>
  shop.call('GET', '/acme/search?q=x', { headers: bearer(shop.consumer), ...(signal === undefined ? {} : { signal }) })

/** Everything that a failed call might have changed. */
async function state(shop: Shop): Promise<{ balance: unknown; wasted: unknown; sold: unknown; left: unknown }> {
  const [row] = (await shop.office.marketplace.status()).connections
  const { balance } = (await shop.call('GET', '/credits', { headers: bearer(shop.consumer) })).json
  return { balance, wasted: row?.wasted_units, sold: row?.sold_units, left: row?.units_left }
}

const left = ({ headers }: Answer): number => Number(/r=(\d+)/.exec(headers.ratelimit ?? '')?.[1])

const TELLTALE = [
  'set-cookie',
  'sid=telltale',
  'server',
  'telltale',
  'location',
  'https://telltale.example/',
  'payment-required',
  'telltale',
  'retry-after',
  '77',
]
const challenge = { x402Version: 1, error: 'telltale', accepts: [{ scheme: 'exact', network: 'base', maxAmountRequired: '1', payTo: '0xtelltale' }] }
const LONG = 'x'.repeat(300 * 1024)

interface Misdeed {
  readonly what: string
  readonly reply: Reply
  readonly is: string
  readonly wasted: 0 | 1
}

const misdeeds: readonly Misdeed[] = [
  { what: 'answers 500', reply: reply(500, { telltale: 1 }, TELLTALE), is: '502 upstream_error', wasted: 1 },
  { what: 'answers 500 that it does not bill', reply: reply(500, 'UNBILLED telltale'), is: '502 upstream_error', wasted: 0 },
  { what: 'answers 200 with an error inside', reply: reply(200, { error: 'telltale' }, TELLTALE), is: '502 upstream_error', wasted: 1 },
  { what: 'redirects', reply: reply(302, 'telltale', TELLTALE), is: '502 upstream_error', wasted: 1 },
  { what: 'redirects for good', reply: reply(308, 'telltale', TELLTALE), is: '502 upstream_error', wasted: 1 },
  {
    what: 'refuses the credential',
    reply: reply(401, 'telltale', ['www-authenticate', 'Bearer realm="telltale"', ...TELLTALE]),
    is: '502 upstream_error',
    wasted: 1,
  },
  { what: 'wants to be paid', reply: reply(402, challenge, TELLTALE), is: '502 upstream_error', wasted: 1 },
  { what: 'answers 403', reply: reply(403, 'telltale', TELLTALE), is: '502 upstream_error', wasted: 1 },
  { what: 'answers 304 to no condition', reply: (response) => response.writeHead(304, TELLTALE).end(), is: '502 upstream_error', wasted: 1 },
  { what: 'answers a status that nobody knows', reply: reply(599, 'telltale'), is: '502 upstream_error', wasted: 1 },
  { what: 'answers 500 at length', reply: reply(500, `telltale${LONG}`), is: '502 upstream_error', wasted: 1 },
  { what: 'says nothing', reply: hang, is: '504 upstream_timeout', wasted: 1 },
  {
    what: 'stops in the middle',
    reply: (response) => response.writeHead(200, { 'content-length': 100 }).write('telltale'),
    is: '504 upstream_timeout',
    wasted: 1,
  },
  { what: 'resets before the head', reply: reset, is: '502 upstream_error', wasted: 1 },
  { what: 'closes before the head', reply: silence, is: '502 upstream_error', wasted: 1 },
  { what: 'resets after the head', reply: resetAfterHead, is: '502 upstream_error', wasted: 1 },
  { what: 'breaks off in the middle', reply: breakOff, is: '502 upstream_error', wasted: 1 },
  { what: 'answers garbage', reply: garbage, is: '502 upstream_error', wasted: 1 },
  { what: 'answers two lengths', reply: bytes('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'), is: '502 upstream_error', wasted: 1 },
  { what: 'answers a head without end', reply: bytes(`HTTP/1.1 200 OK\r\nx: ${LONG}\r\n\r\n`), is: '502 upstream_error', wasted: 1 },
  { what: 'answers chunks that are none', reply: bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'), is: '502 upstream_error', wasted: 1 },
]

t.test('a provider that fails costs nobody anything, and its own words stay with it', async (t) => {
  const shop = await openShop(t)
  const first = await ask(shop)
  t.equal(first.status, 200)
  for (const { what, reply, is, wasted } of misdeeds) {
    // Between two failures all is well: five in a row are an outage, of which no more is asked.
    t.equal((await ask(shop)).status, 200)
    const before = await state(shop)
    shop.provider.next(reply)
    const answer = await ask(shop)
    t.equal(`${answer.status} ${answer.json.code}`, is, what)
    t.notMatch(answer.text + JSON.stringify(answer.headers), /telltale|sid=|"77"|acme\.example|127\.0\.0\.1/, `${what}: nothing of it is relayed`)
    t.equal(answer.headers['payment-required'], undefined, `${what}: no offer`)
    t.match(answer.headers, { 'content-type': 'application/problem+json', 'x-request-id': /./ })
    const after = await state(shop)
    t.same(after, { ...before, wasted: Number(before.wasted) + wasted, left: Number(before.left) - wasted }, `${what}: no money moved`)
  }
  t.equal(shop.provider.seen.length, misdeeds.length * 2 + 1, 'nothing was asked twice')
  const last = await ask(shop)
  t.equal(last.status, 200)
  t.equal(left(last), left(first) - 1 - misdeeds.length, 'of the pace a failed call takes nothing')
})

t.test('a provider that limits calls costs nobody anything; its own Retry-After stays with it, and a whole number of seconds is told', async (t) => {
  const shop = await openShop(t)
  const before = await state(shop)
  shop.provider.next(reply(429, 'telltale', TELLTALE))
  const answer = await ask(shop)
  t.match(answer.json, { status: 502, code: 'upstream_error' })
  t.notMatch(answer.text + JSON.stringify(answer.headers), /telltale|sid=/)
  t.same(await state(shop), before)
  const next = await ask(shop)
  t.match(next, { status: 502, headers: { 'retry-after': '77' } }, 'until then nothing is sent')
  t.equal(shop.provider.seen.length, 1)
})

t.test('a provider’s word on a request that it cannot serve passes with status and body, uncharged', async (t) => {
  const shop = await openShop(t)
  for (const status of [400, 404, 410, 409, 422, 451]) {
    const before = await state(shop)
    shop.provider.next(reply(status, { theirs: status }, TELLTALE))
    const answer = await ask(shop)
    t.equal(answer.status, status)
    t.same(answer.json, { theirs: status })
    t.notMatch(JSON.stringify(answer.headers), /telltale|x-atlas-(price|receipt)|retry-after/)
    t.match(answer.headers, { 'x-request-id': /./, ratelimit: /^"default"/ })
    t.same(await state(shop), { ...before, wasted: Number(before.wasted) + 1, left: Number(before.left) - 1 })
  }
  shop.provider.next((response) => response.writeHead(304, { etag: '"1"' }).end())
  const unchanged = await shop.call('GET', '/acme/search', { headers: { ...bearer(shop.consumer), 'if-none-match': '"1"' } })
  t.match(unchanged, { status: 304, text: '', headers: { etag: '"1"' } })
  t.equal((await state(shop)).balance, '5.00')
})

t.test('a provider that cannot be reached returns its units', async (t) => {
  const shop = await openShop(t)
  await shop.provider.close()
  const before = await state(shop)
  const answer = await ask(shop)
  t.match(answer.json, { status: 502, code: 'upstream_error' })
  t.notMatch(answer.text, /ECONNREFUSED|127\.0\.0\.1/)
  t.same(await state(shop), before)
})

t.test('a provider that takes no connection gets no byte, so that its units return, whoever gives up', async (t) => {
  const url = await startUnreachable(t)
  const shop = await openShop(t, { api_connections: [customConnection(url)] })
  const before = await state(shop)
  t.match((await ask(shop)).json, { status: 504, code: 'upstream_timeout' })
  t.same(await state(shop), before)
  const leaving = new AbortController()
  const answer = t.rejects(ask(shop, leaving.signal))
  const held = async (): Promise<number> => 800 - Number((await state(shop)).left) - Number((await state(shop)).wasted)
  await until('the call holds its unit', async () => (await held()) === 1)
  leaving.abort()
  await answer
  await until('the call has ended', async () => (await held()) === 0)
  t.same(await state(shop), before)
})

t.test('a client that leaves cancels the call within 100 ms and pays nothing; what it asked for is wasted', async (t) => {
  const shop = await openShop(t, { upstream: { ...UPSTREAM, timeout: '10s' } })
  const before = await state(shop)
  shop.provider.always(hang)
  const took: number[] = []
  for (let time = 1; time <= 5; time += 1) {
    const leaving = new AbortController()
    const answer = t.rejects(ask(shop, leaving.signal))
    await shop.provider.asked(time)
    const leftAt = performance.now()
    leaving.abort()
    took.push(((await shop.provider.seen[time - 1]?.gone) ?? 0) - leftAt)
    await answer
    await until('the call has ended', async () => (await state(shop)).wasted === time)
  }
  // The fastest: a machine that is busy may be late once, a gateway that waits for something is late each time.
  t.ok(Math.min(...took) < 100, `cancelled after ${took.map((ms) => ms.toFixed(1)).join(', ')} ms`)
  t.same(await state(shop), { ...before, wasted: 5, left: Number(before.left) - 5 })
  shop.provider.always(OK)
  t.equal(left(await ask(shop)), 99, 'its turns are as before')
  await shop.close(0)
  t.match(shop.records(), Array(5).fill({ kind: 'abandoned', price: '0', attempts: [{ meaning: 'client-gone', used: 'wasted' }] }))
})

t.test('failures leave a record each, and the log says why', async (t) => {
  const shop = await openShop(t)
  shop.provider.next(reply(500, {}), reset)
  await ask(shop)
  await ask(shop)
  await shop.close(0)
  t.match(shop.records(), [
    { v: 2, kind: 'refused', code: 'upstream_error', api: 'acme', operation: 'search', attempts: [{ status: 500, meaning: 'provider-down', used: 'wasted' }] },
    { v: 2, kind: 'refused', code: 'upstream_error', attempts: [{ meaning: 'broken', used: 'wasted' }] },
  ])
  t.match(
    shop.logged.filter(({ level }) => level === 'warn').map(({ message }) => message),
    [/the provider failed/, /the provider failed/],
  )
})
