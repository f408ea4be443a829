/** What is easily done wrong with these six providers, and is not done: failures, counters, limits, terms. Requests and prices: provider-traps.test.ts. */
import t from 'tap'
import { besideOwn, type Adapter, unwise, type Connection } from '#contract'
import { discover } from '../../config/discover.ts'
import { isDenied } from '../../gateway/engine/headers.ts'
import { retryAfterMs, toldBy } from '../../gateway/engine/health/told.ts'
import { BALANCE, WALLET } from '../rig/gateway.ts'
import { connectionOf } from '../rig/acme.ts'
import type { Failure } from '../rig/providers/index.ts'
import { type Marketplace, type Name, openMarketplace } from '../rig/providers/market.ts'

const adapters = (): Promise<Map<string, Adapter>> => discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter')
const failure = (status: number, body: unknown, more: Partial<Failure> = {}): Failure => ({ status, body, shown: 'upstream_error', ...more })

/** One cheap call to each. */
const CHEAP: Readonly<Record<Name, string>> = {
  nansen: 'POST /nansen/profiler/address/current-balance',
  kaito: 'GET /kaito/yaps?username=x',
  arkham: 'GET /arkham/token/market/usd-coin',
  messari: 'GET /messari/metrics/v2/assets',
  glassnode: 'GET /glassnode/v1/metrics/market/mvrv?a=BTC',
  defillama: 'GET /defillama/api/tvl/uniswap',
}
const call = ({ get, post }: Marketplace, name: Name) => {
  const [method, path] = CHEAP[name].split(' ') as [string, string]
  return method === 'POST' ? post(path, WALLET) : get(path)
}

t.test('trap 4: a provider that wants to be paid is neither paid nor quoted', async (t) => {
  const market = await openMarketplace(t)
  for (const name of ['nansen', 'messari', 'arkham', 'glassnode', 'defillama'] as const) {
    market.accounts[name].fail(failure(402, { x402Version: 1, accepts: [{ payTo: '0xtelltale', maxAmountRequired: '1' }] }))
    const asked = await market.reached(name, async () => {
      const answer = await call(market, name)
      t.match({ status: answer.status, code: answer.json.code }, { status: 502, code: 'upstream_error' }, name)
      t.notMatch(answer.text + JSON.stringify(answer.headers), /telltale|accepts|payment-required/, name)
    })
    t.equal(asked, 1, `${name}: once`)
  }
})

t.test('trap 5: a quota that is used up is used up, whatever its status; nobody asks again until the period is over', async (t) => {
  const used: readonly [Name, Failure][] = [
    ['nansen', failure(403, { message: 'Insufficient credits' })],
    ['arkham', failure(429, { error: 'Intelligence label lookup limit reached for this billing period.' })],
    ['glassnode', failure(403, 'no credits left')],
    ['defillama', failure(429, 'Credits used up')],
    ['messari', failure(429, { error: 'Daily limit reached', data: null })],
  ]
  const market = await openMarketplace(t)
  for (const [name, how] of used) {
    market.accounts[name].fail(how)
    t.equal((await call(market, name)).status, 502, name)
    const asked = await market.reached(name, async () => t.match((await call(market, name)).json, { code: /sold_out|upstream_error/ }, name))
    t.equal(asked, 0, `${name} is not asked again`)
    t.match(await market.row(name), { sold_units: 0, wasted_units: 0 }, `${name}: nothing is lost`)
  }
})

t.test('trap 11: words of an error that are no JSON go no further, nor do those that hold the key', async (t) => {
  const market = await openMarketplace(t)
  for (const name of ['nansen', 'glassnode', 'defillama'] as const) {
    market.accounts[name].fail(failure(500, '<html>telltale stack</html>'))
    t.notMatch((await call(market, name)).text, /telltale|html/, name)
    const { key } = market.accounts[name].script
    for (const status of [400, 404, 500]) {
      market.accounts[name].fail(failure(status, `no such thing for ${key}`))
      const answer = await call(market, name)
      t.match({ status: answer.status, code: answer.json.code }, { status: 502, code: 'upstream_error' }, `${name}: ${status}`)
      t.notMatch(answer.text + JSON.stringify(answer.headers) + JSON.stringify(market.rig.logged), key, name)
      t.equal((await call(market, name)).status, 200)
    }
  }
})

