/**
 * Arkham: who is behind an address. Paths and members: Arkham's OpenAPI 1.1.0. Credits: the guide to prices, or the x402 price at $0.20
 * a credit. Label look-ups are a second meter of the provider, told in X-Intel-Datapoints-*; when they are used up, 429 says so.
 */
import { defineAdapter, type JsonSchema, type Operation, type OperationRequest, type UnitsRule } from '#contract'

// ------------------------------------------------------------------ parts of requests

const text: JsonSchema = { type: 'string', minLength: 1, maxLength: 1000 }
const commaList: JsonSchema = { type: 'string', pattern: '^[^,\\s]+(,[^,\\s]+){0,99}$', description: 'Separated by commas' }
const number: JsonSchema = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?$' }
const duration: JsonSchema = { type: 'string', pattern: '^[1-9][0-9]*[a-z]+$' }
const millis: JsonSchema = { type: 'string', pattern: '^[0-9]{13}$', description: 'Unix milliseconds' }
const truth: JsonSchema = { type: 'boolean' }
const between = (minimum: number, maximum: number): JsonSchema => ({ type: 'integer', minimum, maximum })
const chain: JsonSchema = { type: 'string', pattern: '^[a-z0-9_]{1,40}$' }
const chains = { chains: commaList }
/** Milliseconds by the text of the specification, ISO 8601 by its examples. */
const DAY = '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])'
const TIME = 'T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})?'
const moment: JsonSchema = { type: 'string', pattern: `^([0-9]{10,13}|${DAY}(${TIME})?)$`, description: 'Unix milliseconds, or ISO 8601' }
const times = { timeGte: moment, timeLte: moment, timeLast: duration }
const worth = { usdGte: number, usdLte: number }
const rowPages = { limit: between(1, 1000), offset: between(0, 10000) }
const sortedBy = (...keys: readonly string[]) => ({ sortKey: { enum: keys }, sortDir: { enum: ['asc', 'desc'] } })
const flow = { enum: ['in', 'out', 'self', 'all'] }
const extras = { includeTags: truth, includeEntityPredictions: truth, includeClusters: truth }
const lists = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, commaList]))
const valueBounds = { valueGte: number, valueLte: number }
const legBounds = { value0Gte: number, value0Lte: number, value1Gte: number, value1Lte: number }
const moves = { ...lists('base', 'from', 'to', 'counterparties', 'tokens'), ...chains, flow, ...times, ...worth, ...rowPages }
const transfersQuery = { ...moves, ...valueBounds, ...sortedBy('time', 'value', 'usd'), includeCursors: truth }
const swapsQuery = { ...moves, ...lists('senders', 'receivers', 'protocols'), ...legBounds, ...sortedBy('time', 'usd') }
const counterparties = { ...chains, flow: { enum: ['in', 'out'] }, ...lists('tokens', 'tags'), ...times, usdGte: number, limit: between(1, 1000) }
const holders = { groupByEntity: truth, limit: between(1, 100), offset: between(0, 999) }
const aggregates = ['volume', 'inflow', 'outflow', 'netflow', 'netflowVolumeRatio'].flatMap((name) => [name, `${name}Dex`, `${name}Cex`])
const rankingQuery = {
  ...{ timeframe: { enum: ['1h', '6h', '12h', '24h', '7d'] }, orderByAgg: { enum: [...aggregates, 'price'] }, orderByDesc: truth, orderByPercent: truth },
  ...{ from: between(0, 100_000), size: between(1, 250) },
}
const bounds = { minVolume: number, maxVolume: number, minMarketCap: number, maxMarketCap: number, tokenIds: commaList }
const searchKinds = ['arkhamEntities', 'arkhamAddresses', 'ens', 'types', 'services', 'twitter', 'opensea', 'tokens', 'pools', 'tags']
const searchLimits = searchKinds.flatMap((kind) => [[kind, between(0, 50)] as const, [`${kind}Offset`, between(0, 500)] as const])

// ------------------------------------------------------------------ units

const MOST_ROWS = 1000

/** Credits for each row that is returned: before the call the limit counts, and an empty answer counts as one row. `rows`: without a limit. */
const perRow = (credits: number, member: 'transfers' | 'swaps', rows: number): UnitsRule => {
  const most = (request: OperationRequest): number => credits * Number(request.query.limit ?? rows)
  return {
    most,
    actual: (request, answer) => {
      const returned = (answer as Partial<Record<string, unknown>> | null)?.[member]
      return Math.min(most(request), credits * Math.max(1, Array.isArray(returned) ? returned.length : 0))
    },
  }
}

