/** What is easily done wrong with these six providers, and is not done: requests, prices, answers. Failures, terms and limits: provider-traps-more.test.ts. */
import t, { type Test } from 'tap'
import { discover } from '../../config/discover.ts'
import type { Adapter } from '#contract'
import { type Answer, BALANCE, WALLET } from '../rig/gateway.ts'
import { type Marketplace, openMarketplace } from '../rig/providers/market.ts'

const TOKEN = { token_address: '0x6982508145454ce325ddbe47a25d4ec3d2311933', chain: 'ethereum' }

const adapters = (): Promise<Map<string, Adapter>> => discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter')
const units = ({ headers }: Answer): number => Number(headers['x-atlas-units'])

/** 400, before anybody pays: without a key and without a payment, too; and the provider hears nothing of it. */
async function refused(
  t: Test,
  market: Marketplace,
  name: keyof Marketplace['accounts'],
  requests: Readonly<Record<string, object | undefined>>,
): Promise<void> {
  const asked = await market.reached(name, async () => {
    for (const [path, body] of Object.entries(requests)) {
      const method = body === undefined ? 'GET' : 'POST'
      const unpaid = await market.rig.call(method, path, body === undefined ? {} : { body })
      t.match({ status: unpaid.status, code: unpaid.json.code }, { status: 400, code: 'bad_request' }, `${path} ${JSON.stringify(body)}`)
      const paid = body === undefined ? await market.get(path) : await market.post(path, body)
      t.equal(paid.status, 400, path)
      t.equal(paid.headers['x-atlas-receipt'], undefined, 'it is free')
    }
  })
  t.equal(asked, 0, 'the provider hears nothing of it')
}

t.test('trap 2: what a consumer writes into a path stays in its segment, behind the key', async (t) => {
  const market = await openMarketplace(t)
  const out = ['..%2f..%2fusage', '%2e%2e', '..', 'a%2fb', 'a%5cb', 'a%3fb', 'a%23b', 'a%252fb', '%7bcredential%7d', 'a%00', 'a%2f..%2f..', '%E0%A4%A']
  await refused(t, market, 'defillama', Object.fromEntries(out.map((slug) => [`/defillama/api/tvl/${slug}`, undefined])))
  await refused(t, market, 'glassnode', {
    '/glassnode/v1/metrics/..%2fuser/api_usage?a=BTC': undefined,
    '/glassnode/v1/metrics/market/mvrv?a=BTC%26api_key%3dx': undefined,
  })
  for (const path of [
    '/defillama/usage/x',
    '/defillama/api/tvl/usage/x',
    '/glassnode/v1/user/api_usage',
    '/nansen/account',
    '/arkham/analytics/credit-periods',
  ])
    t.equal((await market.get(path)).status, 404, `${path} is nobody's but the owner's`)
  const spaced = await market.get('/defillama/api/v2/historicalChainTvl/BNB%20Chain')
  t.equal(spaced.status, 200)
  t.equal(market.accounts.defillama.asked.at(-1)?.path, '/api/v2/historicalChainTvl/BNB Chain')
  t.match(market.accounts.defillama.received.at(-1), `GET /${market.accounts.defillama.script.key}/api/v2/historicalChainTvl/BNB%20Chain `)
})

t.test('trap 3: a POST that only reads may be asked elsewhere, and its body is part of what is compared', async (t) => {
  const all = await adapters()
  const reads = (name: string) =>
    all
      .get(name)
      ?.operations.filter(({ method }) => method === 'POST')
      .map(({ id, reads }) => [id, reads])
  t.ok(reads('nansen')?.every(([, is]) => is === true))
  t.same(reads('arkham'), [
    ['intelligence-address-batch', true],
    ['intelligence-address_enriched-batch-all', true],
  ])
  t.same(
    reads('messari'),
    [
      ['events', true],
      ['chat', false],
    ],
    'an answer of AI is made anew each time',
  )
  const market = await openMarketplace(t)
  const named = { 'idempotency-key': 'one-name-for-two-bodies' }
  t.equal((await market.post(BALANCE, WALLET, named)).status, 200)
  t.match((await market.post(BALANCE, { ...WALLET, chain: 'base' }, named)).json, { code: 'idempotency_conflict' })
})

