/** A call is sold by x402 on a real chain, to the official client; one payment buys one call, however often it is shown. */

import { decodePaymentResponseHeader } from '@x402/core/http'
import t from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import { atlas } from '../rig/atlas.ts'
import { decodeHeader, payingFetch, signedPaymentV1 } from '../rig/client.ts'
import { type Answer, BALANCE, WALLET } from '../rig/gateway.ts'
import { reply } from '../rig/provider.ts'
import { GOOD_BODY, inOtherBytes, openMarket, openShop, PRICE, RELATED } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market)
const { rig, chain, provider, buyer, seller } = shop

const sold = { name: 'nansen', calls_sold: 1, units_sold: 1, revenue: '0.15', owner_share: '0.135', platform_share: '0.015' }

t.test('the official client buys a call: the seller is paid on chain, the answer arrives, and the report shows the sale', async (t) => {
  const body = JSON.stringify(WALLET)
  let response: Response | undefined
  const counts = await shop.asked(async () => {
    const amounts = await shop.moved(async () => {
      const pay = payingFetch({ privateKey: buyer.privateKey, rpcUrl: chain.rpcUrl })
      response = await pay(rig.publicUrl + BALANCE, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    })
    t.same(amounts, [PRICE, PRICE])
  })
  t.same(counts, { verify: 1, settle: 1, provider: 1 })
  if (response === undefined) throw new Error('no answer')
  t.equal(response.status, 200)
  t.equal(await response.text(), JSON.stringify(GOOD_BODY), "the provider's own bytes")

  const receipt = decodePaymentResponseHeader(response.headers.get('payment-response') ?? '')
  t.match(receipt, { success: true, network: `eip155:${chain.chainId}`, transaction: /^0x[0-9a-f]{64}$/ })
  t.equal(receipt.payer?.toLowerCase(), buyer.address.toLowerCase())
  t.match(await chain.rpc('eth_getTransactionReceipt', [receipt.transaction]), { status: '0x1', to: chain.token.toLowerCase() })
  t.equal(response.headers.get('x-atlas-price'), '$0.15')
  t.equal(response.headers.get('x-atlas-units'), '1')
  t.match(response.headers.get('x-atlas-receipt'), /^rc_/)
  t.equal(response.headers.get('x-atlas-replayed'), null)

  const asked = provider.seen.at(-1)
  t.equal(asked?.headers.apikey, 'owners-key')
  t.equal(asked?.headers['payment-signature'], undefined, 'the payment stays here')
  t.match(await rig.office.report(monthOf(Date.now()), undefined), { connections: [sold], total: { calls_sold: 1, revenue: '0.15' } })
})

t.test('the command line reports the same sale', async (t) => {
  const { status, json } = await atlas(['report', '--json', '--config', rig.file], { env: { ADMIN_PORT: new URL(rig.adminUrl).port } })
  t.equal(status, 0)
  t.match(json, { connections: [sold] })
})

t.test('a version 1 client pays with X-PAYMENT and gets its receipt in X-PAYMENT-RESPONSE', async (t) => {
  const offer = (await shop.quote()).json as { x402Version: number; accepts: unknown[] }
  const payment = await signedPaymentV1({ x402Version: offer.x402Version, accepts: offer.accepts }, buyer.privateKey)
  let answer: Answer | undefined
  t.same(
    await shop.moved(async () => {
      answer = await shop.buy(undefined, { headers: { 'X-PAYMENT': payment } })
    }),
    [PRICE, PRICE],
  )
  t.equal(answer?.status, 200)
  t.equal(answer?.headers['payment-response'], undefined)
  const receipt = decodeHeader(answer?.headers['x-payment-response'] ?? '') as { transaction: string }
  t.match(receipt, { success: true, network: 'base-sepolia', transaction: /^0x[0-9a-f]{64}$/ })
  t.match(await chain.rpc('eth_getTransactionReceipt', [receipt.transaction]), { status: '0x1' })
  const again = await shop.buy(undefined, { headers: { 'X-PAYMENT': payment } })
  t.equal(again.headers['x-atlas-replayed'], 'true')
  t.equal(again.headers['x-payment-response'], answer?.headers['x-payment-response'])
})

t.test('20 uses of one payment at once are one call to the provider, one transfer and 20 equal answers', async (t) => {
  const payment = await shop.payment()
  let answers: Answer[] = []
  let answer = (): void => undefined
  provider.next((response, seen) => {
    answer = () => reply(200, GOOD_BODY, ['x-page', '1'])(response, seen)
  })
  const asked = provider.asked(provider.seen.length + 1)
  const counts = await shop.asked(async () => {
    const amounts = await shop.moved(async () => {
      const calls = Array.from({ length: 20 }, () => shop.buy(payment))
      await asked
      answer()
      answers = await Promise.all(calls)
    })
    t.same(amounts, [PRICE, PRICE])
  })
  t.same(counts, { verify: 1, settle: 1, provider: 1 })
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(answers.filter(({ headers }) => headers['x-atlas-replayed'] === 'true').length, 19)
  for (const name of ['x-atlas-price', 'x-atlas-units', 'x-atlas-receipt', 'payment-response', 'content-type', 'x-page']) {
    t.equal(new Set(answers.map(({ headers }) => headers[name])).size, 1, name)
    t.ok(answers[0]?.headers[name], name)
  }
  t.same(new Set(answers.map(({ text }) => text)), new Set([JSON.stringify(GOOD_BODY)]))
})

t.test('a payment that bought a call buys no other: a conflict under its own bytes, a 402 in other bytes', async (t) => {
  const payment = await shop.payment()
  const first = await shop.buy(payment)
  t.equal(first.status, 200)
  const counts = await shop.asked(async () => {
    const other = await shop.buy(payment, { body: { ...WALLET, chain: 'base' } })
    t.equal(other.status, 409)
    t.equal(other.json.code, 'idempotency_conflict')
    const path = await shop.buy(payment, { path: RELATED })
    t.equal(path.json.code, 'idempotency_conflict')
    for (const body of [WALLET, { ...WALLET, chain: 'base' }]) {
      const rewritten = await shop.buy(inOtherBytes(payment), { body })
      t.equal(rewritten.status, 402)
      t.equal(rewritten.json.code, 'payment_invalid')
      t.notMatch(rewritten.text, 'token_symbol', 'the stored answer is for the bytes that bought it')
    }
  })
  t.same(counts, { verify: 0, settle: 0, provider: 0 })
  t.equal((await shop.buy(payment)).headers['x-atlas-receipt'], first.headers['x-atlas-receipt'])
})

t.test('a payment whose call failed at the provider is unused and buys another call', async (t) => {
  const payment = await shop.payment()
  provider.next(reply(500, { error: 'boom' }))
  const amounts = await shop.moved(async () => {
    const failed = await shop.buy(payment)
    t.equal(failed.status, 502)
    t.equal(failed.json.code, 'upstream_error')
    t.equal(failed.headers['payment-response'], undefined)
  })
  t.same(amounts, [0n, 0n])
  t.same(await shop.moved(async () => t.equal((await shop.buy(payment, { path: RELATED })).status, 200)), [PRICE, PRICE])
  t.equal(await chain.balanceOf(seller.address), PRICE * 5n)
})