// ------------------------------------------------------------------ samples

const binance = '0x28C6c06298d514Db089934071355E5743bf21d60'
const entity = { id: 'binance', name: 'Binance', note: '', type: 'cex', service: null, website: 'https://binance.com', twitter: 'https://twitter.com/binance' }
const arkhamLabel = { address: binance, chainType: 'evm', name: 'Hot Wallet' }
const known = { address: binance, arkhamEntity: entity, arkhamLabel, chain: 'ethereum', contract: false, isUserAddress: false }
const unlabelled = { address: binance, chain: 'ethereum', contract: false }
const tags = [{ id: 'proof-of-reserves', label: 'Proof of Reserves', rank: 20, chain: 'ethereum' }]
const enriched = { ethereum: { ...known, populatedTags: tags } }
const lifetime = { firstTx: '2017-06-19T06:17:43Z', lastTx: '2026-11-01T12:00:00Z' }
const summary = { entityId: 'binance', numAddresses: 63893485, volumeUsd: 48418640768311.5, balanceUsd: 237610738754.3, ...lifetime }
const moved = { id: 'usd-coin', blockNumber: 24643153, blockTimestamp: '2026-11-01T12:00:00Z', chain: 'ethereum', historicalUSD: 1500 }
const labelled = { ...moved, fromAddress: known, toAddress: known }
const bare = { ...moved, fromAddress: unlabelled, toAddress: unlabelled }
const swap = { ...moved, contractAddress: known, contractEntityId: 'uniswap', token0: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48' }
const flowed = { time: '2026-11-01T00:00:00Z', inflow: 99.7, outflow: 0, cumulativeInflow: 91579540.9, cumulativeOutflow: 92789860.9 }
const counterparty = { address: known, usd: 5252.7, transactionCount: 3, flow: 'out', chains: ['ethereum'] }
const balance = { id: 'tether', name: 'Tether USD', symbol: 'USDT', balance: 933180509.1, price: 1, usd: 933180509.1 }
const sums = { totalBalance: { ethereum: 933180509.1 }, totalBalance24hAgo: { ethereum: 933180500.2 } }
const balances = { addresses: { ethereum: { [binance]: known } }, balances: { ethereum: [balance] }, ...sums }
const interval = { price: 0.9998, inflowCexVolume: 181200000, inflowDexVolume: 152300000, outflowCexVolume: 179400000, outflowDexVolume: 151800000 }
const top = { token: { id: 'usd-coin', symbol: 'USDC', marketCap: 73340976893 }, current: interval, previous: interval }
const holder = { address: known, balance: 4453872464.5, pctOfCap: 0.06, usd: 4453872464.5 }
const usdc = { identifier: { pricingID: 'usd-coin' }, name: 'USDC', symbol: 'usdc', price: 0.9998 }
const held = { addressTopHolders: { ethereum: [holder] }, entityTopHolders: {}, token: usdc, totalSupply: { ethereum: 50539998661.7 } }
const flowOfToken = { address: known, inUSD: 12979047524.2, inValue: 12979047526, outUSD: 12971777421.7, outValue: 12971777423.6 }
const market = { price: 0.9998, price24hAgo: 0.9997, marketCap: 73340976893, totalVolume: 7539296441, totalSupply: 73355068862, allTimeHigh: 1.043 }
const quote = { time: '2026-11-01T12:00:00Z', usd: 0.9998, marketCap: 73287761995, volume24h: 8228653724 }

// ------------------------------------------------------------------ operations

interface Asks {
  readonly query?: Readonly<Record<string, JsonSchema>>
  readonly body?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly example: NonNullable<Operation['example']>
}

/** An operation's id is its path with `-` for `/` and without placeholders. */
const idOf = (path: string): string => path.replaceAll(/\/:[a-z]+|^\//g, '').replaceAll('/', '-')

/** The provider takes one call a second of these, apart from all others. */
const HEAVY = /^\/(transfers|swaps|token\/top|token\/top_flow|intelligence\/search|counterparties|flow)(\/|$)/
const SIZES: Readonly<Record<string, number>> = { '/transfers': 20, '/transfers/unenriched': 20, '/swaps': 50 }
const segment: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,120}$' }

/** What follows from the path and the members that it takes. */
function implied(path: string, { query = {} }: Asks): Partial<Operation> {
  const names = Array.from(path.matchAll(/:(\w+)/g), (found) => [found[1] as string, segment] as const)
  const size = SIZES[path]
  return {
    ...(names.length > 0 && { params: Object.fromEntries(names) }),
    ...(HEAVY.test(path) && { heavy: true }),
    ...('timeGte' in query && { conflicts: TIMES }),
    ...('offset' in query && { pages: { offset: 'offset', size: 'limit', ...(size !== undefined && { sizeDefault: size, sizeMost: MOST_ROWS }) } }),
  }
}
/** `cannot use timeLast and timeGte together` */
const TIMES = [['timeLast', 'timeGte'] as const, ['timeLast', 'timeLte'] as const]

const get = (path: string, units: UnitsRule, description: string, asks: Asks, sample: unknown): Operation => ({
  ...{ id: idOf(path), method: 'GET', path, units, resale: 'ask' },
  description: HEAVY.test(path) ? `${description}; one call a second` : description,
  ...(typeof units === 'number' ? {} : { maxUnits: 2 * MOST_ROWS }),
  ...implied(path, asks),
  ...asks,
  ...{ sample, answer: { type: Array.isArray(sample) ? 'array' : 'object' } },
})

/** What it takes is not stated. */
const assumed = (path: string, description: string, asks: Asks, sample: unknown): Operation => ({
  ...get(path, 1, description, asks, sample),
  unitsAssumed: true,
})

/** Arkham sells it by the call, too. */
const sold = (path: string, credits: number, description: string, asks: Asks, sample: unknown): Operation => ({
  ...get(path, credits, description, asks, sample),
  ownPriceUsd: (credits * 0.2).toFixed(2),
})

const addresses: JsonSchema = { type: 'array', items: { type: 'string', minLength: 1, maxLength: 200 }, minItems: 1, maxItems: 1000 }

/** One price, however many of the thousand addresses are named. */
const batch = (path: string, credits: number, description: string, query: Asks['query'] & object, each: unknown): Operation => ({
  ...get(path, credits, description, { query, body: { addresses }, required: ['addresses'], example: { body: { addresses: [binance] } } }, each),
  method: 'POST',
  reads: true,
  sample: { addresses: { [binance]: each } },
})

const ofAddress = { example: { params: { address: binance } } }
const ofEntity = { example: { params: { entity: 'binance' } } }
const ofToken = { example: { params: { id: 'usd-coin' } } }
const ofBase = { example: { query: { base: 'binance', limit: '1' } } }

const search = { query: { query: text, ...Object.fromEntries(searchLimits) }, required: ['query'], example: { query: { query: 'binance' } } }
const topFlow = {
  query: { timeLast: duration, limit: between(1, 100), ...chains },
  required: ['timeLast'],
  example: { ...ofToken.example, query: { timeLast: '24h' } },
}
const onDay = { query: { time: millis, ...chains }, required: ['time'], example: { ...ofAddress.example, query: { time: '1704067200000' } } }
const ranking = {
  query: { ...rankingQuery, ...bounds, ...chains },
  required: Object.keys(rankingQuery),
  example: { query: { timeframe: '24h', orderByAgg: 'volume', orderByDesc: 'true', orderByPercent: 'false', from: '0', size: '1' } },
}
const found = { arkhamEntities: [entity], arkhamAddresses: [known], tokens: [] }

const intelligence: readonly Operation[] = [
  sold('/intelligence/address/:address', 1, 'Who is behind an address', { query: { chain }, ...ofAddress }, known),
  get('/intelligence/address/:address/all', 2, 'Who is behind an address, on every chain', ofAddress, { ethereum: known }),
  get('/intelligence/address_enriched/:address/all', 4, 'The same with tags, predictions and clusters', { query: extras, ...ofAddress }, enriched),
  batch('/intelligence/address/batch', 250, 'Who is behind up to 1,000 addresses', { ...chains, chain }, known),
  batch('/intelligence/address_enriched/batch/all', 1000, 'The same with tags, predictions and clusters', { ...chains, ...extras }, enriched),
  assumed('/intelligence/entity/:entity', 'What an entity is', ofEntity, { ...entity, populatedTags: tags }),
  sold('/intelligence/entity/:entity/summary', 1, 'Addresses, balance and volume of an entity', ofEntity, summary),
  get('/intelligence/search', 30, 'Search for entities, addresses and tokens', search, found),
  // Free by the call.
  { ...assumed('/chains', 'Names of chains', { example: {} }, ['ethereum', 'bitcoin']), ownPriceUsd: '0.00' },
]

const movements: readonly Operation[] = [
  get('/transfers', perRow(2, 'transfers', 20), 'Transfers with labels', { query: transfersQuery, ...ofBase }, { count: 1, transfers: [labelled] }),
  {
    ...get(
      '/transfers/unenriched',
      perRow(1, 'transfers', 20),
      'Transfers without labels',
      { query: transfersQuery, ...ofBase },
      { count: 1, transfers: [bare] },
    ),
    maxUnits: MOST_ROWS,
  },
  get('/swaps', perRow(2, 'swaps', 50), 'Swaps of an entity or address', { query: swapsQuery, required: ['base'], ...ofBase }, { count: 1, swaps: [swap] }),
  sold('/flow/address/:address', 2, 'Inflow and outflow by chain and day', { query: chains, ...ofAddress }, { ethereum: [flowed] }),
  sold('/counterparties/address/:address', 50, 'Whom an address deals with most', { query: counterparties, ...ofAddress }, { ethereum: [counterparty] }),
]

const holdings: readonly Operation[] = [
  sold('/balances/address/:address', 1, 'What an address holds now', { query: chains, ...ofAddress }, balances),
  sold('/portfolio/address/:address', 1, 'What an address held on a day', onDay, { ethereum: { tether: balance } }),
]

const tokens: readonly Operation[] = [
  get('/token/top', 10, 'Tokens by volume or flow', ranking, { tokens: [top], total: 8189 }),
  get('/token/holders/:id', 30, 'Who holds a token', { query: holders, ...ofToken }, held),
  sold('/token/top_flow/:id', 10, 'Addresses with the largest flows of a token', topFlow, [flowOfToken]),
  sold('/token/market/:id', 1, 'Price, market cap and volume of a token', ofToken, market),
  sold('/token/price/history/:id', 1, 'Price history of a token', { query: { daily: truth }, ...ofToken }, [quote]),
]

export default defineAdapter({
  name: 'arkham',
  title: 'Arkham',
  category: 'On-chain intelligence',
  docs: 'https://docs.intel.arkm.com',
  baseUrl: 'https://api.arkm.com',
  credential: { in: 'header', name: 'API-Key' },
  // No header tells the credits that are left.
  quota: {
    ...{ unit: 'credit', resets: 'billing-day', typical: [5_000, 15_000] },
    // Refused to members of an organisation who are no admins.
    usage: { method: 'GET', path: '/analytics/credit-periods', used: 'creditsUsed', periods: { from: 'periodStart', to: 'periodEnd' } },
    ...{ source: 'Arkham, guide to credit prices (a transcription), and its x402 prices', checked: '2026-11-23' },
  },
  subscriptionCostUsd: '150',
  rateLimit: { perSecond: 20, heavyPerSecond: 1 },
  terms: { source: 'arkm.com and docs.intel.arkm.com: no terms of resale found', checked: '2026-11-23', caching: 'not-found' },
  operations: [...intelligence, ...movements, ...holdings, ...tokens],
  failures: [
    { status: 401, means: 'credential-refused', bills: false, sample: { error: 'error validating API key' } },
    { status: 402, means: 'quota-exhausted', bills: false, sample: { error: 'insufficient credits' }, standIn: true },
    { status: 403, means: 'plan-lacks-it', bills: false, sample: { error: 'not allowed to access endpoint' } },
    { status: 400, means: 'bad-request', bills: false, sample: { error: 'limit must be between 1 and 1000' } },
    { status: 404, means: 'not-found', bills: false, sample: { error: 'not found' }, standIn: true },
    {
      status: 429,
      bodyHas: 'label lookup limit',
      means: 'quota-exhausted',
      bills: false,
      sample: { error: 'Intelligence label lookup limit reached for this billing period.' },
    },
    { status: 429, means: 'rate-limited', bills: false, sample: { error: 'rate limit exceeded' }, standIn: true },
    { status: '5xx', means: 'provider-down', bills: false },
    // Of 4xx nothing is charged, whatever it is.
    { status: '4xx', means: 'bad-request', bills: false },
  ],
})
