/**
 * DeFi Llama Pro: TVL, yields, fees, prices of coins. The key is the first segment of the path, and the last one of the usage endpoint.
 * Paths and members: DefiLlama/api-docs, OpenAPI of the Pro API. What a call takes is not stated anywhere: one credit is assumed.
 */
import { defineAdapter, type JsonSchema, type Operation } from '#contract'

// ------------------------------------------------------------------ parts of requests

const slug: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,80}$', description: 'Slug of a protocol, such as aave-v3' }
const chain: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9 ._-]{1,60}$', description: 'Name of a chain, such as Ethereum' }
const pool: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9-]{1,80}$' }
const seconds: JsonSchema = { type: 'string', pattern: '^[0-9]{1,10}$', description: 'Unix seconds' }
/** chain:address or coingecko:id; the bound is ours. */
const coins: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9_-]+:[^,:/\\s]+(,[A-Za-z0-9_-]+:[^,:/\\s]+){0,99}$',
  maxLength: 6000,
  description: 'Separated by commas',
}
const MOMENTS = '"[^"\\\\]{1,200}" *: *\\[ *\\d{1,13}( *, *\\d{1,13})* *\\]'
const coinsJson: JsonSchema = {
  type: 'string',
  pattern: `^\\{ *${MOMENTS}( *, *${MOMENTS})* *\\}$`,
  maxLength: 6000,
  description: 'JSON: { "coin": [Unix seconds, …] }',
}
const flag: JsonSchema = { type: 'boolean' }
const interval: JsonSchema = { type: 'string', pattern: '^[0-9]{1,4}[smhdwMy]$', description: 'Such as 4h' }
const charts = { excludeTotalDataChart: flag, excludeTotalDataChartBreakdown: flag }
const dataType = { dataType: { enum: ['dailyFees', 'dailyRevenue', 'dailyHoldersRevenue'] } }

// ------------------------------------------------------------------ samples

const price = { price: 3000.1, symbol: 'ETH', timestamp: 1790000000, confidence: 0.99 }
const protocol = {
  id: '2196',
  name: 'Uniswap',
  symbol: 'UNI',
  category: 'Dexs',
  chains: ['Ethereum'],
  tvl: 4962012809.79,
  chainTvls: { Ethereum: 4e9 },
  change_1d: 0.4,
  change_7d: -1.2,
}
const oneProtocol = {
  id: '2196',
  name: 'Uniswap',
  symbol: 'UNI',
  category: 'Dexs',
  chains: ['Ethereum'],
  currentChainTvls: { Ethereum: 4e9 },
  chainTvls: { Ethereum: { tvl: [{ date: 1790000000, totalLiquidityUSD: 4e9 }] } },
}
const oneChain = { gecko_id: 'ethereum', tvl: 65998652431.4, tokenSymbol: 'ETH', cmcId: '1027', name: 'Ethereum', chainId: 1 }
const overview = { protocols: [{ name: 'Uniswap', total24h: 1200000000 }], totalDataChart: [[1790000000, 3100000000]] }
const unlock = { token: 'coingecko:uniswap', protocolId: '2196', name: 'Uniswap', circSupply: 6e8, totalLocked: 2e8, maxSupply: 1e9, gecko_id: 'uniswap' }
const schedule = { body: { documentedData: { data: [{ label: 'Team', data: [{ timestamp: 1790000000, unlocked: 2e8 }] }] } } }
const yielding = {
  chain: 'Ethereum',
  project: 'lido',
  symbol: 'STETH',
  tvlUsd: 32493036117,
  apyBase: 2.84,
  apyReward: null,
  apy: 2.84,
  rewardTokens: null,
  pool: '747c1d2a-c668-4682-b9f9-296708a3dd90',
}
const yielded = { timestamp: '2026-11-01T00:00:00.000Z', tvlUsd: 32493036117, apy: 2.84, apyBase: 2.84, apyReward: null, il7d: null, apyBase7d: 2.8 }
const pegged = {
  id: '1',
  name: 'Tether',
  symbol: 'USDT',
  pegType: 'peggedUSD',
  pegMechanism: 'fiat-backed',
  circulating: { peggedUSD: 183e9 },
  chains: ['Ethereum'],
}
const bridge = {
  id: 1,
  name: 'polygon',
  displayName: 'Polygon PoS Bridge',
  lastDailyVolume: 8e6,
  weeklyVolume: 6e7,
  monthlyVolume: 2e8,
  chains: ['Ethereum', 'Polygon'],
}

