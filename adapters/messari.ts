/**
 * Messari: market data, mindshare, news, unlocks, funding rounds, research. Paths and members: messari/skills and docs.messari.io. Nothing
 * but AI is known to take credits: a request is a unit. The API is for internal use only unless Messari agrees (docs, front page), so that
 * nothing is sold without an agreement. Of answers only `error`, `data`, `slug` and `marketData.priceUsd` are confirmed names: other
 * members of samples are stand-ins.
 */
import { defineAdapter, type JsonSchema, type Operation } from '#contract'

// ------------------------------------------------------------------ parameters

const word: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]{1,100}$' }
const text: JsonSchema = { type: 'string', minLength: 1, maxLength: 200 }
const list: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+){0,99}$', description: 'Separated by commas' }
/** The provider takes no more. */
const twenty: JsonSchema = { type: 'string', pattern: '^[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+){0,19}$', description: 'At most 20, separated by commas' }
const DAY = '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])'
const TIME = 'T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})?'
const time: JsonSchema = { type: 'string', pattern: `^([0-9]{9,13}|${DAY}(${TIME})?)$`, description: 'ISO 8601, or Unix seconds' }
const granularity: JsonSchema = { enum: ['5m', '15m', '1h', '1d'] }
const direction: JsonSchema = { enum: ['asc', 'desc'] }
const paged = { limit: { type: 'integer', minimum: 1, maximum: 500 }, page: { type: 'integer', minimum: 1, maximum: 100_000 } }
const span = { start: time, end: time }
const sorted = { sort: word, sortDirection: direction, ...paged }
const pages = { page: 'page', size: 'limit' }

// ------------------------------------------------------------------ operations

/** `error` may be set in an answer of 200. */
const envelope: JsonSchema = { type: 'object', properties: { error: { type: 'null' }, data: {} }, required: ['error', 'data'] }
const said = (data: unknown): object => ({ error: null, data })
const FORBIDDEN = { units: 1, unitsAssumed: true, resale: 'forbidden', answer: envelope } as const

type Asks = Pick<Operation, 'params' | 'query' | 'required' | 'requiredAny' | 'example' | 'ownPriceUsd' | 'pages'>

/** `data` of the sample is a stand-in where the provider's names are not confirmed. */
const get = (id: string, path: string, description: string, asks: Asks = {}, data: unknown = [{ id: 'stand-in' }]): Operation => ({
  ...{ id, method: 'GET', path, description, ...FORBIDDEN, sample: said(data) },
  ...asks,
})
const listed = (id: string, path: string, description: string, query: NonNullable<Operation['query']> & object, ownPriceUsd?: string): Operation =>
  get(id, path, description, {
    query: { ...(query as Readonly<Record<string, JsonSchema>>), ...paged },
    pages,
    ...(ownPriceUsd === undefined ? {} : { ownPriceUsd }),
  })
const own = (ownPriceUsd: string) => ({ ownPriceUsd })
/** Given to everybody, without a key. */
const GIVEN = '0.00'

const ofAssets: Asks = {
  query: { slugs: twenty, ids: twenty, assetIDs: twenty, assetIds: twenty },
  requiredAny: ['slugs', 'ids', 'assetIDs', 'assetIds'],
  example: { query: { slugs: 'bitcoin' } },
}
const details = [{ slug: 'bitcoin', marketData: { priceUsd: 60000.5 } }]
const one = (member: string, value: string): Asks => ({ params: { [member]: word }, example: { params: { [member]: value } } })
const timed = (params: Readonly<Record<string, string>>, ownPriceUsd: string): Asks => ({
  params: Object.fromEntries(Object.keys(params).map((member) => [member, member === 'granularity' ? granularity : word])),
  ...{ query: span, example: { params }, ownPriceUsd },
})
const series = { points: [[1790000000, 60000.5]] }

