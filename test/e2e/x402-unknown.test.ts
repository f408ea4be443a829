/** A settlement whose outcome nobody knows: never a second 402, never a second charge, and the answer is fetched once it is known. */

import t, { type Test } from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import { decodeHeader } from '../rig/client.ts'
import type { Misdeed } from '../rig/facilitator.ts'
import { type Answer, until, WALLET } from '../rig/gateway.ts'
import { GOOD_BODY, inOtherBytes, nonceOf, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market, { settleTimeout: '400ms' })
const { rig, provider, facilitator, chain, buyer } = shop

const never = new Promise(() => undefined)
const json = (body: object): string => JSON.stringify(body)
const HASH = `0x${'ab'.repeat(32)}`

/** `paid`: the money has moved although nobody heard of it. */
const misdeeds: Readonly<Record<string, { misdeed: Misdeed; paid: boolean }>> = {
  'says nothing in time': { misdeed: { after: never }, paid: true },
  'cuts the connection after settling': { misdeed: { drop: true }, paid: true },
  'answers 500 after settling': { misdeed: { status: 500, body: 'oops' }, paid: true },
  'answers 500 in JSON after settling': { misdeed: { status: 500, body: json({ success: false, errorReason: 'insufficient_funds' }) }, paid: true },
  'answers garbage after settling': { misdeed: { body: '<html>' }, paid: true },
  'answers a list': { misdeed: { body: '[true]' }, paid: true },
  'answers without a verdict': { misdeed: { body: json({ success: 'true', transaction: HASH }) }, paid: true },
  'says that it is pending': { misdeed: { body: json({ success: false, errorReason: 'settlement_pending', transaction: HASH }) }, paid: true },
  'says that the nonce is used': { misdeed: { body: json({ success: false, errorReason: 'invalid_exact_evm_nonce_already_used' }) }, paid: true },
  'says that another wallet paid': { misdeed: { body: json({ success: true, transaction: HASH, payer: `0x${'11'.repeat(20)}` }) }, paid: true },
  'cuts the connection before settling': { misdeed: { drop: true, work: false }, paid: false },
}
const count = Object.keys(misdeeds).length

interface Purchase {
  readonly payment: string
  readonly key: string
  readonly misdeed: Misdeed
  readonly paid: boolean
}
const purchases: Purchase[] = []
/** What never happened does not happen until a test lets it. */
let blocked = true
facilitator.misbehave((path, { body }) => {
  const found = purchases.find(({ payment }) => nonceOf(payment) === nonceOf(body.paymentPayload))
  if (path === '/verify' || found === undefined) return undefined
  if (shop.settlesOf(found.payment) === 1) return found.misdeed
  return blocked && !found.paid ? { drop: true, work: false } : undefined
})
const report = async () => (await rig.office.report(monthOf(Date.now()), undefined)).total
const balance = () => chain.balanceOf(buyer.address)
const start = await balance()

function isPending(t: Test, answer: Answer, what: string): void {
  t.match(answer, { status: 503, json: { code: 'payment_pending' }, headers: { 'retry-after': /^[1-9]\d*$/ } }, what)
  t.equal(answer.headers['payment-required'], undefined, 'nothing more is asked for')
  t.notMatch(answer.text, /accepts|token_symbol|oops|html/)
  t.equal(answer.headers['x-atlas-receipt'], undefined)
}

for (const [what, { misdeed, paid }] of Object.entries(misdeeds)) {
  t.test(`a facilitator that ${what} leaves the payment pending`, async (t) => {
    const payment = await shop.payment()
    const key = `key-of-a-wallet-${purchases.length}`
    purchases.push({ payment, key, misdeed, paid })
    const asked = await shop.asked(async () => isPending(t, await shop.buy(payment, { headers: { 'idempotency-key': key } }), 'first'))
    t.match(asked, { verify: 1, provider: 1 })
    t.equal(shop.settlesOf(payment), 1)
  })
}

