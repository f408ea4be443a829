/** Arkham: credits by call or by row that is returned; labels are a second meter, told in fields; credits are told by no field. */
import { type Failure, inHeader, listOf, type ProviderScript } from './account.ts'

const key = 'ark-5Zq8Wn2Rt6Yp4Ls9Vd3K'

const credits = listOf<number>({
  ...{ 'GET /intelligence/address/:a': 1, 'GET /intelligence/address/:a/all': 2, 'GET /intelligence/address_enriched/:a/all': 4 },
  ...{ 'POST /intelligence/address/batch': 250, 'POST /intelligence/address_enriched/batch/all': 1000, 'GET /intelligence/entity/:e/summary': 1 },
  // No source states these two: stand-ins.
  ...{ 'GET /intelligence/entity/:e': 1, 'GET /chains': 1 },
  ...{ 'GET /intelligence/search': 30, 'GET /balances/address/:a': 1, 'GET /portfolio/address/:a': 1, 'GET /flow/address/:a': 2 },
  ...{ 'GET /counterparties/address/:a': 50, 'GET /token/top': 10, 'GET /token/holders/:t': 30, 'GET /token/top_flow/:t': 10 },
  ...{ 'GET /token/market/:t': 1, 'GET /token/price/history/:t': 1 },
})
/** Credits of a row, and rows where no limit is named. */
const byRow = listOf<readonly [credits: number, usual: number]>({ 'GET /transfers': [2, 20], 'GET /transfers/unenriched': [1, 20], 'GET /swaps': [2, 50] })
/** What there is of the token that is asked for; of all others so many. */
const ROWS = 7
const countOf = (tokens: string | null): number => (tokens === null ? ROWS : Number(/^rows-(\d+)$/.exec(tokens)?.[1] ?? ROWS))

const free = (status: number, error: string, more: Partial<Failure> = {}): Failure => ({ status, body: { error }, shown: 'upstream_error', ...more })

export const arkham: ProviderScript = {
  name: 'arkham',
  key,
  admitted: inHeader('api-key', key),
  answer({ method, path, query }) {
    const row = byRow(method, path)
    if (row === undefined) {
      const takes = credits(method, path)
      return takes === undefined ? undefined : { takes, body: path === '/chains' || path.startsWith('/token/price') ? ['x'] : { ok: path } }
    }
    const [each, usual] = row
    const count = Math.min(Number(query.get('limit') ?? usual), countOf(query.get('tokens')))
    const member = path === '/swaps' ? 'swaps' : 'transfers'
    // An answer without rows takes one: a stand-in.
    return { takes: each * Math.max(1, count), body: { count, [member]: Array.from({ length: count }, (_, at) => ({ at })) } }
  },
  usage: ({ path }, { used }) =>
    path === '/analytics/credit-periods'
      ? [
          { periodStart: '2020-01-01T00:00:00Z', periodEnd: '2020-02-01T00:00:00Z', creditsIncluded: 500, creditsUsed: 77, status: 'closed' },
          { periodStart: '2020-02-01T00:00:00Z', periodEnd: '2999-01-01T00:00:00Z', creditsIncluded: 500, creditsUsed: used, status: 'open' },
        ]
      : undefined,
  fields: () => ['X-Intel-Datapoints-Usage', '12373', 'X-Intel-Datapoints-Limit', '1000000', 'X-Intel-Datapoints-Remaining', '5'],
  unauthorized: free(401, 'error validating API key'),
  failures: {
    'a bad request': free(400, 'limit must be between 1 and 1000', { shown: 'as it is' }),
    'nothing found': free(404, 'not found', { shown: 'as it is', standIn: true }),
    'a bad key': free(401, 'error validating API key'),
    'another plan': free(403, 'not allowed to access endpoint', { closes: true }),
    'no credits': free(402, 'insufficient credits', { standIn: true, closes: true }),
    'no label look-ups left': free(429, 'Intelligence label lookup limit reached for this billing period.', { closes: true }),
    'an error of the server': free(500, 'internal'),
    'a gateway in between': free(502, 'bad gateway', { body: '<html>' }),
  },
  limited: { 'too many at once': free(429, 'rate limit exceeded', { fields: ['Retry-After', '1'] }) },
}
