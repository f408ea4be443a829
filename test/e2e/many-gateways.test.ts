/** Several gateways on one Redis and one PostgreSQL are one gateway: quota, reserve, limits, money, names and keys are shared to the last unit. */

import t, { type Test } from 'tap'
import { Agent } from 'undici'
import { type Started, startAtlas } from '../rig/atlas.ts'
import { bearer, OPEN_RATE, sandbox, temporaryFolder, until, writeConfig } from '../rig/gateway.ts'
import { customConnection, OK, type Provider, reply, startProvider, UPSTREAM } from '../rig/provider.ts'
import { openPostgres } from '../rig/postgres.ts'
import { startRedis } from '../rig/redis.ts'

const redis = await startRedis(t)
const postgres = await openPostgres(t)

interface Wish {
  readonly count: number
  readonly quota?: number
  readonly reserved?: number
  readonly rate?: object
}

interface Crew {
  readonly gateways: readonly Started[]
  readonly provider: Provider
  readonly file: string
}

let crews = 0

async function open(t: Test, { count, quota = 1_000_000, reserved = 1_000, rate = OPEN_RATE }: Wish): Promise<Crew> {
  crews += 1
  const provider = await startProvider(t)
  provider.always(OK)
  const config = sandbox({
    store: { driver: 'redis', url: redis.url, name: `crew-${crews}`, durability: 'relaxed' },
    ledger: { driver: 'postgres', url: postgres.url },
    upstream: { ...UPSTREAM, timeout: '10s' },
    limits: { concurrent_per_consumer: 1_000 },
    api_connections: [
      customConnection(provider.url, {
        ...{ name: 'acme', owner: 'alice', base_cost: '$0.05', markup: '3x', monthly_quota: quota, reserved },
        operations: [{ id: 'search', method: 'GET', path: '/search', query: ['q'], resale: 'allowed' }],
      }),
    ],
    plugins: ['auth', 'abuse-detect', rate, { 'markup-billing': { platform_share: '10%' } }, 'quota-reserve'],
  })
  const files = Array.from({ length: count }, () => writeConfig(temporaryFolder(t), config))
  return { gateways: await Promise.all(files.map((file) => startAtlas(t, file))), provider, file: files[0] as string }
}

async function keyFor({ adminUrl }: Started, wish: object): Promise<{ id: string; key: string }> {
  const response = await fetch(`${adminUrl}/api/keys`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(wish) })
  return (await response.json()) as { id: string; key: string }
}