t.test('traps 13 and 14: what is left is read where credits are told, and use elsewhere comes out of the reserve', async (t) => {
  const market = await openMarketplace(t)
  for (const name of Object.keys(CHEAP) as Name[]) t.equal((await call(market, name)).status, 200, name)
  const enable = (name: string) => market.rig.office.marketplace.enable([name], { acceptRisk: true })
  await enable('arkham')
  t.match(await market.row('arkham'), { external_units: 0 }, 'data points that are left are no credits')
  for (const name of ['nansen', 'arkham', 'glassnode', 'defillama'] as const) {
    market.accounts[name].spend(700)
    await enable(name)
    const { external_units, own_units, units_left, sold_units } = await market.row(name)
    t.equal(external_units, 700, `${name}: by its field or its usage endpoint`)
    t.equal((units_left as number) + (sold_units as number), 99_000, `${name}: ${own_units} and 700 are within the reserve of 1000`)
  }
  t.equal((await adapters()).get('messari')?.quota.usage, undefined, 'of Messari none is known')
  t.equal((await adapters()).get('arkham')?.quota.remaining, undefined)
})

t.test('trap 15: all buyers of a key share its pace, and the slow operations have one of their own', async (t) => {
  const market = await openMarketplace(t)
  market.accounts.arkham.fail(failure(429, { error: 'rate limit exceeded' }, { fields: ['Retry-After', '30'] }))
  t.equal((await market.get('/arkham/transfers?limit=1')).status, 502)
  const { key: another } = await market.rig.key({ credits: '$1' })
  const slow = await market.reached('arkham', async () =>
    t.match(await market.get('/arkham/swaps?base=binance', another), { status: 502, headers: { 'retry-after': /^\d+$/ } }),
  )
  t.equal(slow, 0, 'for every buyer')
  t.equal((await call(market, 'arkham')).status, 200, 'the others go on')
  const heavy = (await adapters())
    .get('arkham')
    ?.operations.filter((one) => one.heavy === true)
    .map(({ path }) => path)
  t.same(heavy?.sort(), [
    ...['/counterparties/address/:address', '/flow/address/:address', '/intelligence/search', '/swaps'],
    ...['/token/top', '/token/top_flow/:id', '/transfers', '/transfers/unenriched'],
  ])
})

t.test('trap 16: seconds, moments and dates of limits are told apart', (t) => {
  const now = Date.UTC(2026, 10, 26)
  t.match(toldBy(['x-rate-limit-limit', '600', 'x-rate-limit-remaining', '0', 'x-rate-limit-reset', '37'], now), { remaining: 0, resetMs: 37_000 }, 'Glassnode')
  t.match(toldBy(['RateLimit-Limit', '20', 'RateLimit-Remaining', '3', 'RateLimit-Reset', '1'], now), { remaining: 3, resetMs: 1000 }, 'Nansen')
  t.match(toldBy(['x-rate-limit-remaining', '1', 'x-rate-limit-reset', String(now / 1000 + 9)], now), { resetMs: 9000 }, 'a moment')
  t.equal(retryAfterMs(['Retry-After', '7'], now), 7000)
  t.equal(retryAfterMs(['retry-after', 'Thu, 26 Nov 2026 00:00:09 GMT'], now), 9000)
  t.end()
})

t.test("trap 17: no field about the owner's account reaches a consumer", (t) => {
  const own = [
    ...[
      'X-Nansen-Credits-Used',
      'X-Nansen-Credits-Cost',
      'X-Nansen-Credits-Remaining',
      'X-Request-Id',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
    ],
    ...['X-RateLimit-Limit-Second', 'X-RateLimit-Remaining-Minute', 'X-Intel-Datapoints-Usage', 'X-Intel-Datapoints-Limit', 'X-Intel-Datapoints-Remaining'],
    ...['x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-reset', 'Retry-After', 'Set-Cookie', 'payment-required', 'Payment-Signature', 'Location'],
  ]
  for (const name of own) t.ok(isDenied(name), name)
  t.end()
})