t.test('whoever asks again for a pending call waits: by its payment, or unpaid by its Idempotency-Key', async (t) => {
  const [{ payment, key }] = purchases as [Purchase]
  const asked = await shop.asked(async () => {
    isPending(t, await shop.buy(payment, { headers: { 'idempotency-key': key } }), 'the same call')
    isPending(t, await shop.buy(payment), 'by the payment alone')
    isPending(t, await shop.buy(undefined, { headers: { 'idempotency-key': key } }), 'unpaid, by the key')
    t.match(await shop.buy(undefined, { headers: { 'idempotency-key': key }, body: { ...WALLET, chain: 'base' } }), { status: 409 })
    t.not((await shop.buy(inOtherBytes(payment))).status, 200, 'the nonce is in use')
  })
  t.match(asked, { verify: 0, provider: 0 })
  const other = await shop.payment()
  isPending(t, await shop.buy(other, { headers: { 'idempotency-key': key } }), 'a second payment for the same key')
  t.equal((await shop.buy(other)).status, 200, 'the second payment was not used')
})

t.test('nothing that is unknown stands in the books', async (t) => {
  t.match(await report(), { calls_sold: 1, revenue: '0.15' }, 'only the call that was paid by the second payment')
  const paid = purchases.filter((purchase) => purchase.paid).length
  t.equal(start - (await balance()), PRICE * BigInt(paid + 1), 'although most of it was paid')
})

t.test('the reconciler repeats the settlement: one that never happened happens now, and a used nonce proves nothing', async (t) => {
  blocked = false
  await until('every unknown was tried again', () => purchases.every(({ payment }) => shop.settlesOf(payment) >= 2), 20_000)
  await until('the one that never happened is settled', async () => (await report()).calls_sold === 2, 20_000)
  for (const { payment, key, paid } of purchases) {
    const answer = await shop.buy(payment, { headers: { 'idempotency-key': key } })
    if (paid) isPending(t, answer, key)
    else t.match(answer, { status: 200, headers: { 'x-atlas-replayed': 'true' } })
  }
})

t.test('once the facilitator says that it settled, the stored answer goes to the payment and to the key, and the books show the sale', async (t) => {
  const settled = (nonce: string): string => json({ success: true, transaction: nonce, network: 'eip155:84532', payer: buyer.address })
  facilitator.misbehave((path, { body }) => {
    return path === '/settle' ? { work: false, status: 200, body: settled(nonceOf(body.paymentPayload)) } : undefined
  })
  t.teardown(() => facilitator.misbehave(undefined))
  const balanceBefore = await balance()
  const asked = await shop.asked(async () => {
    await until('all are known', async () => (await report()).calls_sold === count + 1, 20_000)
    for (const { payment, key, paid } of purchases) {
      const answer = await shop.buy(payment)
      t.match(answer, { status: 200, headers: { 'x-atlas-replayed': 'true', 'x-atlas-price': '$0.15', 'x-atlas-units': '1', 'x-atlas-receipt': /^rc_/ } })
      t.equal(answer.text, json(GOOD_BODY))
      const receipt = decodeHeader(answer.headers['payment-response'] ?? '') as { success: boolean; transaction: string }
      t.equal(receipt.success, true)
      if (paid) t.equal(receipt.transaction, nonceOf(payment), 'what the facilitator said for this payment')
      const unpaid = await shop.buy(undefined, { headers: { 'idempotency-key': key } })
      t.match(unpaid, { status: 200, text: answer.text, headers: { 'x-atlas-receipt': answer.headers['x-atlas-receipt'] } })
    }
  })
  t.match(asked, { verify: 0, provider: 0 })
  t.match(await report(), { calls_sold: count + 1, units_sold: count + 1, revenue: (0.15 * (count + 1)).toFixed(2) })
  t.equal(await balance(), balanceBefore)
  t.equal(start - balanceBefore, PRICE * BigInt(count + 1), 'everybody has paid once')
  t.equal(provider.seen.length, count + 1)
  t.match((await rig.office.marketplace.status()).connections[0], { sold_units: count + 1, wasted_units: 0 })
})

t.test('an Idempotency-Key that could be guessed is not taken from a wallet', async (t) => {
  const payment = await shop.payment()
  const asked = await shop.asked(async () => {
    const answer = await shop.buy(payment, { headers: { 'idempotency-key': 'fifteen-letters' } })
    t.match(answer, { status: 400, json: { code: 'bad_request' } })
  })
  t.same(asked, { verify: 0, settle: 0, provider: 0 })
  t.match(await shop.buy(payment, { headers: { 'idempotency-key': 'sixteen-letters!' } }), { status: 200 })
})