t.test('trap 6: whatever makes a call dearer is in its price, and what is not in it cannot be asked for', async (t) => {
  const market = await openMarketplace(t)
  const { accounts, get, post } = market
  const premium = await post('/nansen/tgm/holders', { ...TOKEN, premium_labels: true })
  t.same([units(premium), accounts.nansen.used, premium.headers['x-atlas-price']], [150, 150, '$1.50'])
  t.equal(units(await post('/nansen/tgm/holders', { ...TOKEN, premium_labels: false })), 5)
  await refused(t, market, 'nansen', {
    '/nansen/tgm/flows': { ...TOKEN, date: { from: '2026-11-01', to: '2026-11-08' }, premium_labels: true },
    '/nansen/tgm/holders': { ...TOKEN, premium_labels: 'true' },
    [BALANCE]: { ...WALLET, pagination: { page: 1, per_page: 100_000 } },
  })
  const rows = async (query: string): Promise<unknown[]> => {
    const unpaid = await market.rig.call('GET', `/arkham/transfers${query}`)
    const before = accounts.arkham.used
    return [/(\d+\.\d+)/.exec(String(unpaid.json.detail))?.[1], units(await get(`/arkham/transfers${query}`)), accounts.arkham.used - before]
  }
  t.same(await rows('?limit=1000'), ['20.00', 14, 14], 'quoted at the most, charged by the seven rows that there are')
  t.same((await rows('?limit=3')).slice(1), [6, 6])
  t.same((await rows('')).slice(0, 2), ['0.40', 14], 'twenty rows where no limit is named')
  t.same((await rows('?tokens=rows-0')).slice(1), [2, 2], 'no rows')
  t.equal(units(await get('/arkham/swaps?base=binance')), 14)
  await refused(t, market, 'arkham', {
    '/arkham/transfers?limit=1001': undefined,
    '/arkham/transfers?limit=0': undefined,
    '/arkham/transfers?limit=1&limit=1000': undefined,
    '/arkham/transfers?limit=1e3': undefined,
    '/arkham/transfers?timeLast=24h&timeGte=1700000000000': undefined,
  })
  const mvrv = '/glassnode/v1/metrics/market/mvrv'
  t.same([units(await get(`${mvrv}?a=BTC`)), units(await get(`${mvrv}?a=ETH`)), units(await get(`${mvrv}/bulk?a=BTC&a=ETH&a=SOL&a=USDT&a=USDC`))], [1, 2, 9])
  await refused(t, market, 'glassnode', {
    [`${mvrv}/bulk`]: undefined,
    [`${mvrv}/bulk?a=*`]: undefined,
    [`${mvrv}/bulk?${'a=ETH&'.repeat(100)}a=ETH`]: undefined,
    [`${mvrv}?a=BTC&a=ETH`]: undefined,
    [mvrv]: undefined,
  })
  for (const name of ['nansen', 'arkham', 'glassnode'] as const) t.equal((await market.row(name)).sold_units, accounts[name].used, name)
})

t.test('trap 7: names are what each operation takes, to the letter', async (t) => {
  const market = await openMarketplace(t)
  const date = { from: '2026-11-01', to: '2026-11-08' }
  await refused(t, market, 'nansen', {
    '/nansen/smart-money/netflow': { chain: 'ethereum' },
    '/nansen/token-screener': { chains: 'ethereum', timeframe: '24h' },
    [BALANCE]: { ...WALLET, Premium_labels: true },
    '/nansen/smart-money/historical-holdings': { chains: ['ethereum'], date },
    '/nansen/profiler/address/transactions': { ...WALLET, date_range: date },
    '/nansen/tgm/flows': { ...TOKEN },
    '/nansen/tgm/dex-trades': { ...TOKEN, date: { ...date, to: '2026-13-08' } },
    '/nansen/tgm/transfers': { ...TOKEN, date: { ...date, to: '2026-11-01T25:00:00Z' } },
    '/nansen/profiler/address/labels': { ...WALLET, address: 'no address' },
    '/nansen/tgm/who-bought-sold': { ...TOKEN, date, buy_or_sell: 'BUY\n' },
    '/nansen/tgm/token-information': { ...TOKEN, token_address: 'a\u0000b', timeframe: '1d' },
  })
  await refused(t, market, 'arkham', {
    '/arkham/transfers?base=binance&timeGte=yesterday': undefined,
    '/arkham/swaps?base=binance&timeLte=2026-13-01': undefined,
  })
  await refused(t, market, 'kaito', { '/kaito/yaps': undefined, '/kaito/yaps?username=a&token=b': undefined, '/kaito/yaps?user_id=abc': undefined })
  await refused(t, market, 'messari', {
    [`/messari/metrics/v2/assets/details?slugs=${Array(21).fill('a').join(',')}`]: undefined,
    '/messari/metrics/v2/assets/details': undefined,
    '/messari/metrics/v2/assets/bitcoin/metrics/price/time-series/2h': undefined,
    '/messari/ai/v2/chat/completions': { messages: [{ role: 'root', content: 'x' }] },
    '/messari/token-unlocks/v1/assets/aptos/events?start=----': undefined,
    '/messari/signal/v1/assets?limit=0': undefined,
  })
  await refused(t, market, 'defillama', {
    '/defillama/coins/prices/current/ethereum': undefined,
    '/defillama/coins/block/ethereum/yesterday': undefined,
    '/defillama/bridges/transactions/1?limit=6001': undefined,
    ...Object.fromEntries(
      ['ethereum', '[]', '{}', '{"coingecko:ethereum":1700000000}', '{"coingecko:ethereum":[]}', '{"coingecko:ethereum":["now"]}', '{"a":[1],}'].map(
        (coins) => [`/defillama/coins/batchHistorical?coins=${encodeURIComponent(coins)}`, undefined],
      ),
    ),
  })
})

