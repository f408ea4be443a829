/** Unknown settlements are tried again in time, whatever other settlements do. */

import t from 'tap'
import { until } from '../rig/gateway.ts'
import { nonceOf, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const { facilitator, provider, seller } = market

t.test('settlements that hang delay no other: it is tried again within 2 s', async (t) => {
  const shop = await openShop(t, market, { settleTimeout: '1s' })
  const never = new Promise(() => undefined)
  const hanging = await Promise.all([shop.payment(), shop.payment(), shop.payment()])
  const last = await shop.payment()
  const hung = new Set(hanging.map(nonceOf))
  facilitator.misbehave((path, { body }) => {
    if (path === '/verify') return undefined
    if (hung.has(nonceOf(body.paymentPayload))) return { work: false, after: never }
    return shop.settlesOf(last) === 1 ? { work: false, drop: true } : undefined
  })
  t.teardown(() => facilitator.misbehave(undefined))
  for (const answer of await Promise.all(hanging.map((payment) => shop.buy(payment)))) t.equal(answer.json.code, 'payment_pending')
  await until('one that hangs is tried again', () => hanging.some((payment) => shop.settlesOf(payment) === 2), 20_000)
  const moved = await shop.moved(async () => {
    t.equal((await shop.buy(last)).json.code, 'payment_pending')
    await until('the last one is tried again', () => shop.settlesOf(last) === 2, 4_000)
    await until('and is settled', async () => (await shop.buy(last)).status === 200, 20_000)
  })
  t.same(moved, [PRICE, PRICE])
})

t.test('with several facilitators a settlement is repeated where it was asked for', async (t) => {
  const operations = [{ id: 'anything', method: 'POST', path: '/anything', resale: 'allowed' }]
  const payment = { network: 'base-sepolia', facilitator: facilitator.url, pay_to: seller.address, settle_timeout: '1s' }
  const shop = await openShop(t, market, {
    facilitator: 'http://127.0.0.1:1',
    change: (config) => ({
      ...config,
      api_connections: [
        ...config.api_connections,
        { name: 'other', adapter: 'custom', base_url: provider.url, credential: { in: 'none' }, operations, monthly_quota: 100, base_cost: '$0.05' },
      ],
      routes: [
        { path: '/nansen/*', adapter: 'nansen' },
        { path: '/other/*', adapter: 'other', plugins: ['auth', { 'x402-payment': payment }, 'markup-billing', 'quota-reserve'] },
      ],
    }),
  })
  const header = await shop.payment()
  const buy = () => shop.buy(header, { path: '/other/anything', body: {} })
  facilitator.misbehave((path) => (path === '/settle' && shop.settlesOf(header) === 1 ? { work: false, drop: true } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  t.equal((await buy()).json.code, 'payment_pending')
  await until('it is settled', async () => (await buy()).status === 200, 20_000)
})
