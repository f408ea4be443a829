/** Of the six providers' operations: what is said of their price before anybody calls, and forms that are right however they are written. */
import t from 'tap'
import { BALANCE } from '../rig/gateway.ts'
import { openMarketplace } from '../rig/providers/market.ts'

t.test('what is for sale says the most that a call can take, where its example takes less', async (t) => {
  const market = await openMarketplace(t)
  const { apis } = (await market.rig.call('GET', '/catalog')).json as {
    apis: { name: string; operations: { id: string; units: number; max_units: number }[] }[]
  }
  const figures = (name: string, id: string): unknown => {
    const found = apis.find((api) => api.name === name)?.operations.find((operation) => operation.id === id)
    return [found?.units, found?.max_units]
  }
  t.same(
    ['tgm-holders', 'tgm-pnl-leaderboard', 'profiler-address-labels', 'profiler-address-premium-labels', 'tgm-flows'].map((id) => figures('nansen', id)),
    [
      [5, 150],
      [5, 150],
      [10, 10],
      [50, 50],
      [1, 1],
    ],
  )
  t.same(
    ['transfers', 'transfers-unenriched', 'swaps', 'token-top'].map((id) => figures('arkham', id)),
    [
      [2, 2000],
      [1, 1000],
      [2, 2000],
      [10, 10],
    ],
  )
  t.same(
    [figures('glassnode', 'market-mvrv'), figures('glassnode', 'market-mvrv-bulk')],
    [
      [1, 2],
      [1, 200],
    ],
  )
  const headers = { accept: 'application/json, text/event-stream' }
  const { json } = await market.rig.call('POST', '/mcp', { headers, body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } })
  const { tools } = json.result as { tools: { name: string; description: string; _meta: Record<string, unknown> }[] }
  const tool = (name: string) => tools.find((one) => one.name === name)
  t.match(tool('nansen_tgm-holders')?.description, /\$0\.05 a call such as the example, 5 units; other arguments take up to 150 units/)
  t.equal(tool('nansen_tgm-holders')?._meta['atlas/max-units'], 150)
  t.match(tool('nansen_tgm-flows')?.description, /\$0\.01 a call at the most, 1 unit;/)
  const page = await market.rig.call('GET', '/catalog/nansen/tgm-holders', { headers: { accept: 'text/html' } })
  t.match(page.text, /\$0\.05 for 5 units, of the example; others take up to 150 units/)
  const { paths } = (await market.rig.call('GET', '/openapi.json')).json as { paths: Record<string, { post: Record<string, unknown> }> }
  t.equal(paths['/nansen/tgm/holders']?.post['x-atlas-max-units'], 150)
  t.equal(paths['/nansen/tgm/flows']?.post['x-atlas-attribution'], 'Powered by Nansen API')
  t.equal(paths[BALANCE]?.post['x-atlas-attribution'], undefined, 'no line where none is asked for')
})

t.test('what is right stays right, however it is written', async (t) => {
  const market = await openMarketplace(t)
  const coins = encodeURIComponent('{ "coingecko:ethereum": [1700000000, 1700086400], "ethereum:0xdac17f958d2ee523a2206206994597c13d831ec7":[1700000000] }')
  const right = [
    `/defillama/coins/batchHistorical?coins=${coins}`,
    ...['1700000000000', '2026-11-01', '2026-11-01T12:00:00Z', '2026-11-01T12:00:00.123%2B02:00'].map(
      (time) => `/arkham/transfers?base=binance&limit=1&timeGte=${time}`,
    ),
    ...['1700000000', '2026-11-01', '2026-11-01T12:00:00Z'].map((start) => `/messari/token-unlocks/v1/assets/aptos/events?start=${start}`),
  ]
  // An unpaid call is asked for its form first, then for money.
  for (const path of right) t.equal((await market.rig.call('GET', path)).status, 402, path)
  for (const address of ['0x2::sui::SUI', 'EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2', 'vitalik.eth'])
    t.equal((await market.rig.call('POST', BALANCE, { body: { address, chain: 'sui' } })).status, 402, address)
  for (const entity_name of ['Binance', 'Société Générale'])
    t.equal((await market.rig.call('POST', BALANCE, { body: { entity_name, chain: 'ethereum' } })).status, 402, entity_name)
})
