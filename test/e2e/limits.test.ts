/** Keys and what they may do: pace, calls at once, money a day, an end; the turn of a period and of a day, by a clock that the test moves. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Answer, BALANCE, bearer, MovableClock, openGateway, OPEN_RATE, type Rig, sandbox, type Teardown, WALLET } from '../rig/gateway.ts'
import { customConnection, hang, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const ask = (rig: Rig, key: string, headers: Record<string, string> = {}): Promise<Answer> =>
  rig.call('POST', BALANCE, { headers: { ...bearer(key), ...headers }, body: WALLET })
const code = ({ status, text }: Answer): string => (status === 200 ? '200' : `${status} ${JSON.parse(text).code}`)
const open = (t: Teardown, rate: object, clock = new MovableClock()): Promise<Rig> =>
  openGateway(t, sandbox({ plugins: ['auth', 'abuse-detect', rate, 'markup-billing', 'quota-reserve'] }), { clock })

const DAY_MS = 86_400_000

t.test('exactly the burst may come at once, then one each interval; every answer tells how far it is', async (t) => {
  const clock = new MovableClock()
  const rig = await open(t, { 'rate-limit': { per_consumer: '60/hour', burst: 5 } }, clock)
  const { key } = await rig.key({ credits: '$5' })
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(rig, key)))
  const good = answers.filter(({ status }) => status === 200)
  t.equal(good.length, 5)
  t.same(
    good
      .map(({ headers }) => headers.ratelimit)
      .map((text) => /^"default";r=(\d);t=\d+$/.exec(text ?? '')?.[1])
      .sort(),
    ['0', '1', '2', '3', '4'],
  )
  for (const { headers, json } of answers.filter(({ status }) => status !== 200)) {
    t.match(json, { status: 429, code: 'rate_limited' })
    t.match(headers, { 'ratelimit-policy': '"default";q=60;w=3600', ratelimit: /^"default";r=0;t=\d+$/ })
    t.ok(Number(headers['retry-after']) >= 58 && Number(headers['retry-after']) <= 60, `Retry-After ${headers['retry-after']} of an interval of 60 s`)
  }
  clock.aheadMs += 60_000
  t.same([code(await ask(rig, key)), code(await ask(rig, key))], ['200', '429 rate_limited'])
  clock.aheadMs += 3_600_000
  t.equal(
    (await Promise.all(Array.from({ length: 9 }, () => ask(rig, key)))).filter(({ status }) => status === 200).length,
    5,
    'no more than the burst, however long it was quiet',
  )
  const { key: other } = await rig.key({ credits: '$5' })
  t.equal(code(await ask(rig, other)), '200', 'another consumer has a pace of his own')
  const { key: owner } = await rig.key({ owner: 'operator' })
  t.same([...new Set((await Promise.all(Array.from({ length: 20 }, () => ask(rig, owner)))).map(code))], ['200'], 'an owner has none')
})

t.test('a key spends no more than its cap in a UTC day; what failed does not count', async (t) => {
  const clock = new MovableClock()
  clock.aheadMs = DAY_MS - (Date.now() % DAY_MS) + 3_600_000
  const provider = await startProvider(t)
  const config = { upstream: UPSTREAM, api_connections: [customConnection(provider.url)], plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] }
  const rig = await openGateway(t, sandbox(config), { clock })
  const { key } = await rig.key({ credits: '$5', capPerDay: '$0.05' })
  const search = (): Promise<Answer> => rig.call('GET', '/acme/search', { headers: bearer(key) })
  provider.next(reply(500, {}), reply(404, {}))
  t.same([(await search()).status, (await search()).status], [502, 404])
  t.same([code(await search()), code(await search()), code(await search())], ['200', '200', '429 rate_limited'], 'two of $0.02 fit $0.05')
  const refused = await search()
  t.ok(Math.abs(Number(refused.headers['retry-after']) - 23 * 3600) < 60, `Retry-After ${refused.headers['retry-after']} to midnight, 23 h away`)
  clock.aheadMs += 23 * 3_600_000
  t.equal(code(await search()), '200', 'a new day')
  t.equal((await rig.call('GET', '/credits', { headers: bearer(key) })).json.balance, '4.94')
})

t.test('the cap holds when its calls come all at once', async (t) => {
  const rig = await open(t, OPEN_RATE)
  const { key } = await rig.key({ credits: '$50', capPerDay: '$1.50' })
  const codes = (await Promise.all(Array.from({ length: 40 }, () => ask(rig, key)))).map(code)
  t.same([codes.filter((one) => one === '200').length, codes.filter((one) => one === '429 rate_limited').length], [10, 30])
})

t.test('a balance is never overdrawn: of 400 calls at once on one key with money for 100 exactly 100 succeed', async (t) => {
  const plugins = ['auth', 'abuse-detect', OPEN_RATE, 'markup-billing', 'quota-reserve']
  const rig = await openGateway(t, sandbox({ plugins, limits: { concurrent_per_consumer: 1_000 } }))
  const { key } = await rig.key({ credits: '$15.10' })
  const codes = (await Promise.all(Array.from({ length: 400 }, () => ask(rig, key)))).map(code)
  t.same([codes.filter((one) => one === '200').length, codes.filter((one) => one === '402 insufficient_credits').length], [100, 300])
  t.equal((await rig.call('GET', '/credits', { headers: bearer(key) })).json.balance, '0.10')
})

t.test('an answer says so when the balance pays for fewer than ten more of its calls', async (t) => {
  const rig = await open(t, OPEN_RATE)
  const { key } = await rig.key({ credits: '$1.80' })
  const told: (string | undefined)[] = []
  for (let turn = 0; turn < 4; turn += 1) told.push((await ask(rig, key)).headers['x-atlas-low-balance'])
  t.same(told, [undefined, undefined, '$1.35', '$1.20'])
})

t.test('a revoked key is refused at once, an expired one from its last moment on, also with a payment beside it', async (t) => {
  const clock = new MovableClock()
  const rig = await open(t, OPEN_RATE, clock)
  const [revoked, expiring, good] = [await rig.key({ credits: '$5' }), await rig.key({ credits: '$5', expiresInMs: DAY_MS }), await rig.key({ credits: '$5' })]
  t.same([code(await ask(rig, revoked.key)), code(await ask(rig, expiring.key))], ['200', '200'])
  await rig.office.keys.revoke(revoked.id)
  t.equal(code(await ask(rig, revoked.key)), '401 unauthenticated')
  t.equal(code(await ask(rig, revoked.key, { 'payment-signature': 'x' })), '401 unauthenticated')
  t.equal((await rig.call('GET', '/credits', { headers: bearer(revoked.key) })).status, 401)
  t.equal((await rig.call('GET', '/credits')).status, 401)
  clock.aheadMs += DAY_MS - 60_000
  t.equal(code(await ask(rig, expiring.key)), '200')
  clock.aheadMs += 60_000
  t.equal(code(await ask(rig, expiring.key)), '401 unauthenticated')
  const shown = await ask(rig, expiring.key)
  t.match(shown.headers, { 'www-authenticate': 'Bearer' })
  t.same(
    (await rig.office.keys.list()).keys.map(({ id, state }) => [id, state]),
    [
      [revoked.id, 'revoked'],
      [expiring.id, 'expired'],
      [good.id, 'valid'],
    ],
  )
})

t.test('a key is kept nowhere as it is', async (t) => {
  const rig = await open(t, OPEN_RATE)
  const { key } = await rig.key({ credits: '$5' })
  await ask(rig, key, { 'idempotency-key': 'one' })
  await ask(rig, key, { 'x-atlas-max-price': 'x' })
  t.notMatch(JSON.stringify(await rig.office.keys.list()), key)
  await rig.close(0)
  const secret = key.slice('atlas_'.length)
  const files = readdirSync(join(rig.folder, 'data'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  t.ok(files.length > 2)
  for (const { path, name } of files) t.notOk(readFileSync(join(path, name)).includes(secret), name)
  t.notMatch(JSON.stringify(rig.logged), secret)
})

t.test('a key reaches X-API-Key, too; HEAD and OPTIONS are no way around the price', async (t) => {
  const rig = await open(t, OPEN_RATE)
  const { key } = await rig.key({ credits: '$5' })
  t.equal((await rig.call('POST', BALANCE, { headers: { 'x-api-key': key }, body: WALLET })).status, 200)
  for (const method of ['HEAD', 'OPTIONS', 'GET', 'PUT', 'DELETE']) {
    const answer = await rig.call(method, BALANCE, { headers: bearer(key) })
    t.match(answer, { status: 405, headers: { allow: 'POST' } }, method)
  }
  t.equal((await rig.call('GET', '/credits', { headers: bearer(key) })).json.balance, '4.85')
})

t.test('one consumer has only so many calls at once, whatever becomes of them', async (t) => {
  const provider = await startProvider(t)
  const config = { upstream: UPSTREAM, limits: { concurrent_per_consumer: 3 }, api_connections: [customConnection(provider.url)] }
  const rig = await openGateway(t, sandbox({ ...config, plugins: ['auth', OPEN_RATE, 'markup-billing', 'quota-reserve'] }))
  const { key } = await rig.key({ credits: '$5' })
  const leaving = new AbortController()
  const search = (signal?: AbortSignal): Promise<Answer> =>
    rig.call('GET', '/acme/search', { headers: bearer(key), ...(signal === undefined ? {} : { signal }) })
  provider.next(hang, hang, hang)
  const running = Array.from({ length: 3 }, () => search(leaving.signal).catch(() => undefined))
  await provider.asked(3)
  t.match(await search(), { status: 429, headers: { 'retry-after': '1' } })
  leaving.abort()
  await Promise.all([...running, ...provider.seen.map(({ gone }) => gone)])
  t.same(
    await Promise.all([search(), search(), search()].map(async (one) => (await one).status)),
    [200, 200, 200],
    'a place is free as soon as its call has ended',
  )
})

t.test('with the new period everything is for sale again', async (t) => {
  const clock = new MovableClock()
  const rig = await openGateway(t, sandbox({ api_connections: [{ name: 'nansen', monthly_quota: 3, reserved: 1, base_cost: '$0.05', period: 'day' }] }), {
    clock,
  })
  const { key } = await rig.key({ credits: '$5' })
  t.same([code(await ask(rig, key)), code(await ask(rig, key)), code(await ask(rig, key))], ['200', '200', '503 sold_out'])
  const wait = Number((await ask(rig, key)).headers['retry-after'])
  clock.aheadMs += (wait - 1) * 1000
  t.equal(code(await ask(rig, key)), '503 sold_out', 'not a second before Retry-After is over')
  clock.aheadMs += 1000
  t.equal(code(await ask(rig, key)), '200')
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: 1, units_left: 1 })
})
