/** What was quoted, begun or owed before a reload stays what it was. */

import { createHash } from 'node:crypto'
import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { signedPayment } from '../rig/client.ts'
import { type Answer, BALANCE, bearer, MovableClock, OPEN_RATE, openGateway, type Rig, sandbox, until, WALLET } from '../rig/gateway.ts'
import { reply, startProvider } from '../rig/provider.ts'

const HERE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'
const ELSEWHERE = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'

interface Wish {
  readonly connections: readonly object[]
  readonly payTo?: string
  readonly ttl?: string
}

const textOf = ({ connections, payTo = HERE, ttl = '60s' }: Wish): string =>
  JSON.stringify(
    sandbox({
      upstream: { allow_private: true },
      api_connections: connections,
      plugins: ['auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { facilitator: 'sandbox', pay_to: payTo, quote_ttl: ttl } }, 'quota-reserve'],
    }),
  )

const nansen = (more: object = {}): object => ({
  name: 'nansen',
  monthly_quota: 10_000,
  reserved: 3000,
  base_cost: '$0.05',
  resale_terms: 'confirmed',
  owner: 'alice',
  ...more,
})
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const post = (rig: Rig, headers: Record<string, string> = {}): Promise<Answer> => rig.call('POST', BALANCE, { headers, body: WALLET })
const rowOf = (rig: Rig, { headers }: Answer) => rig.gateway.ground.books.charged(headers['x-atlas-receipt'] ?? '')
const key = generatePrivateKey()

t.test('who pays what was quoted before a reload gets it at that price, to that wallet, with the split and the receipt of that configuration', async (t) => {
  const [before, after] = [textOf({ connections: [nansen()] }), textOf({ connections: [nansen({ markup: '4x', owner: 'bob' })], payTo: ELSEWHERE })]
  const rig = await openGateway(t, before)
  const payment = await signedPayment((await post(rig)).headers['payment-required'] ?? '', key)
  t.match(await rig.reload(after), { taken: true })
  const paid = await post(rig, { 'payment-signature': payment })
  t.match(paid, { status: 200, headers: { 'x-atlas-price': '$0.15' } })
  t.match(await rowOf(rig, paid), { price: 150_000n, owner: 'alice', config: digestOf(before), generation: 1 })
  t.match(
    await post(rig, { 'payment-signature': payment }),
    { status: 200, headers: { 'x-atlas-replayed': 'true' } },
    'the same payment again is the same call',
  )
  const fresh = await post(rig)
  t.match(fresh, { status: 402, json: { accepts: [{ maxAmountRequired: '200000', payTo: ELSEWHERE }] } })
  const next = await post(rig, { 'payment-signature': await signedPayment(fresh.headers['payment-required'] ?? '', key) })
  t.match(await rowOf(rig, next), { price: 200_000n, owner: 'bob', config: digestOf(after), generation: 2 })
})

t.test('after quote_ttl the price of now is asked for, and the payment is not used', async (t) => {
  const clock = new MovableClock()
  const rig = await openGateway(t, textOf({ connections: [nansen()], ttl: '5s' }), { clock })
  const payment = await signedPayment((await post(rig)).headers['payment-required'] ?? '', key)
  await rig.reload(textOf({ connections: [nansen({ markup: '4x' })], ttl: '5s' }))
  clock.aheadMs = 5_001
  t.match(await post(rig, { 'payment-signature': payment }), { status: 402, json: { accepts: [{ maxAmountRequired: '200000' }] } })
})

t.test('what a payment has bought is fetched by it until its validBefore, although payments go elsewhere by now, and buys nothing more', async (t) => {
  const clock = new MovableClock()
  const rig = await openGateway(t, textOf({ connections: [nansen()], ttl: '5s' }), { clock })
  const offer = (await post(rig)).headers['payment-required'] ?? ''
  const [used, unused] = [await signedPayment(offer, key), await signedPayment(offer, key)]
  const paid = await post(rig, { 'payment-signature': used })
  t.match(paid, { status: 200, headers: { 'x-atlas-price': '$0.15' } })
  t.match(await rig.reload(textOf({ connections: [nansen({ markup: '4x' })], payTo: ELSEWHERE, ttl: '5s' })), { taken: true })
  clock.aheadMs = 60_000
  const again = await post(rig, { 'payment-signature': used })
  t.match(again, { status: 200, text: paid.text, headers: { 'x-atlas-replayed': 'true', 'x-atlas-receipt': paid.headers['x-atlas-receipt'] } })
  const other = { headers: { 'payment-signature': used }, body: { ...WALLET, chain: 'base' } }
  t.match(await rig.call('POST', BALANCE, other), { status: 409, json: { code: 'idempotency_conflict' } })
  const offered = { status: 402, json: { code: 'payment_invalid', accepts: [{ maxAmountRequired: '200000', payTo: ELSEWHERE }] } }
  t.match(await post(rig, { 'payment-signature': unused }), offered, 'one that has bought nothing fetches nothing')
  clock.aheadMs = 91_000
  t.match(await post(rig, { 'payment-signature': used }), offered, 'nor does this one once it is over')
  const { connections } = await rig.office.report(monthOf(Date.now()), undefined)
  t.match(connections, [{ calls_sold: 1, revenue: '0.15' }])
})

t.test('what a purchase gave is shown to its payment until its validBefore, although payments go elsewhere or the price has risen', async (t) => {
  for (const payTo of [HERE, ELSEWHERE]) {
    const clock = new MovableClock()
    const rig = await openGateway(t, textOf({ connections: [nansen()], ttl: '5s' }), { clock })
    const buy = (headers: Record<string, string> = {}, calls = 10): Promise<Answer> => rig.call('POST', '/credits', { headers, body: { api: 'nansen', calls } })
    const offer = (await buy()).headers['payment-required'] ?? ''
    const wallet = generatePrivateKey()
    const [used, unused] = [await signedPayment(offer, wallet), await signedPayment(offer, wallet)]
    const bought = await buy({ 'payment-signature': used })
    t.match(bought, { status: 200, json: { credited: '1.50', balance: '1.50' } })
    await rig.reload(textOf({ connections: [nansen({ markup: '4x' })], payTo, ttl: '5s' }))
    clock.aheadMs = 60_000
    const again = await buy({ 'payment-signature': used })
    t.match(again, { status: 200, json: { credited: '1.50', balance: '1.50', wallet: bought.json.wallet } })
    t.equal(again.headers['x-atlas-receipt'], bought.headers['x-atlas-receipt'])
    t.match(await rig.call('GET', '/credits', { headers: bearer(String(again.json.key)) }), { status: 200, json: { balance: '1.50' } })
    t.match(await buy({ 'payment-signature': used }, 5), { status: 409, json: { code: 'idempotency_conflict' } })
    const offered = { status: 402, json: { code: 'payment_invalid', amount: '2.00' } }
    t.match(await buy({ 'payment-signature': unused }), offered, 'one that has bought nothing buys nothing')
    clock.aheadMs = 91_000
    t.match(await buy({ 'payment-signature': used }), offered, 'nor does this one once it is over')
  }
})

t.test('credits that were quoted by the call are sold for what was quoted', async (t) => {
  const rig = await openGateway(t, textOf({ connections: [nansen()] }))
  const buy = (headers: Record<string, string> = {}): Promise<Answer> => rig.call('POST', '/credits', { headers, body: { api: 'nansen', calls: 10 } })
  const offer = await buy()
  t.match(offer, { status: 402, json: { amount: '1.50' } })
  const payment = await signedPayment(offer.headers['payment-required'] ?? '', generatePrivateKey())
  await rig.reload(textOf({ connections: [nansen({ markup: '4x' })], payTo: ELSEWHERE }))
  t.match(await buy({ 'payment-signature': payment }), { status: 200, json: { balance: '1.50', credited: '1.50' } })
  t.match(await buy(), { status: 402, json: { amount: '2.00' } })
})

t.test('a call under way ends with the connection, the credential and the owner that it began with, although all of that is gone', async (t) => {
  const provider = await startProvider(t)
  const good = reply(200, { data: [] })
  provider.always(good)
  const at = (owner: string, name = 'nansen'): object => nansen({ name, adapter: 'nansen', base_url: provider.url, api_key: `key-of-${owner}`, owner })
  const rig = await openGateway(t, textOf({ connections: [at('alice')] }))
  const credits = bearer((await rig.key({ credits: '$10' })).key)
  let answer: () => unknown = () => undefined
  provider.next((response, seen) => {
    answer = () => good(response, seen)
  })
  const held = post(rig, credits)
  await provider.asked(1)
  const left = async (): Promise<unknown> =>
    (await rig.office.marketplace.status()).connections.map(({ name, owner, units_left }) => ({ name, owner, units_left }))
  t.match(await rig.reload(textOf({ connections: [at('bob')] })), { taken: true, changes: [{ what: 'owner', note: 'what is owed so far stays with alice' }] })
  const of = await rowOf(rig, await post(rig, credits))
  t.match(of, { owner: 'bob', connection: 'nansen' })
  t.match(await rig.reload(textOf({ connections: [at('carol', 'renamed')] })), { taken: true })
  t.match(await left(), [{ name: 'renamed', owner: 'carol', units_left: 7000 }], 'another name is another connection')
  answer()
  const ended = await held
  t.equal(ended.status, 200)
  t.match(await rowOf(rig, ended), { owner: 'alice', connection: 'nansen', generation: 1 })
  await post(rig, credits)
  t.strictSame(
    provider.seen.map(({ headers }) => headers.apikey),
    ['key-of-alice', 'key-of-bob', 'key-of-carol'],
  )
  const { connections } = await rig.office.report(monthOf(Date.now()), undefined)
  t.match(
    connections.map(({ name, owner, revenue }) => [name, owner, revenue]).sort(),
    [
      ['nansen', 'alice', '0.15'],
      ['nansen', 'bob', '0.15'],
      ['renamed', 'carol', '0.15'],
    ],
    'what is owed stays with whose units were used',
  )
  t.ok((await rig.office.verify()).ok)
})

t.test('new quotas and limits hold for the next call; what is used stays used', async (t) => {
  const rig = await openGateway(t, textOf({ connections: [nansen({ monthly_quota: 10, reserved: 0 })] }))
  const credits = bearer((await rig.key({ credits: '$10' })).key)
  for (const _ of [1, 2, 3]) t.equal((await post(rig, credits)).status, 200)
  await rig.reload(textOf({ connections: [nansen({ monthly_quota: 10, reserved: 6 })] }))
  t.equal((await post(rig, credits)).status, 200, 'the last of four')
  t.match(await post(rig, credits), { status: 503, json: { code: 'sold_out' } })
  await rig.reload(textOf({ connections: [nansen({ monthly_quota: 12, reserved: 6 })] }))
  t.equal((await post(rig, credits)).status, 200)
  const small = JSON.parse(textOf({ connections: [nansen()] })) as object
  await rig.reload(JSON.stringify({ ...small, limits: { body: '10KiB' } }))
  t.equal((await rig.call('POST', BALANCE, { headers: credits, body: { ...WALLET, x: 'y'.repeat(11_000) } })).status, 413)
  await until('nothing of before is needed', () => rig.gateway.engine.formers <= 3)
})
