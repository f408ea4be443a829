/** One call has one payer: a payment beside a key pays and leaves the credits alone, an owner never pays, a bad key sells nothing. */

import t from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import { BALANCE, bearer, WALLET } from '../rig/gateway.ts'
import { NAME, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market, { rate: { 'rate-limit': { per_consumer: '2/minute', burst: 2 } } })
const { rig } = shop
const NOBODY = { verify: 0, settle: 0, provider: 0 }

const creditsOf = async (key: string): Promise<unknown> => (await rig.call('GET', '/credits', { headers: bearer(key) })).json
const report = async () => (await rig.office.report(monthOf(Date.now()), undefined)).total

t.test('a payment beside a key with credits pays, the credits stay, and the limits of the key hold', async (t) => {
  const { key } = await rig.key({ credits: '$1' })
  const headers = bearer(key)
  const moved = await shop.moved(async () => {
    for (const left of [1, 0]) {
      const answer = await shop.buy(await shop.payment(), { headers })
      t.equal(answer.status, 200)
      t.match(answer.headers.ratelimit, `r=${left};`)
      t.ok(answer.headers['payment-response'])
    }
  })
  t.same(moved, [PRICE * 2n, PRICE * 2n])
  t.match(await creditsOf(key), { balance: '1.00', entries: [{ kind: 'credit', amount: '1.00' }] })

  const third = await shop.payment()
  const asked = await shop.asked(async () => t.match(await shop.buy(third, { headers }), { status: 429, json: { code: 'rate_limited' } }))
  t.same(asked, NOBODY)
  t.equal((await shop.buy(third)).status, 200, 'the payment was not used, and pays without the key')
  t.match(await report(), { calls_sold: 3, revenue: '0.45' })
})

t.test('a cap on spending counts what payments beside the key have paid', async (t) => {
  const { key } = await rig.key({ credits: '$5', capPerDay: '$0.20' })
  t.equal((await shop.buy(await shop.payment(), { headers: bearer(key) })).status, 200)
  const payment = await shop.payment()
  const asked = await shop.asked(async () => {
    const answer = await shop.buy(payment, { headers: bearer(key) })
    t.match(answer, { status: 429, json: { code: 'rate_limited' }, headers: { 'retry-after': /^\d+$/ } })
  })
  t.same(asked, NOBODY)
})

t.test('two keys may use the same Idempotency-Key, and one of them finds its own answer again', async (t) => {
  const [one, two] = [await rig.key({ credits: '$1' }), await rig.key({ credits: '$1' })]
  const more = ({ key }: { key: string }) => ({ headers: { ...bearer(key), 'idempotency-key': 'short' } })
  const first = await shop.buy(await shop.payment(), more(one))
  t.equal(first.status, 200, 'beside a key, a short one will do')
  t.equal((await shop.buy(undefined, more(one))).headers['x-atlas-receipt'], first.headers['x-atlas-receipt'], 'fetched with the key alone')
  t.match(await creditsOf(one.key), { balance: '1.00' })
  t.not((await shop.buy(undefined, more(two))).headers['x-atlas-receipt'], first.headers['x-atlas-receipt'])
})

t.test("an owner's key is free: a payment beside it is ignored, whatever it is", async (t) => {
  const { key } = await rig.key({ owner: 'operator' })
  const payment = await shop.payment()
  const moved = await shop.moved(async () => {
    const asked = await shop.asked(async () => {
      for (const header of [payment, payment, 'not base64!', Buffer.from('{"x402Version":9}').toString('base64')]) {
        const answer = await shop.buy(header, { headers: bearer(key) })
        t.equal(answer.status, 200)
        for (const name of ['payment-response', 'x-atlas-price', 'x-atlas-replayed']) t.equal(answer.headers[name], undefined, name)
      }
    })
    t.same(asked, { ...NOBODY, provider: 4 })
  })
  t.same(moved, [0n, 0n])
  t.same(await shop.moved(async () => t.equal((await shop.buy(payment, { headers: bearer((await rig.key({})).key) })).status, 200)), [PRICE, PRICE])
  t.match(await report(), { own_units: 4 })
})

t.test('a key that is not good refuses the call, and the payment beside it is unused', async (t) => {
  const revoked = await rig.key({ credits: '$1' })
  await rig.office.keys.revoke(revoked.id)
  const expired = await rig.key({ credits: '$1', expiresInMs: 1 })
  const payment = await shop.payment()
  const shown = [{ 'x-api-key': 'atlas_unknown' }, bearer('atlas_unknown'), bearer('no key at all'), bearer(revoked.key), bearer(expired.key)]
  const asked = await shop.asked(async () => {
    for (const headers of shown) {
      const answer = await shop.buy(payment, { headers })
      t.match(answer, { status: 401, json: { code: 'unauthenticated' }, headers: { 'www-authenticate': 'Bearer' } })
      t.equal(answer.headers['payment-required'], undefined)
    }
    t.equal((await rig.call('POST', BALANCE, { body: WALLET, headers: { [NAME]: 'malformed', ...bearer('atlas_unknown') } })).status, 401)
  })
  t.same(asked, NOBODY)
  t.equal((await shop.buy(payment, { headers: bearer((await rig.key({})).key) })).status, 200)
})
