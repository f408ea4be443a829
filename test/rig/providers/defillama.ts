/** DeFi Llama Pro: the key is the first segment of every path but that of the counter, where it is the last. Credits and failures are stand-ins: one each, plain text. */
import { type Failure, listOf, type ProviderScript } from './account.ts'

const key = 'llm-9Xc4Vb7Nm2Qw5Er8Ty1U'

const answers = listOf<unknown>({
  ...{
    'GET /api/protocols': [],
    'GET /api/protocol/:p': {},
    'GET /api/tvl/:p': 4962012809.79,
    'GET /api/v2/chains': [],
    'GET /api/v2/historicalChainTvl/:c': [],
  },
  ...{ 'GET /api/overview/dexs': {}, 'GET /api/overview/dexs/:c': {}, 'GET /api/summary/fees/:p': {}, 'GET /api/emissions': [], 'GET /api/emission/:p': {} },
  ...{ 'GET /api/hacks': [], 'GET /api/raises': {}, 'GET /api/treasuries': [], 'GET /yields/pools': { status: 'success', data: [] } },
  ...{
    'GET /yields/chart/:p': { status: 'success', data: [] },
    'GET /coins/batchHistorical': { coins: {} },
    'GET /coins/block/:c/:t': { height: 1, timestamp: 2 },
  },
  ...{ 'GET /stablecoins/stablecoins': { peggedAssets: [] }, 'GET /bridges/bridges': { bridges: [] }, 'GET /bridges/transactions/:id': [] },
})
const isPrices = (path: string): boolean => /^\/coins\/prices\/(current|historical\/\d+)\/[^/]+$/.test(path)

const failure = (status: number, body: string, more: Partial<Failure> = {}): Failure => ({
  ...{ status, body, standIn: true, billed: true, shown: 'upstream_error' },
  ...more,
})
const refused = { billed: false }

export const defillama: ProviderScript = {
  name: 'defillama',
  key,
  admitted({ pathname }) {
    if (pathname === `/usage/${key}`) return '/usage'
    return pathname.startsWith(`/${key}/`) ? pathname.slice(key.length + 1) : undefined
  },
  answer({ method, path }) {
    // A coin that nobody knows is an answer without it.
    if (method === 'GET' && isPrices(path))
      return { takes: 1, body: { coins: path.includes('unknown') ? {} : { [path.split('/').at(-1) as string]: { price: 1 } } } }
    const body = answers(method, path)
    return body === undefined ? undefined : { takes: 1, body }
  },
  usage: ({ path }, { left }) => (path === '/usage' ? { creditsLeft: left } : undefined),
  unauthorized: failure(403, 'invalid key', refused),
  failures: {
    'nothing found': failure(404, 'Protocol not found', { shown: 'as it is' }),
    'a bad timestamp': failure(400, 'bad timestamp', { shown: 'as it is' }),
    'a bad key': failure(403, 'invalid key', refused),
    'a bad key, as for equities': failure(401, 'Unauthorized', { ...refused, standIn: false }),
    'no credits': failure(429, 'credits used up', { ...refused, closes: true }),
    'an error behind coins': failure(502, 'Internal error', { standIn: false }),
    'an error of the server': failure(500, 'oops'),
  },
  limited: { 'too many in a minute': failure(429, 'too many requests', { ...refused, fields: ['Retry-After', '1'] }) },
}