const metrics: readonly Operation[] = [
  // First: the first one vets a connection, and these are not answered without a key.
  ...['', '/dex', '/lending', '/liquid-staking', '/interop'].map((kind) =>
    listed(`protocols${kind.replace('/', '-')}`, `/metrics/v2/protocols${kind}`, `Protocols${kind === '' ? '' : `: ${kind.slice(1)}`}`, {
      sort: word,
      order: direction,
    }),
  ),
  listed('assets', '/metrics/v2/assets', 'Assets', { search: text }, GIVEN),
  get('asset-details', '/metrics/v2/assets/details', 'Details of up to 20 assets', { ...ofAssets, ...own('0.10') }, details),
  get('asset-ath', '/metrics/v2/assets/ath', 'All-time highs of up to 20 assets', { ...ofAssets, ...own('0.10') }, details),
  get('asset-roi', '/metrics/v2/assets/roi', 'Returns of up to 20 assets', { ...ofAssets, ...own('0.10') }, details),
  get('asset-metrics', '/metrics/v2/assets/metrics', 'Data sets of assets and their granularities', own(GIVEN)),
  // Of granularities the one with the lower price of its own.
  get(
    'asset-series',
    '/metrics/v2/assets/:assetID/metrics/:datasetSlug/time-series/:granularity',
    'Time series of an asset',
    timed({ assetID: 'bitcoin', datasetSlug: 'price', granularity: '1d' }, '0.15'),
    series,
  ),
  get('markets', '/metrics/v1/markets', 'Markets', { query: paged, pages, ...own(GIVEN) }),
  get('market', '/metrics/v1/markets/:id', 'A market', { ...one('id', 'binance-btc-usdt'), ...own('0.35') }),
  get('market-metrics', '/metrics/v1/markets/metrics', 'Data sets of markets', own('0.35')),
  get(
    'market-series',
    '/metrics/v1/markets/:id/metrics/:slug/time-series/:granularity',
    'Time series of a market',
    timed({ id: 'binance-btc-usdt', slug: 'price', granularity: '1d' }, '0.75'),
    series,
  ),
  get('exchanges', '/metrics/v1/exchanges', 'Exchanges', { query: paged, pages, ...own(GIVEN) }),
  get('exchange-metrics', '/metrics/v1/exchanges/metrics', 'Data sets of exchanges', own('0.35')),
  get(
    'exchange-series',
    '/metrics/v1/exchanges/:id/metrics/:slug/time-series',
    'Time series of an exchange',
    timed({ id: 'binance', slug: 'volume' }, '0.45'),
    series,
  ),
  get('networks', '/metrics/v2/networks', 'Networks', { query: paged, pages }),
  get('stablecoins', '/metrics/v2/stablecoins', 'Stablecoins', { query: paged, pages }),
]

const signal: readonly Operation[] = [
  listed('signal-assets', '/signal/v1/assets', 'Mindshare and sentiment of assets', sorted, '0.35'),
  get('signal-asset', '/signal/v1/assets/:assetID', 'Mindshare and sentiment of an asset', { ...one('assetID', 'bitcoin'), ...own('0.35') }),
  ...['gainers-24h', 'gainers-7d', 'losers-24h', 'losers-7d'].map((movers) =>
    get(`mindshare-${movers}`, `/signal/v1/assets/mindshare-${movers}`, `Mindshare: ${movers.replace('-', ' of ')}`, own('0.35')),
  ),
  listed('x-users', '/signal/v1/x-users', 'Accounts on X', { accountType: word, sort: word }, '0.75'),
  get('x-user', '/signal/v1/x-users/:xUserID', 'An account on X', { ...one('xUserID', '123'), ...own('0.75') }),
]

const others: readonly Operation[] = [
  listed('news', '/news/v1/news/feed', 'News', { assetSlugs: list, sourceIds: list }),
  listed('news-sources', '/news/v1/news/sources', 'Sources of news', {}),
  get('unlock-assets', '/token-unlocks/v1/assets', 'Assets with unlocks'),
  ...['events', 'unlocks', 'vesting-schedule'].map((kind) =>
    get(`unlock-${kind}`, `/token-unlocks/v1/assets/:assetId/${kind}`, `Unlocks of an asset: ${kind}`, { ...one('assetId', 'aptos'), query: span }),
  ),
  ...['rounds', 'rounds/investors', 'projects', 'organizations', 'funds'].map((kind) =>
    listed(`funding-${kind.replace('/', '-')}`, `/funding/v1/${kind}`, `Funding: ${kind.replace('rounds/', '')}`, {}),
  ),
  listed('reports', '/research/v1/reports', 'Research', { tags: list, assetSlugs: list }),
  get('report', '/research/v1/reports/:reportId', 'A piece of research', one('reportId', '7f3c')),
]