t.test("trap 18: a price above the provider's own is told, operation by operation", async (t) => {
  const all = await adapters()
  const own = (name: string, path: string) => all.get(name)?.operations.find((operation) => operation.path === path)?.ownPriceUsd
  t.same(
    ['/token-screener', '/profiler/address/counterparties', '/profiler/address/labels'].map((path) => own('nansen', path)),
    ['0.01', '0.05', undefined],
  )
  t.same(
    ['/intelligence/address/:address', '/counterparties/address/:address', '/token/top_flow/:id'].map((path) => own('arkham', path)),
    ['0.20', '10.00', '2.00'],
  )
  t.same(
    ['/metrics/v2/assets/details', '/signal/v1/x-users', '/ai/v2/chat/completions'].map((path) => own('messari', path)),
    ['0.10', '0.75', '0.25'],
  )
  const given = [
    ...['/metrics/v2/assets', '/metrics/v2/assets/metrics', '/metrics/v1/markets', '/metrics/v1/exchanges'].map((path) => own('messari', path)),
    own('arkham', '/chains'),
  ]
  t.same(given, Array(5).fill('0.00'), 'what they give away by the call is dear at any price')
  t.same(
    ['/v1/metrics/market/mvrv', '/v1/metrics/market/mvrv/bulk', '/v1/metadata/assets'].map((path) => own('glassnode', path)),
    ['0.05', undefined, '0.01'],
  )
  t.ok(
    all.get('defillama')?.operations.every(({ ownPriceUsd }) => ownPriceUsd === undefined),
    'not known to sell by the call',
  )
  for (const name of ['nansen', 'arkham', 'messari', 'glassnode']) {
    const adapter = all.get(name) as Adapter
    const dear = connectionOf(name, { terms: { agreement: 'x' }, unitPrice: 11_000_000n as Connection['unitPrice'] })
    t.ok(besideOwn(dear, adapter).length > 0)
    t.ok(
      unwise(dear, adapter, 0).some(({ sentence }) => sentence.includes('itself asks by the call')),
      name,
    )
  }
})

t.test('traps 19 and 20: what a provider does not allow is not for sale, is the owner’s, and opens with an agreement; credit lines are exact', async (t) => {
  const selling = { unstated: '', confirmed: 'confirmed', agreed: 'agreement:2026-7' } as const
  const all = await adapters()
  for (const [what, terms] of Object.entries(selling)) {
    const market = await openMarketplace(t, { terms })
    const { apis } = (await market.rig.call('GET', '/catalog')).json as { apis: { name: Name; operations: { id: string; resale: string }[] }[] }
    for (const name of Object.keys(CHEAP) as Name[]) {
      const listed = apis.find((api) => api.name === name)?.operations.map(({ id }) => id) ?? []
      const opens =
        { unstated: ['allowed', 'attribution'], confirmed: ['allowed', 'attribution', 'ask'], agreed: ['allowed', 'attribution', 'ask', 'forbidden'] }[what] ??
        []
      const expected = all
        .get(name)
        ?.operations.filter(({ resale }) => opens.includes(resale))
        .map(({ id }) => id)
      t.same(listed, expected, `${name}, ${what}`)
    }
    const labels = '/nansen/profiler/address/labels'
    const isOpen = what === 'agreed'
    t.equal((await market.post(labels, WALLET)).status, isOpen ? 200 : 404)
    t.equal((await market.rig.call('POST', labels, { body: WALLET })).status, isOpen ? 402 : 404)
    t.equal((await market.get('/messari/metrics/v2/assets')).status, isOpen ? 200 : 404)
    t.equal((await market.get('/messari/metrics/v2/assets', market.owner)).status, 200, "the owner's own key")
    t.equal((await market.get('/glassnode/v1/metrics/market/mvrv?a=BTC')).status, what === 'unstated' ? 404 : 200)
    const credited = await market.post('/nansen/tgm/flow-intelligence', { token_address: '0x6982508145454ce325ddbe47a25d4ec3d2311933', chain: 'ethereum' })
    t.equal(credited.headers['x-atlas-attribution'], 'Powered by Nansen API')
    t.equal((await market.post(BALANCE, WALLET)).headers['x-atlas-attribution'], undefined, 'no line where none is asked for')
  }
})

t.test('trap 22: what operations cost is data with a source and a date, and what is only assumed says so', async (t) => {
  const all = await adapters()
  all.delete('custom')
  for (const [name, { quota, operations, terms }] of all) {
    t.match({ source: quota.source, checked: quota.checked, terms: terms.checked }, { source: /./, checked: /^\d{4}-/, terms: /^\d{4}-/ }, name)
    for (const { id, units, unitsAssumed } of operations) if (unitsAssumed === true) t.equal(units, 1, `${name} ${id}`)
  }
  const assumed = (name: string) => all.get(name)?.operations.filter(({ unitsAssumed }) => unitsAssumed === true).length
  t.same([assumed('nansen'), assumed('kaito'), assumed('arkham'), assumed('glassnode')], [0, 0, 2, 3])
  for (const name of ['messari', 'defillama']) t.equal(assumed(name), all.get(name)?.operations.length, `${name} tells of none`)
})
