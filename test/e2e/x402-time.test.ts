/** A payment grows old: what it bought can be fetched until it expires, and what it may have bought stays pending even longer. */

import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { signedPayment } from '../rig/client.ts'
import { type Answer, BALANCE, MovableClock, openGateway, sandbox, until, WALLET } from '../rig/gateway.ts'
import { NAME, openMarket, openShop } from '../rig/shop.ts'

const SECOND = 1000
const DAY = 86_400 * SECOND

t.test('a payment that is too old to buy still fetches what it bought, until it expires', async (t) => {
  const clock = new MovableClock()
  const rig = await openGateway(t, sandbox({ upstream: { timeout: '20s' } }), { clock })
  const buy = (headers: Record<string, string>): Promise<Answer> => rig.call('POST', BALANCE, { body: WALLET, headers })
  const privateKey = generatePrivateKey()
  const payment = async () => ({ [NAME]: await signedPayment((await buy({})).headers['payment-required'] ?? '', privateKey) })
  const [spent, unspent, named] = [await payment(), await payment(), await payment()]
  const key = { 'idempotency-key': 'the-key-of-this-wallet' }

  const first = await buy(spent)
  t.equal(first.status, 200)
  t.equal((await buy({ ...named, ...key })).status, 200)
  // signed for 20 + 30 + 30 s, of which 20 + 30 + 6 are needed
  clock.aheadMs = 40 * SECOND
  const again = await buy(spent)
  t.match(again, { status: 200, text: first.text, headers: { 'x-atlas-replayed': 'true', 'x-atlas-receipt': first.headers['x-atlas-receipt'] } })
  t.match(await buy(unspent), { status: 402, json: { code: 'payment_invalid', detail: /56 s more/ } })

  clock.aheadMs = 90 * SECOND
  const late = await buy(spent)
  t.match(late, { status: 402, json: { code: 'payment_invalid' } })
  t.equal(late.headers['x-atlas-receipt'], undefined)
  t.equal((await buy(key)).status, 200, 'an Idempotency-Key fetches the answer for a day')
  clock.aheadMs = DAY + 90 * SECOND
  t.match(await buy(key), { status: 402, json: { code: 'payment_required' } })
})

t.test('a payment whose outcome is unknown stays pending after it has expired, and nothing more is asked for', async (t) => {
  const clock = new MovableClock()
  const market = await openMarket(t)
  const shop = await openShop(t, market, {}, { clock })
  market.facilitator.misbehave((path) => (path === '/settle' ? { drop: true } : undefined))
  const payment = await shop.payment()
  const key = { 'idempotency-key': 'the-key-of-this-wallet' }
  const pending = async (): Promise<void> => {
    for (const ask of [() => shop.buy(payment), () => shop.buy(payment, { headers: key }), () => shop.buy(undefined, { headers: key })]) {
      const answer = await ask()
      t.match(answer, { status: 503, json: { code: 'payment_pending' } })
      t.equal(answer.headers['payment-required'], undefined)
    }
  }
  t.equal((await shop.buy(payment, { headers: key })).status, 503)
  await pending()
  clock.aheadMs = 600 * SECOND
  await pending()
  clock.aheadMs = 2 * DAY
  await pending()
  market.facilitator.misbehave(undefined)
  await until('it was tried again', () => market.facilitator.settleCount === 2)
  await pending()
  t.equal(market.provider.seen.length, 1)
})