// ------------------------------------------------------------------ operations

type Asks = Pick<Operation, 'params' | 'query' | 'required' | 'example'>

const list: JsonSchema = { type: 'array' }
const object: JsonSchema = { type: 'object' }
const number: JsonSchema = { type: 'number' }
const rooted = (sample: unknown): JsonSchema => (Array.isArray(sample) ? list : typeof sample === 'number' ? number : object)

const get = (id: string, path: string, description: string, sample: unknown, asks: Asks = {}): Operation => ({
  ...{ id, method: 'GET', path, description, units: 1, unitsAssumed: true, resale: 'ask' },
  ...asks,
  ...{ sample, answer: rooted(sample) },
})

const ofProtocol: Asks = { params: { protocol: slug }, example: { params: { protocol: 'uniswap' } } }
const ofChain: Asks = { params: { chain }, example: { params: { chain: 'Ethereum' } } }
const ofCoins: Asks = { params: { coins }, query: { searchWidth: interval }, example: { params: { coins: 'coingecko:ethereum' } } }
/** An unknown coin is not an error of the provider: it is just not there. The call counts. */
const UNKNOWN = 'a coin that is not known is missing from the answer, which counts nevertheless'

const tvl: readonly Operation[] = [
  // First: of what costs the same the first one vets a connection, and this is short.
  get('tvl', '/api/tvl/:protocol', 'TVL of a protocol: a bare number', 4962012809.795062, ofProtocol),
  get('protocols', '/api/protocols', 'All protocols with their TVL; many megabytes', [protocol]),
  get('protocol', '/api/protocol/:protocol', 'A protocol and its TVL over time; may be megabytes', oneProtocol, ofProtocol),
  get('chains', '/api/v2/chains', 'Chains with their TVL', [oneChain]),
  get('chain-tvl', '/api/v2/historicalChainTvl/:chain', 'TVL of a chain by day', [{ date: 1790000000, tvl: 65998652431 }], ofChain),
  get('dexs', '/api/overview/dexs', 'Volumes of decentralised exchanges', overview, { query: charts }),
  get('dexs-of-chain', '/api/overview/dexs/:chain', 'The same of one chain', overview, { ...ofChain, query: charts }),
  get(
    'fees',
    '/api/summary/fees/:protocol',
    'Fees or revenue of a protocol',
    { id: '2196', name: 'Uniswap', total24h: 1500000, totalDataChart: [[1790000000, 1500000]] },
    { ...ofProtocol, query: dataType },
  ),
  get('emissions', '/api/emissions', 'Tokens with unlocks to come', [unlock]),
  get('emission', '/api/emission/:protocol', 'Unlock schedule of a token', schedule, ofProtocol),
  get('hacks', '/api/hacks', 'Hacks with their amounts', [{ name: 'Example', amount: 1000000, date: 1790000000 }]),
  get('raises', '/api/raises', 'Funding rounds', { raises: [{ name: 'Example', amount: 5, date: 1790000000 }] }),
  get('treasuries', '/api/treasuries', 'Treasuries of protocols', [{ name: 'Uniswap', tvl: 2e9 }]),
]

const yields: readonly Operation[] = [
  get('yield-pools', '/yields/pools', 'All pools with their yields; many megabytes', { status: 'success', data: [yielding] }),
  get(
    'yield-chart',
    '/yields/chart/:pool',
    'Yield and TVL of a pool over time',
    { status: 'success', data: [yielded] },
    { params: { pool }, example: { params: { pool: yielding.pool } } },
  ),
]

