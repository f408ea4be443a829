/** Messari: `{ error, data }` around everything, 402 in two meanings, nothing told of what is left. What calls and failures take is a stand-in: one each. */
import { type Failure, inHeader, listOf, type ProviderScript } from './account.ts'

const key = 'msr_3Hd8Kf6Lp2Qx9Zt5Wb7N'

const PATHS = [
  ...['assets', 'assets/details', 'assets/ath', 'assets/roi', 'assets/metrics', 'assets/:a/metrics/:d/time-series/:g', 'networks', 'stablecoins'].map(
    (path) => `/metrics/v2/${path}`,
  ),
  ...['', '/dex', '/lending', '/liquid-staking', '/interop'].map((kind) => `/metrics/v2/protocols${kind}`),
  ...['markets', 'markets/:id', 'markets/metrics', 'markets/:id/metrics/:s/time-series/:g'].map((path) => `/metrics/v1/${path}`),
  ...['exchanges', 'exchanges/metrics', 'exchanges/:id/metrics/:s/time-series'].map((path) => `/metrics/v1/${path}`),
  ...['assets', 'assets/:a', 'assets/mindshare-gainers-24h', 'assets/mindshare-gainers-7d', 'assets/mindshare-losers-24h', 'assets/mindshare-losers-7d'].map(
    (path) => `/signal/v1/${path}`,
  ),
  ...['/signal/v1/x-users', '/signal/v1/x-users/:x', '/news/v1/news/feed', '/news/v1/news/sources', '/token-unlocks/v1/assets'],
  ...['events', 'unlocks', 'vesting-schedule'].map((kind) => `/token-unlocks/v1/assets/:a/${kind}`),
  ...['rounds', 'rounds/investors', 'projects', 'organizations', 'funds'].map((kind) => `/funding/v1/${kind}`),
  ...['/research/v1/reports', '/research/v1/reports/:r'],
]
const known = listOf<boolean>(
  Object.fromEntries([...PATHS.map((path) => `GET ${path}`), 'POST /intel/v1/events', 'POST /ai/v2/chat/completions'].map((line) => [line, true])),
)

const failure = (status: number, error: unknown, more: Partial<Failure> = {}): Failure => ({
  ...{ status, body: { error, data: null }, standIn: true, billed: true, shown: 'upstream_error' },
  ...more,
})
const refused = { billed: false }

export const messari: ProviderScript = {
  name: 'messari',
  key,
  admitted: inHeader('x-messari-api-key', key),
  // An error that is only mentioned in the data is none.
  answer: ({ method, path }) => (known(method, path) === true ? { takes: 1, body: { error: null, data: [{ slug: 'bitcoin', error: 'none' }] } } : undefined),
  unauthorized: failure(402, 'payment required', refused),
  failures: {
    'a bad request': failure(400, 'bad request', { shown: 'as it is' }),
    'nothing found': failure(404, 'not found', { shown: 'as it is' }),
    'an error in a success': failure(200, 'something is wrong', { standIn: false }),
    'an error in a success, as an object': failure(200, { code: 7 }),
    'a bad key': failure(401, 'unauthorized', refused),
    'a request that failed': failure(402, 'Request Failed: parameters valid but the request failed', { standIn: false }),
    'another plan': failure(403, 'no permission', { ...refused, closes: true }),
    "the day's answers of AI used up": failure(429, 'daily request limit reached', { ...refused, closes: true }),
    'an error of the server': failure(500, 'internal error'),
  },
  limited: { 'too many at once': failure(429, 'too many requests', refused) },
}
