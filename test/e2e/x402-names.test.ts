/** A paid call has names: its payment, an Idempotency-Key, a payment identifier. Whoever uses a name again gets the same call, and pays nothing. */

import t from 'tap'
import type { PaymentJson } from '../rig/client.ts'
import { WALLET } from '../rig/gateway.ts'
import { type Reply, reply } from '../rig/provider.ts'
import { GOOD_BODY, openMarket, openShop, PRICE, RELATED } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market)
const { provider } = shop

const ONCE = { verify: 1, settle: 1, provider: 1 }
const OTHER = { body: { ...WALLET, chain: 'base' } }
const keyed = (key: string) => ({ headers: { 'idempotency-key': key } })
const identified = (id: string) => ({
  after: (payment: PaymentJson): PaymentJson => ({ ...payment, extensions: { 'payment-identifier': { info: { required: false, id }, schema: {} } } }),
})

/** The provider's next answer waits until it is let go. */
function held(): { asked: Promise<void>; answer: () => void } {
  let answer = (): void => undefined
  const hold: Reply = (response, seen) => {
    answer = () => reply(200, GOOD_BODY)(response, seen)
  }
  provider.next(hold)
  return { asked: provider.asked(provider.seen.length + 1), answer: () => answer() }
}

t.test('while a call is under way its payment buys no other: that is a conflict at once', async (t) => {
  const payment = await shop.payment()
  const { asked, answer } = held()
  const first = shop.buy(payment)
  await asked
  t.match(await shop.buy(payment, OTHER), { status: 409, json: { code: 'idempotency_conflict' } })
  t.match(await shop.buy(payment, { path: RELATED }), { status: 409 })
  answer()
  t.equal((await first).status, 200)
})

t.test('whoever asks unpaid by the Idempotency-Key of a call under way waits for its answer', async (t) => {
  const payment = await shop.payment()
  const { asked, answer } = held()
  const first = shop.buy(payment, keyed('a-key-of-some-wallet'))
  await asked
  const second = shop.buy(undefined, keyed('a-key-of-some-wallet'))
  t.match(await shop.buy(undefined, { ...OTHER, ...keyed('a-key-of-some-wallet') }), { status: 409 })
  answer()
  const [one, two] = [await first, await second]
  t.equal(one.status, 200)
  t.match(two, { status: 200, text: one.text, headers: { 'x-atlas-replayed': 'true', 'payment-response': one.headers['payment-response'] } })
})

t.test('two payments for one Idempotency-Key are one call; the payment that came second is free', async (t) => {
  const [one, two] = [await shop.payment(), await shop.payment()]
  const moved = await shop.moved(async () => {
    const { asked, answer } = held()
    const calls = [one, two].map((payment) => shop.buy(payment, keyed('another-key-of-a-wallet')))
    await asked
    answer()
    const answers = await Promise.all(calls)
    t.same(
      answers.map(({ status }) => status),
      [200, 200],
    )
    t.equal(new Set(answers.map(({ headers }) => headers['x-atlas-receipt'])).size, 1)
    t.equal(answers.filter(({ headers }) => headers['x-atlas-replayed'] === 'true').length, 1)
  })
  t.same(moved, [PRICE, PRICE])
  const used = [shop.settlesOf(one), shop.settlesOf(two)]
  t.same([...used].sort(), [0, 1])
  t.equal((await shop.buy(used[0] === 0 ? one : two)).headers['x-atlas-replayed'], undefined, 'it buys a call of its own')
})

t.test('a payment identifier names the call as a key does', async (t) => {
  const id = 'pay_7d5d747be160e280'
  const first = await shop.asked(async () => t.equal((await shop.buy(await shop.payment(identified(id)))).status, 200))
  t.same(first, ONCE)
  const second = await shop.payment(identified(id))
  const again = await shop.asked(async () => {
    t.match(await shop.buy(second), { status: 200, headers: { 'x-atlas-replayed': 'true' } })
    t.match(await shop.buy(second, OTHER), { status: 409, json: { code: 'idempotency_conflict' } })
    t.match(await shop.buy(undefined, keyed(id)), { status: 200, headers: { 'x-atlas-replayed': 'true' } })
  })
  t.match(again, { settle: 0, provider: 0 })
})

t.test('a key whose call failed is free again, with the payment', async (t) => {
  const payment = await shop.payment()
  provider.next(reply(500, {}))
  t.equal((await shop.buy(payment, keyed('a-key-that-comes-back'))).status, 502)
  t.match(await shop.buy(undefined, keyed('a-key-that-comes-back')), { status: 402, json: { code: 'payment_required' } })
  t.equal((await shop.buy(payment, { ...OTHER, ...keyed('a-key-that-comes-back') })).status, 200)
})
