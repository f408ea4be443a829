/** Nansen: credits by endpoint, `premium_labels` 150, labels free where there are none; what is left in a field of each answer. */
import { type Failure, inHeader, listOf, type ProviderScript } from './account.ts'

const key = 'nsk_7f3kQ9vXw2LmT8zR4bYc'

const credits = listOf<number>({
  ...{ 'POST /smart-money/netflow': 5, 'POST /smart-money/holdings': 5, 'POST /smart-money/historical-holdings': 5, 'POST /smart-money/dex-trades': 5 },
  ...{ 'POST /smart-money/perp-trades': 5, 'POST /smart-money/dcas': 5, 'POST /profiler/address/current-balance': 1 },
  ...{ 'POST /profiler/address/transactions': 1, 'POST /profiler/address/historical-balances': 1, 'POST /profiler/address/counterparties': 5 },
  ...{ 'POST /profiler/address/related-wallets': 1, 'POST /profiler/address/pnl-summary': 1, 'POST /profiler/address/pnl': 1 },
  // docs.nansen.ai, changelog of 06-11-2026; before 100 and 500.
  ...{ 'POST /profiler/address/labels': 10, 'POST /profiler/address/premium-labels': 50 },
  ...{ 'POST /token-screener': 1, 'POST /tgm/holders': 5, 'POST /tgm/flows': 1, 'POST /tgm/who-bought-sold': 1, 'POST /tgm/flow-intelligence': 1 },
  ...{ 'POST /tgm/dex-trades': 1, 'POST /tgm/transfers': 1, 'POST /tgm/pnl-leaderboard': 5, 'POST /tgm/token-information': 1 },
  'POST /portfolio/defi-holdings': 1,
})

const ROWS = 23

/** Pages count from 1; ten rows where nothing is said. */
function page(body: Readonly<Record<string, unknown>>): { readonly data: readonly object[]; readonly pagination: object } {
  const { page = 1, per_page = 10 } = Object(body.pagination) as { page?: number; per_page?: number }
  const from = (page - 1) * per_page
  const count = Math.max(0, Math.min(per_page, ROWS - from))
  return { data: Array.from({ length: count }, (_, at) => ({ row: from + at })), pagination: { page, per_page, is_last_page: from + per_page >= ROWS } }
}

const unbilled = (failure: Omit<Failure, 'billed'>): Failure => failure

export const nansen: ProviderScript = {
  name: 'nansen',
  key,
  admitted: inHeader('apikey', key),
  answer({ method, path, body }) {
    const usual = credits(method, path)
    if (usual === undefined) return undefined
    const answer = body.address === 'nobody' ? { data: [], pagination: { page: 1, per_page: 10, is_last_page: true } } : page(body)
    const premium = body.premium_labels === true
    const isFree = /labels$/.test(path) && answer.data.length === 0
    return { takes: isFree ? 0 : premium ? 150 : usual, body: answer }
  },
  usage: ({ method, path }, { left }) => (method === 'GET' && path === '/account' ? { plan: 'pro', credits_remaining: left } : undefined),
  fields: (took, { left }) => [
    ...['X-Nansen-Credits-Used', String(took), 'X-Nansen-Credits-Cost', String(took), 'X-Nansen-Credits-Remaining', String(left)],
    ...['RateLimit-Limit', '20', 'RateLimit-Remaining', '19', 'RateLimit-Reset', '1', 'X-RateLimit-Remaining-Minute', '290'],
  ],
  // Without a key a challenge to pay by x402; with a wrong one 401.
  unauthorized: { status: 402, body: { x402Version: 1, accepts: [] }, fields: ['payment-required', 'telltale'], shown: 'upstream_error' },
  failures: {
    'a bad request': unbilled({ status: 422, body: { detail: [{ loc: ['body', 'chains'], msg: 'Field required', type: 'missing' }] }, shown: 'as it is' }),
    'a bad request of the newer form': unbilled({
      status: 422,
      body: { error: 'bad_request', message: 'invalid chain', code: 'INVALID_CHAIN' },
      shown: 'as it is',
    }),
    'nothing found': unbilled({ status: 404, body: { detail: 'Not Found' }, shown: 'as it is' }),
    'a challenge to pay': unbilled({ status: 402, body: { x402Version: 1, accepts: [] }, shown: 'upstream_error' }),
    'a bad key': unbilled({ status: 401, body: { message: 'Invalid API key' }, standIn: true, shown: 'upstream_error' }),
    'another plan': unbilled({ status: 403, body: { message: 'plan_upgrade_required' }, shown: 'upstream_error', closes: true }),
    'no credits': unbilled({ status: 403, body: { message: 'Insufficient credits' }, shown: 'upstream_error', closes: true }),
    'no credits, in another member': unbilled({
      status: 403,
      body: { error: { code: 'insufficient_credits', message: 'no' } },
      shown: 'upstream_error',
      closes: true,
    }),
    'a gateway in between': unbilled({ status: 502, body: '<html>Bad Gateway</html>', shown: 'upstream_error' }),
    'an error of the server': unbilled({ status: 500, body: { error: 'internal' }, shown: 'upstream_error' }),
    'a timeout of the server': unbilled({ status: 504, body: 'upstream timed out', shown: 'upstream_error' }),
  },
  limited: { 'too many at once': unbilled({ status: 429, body: { error: 'Too many requests' }, fields: ['Retry-After', '1'], shown: 'upstream_error' }) },
}