/** Asked again where a part was too slow on a busy machine: it reads only. */
async function get<T>(url: string, headers: Readonly<Record<string, string>> = {}): Promise<T> {
  for (let turn = 1; ; turn += 1) {
    const response = await fetch(url, { headers })
    const answer = (await response.json()) as T
    if (response.status !== 503 || turn === 100) return answer
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

interface Answer {
  readonly what: string
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>
}

const agent = new Agent({ connections: 100 })
t.teardown(() => agent.destroy())

let names = 0

/** Under a name of its own, so that it can be sent again when a part was too slow on a busy machine: it is one call all the same. */
async function call(gateway: Started, headers: Readonly<Record<string, string>>, query = ''): Promise<Answer> {
  names += 1
  const named = { 'idempotency-key': `call ${names}`, ...headers }
  for (let turn = 1; ; turn += 1) {
    const answer = await send(gateway, named, query)
    if (answer.what !== '503 unavailable' || turn === 100) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function send({ publicUrl }: Started, headers: Readonly<Record<string, string>>, query: string): Promise<Answer> {
  const response = await agent.request({ origin: publicUrl, path: `/acme/search${query}`, method: 'GET', headers })
  const body = await response.body.text()
  const { code } = response.statusCode === 200 ? { code: undefined } : (JSON.parse(body) as { code?: string })
  return { what: `${response.statusCode}${code === undefined ? '' : ` ${code}`}`, body, headers: response.headers }
}

const count = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { what } of answers) counts[what] = (counts[what] ?? 0) + 1
  return counts
}

type Row = Readonly<Record<string, string | number>>
const status = async ({ adminUrl }: Started): Promise<Row> => (await get<{ connections: readonly Row[] }>(`${adminUrl}/api/status`)).connections[0] as Row

for (const [size, forSale] of [
  [2, 1_000],
  [4, 10_000],
] as const) {
  t.test(`${size} gateways sell a quota of ${forSale} to 200 consumers: exactly that, and the reserve is untouched`, { timeout: 120_000 }, async (t) => {
    const { gateways, provider } = await open(t, { count: size, quota: forSale + 3_000, reserved: 3_000 })
    const first = gateways[0] as Started
    const keys = await Promise.all(Array.from({ length: 200 }, (_, index) => keyFor(gateways[index % size] as Started, { credits: '$100' })))
    const sold = new Map<string, number>()
    const others = new Map<string, number>()
    await Promise.all(
      keys.map(async ({ key, id }, index) => {
        for (let turn = 0; ; turn += 1) {
          const { what } = await call(gateways[(index + turn) % size] as Started, bearer(key))
          if (what === '200') sold.set(id, (sold.get(id) ?? 0) + 1)
          else others.set(what, (others.get(what) ?? 0) + 1)
          if (what === '503 sold_out') return
        }
      }),
    )
    const dollars = (each: number): string => (forSale * each).toFixed(2)
    const revenue = dollars(0.15)
    t.equal(
      [...sold.values()].reduce((sum, one) => sum + one, 0),
      forSale,
    )
    t.strictSame([...others.keys()], ['503 sold_out'])
    t.equal(provider.seen.length, forSale)
    for (const gateway of gateways) t.match(await status(gateway), { sold_units: forSale, own_units: 0, wasted_units: 0, units_left: 0, revenue })
    const { key } = await keyFor(first, { owner: 'alice' })
    t.equal((await call(first, bearer(key))).what, '200', 'the owner has his reserve')
    const report = await get<{ total: Row }>(`${first.adminUrl}/api/report`)
    t.match(report.total, { calls_sold: forSale, revenue, owner_share: dollars(0.135), platform_share: dollars(0.015), own_units: 1 })
    const balances = await Promise.all(keys.map(({ key }) => get<{ balance: string }>(`${first.publicUrl}/credits`, bearer(key))))
    const wrong = balances.filter(({ balance }, index) => Math.round((100 - Number(balance)) / 0.15) !== (sold.get(keys[index]?.id ?? '') ?? 0))
    t.strictSame(wrong, [], 'each has paid for what he got')
    const verified = await get<{ ok: boolean }>(`${first.adminUrl}/api/ledger/verify`)
    t.equal(verified.ok, true, JSON.stringify(verified))
  })
}

t.test('400 calls at once over two gateways on one key with money for 100: exactly 100 succeed', async (t) => {
  const { gateways } = await open(t, { count: 2 })
  const { key } = await keyFor(gateways[0] as Started, { credits: '$15.10' })
  const answers = await Promise.all(Array.from({ length: 400 }, (_, index) => call(gateways[index % 2] as Started, bearer(key))))
  t.strictSame(count(answers), { 200: 100, '402 insufficient_credits': 300 })
  for (const { publicUrl } of gateways)
    await until('the balance says so', async () => (await get<{ balance: string }>(`${publicUrl}/credits`, bearer(key))).balance === '0.10', 10_000)
})

t.test('50 calls under one name over two gateways: one provider call, 50 equal answers', async (t) => {
  const { gateways, provider } = await open(t, { count: 2 })
  const { key } = await keyFor(gateways[0] as Started, { credits: '$10' })
  provider.always((response, { url }) => setTimeout(() => reply(200, { url, once: Math.random() })(response, {} as never), 50))
  const headers = { ...bearer(key), 'idempotency-key': 'one call' }
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => call(gateways[index % 2] as Started, headers)))
  t.strictSame(count(answers), { 200: 50 })
  t.equal(new Set(answers.map(({ body, headers }) => `${body} ${headers['x-atlas-receipt']} ${headers['x-atlas-price']}`)).size, 1)
  t.equal(provider.seen.length, 1)
  t.match(await get(`${gateways[1]?.publicUrl}/credits`, bearer(key)), { balance: '9.85' })
  t.equal((await call(gateways[1] as Started, headers, '?q=other')).what, '409 idempotency_conflict')
})

t.test('a pace is one pace, however many gateways: exactly the burst at once', async (t) => {
  const { gateways } = await open(t, { count: 2, rate: { 'rate-limit': { per_consumer: '60/hour', burst: 20 } } })
  const { key } = await keyFor(gateways[0] as Started, { credits: '$100' })
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => call(gateways[index % 2] as Started, bearer(key))))
  t.strictSame(count(answers), { 200: 20, '429 rate_limited': 80 })
})

t.test('a key is good on every gateway at once, and a revoked one dead everywhere within a second', async (t) => {
  const { gateways } = await open(t, { count: 2 })
  const [first, second] = gateways as [Started, Started]
  const { key, id } = await keyFor(first, { credits: '$10' })
  await until('the other gateway knows it', async () => (await call(second, bearer(key))).what === '200', 1_000)
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id }) }
  await fetch(`${first.adminUrl}/api/keys/revoke`, init)
  const revokedAt = performance.now()
  t.equal((await call(first, bearer(key))).what, '401 unauthenticated')
  await until('it is dead there, too', async () => (await call(second, bearer(key))).what === '401 unauthenticated', 1_000)
  t.ok(performance.now() - revokedAt < 1_000)
})
