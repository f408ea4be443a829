/** Glassnode: credits by asset, key in a header or in the query, rate limits in seconds until the reset, failures as plain text (stand-ins). */
import type { Failure, ProviderScript } from './account.ts'

const key = '2aBcD9eFgH4iJkL7mNoP1qRs'

const METRIC = /^\/v1\/metrics\/[a-z0-9_]+\/[a-z0-9_]+(\/bulk)?$/
const failure = (status: number, body: string, more: Partial<Failure> = {}): Failure => ({
  ...{ status, body, standIn: true, billed: true, shown: 'upstream_error' },
  ...more,
})
const refused = { billed: false }

export const glassnode: ProviderScript = {
  name: 'glassnode',
  key,
  admitted(url, headers) {
    const shown = headers['x-api-key'] ?? url.searchParams.get('api_key')
    url.searchParams.delete('api_key')
    return shown === key ? url.pathname : undefined
  },
  answer({ method, path, query }) {
    if (method !== 'GET') return undefined
    // What they take is a stand-in.
    if (/^\/v1\/metadata\/(assets|metrics|metric)$/.test(path)) return { takes: 1, body: path.endsWith('metrics') ? ['/market/mvrv'] : { data: [] } }
    const found = METRIC.exec(path)
    if (found === null) return undefined
    const assets = query.getAll('a')
    const isBulk = found[1] !== undefined
    // Without `a`, or with the star, every asset there is.
    const takes =
      assets.length === 0 || assets.includes('*') ? 5000 : (isBulk ? assets : assets.slice(-1)).reduce((sum, one) => sum + (one === 'BTC' ? 1 : 2), 0)
    return { takes, body: isBulk ? { data: [{ t: 1770076800, bulk: assets.map((a) => ({ a, v: 1 })) }] } : [{ t: 1770076800, v: 1.0123 }] }
  },
  usage: ({ path }, { used }) => (path === '/v1/user/api_usage' ? { creditsUsed: used } : undefined),
  fields: () => ['x-rate-limit-limit', '600', 'x-rate-limit-remaining', '540', 'x-rate-limit-reset', '37'],
  unauthorized: failure(401, 'invalid api key', refused),
  failures: {
    'a bad asset': failure(400, 'unknown asset', { shown: 'as it is' }),
    'a resolution that the plan has not': failure(400, 'Resolution 1h is not part of your plan', { standIn: false, shown: 'as it is' }),
    'nothing found': failure(404, 'not found', { shown: 'as it is' }),
    'a bad key': failure(401, 'invalid api key', refused),
    'another plan': failure(403, 'bulk is not part of your plan', { ...refused, closes: true }),
    'no credits': failure(403, 'no credits left', { ...refused, closes: true }),
    'a challenge to pay': failure(402, 'payment required', refused),
    'an error of the server': failure(500, 'internal'),
  },
  limited: {
    'too many in a minute': failure(429, 'rate limit exceeded', {
      ...refused,
      fields: ['x-rate-limit-limit', '600', 'x-rate-limit-remaining', '0', 'x-rate-limit-reset', '2'],
    }),
  },
}
