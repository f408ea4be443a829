/**
 * Glassnode: on-chain metrics. Each asset that is asked for takes credits: BTC one, any other two (docs, API Credits; subscriptions from
 * before November 2025 may count otherwise: their owners name prices themselves). Whoever has the Light plan has 50 calls a day and no
 * bulk: `period: day`. The credential may stand in a header or the query; here it is the header.
 */
import { defineAdapter, type JsonSchema, type Operation, type OperationRequest } from '#contract'

// ------------------------------------------------------------------ parameters

const name: JsonSchema = { type: 'string', pattern: '^[a-z0-9_]{1,80}$' }
/** One asset; `*` would be all of them. */
const asset: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,40}$' }
const word: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,60}$' }
const seconds: JsonSchema = { type: 'integer', minimum: 0, maximum: 9_999_999_999, description: 'Unix seconds' }
const query = {
  ...{ a: asset, s: seconds, u: seconds, i: { enum: ['10m', '1h', '24h', '1w', '1month'] }, f: { enum: ['JSON', 'CSV'] } },
  ...{ c: { enum: ['native', 'usd', 'NATIVE', 'USD'] }, e: word, network: word, timestamp_format: { enum: ['unix', 'humanized'] } },
  ...{ from_exchange: word, to_exchange: word, miner: word, maturity: word, period: word, quote_symbol: word },
}
/** More than the bound of ours in one call are several calls. */
const MOST_ASSETS = 100
const assets: JsonSchema = { type: 'array', items: asset, minItems: 1, maxItems: MOST_ASSETS, description: 'Repeated: a=BTC&a=ETH' }

const creditsOf = (one: string): number => (one === 'BTC' ? 1 : 2)
/** Exchanges and networks do not multiply. */
const units = ({ queryAll }: OperationRequest): number => (queryAll.get('a') ?? []).reduce((sum, one) => sum + creditsOf(one), 0)

// ------------------------------------------------------------------ samples

const points = [
  { t: 1770076800, v: 1.0123 },
  { t: 1770163200, v: 0.9981 },
]
const parts = [{ t: 1677801600, o: { deposit: 0.1072, inhouse: 0.1575, inter: 0.0101, total: 0.305, withdrawal: 0.0305 } }]
const bulk = {
  data: [
    {
      t: 1770076800,
      bulk: [
        { a: 'BTC', v: 1513125006987.5 },
        { a: 'ETH', network: 'eth', v: 281197883560.2 },
      ],
    },
  ],
}
const aboutAsset = {
  id: 'BTC',
  symbol: 'BTC',
  name: 'Bitcoin',
  asset_type: 'BLOCKCHAIN',
  blockchains: [],
  categories: ['layer-1'],
  external_ids: {},
  logo_url: '',
  semantic_tags: [],
}

const series: JsonSchema = { type: 'array', items: { type: 'object', properties: { t: {} }, required: ['t'] } }
const bulkSeries: JsonSchema = { type: 'object', properties: { data: series }, required: ['data'] }

// ------------------------------------------------------------------ operations

/** x402.glassnode.com, as two public clients have read it. */
const METRIC_USD = '0.05'

/** An operation's id is its path with `-` for `/` and `_`. */
const metric = (path: string, description: string, sample: unknown = points): Operation => ({
  ...{ id: path.replaceAll(/[/_]/g, '-'), method: 'GET', path: `/v1/metrics/${path}`, description, resale: 'ask', ownPriceUsd: METRIC_USD },
  ...{ units, maxUnits: 2, query, required: ['a'], example: { query: { a: 'BTC', i: '24h' } }, sample, answer: series },
})

const inBulk = (path: string, description: string): Operation => ({
  ...{ id: `${path.replaceAll(/[/_]/g, '-')}-bulk`, method: 'GET', path: `/v1/metrics/${path}/bulk`, description, resale: 'ask' },
  ...{
    units,
    maxUnits: 2 * MOST_ASSETS,
    query: { ...query, a: assets },
    required: ['a'],
    example: { query: { a: 'BTC', i: '24h' } },
    sample: bulk,
    answer: bulkSeries,
  },
})

