/** Forged payments of one address hold back nobody else, and no more than a few units; whoever shows the same payment again needs no room. */

import t from 'tap'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { until } from '../rig/gateway.ts'
import { openMarket, openShop } from '../rig/shop.ts'

const market = await openMarket(t)
const { facilitator, provider } = market
const shop = await openShop(t, market, { upstreamTimeout: '8s', change: (config) => ({ ...config, trusted_proxies: ['127.0.0.1'] }) })
const from = (address: string): { headers: Record<string, string> } => ({ headers: { 'x-forwarded-for': address } })
const stranger = () => {
  const privateKey = generatePrivateKey()
  return { address: privateKeyToAccount(privateKey).address, privateKey }
}

t.test('the ninth unverified payment of an address waits, then is refused; others go on', async (t) => {
  let free = (): void => undefined
  const held = new Promise<void>((resolve) => {
    free = resolve
  })
  facilitator.misbehave((path, { body }) => {
    const { payload } = body.paymentPayload as { payload: { authorization: { from: string } } }
    return path === '/verify' && payload.authorization.from !== market.buyer.address ? { before: held } : undefined
  })
  t.teardown(() => facilitator.misbehave(undefined))
  const payments = await Promise.all(Array.from({ length: 9 }, () => shop.payment({}, stranger())))
  const asked = facilitator.verifyCount
  const eight = payments.slice(0, 8).map((payment) => shop.buy(payment, from('203.0.113.7')))
  await until('eight are being verified', () => facilitator.verifyCount === asked + 8)
  const begun = performance.now()
  const ninth = await shop.buy(payments[8], from('203.0.113.7'))
  t.match(ninth, { status: 429, json: { code: 'rate_limited' }, headers: { 'retry-after': '2' } })
  t.ok(performance.now() - begun > 1_900 && performance.now() - begun < 3_500)
  t.equal((await shop.buy(await shop.payment(), from('203.0.113.8'))).status, 200, 'another address is served')
  const same = shop.buy(payments[0], from('203.0.113.7'))
  free()
  t.match(await same, { status: 402 }, 'the same payment waited for the first, which is refused')
  t.same(new Set((await Promise.all(eight)).map(({ status }) => status)), new Set([402]), 'nobody of them has money')
  facilitator.misbehave(undefined)
  t.equal((await shop.buy(await shop.payment(), from('203.0.113.7'))).status, 200, 'and there is room again')
  t.equal(provider.seen.length, 2)
})