t.test('trap 8: an answer of 200 is what its operation says: an error inside is none, an empty answer is one', async (t) => {
  const { accounts, get, post, row } = await openMarketplace(t)
  t.equal(units(await get('/defillama/coins/prices/current/coingecko:unknown')), 1, 'a coin that nobody knows')
  t.equal(units(await post(BALANCE, { ...WALLET, pagination: { page: 9, per_page: 10 } })), 1, 'a page without rows')
  const labels = await post('/nansen/profiler/address/labels', { address: 'nobody', chain: 'ethereum' })
  t.same([units(labels), labels.headers['x-atlas-price']], [0, '$0.00'], 'labels that are not there are free at the provider')
  accounts.messari.fail({ status: 200, body: { error: 'broken', data: [] }, billed: true, shown: 'upstream_error' })
  t.equal((await get('/messari/metrics/v2/assets')).status, 502)
  t.match(await row('messari'), { sold_units: 0, wasted_units: 1 })
  for (const name of ['nansen', 'defillama', 'messari'] as const) {
    const { sold_units = 0, wasted_units = 0 } = await row(name)
    t.equal(sold_units + wasted_units, accounts[name].used, name)
  }
})

t.test('trap 9: numbers and lists pass as they are, and a credit line stands beside the answer, never in it', async (t) => {
  const { get, post } = await openMarketplace(t)
  t.equal((await get('/defillama/api/tvl/uniswap')).text, '4962012809.79')
  t.equal((await get('/arkham/chains')).text, '["x"]')
  t.equal((await get('/glassnode/v1/metrics/indicators/sopr?a=BTC')).text, '[{"t":1770076800,"v":1.0123}]')
  const flows = await post('/nansen/tgm/flow-intelligence', TOKEN)
  t.equal(flows.headers['x-atlas-attribution'], 'Powered by Nansen API')
  t.same(Object.keys(flows.json), ['data', 'pagination'])
})

t.test('trap 10: repeated members, lists with commas and JSON in a query arrive as they were written', async (t) => {
  const { accounts, get } = await openMarketplace(t)
  await get('/glassnode/v1/metrics/market/mvrv/bulk?a=ETH&a=BTC&i=24h')
  t.same(accounts.glassnode.asked.at(-1)?.query.getAll('a'), ['ETH', 'BTC'])
  await get('/arkham/transfers?base=binance,coinbase&limit=1')
  t.equal(accounts.arkham.asked.at(-1)?.query.get('base'), 'binance,coinbase')
  const coins = '{"coingecko:ethereum":[1700000000,1700086400]}'
  t.equal((await get(`/defillama/coins/batchHistorical?coins=${encodeURIComponent(coins)}`)).status, 200)
  t.equal(accounts.defillama.asked.at(-1)?.query.get('coins'), coins)
  t.equal((await get('/defillama/coins/prices/current/coingecko:ethereum,ethereum:0xdac17f958d2ee523a2206206994597c13d831ec7')).status, 200)
})

t.test('trap 12: pages are walked as the adapter says, each is a call, and the last one says so', async (t) => {
  const market = await openMarketplace(t)
  const { accounts, post } = market
  const operation = (await adapters()).get('nansen')?.operations.find(({ path }) => BALANCE.endsWith(path))
  t.match(operation?.pages, { page: '/pagination/page', size: '/pagination/per_page', sizeDefault: 10, sizeMost: 1000, last: '/pagination/is_last_page' })
  const told = market.rig.call('GET', `/catalog/nansen/${operation?.id}`, { headers: { accept: 'application/json' } })
  t.match((await told).json.rules, [
    /^One of these/,
    'In pages: pagination.page counts pages from 1, pagination.per_page is the rows of one (10 where nothing is said, at most 1000); the last answers pagination.is_last_page: true. Each page is a call.',
  ])
  let rows = 0
  let last = false
  for (let page = 1; !last; page += 1) {
    const { json } = await post(BALANCE, { ...WALLET, pagination: { page } })
    rows += (json.data as unknown[]).length
    last = (json.pagination as { is_last_page: boolean }).is_last_page
  }
  t.same([rows, accounts.nansen.used], [23, 3])
})

t.test('trap 21: of Kaito nothing is sold that Kaito does not document', async (t) => {
  const market = await openMarketplace(t)
  t.same(
    (await adapters()).get('kaito')?.operations.map(({ path }) => path),
    ['/yaps'],
  )
  for (const path of ['/kaito/mindshare', '/kaito/yaps/tokens', '/kaito/sentiment']) t.equal((await market.get(path)).status, 404)
})