/** What it takes is not stated. */
const about = (id: string, description: string, asks: Pick<Operation, 'query' | 'required' | 'example'>, sample: unknown): Operation => ({
  ...{ id: `metadata-${id}`, method: 'GET', path: `/v1/metadata/${id}`, description, units: 1, unitsAssumed: true, resale: 'ask', ownPriceUsd: '0.01', sample },
  ...asks,
})

const any = { params: { category: name, metric: name } }
const path: JsonSchema = { type: 'string', pattern: '^(/[a-z0-9_]{1,80}){2}$' }

export default defineAdapter({
  name: 'glassnode',
  title: 'Glassnode',
  category: 'On-chain metrics',
  docs: 'https://docs.glassnode.com',
  baseUrl: 'https://api.glassnode.com',
  credential: { in: 'header', name: 'X-Api-Key' },
  quota: {
    ...{ unit: 'credit', resets: 'billing-day' },
    // Nothing tells what is left. Of the names in its answer this one is confirmed; whether it is charged is not known.
    usage: { method: 'GET', path: '/v1/user/api_usage', used: 'creditsUsed' },
    ...{ source: 'docs.glassnode.com, API Credits', checked: '2026-11-23' },
  },
  // Told in x-rate-limit-*, whose reset is in seconds from now. Studio of the same account counts, too.
  rateLimit: { perMinute: 600 },
  terms: { source: 'docs.glassnode.com: no terms of redistribution found', checked: '2026-11-23', caching: 'not-found' },
  operations: [
    metric('market/price_usd_close', 'Closing price'),
    metric('market/marketcap_usd', 'Market capitalisation'),
    metric('market/mvrv', 'Market value to realised value'),
    metric('indicators/sopr', 'Spent output profit ratio'),
    metric('addresses/active_count', 'Active addresses'),
    metric('addresses/count', 'Addresses'),
    metric('distribution/balance_exchanges', 'Balance on exchanges'),
    metric('fees/exchanges_relative', 'Fees around exchanges, as parts of all', parts),
    metric('fees/exchanges_mean', 'Fees around exchanges, on average', parts),
    inBulk('market/marketcap_usd', 'Market capitalisation of up to 100 assets'),
    inBulk('market/mvrv', 'Market value to realised value of up to 100 assets'),
    {
      ...metric(':category/:metric', 'Any metric by its path'),
      ...any,
      id: 'metric',
      example: { params: { category: 'indicators', metric: 'sopr' }, query: { a: 'BTC' } },
    },
    {
      ...inBulk(':category/:metric', 'Any metric of up to 100 assets'),
      ...any,
      id: 'metric-bulk',
      example: { params: { category: 'market', metric: 'mvrv' }, query: { a: 'BTC' } },
    },
    about('assets', 'Assets', { query: { filter: { type: 'string', minLength: 1, maxLength: 500, description: 'CEL' } } }, { data: [aboutAsset] }),
    about('metrics', 'Paths of all metrics', { query: { a: asset } }, ['/market/price_usd_close']),
    about(
      'metric',
      'What a metric takes',
      { query: { path }, required: ['path'], example: { query: { path: '/indicators/sopr' } } },
      { path: '/indicators/sopr', tier: 1, parameters: { a: ['BTC'] } },
    ),
  ],
  /** Bodies are text. What a failure costs is not stated: a refusal before any work is taken as free, everything else as billed. */
  failures: [
    { status: 401, means: 'credential-refused', bills: false, sample: 'invalid api key', standIn: true },
    { status: 403, bodyHas: 'credit', means: 'quota-exhausted', bills: false, sample: 'no credits left', standIn: true },
    { status: 403, means: 'plan-lacks-it', bills: false, sample: 'not in your plan', standIn: true },
    { status: 402, bodyHas: 'credit', means: 'quota-exhausted', bills: false },
    { status: 402, means: 'unknown', bills: false },
    { status: 429, bodyHas: 'credit', means: 'quota-exhausted', bills: false },
    { status: 429, means: 'rate-limited', bills: false, sample: 'rate limit exceeded' },
    // Also for what the plan has not, in words: "Resolution 1h …".
    { status: 400, means: 'bad-request', sample: 'unknown asset', standIn: true },
    { status: 404, means: 'not-found', sample: 'not found', standIn: true },
    { status: '5xx', means: 'provider-down' },
  ],
})
