/** One payment, shown to two gateways at once: one call, one settlement, equal answers; and the same for purchases, sign-in and upfront payments. */

import { createSIWxPayload, encodeSIWxHeader } from '@x402/extensions/sign-in-with-x'
import t from 'tap'
import { privateKeyToAccount } from 'viem/accounts'
import { type Started, startAtlas } from '../rig/atlas.ts'
import { decodeHeader, signedPayment } from '../rig/client.ts'
import { BALANCE, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'
import { openPostgres } from '../rig/postgres.ts'
import { startRedis } from '../rig/redis.ts'
import { GOOD_BODY, NAME, openMarket, PRICE, RELATED, type ShopConfig, shopConfig } from '../rig/shop.ts'

const market = await openMarket(t)
const { chain, facilitator, provider, buyer, seller, poor } = market
await chain.mint(poor.address, 100_000_000n)
const redis = await startRedis(t)
const postgres = await openPostgres(t)

const shared =
  (order: string) =>
  ({ plugins, ...config }: ShopConfig): object => ({
    ...config,
    store: { driver: 'redis', url: redis.url, name: `payments-${order}`, durability: 'relaxed' },
    ledger: { driver: 'postgres', url: postgres.url },
    plugins: plugins.map((plugin) =>
      typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), order, rpc: chain.rpcUrl } } : plugin,
    ),
  })
const open = (order: string): Promise<Started[]> =>
  Promise.all([0, 1].map(() => startAtlas(t, writeConfig(temporaryFolder(t), shopConfig(market, { upstreamTimeout: '10s', change: shared(order) })))))

interface Got {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}
async function post({ publicUrl }: Started, path: string, headers: Record<string, string>, body: object = WALLET): Promise<Got> {
  const response = await fetch(publicUrl + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  return { status: response.status, text: await response.text(), headers: response.headers }
}
const paymentFor = async (gateway: Started, path = BALANCE, body: object = WALLET, by = buyer): Promise<{ [NAME]: string }> => ({
  [NAME]: await signedPayment((await post(gateway, path, {}, body)).headers.get('payment-required') ?? '', by.privateKey),
})
const counts = () => ({ settles: facilitator.settleCount, calls: provider.seen.length })

for (const order of ['authorization', 'upfront']) {
  t.test(`${order}: 20 uses at once over two gateways are one call, one settlement and 20 equal answers`, async (t) => {
    const gateways = await open(order)
    const [first, second] = gateways as [Started, Started]
    for (let round = 0; round < 5; round++) {
      const headers = await paymentFor(first)
      const before = { ...counts(), balance: await chain.balanceOf(seller.address) }
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => post(index % 2 === 0 ? first : second, BALANCE, headers)))
      t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
      t.same(new Set(answers.map(({ text }) => text)), new Set([JSON.stringify(GOOD_BODY)]))
      t.equal(new Set(answers.map((one) => one.headers.get('x-atlas-receipt'))).size, 1)
      t.same([counts().settles - before.settles, counts().calls - before.calls], [1, 1])
      t.equal((await chain.balanceOf(seller.address)) - before.balance, PRICE)
      t.match(await post(second, RELATED, headers), { status: 409, text: /idempotency_conflict/ }, 'with another request it is a conflict, wherever')
    }
    await first.stop()
    await second.stop()
  })
}

t.test('one purchase at two gateways is one, its key holds at both, and the signed-in wallet spends it at both', async (t) => {
  const [first, second] = (await open('authorization')) as [Started, Started]
  const order = { api: 'nansen', calls: 20 }
  const headers = await paymentFor(first, '/credits', order, poor)
  const before = await chain.balanceOf(seller.address)
  const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => post(index % 2 === 0 ? first : second, '/credits', headers, order)))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]), answers.map(({ text }) => text).join('\n'))
  t.equal((await chain.balanceOf(seller.address)) - before, 20n * PRICE)

  const { info, supportedChains } = (
    decodeHeader((await post(second, BALANCE, {})).headers.get('payment-required') ?? '') as {
      extensions: Record<string, { info: object; supportedChains: object[] }>
    }
  ).extensions['sign-in-with-x'] as { info: { domain: string }; supportedChains: object[] }
  const signIn = async ({ publicUrl }: Started): Promise<Record<string, string>> => {
    const { host } = new URL(publicUrl)
    const complete = { ...info, domain: host, uri: `${publicUrl}${BALANCE}`, ...supportedChains[0] } as Parameters<typeof createSIWxPayload>[0]
    return { 'sign-in-with-x': encodeSIWxHeader(await createSIWxPayload(complete, privateKeyToAccount(poor.privateKey), publicUrl)) }
  }
  const both = [await signIn(first), await signIn(second)]
  const calls = await Promise.all(
    Array.from({ length: 30 }, (_, index) => post(index % 2 === 0 ? first : second, BALANCE, both[index % 2] as Record<string, string>)),
  )
  const count = (status: number): number => calls.filter((one) => one.status === status).length
  t.same([count(200), count(402)], [20, 10], 'exactly what was bought')
  const again = JSON.parse((await post(second, '/credits', headers, order)).text) as { key?: string; balance: string }
  t.equal(again.balance, '0.00')
  t.match(again.key, /^atlas_/)
  await until('the key is known at both', async () => (await post(first, BALANCE, { authorization: `Bearer ${again.key}` })).status === 402)
  const { ok } = (await (await fetch(`${first.adminUrl}/api/ledger/verify`)).json()) as { ok: boolean }
  t.ok(ok)
})