const message: JsonSchema = {
  type: 'object',
  properties: { role: { enum: ['system', 'user', 'assistant'] }, content: { type: 'string', minLength: 1, maxLength: 20_000 } },
  required: ['role', 'content'],
  additionalProperties: false,
}
const flag: JsonSchema = { type: 'boolean' }
const chat = {
  ...{ messages: { type: 'array', items: message, minItems: 1, maxItems: 50 }, stream: flag, verbosity: word, response_format: word },
  ...{ inline_citations: flag, generate_related_questions: { type: ['boolean', 'integer'], minimum: 0 } },
}

const posts: readonly Operation[] = [
  {
    ...{ id: 'events', method: 'POST', path: '/intel/v1/events', description: 'Events around assets', ...FORBIDDEN, reads: true },
    body: {
      assetSlugs: { type: 'array', items: word, maxItems: 100 },
      tags: { type: 'array', items: text, maxItems: 50 },
      startTime: time,
      endTime: time,
      ...paged,
    },
    ...{ pages: { page: '/page', size: '/limit' }, example: { body: { limit: 10 } }, sample: said([{ id: 'stand-in' }]) },
  },
  {
    // Credits of its own, of an amount that is not stated, and a limit a day. With `stream` the answer is open-ended.
    ...{ id: 'chat', method: 'POST', path: '/ai/v2/chat/completions', description: 'Answers of Messari AI; limited by the day', ...FORBIDDEN, reads: false },
    ...{ body: chat, required: ['messages'], example: { body: { messages: [{ role: 'user', content: 'What moved bitcoin today?' }] } }, ownPriceUsd: '0.25' },
    sample: said({ messages: [{ role: 'assistant', content: 'stand-in' }] }),
  },
]

export default defineAdapter({
  name: 'messari',
  title: 'Messari',
  category: 'Market intelligence',
  docs: 'https://docs.messari.io',
  baseUrl: 'https://api.messari.io',
  credential: { in: 'header', name: 'x-messari-api-key' },
  quota: {
    unit: 'call',
    resets: 'billing-day',
    source: 'docs.messari.io, API Tiers & Limits: requests within rate limits; by contract',
    checked: '2026-11-23',
  },
  rateLimit: { perMinute: 200 },
  terms: {
    source: 'docs.messari.io: for internal purposes and uses only; to redistribute any data, contact Messari',
    checked: '2026-11-23',
    caching: 'not-found',
  },
  operations: [...metrics, ...signal, ...others, ...posts],
  /** What a failure costs is not stated: a refusal before any work is taken as free, everything else as billed. */
  failures: [
    { status: '2xx', bodyMember: 'error', means: 'unknown', sample: { error: 'text', data: null } },
    { status: 401, means: 'credential-refused', bills: false, sample: { error: 'unauthorized', data: null }, standIn: true },
    // "Parameters valid but the request failed", or a challenge to pay by x402: never paid, never passed on.
    { status: 402, bodyHas: 'credit', means: 'quota-exhausted', bills: false, sample: { error: 'no credits', data: null }, standIn: true },
    { status: 402, means: 'unknown', sample: { error: 'Request Failed', data: null }, standIn: true },
    { status: 403, bodyHas: 'credit', means: 'quota-exhausted', bills: false },
    { status: 403, means: 'plan-lacks-it', bills: false, sample: { error: 'no permission', data: null }, standIn: true },
    { status: 429, bodyHas: 'daily', means: 'quota-exhausted', bills: false },
    { status: 429, means: 'rate-limited', bills: false, sample: { error: 'too many requests', data: null }, standIn: true },
    { status: 404, means: 'not-found', sample: { error: 'not found', data: null }, standIn: true },
    { status: 400, means: 'bad-request', sample: { error: 'bad request', data: null }, standIn: true },
    { status: '5xx', means: 'provider-down', sample: { error: 'internal error', data: null }, standIn: true },
  ],
})
