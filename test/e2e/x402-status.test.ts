/** Operators see how it stands with payments: networks, facilitators, what is not known; before the start, while it runs, and on /readyz. */

import t from 'tap'
import { atlas, startAtlas } from '../rig/atlas.ts'
import { signedPayment } from '../rig/client.ts'
import { BALANCE, openGateway, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'
import { NAME, openMarket, type ShopConfig, shopConfig } from '../rig/shop.ts'

const market = await openMarket(t)
const { facilitator, chain, buyer } = market
const paying =
  (more: object) =>
  ({ plugins, ...config }: ShopConfig): object => ({
    ...config,
    plugins: plugins.map((plugin) =>
      typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), ...more } } : plugin,
    ),
  })

t.test('check --online asks facilitators and nodes, and names what is wrong with each', async (t) => {
  const check = (more: object) =>
    atlas(['check', '--online', '--json', '--config', writeConfig(temporaryFolder(t), shopConfig(market, { change: paying(more) }))])
  const good = await check({ rpc: chain.rpcUrl })
  t.match({ status: good.status, ...good.json }, { status: 0, online: [] })
  const bad = await check({ network: ['base-sepolia', 'polygon'], rpc: [chain.rpcUrl, chain.rpcUrl], facilitator: [facilitator.url, 'http://127.0.0.1:1'] })
  t.equal(bad.status, 1)
  t.match(bad.json.online, [
    /^facilitator http:\/\/127\.0\.0\.1:\d+: it does not settle exact on eip155:137$/,
    /^facilitator http:\/\/127\.0\.0\.1:1: it cannot be reached$/,
    /^rpc of eip155:137: the node is on chain 84532$/,
    /^no facilitator settles payments on eip155:137$/,
  ])
})

t.test('a facilitator that is down delays no start: offers and credits go on, paid calls are unavailable, /readyz says so', async (t) => {
  const rig = await openGateway(t, shopConfig(market, { facilitator: 'http://127.0.0.1:1' }))
  const ready = async (): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${rig.adminUrl}/readyz`)
    return { status: response.status, body: await response.json() }
  }
  t.match(await ready(), { status: 200, body: { status: 'degraded', lost: ['facilitator'], payments: [/cannot be reached/, /no facilitator settles/] } })
  const quote = await rig.call('POST', BALANCE, { body: WALLET })
  t.equal(quote.status, 402)
  const payment = await signedPayment(quote.headers['payment-required'] ?? '', buyer.privateKey)
  const paid = await rig.call('POST', BALANCE, { body: WALLET, headers: { [NAME]: payment } })
  t.match(paid, { status: 503, json: { code: 'unavailable' }, headers: { 'retry-after': /\d/ } })
  const { key } = await rig.key({ credits: '$1' })
  t.equal((await rig.call('POST', BALANCE, { body: WALLET, headers: { authorization: `Bearer ${key}` } })).status, 200)
})

t.test('x402 status shows rates, and a settlement that nobody knows with its age', async (t) => {
  const file = writeConfig(temporaryFolder(t), shopConfig(market, { settleTimeout: '1s' }))
  const gateway = await startAtlas(t, file)
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(gateway.publicUrl + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(WALLET) })
  const pay = async (): Promise<number> => {
    const payment = await signedPayment((await ask(BALANCE)).headers.get('payment-required') ?? '', buyer.privateKey)
    return (await ask(BALANCE, { [NAME]: payment })).status
  }
  t.equal(await pay(), 200)
  const settled = facilitator.settleCount
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true, work: false } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  t.equal(await pay(), 503)
  const status = async () => atlas(['x402', 'status', '--json', '--config', file], { env: gateway.env })
  const { json } = await status()
  t.match(json, {
    networks: [{ network: 'eip155:84532', asset: chain.token, settled: true, node: null }],
    facilitators: [
      { name: facilitator.url, open: false, problem: null, verify: { answered: 2, lost: 0, success_rate: 1 }, settle: { answered: 1, lost: Number } },
    ],
    unknown: [{ buys: 'call', network: 'eip155:84532', payer: buyer.address.toLowerCase(), amount: '0.15', age_seconds: Number }],
  })
  const [{ settle }] = json.facilitators as [{ settle: { lost: number } }]
  const dropped = facilitator.settleCount - settled
  t.ok(
    settle.lost >= 1 && settle.lost <= dropped,
    `${settle.lost} lost of ${dropped} that were dropped, of which the reconciler may have asked for some by now`,
  )
  const text = (await atlas(['x402', 'status', '--config', file], { env: gateway.env })).stdout
  t.match(text, /facilitator .*\n.*1 yes, 0 no, \d+ lost/s)
  facilitator.misbehave(undefined)
  await until('it is known', async () => ((await status()).json.unknown as unknown[]).length === 0, 15_000)
  await gateway.stop()
  t.match((await atlas(['x402', 'status', '--config', file])).stdout, /no gateway runs.*no settlement is unknown/s)
})
