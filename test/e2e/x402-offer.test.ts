/** Every 402 carries the same offer for both versions of x402, in the form that the official packages read. */

import { decodePaymentRequiredHeader } from '@x402/core/http'
import { PaymentRequiredV1Schema, PaymentRequiredV2Schema } from '@x402/core/schemas'
import t from 'tap'
import { type Answer, BALANCE, bearer } from '../rig/gateway.ts'
import { openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market, { upstreamTimeout: '3s', settleTimeout: '4s' })
const { rig, chain, seller, poor } = shop

const poorKey = bearer((await rig.key({ credits: '$0.01' })).key)
const richKey = bearer((await rig.key({ credits: '$10' })).key)
const cheap = { 'x-atlas-max-price': '$0.10' }

const refusals: Readonly<Record<string, { code: string; ask: () => Promise<Answer> }>> = {
  'without payment': { code: 'payment_required', ask: () => shop.buy() },
  'with a payment, above the limit that the call names': {
    code: 'price_above_max',
    ask: async () => shop.buy(await shop.payment(), { headers: cheap }),
  },
  'with credits, above the limit that the call names': { code: 'price_above_max', ask: () => shop.buy(undefined, { headers: { ...richKey, ...cheap } }) },
  'with too few credits': { code: 'insufficient_credits', ask: () => shop.buy(undefined, { headers: poorKey }) },
  'with a payment that is too small': {
    code: 'payment_invalid',
    ask: async () => {
      const less = { authorization: { value: '1' }, after: (payment: object) => ({ ...payment, accepted: { ...accepted(payment), amount: '1' } }) as never }
      return shop.buy(await shop.payment(less))
    },
  },
  'with a payment that misses the offer': {
    code: 'payment_invalid',
    ask: async () => shop.buy(await shop.payment({ authorization: { to: poor.address } })),
  },
  'with a payment that the facilitator refuses': { code: 'payment_invalid', ask: async () => shop.buy(await shop.payment({}, poor)) },
}
const accepted = (payment: object): object => (payment as { accepted: object }).accepted

const terms = {
  scheme: 'exact',
  asset: chain.token,
  payTo: seller.address,
  maxTimeoutSeconds: 3 + 4 + 30,
  extra: { name: 'USDC', version: '2' },
}

for (const [how, { code, ask }] of Object.entries(refusals)) {
  t.test(`a call ${how} is answered 402 ${code} with the offer for both versions`, async (t) => {
    const answer = await ask()
    t.equal(answer.status, 402)
    t.equal(answer.headers['content-type'], 'application/problem+json')
    t.equal(answer.headers['cache-control'], 'no-store')
    t.match(answer.json, { code, status: 402, title: String, detail: String, request_id: answer.headers['x-request-id'] })

    const header = answer.headers['payment-required'] ?? ''
    t.ok(header.length > 0 && header.length < 4096, 'below what proxies take')
    const v2 = decodePaymentRequiredHeader(header)
    t.strictSame(PaymentRequiredV2Schema.parse(v2), v2, 'nothing that the schema does not know')
    t.equal(v2.x402Version, 2)
    t.equal(v2.error, answer.json.detail)
    t.strictSame(v2.resource?.url, rig.publicUrl + BALANCE)
    t.strictSame(v2.accepts, [{ ...terms, network: 'eip155:84532', amount: String(PRICE) }])

    const v1 = PaymentRequiredV1Schema.parse(answer.json)
    t.equal(v1.error, answer.json.detail)
    t.match(v1.accepts, [{ ...terms, network: 'base-sepolia', maxAmountRequired: String(PRICE), resource: rig.publicUrl + BALANCE }])
    t.equal(v1.accepts.length, 1)
    t.notOk(Object.hasOwn(v1.accepts[0] as object, 'outputSchema'), 'null would be refused by version 1 clients')
  })
}

t.test('none of these calls reached the provider or was paid', async (t) => {
  t.equal(shop.provider.seen.length, 0)
  t.equal(shop.facilitator.settleCount, 0)
  t.equal(await chain.balanceOf(seller.address), 0n)
  t.equal(shop.facilitator.verifyCount, 1, 'asked about the wallet without money alone')
})

t.test('a payment that was refused for the limit of its call pays the call without the limit', async (t) => {
  const payment = await shop.payment()
  t.equal((await shop.buy(payment, { headers: cheap })).json.code, 'price_above_max')
  t.equal((await shop.buy(payment)).status, 200)
})