const prices: readonly Operation[] = [
  get('prices', '/coins/prices/current/:coins', `Prices now, of up to 100 coins; ${UNKNOWN}`, { coins: { 'coingecko:ethereum': price } }, ofCoins),
  get(
    'prices-then',
    '/coins/prices/historical/:timestamp/:coins',
    `Prices at a moment; ${UNKNOWN}`,
    { coins: { 'coingecko:ethereum': price } },
    {
      ...ofCoins,
      params: { coins, timestamp: seconds },
      example: { params: { coins: 'coingecko:ethereum', timestamp: '1700000000' } },
    },
  ),
  get(
    'prices-batch',
    '/coins/batchHistorical',
    `Prices at several moments; ${UNKNOWN}`,
    { coins: { 'coingecko:ethereum': { symbol: 'ETH', prices: [{ timestamp: 1700000000, price: 2000.5, confidence: 0.99 }] } } },
    {
      query: { coins: coinsJson, searchWidth: interval },
      required: ['coins'],
      example: { query: { coins: '{"coingecko:ethereum":[1700000000]}' } },
    },
  ),
  get(
    'block',
    '/coins/block/:chain/:timestamp',
    'The block of a chain at a moment',
    { height: 18571000, timestamp: 1700000003 },
    {
      params: { chain, timestamp: seconds },
      example: { params: { chain: 'ethereum', timestamp: '1700000000' } },
    },
  ),
]

const others: readonly Operation[] = [
  get('stablecoins', '/stablecoins/stablecoins', 'Stablecoins with their supply', { peggedAssets: [pegged] }, { query: { includePrices: flag } }),
  get('bridges', '/bridges/bridges', 'Bridges with their volumes', { bridges: [bridge] }, { query: { includeChains: flag } }),
  get(
    'bridge-transactions',
    '/bridges/transactions/:id',
    'Transactions of a bridge',
    [{ tx_hash: `0x${'ab'.repeat(32)}`, chain: 'ethereum', usd_value: 1200 }],
    {
      params: { id: seconds },
      // The limit bounds what is sent, not what is taken.
      query: { starttimestamp: seconds, endtimestamp: seconds, limit: { type: 'integer', minimum: 1, maximum: 6000 } },
      example: { params: { id: '1' }, query: { limit: '1' } },
    },
  ),
]

export default defineAdapter({
  name: 'defillama',
  title: 'DeFi Llama Pro',
  category: 'DeFi data',
  docs: 'https://api-docs.defillama.com',
  baseUrl: 'https://pro-api.llama.fi',
  credential: { in: 'path' },
  quota: {
    ...{ unit: 'credit', resets: 'first-of-month' },
    // Its form is that of the official SDK; other clients read the other names.
    usage: { method: 'GET', path: '/usage/{credential}', remaining: ['creditsLeft', 'credits_left', 'remaining'] },
    ...{ source: 'DefiLlama/api-docs: credits begin anew on the 1st of each month; what a call takes is not stated', checked: '2026-11-23' },
  },
  subscriptionCostUsd: '300',
  rateLimit: { perMinute: 1000 },
  terms: { source: 'DefiLlama/api-docs: says nothing of resale', checked: '2026-11-23', caching: 'not-found' },
  operations: [...tvl, ...yields, ...prices, ...others],
  /**
   * Bodies are text. What a failure costs is not stated: a refusal before any work is taken as free, everything else as billed.
   * Stand-ins where no source tells what a bad key or an empty account is answered.
   */
  failures: [
    { status: 401, means: 'credential-refused', bills: false, sample: 'Unauthorized' },
    { status: 403, bodyHas: 'credit', means: 'quota-exhausted', bills: false, sample: 'no credits left', standIn: true },
    { status: 403, means: 'credential-refused', bills: false, sample: 'invalid key', standIn: true },
    { status: 402, means: 'unknown', bills: false },
    { status: 429, bodyHas: 'credit', means: 'quota-exhausted', bills: false, sample: 'credits used up', standIn: true },
    { status: 429, means: 'rate-limited', bills: false, sample: 'too many requests' },
    { status: 404, means: 'not-found', sample: 'Protocol not found' },
    { status: 400, means: 'bad-request', sample: 'bad timestamp' },
    { status: 502, bodyHas: 'internal error', means: 'provider-down', sample: 'Internal error' },
    { status: '5xx', means: 'provider-down' },
  ],
})
