/** Settled before the call: a call that fails, or a stream that breaks off, is credit of the wallet; chain and books agree after each. */

import t, { type Test } from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import type { Account } from '../rig/chain.ts'
import { decodeHeader } from '../rig/client.ts'
import { type Answer, BALANCE, until } from '../rig/gateway.ts'
import { hang, reply, type Reply } from '../rig/provider.ts'
import { GOOD_BODY, NAME, openMarket, openShop, PRICE, type ShopConfig } from '../rig/shop.ts'

const market = await openMarket(t)
const upfront = ({ plugins, ...config }: ShopConfig): object => ({
  ...config,
  plugins: plugins.map((plugin) =>
    typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), order: 'upfront' } } : plugin,
  ),
})
const shop = await openShop(t, market, { change: upfront })
const { rig, facilitator, provider, buyer, chain, poor } = shop

const KEY = { 'idempotency-key': 'a-key-that-nobody-guesses' }
const KEY_2 = { 'idempotency-key': 'another-key-that-nobody-guesses' }
const credit = (by: Account): Promise<bigint> => rig.gateway.ground.admin.balance(`wallet:${by.address.toLowerCase()}`)
const ledger = async (): Promise<Record<string, bigint>> =>
  Object.fromEntries([...(await rig.gateway.ground.books.balances())].filter(([, amount]) => amount !== 0n))
const unitsOf = async (): Promise<Record<string, unknown>> => (await rig.office.marketplace.status()).connections[0] as Record<string, unknown>
const sold = async (): Promise<unknown> => (await rig.office.report(monthOf(Date.now()), undefined)).total.calls_sold

/** What the wallet has paid on the chain is what the books say came in: sales and credit. */
async function agrees(t: Test, paid: bigint): Promise<void> {
  const books = await ledger()
  t.equal(books['asset:wallet:eip155:84532'] ?? 0n, paid, 'the chain and the books')
  t.equal(await chain.balanceOf(shop.seller.address), paid)
  t.ok((await rig.office.verify()).ok, 'every proof of the ledger')
}

t.test('a good call is settled first, charged once, and replayed with its settlement', async (t) => {
  const payment = await shop.payment()
  const order: string[] = []
  facilitator.misbehave((path) => void order.push(path) as undefined)
  provider.next((response, seen) => {
    order.push('provider')
    return reply(200, GOOD_BODY)(response, seen)
  })
  const answer = await shop.buy(payment, { headers: KEY })
  facilitator.misbehave(undefined)
  t.same(order, ['/verify', '/settle', 'provider'])
  t.equal(answer.status, 200, answer.text)
  t.match(decodeHeader(answer.headers['payment-response'] as string), { success: true, transaction: /^0x[0-9a-f]{64}$/ })
  t.equal(answer.headers['x-atlas-price'], '$0.15')
  for (const again of [await shop.buy(payment), await shop.buy(undefined, { headers: KEY })]) {
    t.equal(again.headers['x-atlas-replayed'], 'true')
    t.equal(again.text, answer.text)
    t.equal(again.headers['payment-response'], answer.headers['payment-response'])
  }
  t.equal(await credit(buyer), 0n)
  t.equal(await sold(), 1)
  t.match(await ledger(), { 'liab:owner:operator': -135_000n, 'rev:platform': -15_000n })
  await agrees(t, PRICE)
})

const failures: Readonly<Record<string, { reply: Reply; status: number; wasted: boolean }>> = {
  'answers 500': { reply: reply(500, { error: 'boom' }), status: 502, wasted: true },
  'does not answer in time': { reply: hang, status: 504, wasted: true },
  'refuses the request': { reply: reply(400, { error: 'no such chain' }), status: 400, wasted: true },
}
let paid = PRICE
let owed = 0n
for (const [what, { reply: one, status }] of Object.entries(failures)) {
  t.test(`a provider that ${what} turns the payment into credit`, async (t) => {
    const payment = await shop.payment()
    provider.next(one)
    const before = await sold()
    const moved = await shop.moved(async () => {
      const answer = await shop.buy(payment)
      t.equal(answer.status, status)
      t.equal(answer.headers['x-atlas-credit'], '$0.15')
      t.match(decodeHeader(answer.headers['payment-response'] as string), { success: true })
      t.equal(answer.headers['x-atlas-receipt'], undefined, 'nothing was charged')
    })
    t.same(moved, [PRICE, PRICE])
    paid += PRICE
    owed += PRICE
    t.equal(await credit(buyer), owed)
    t.equal(await sold(), before)
    await agrees(t, paid)
    t.match((await shop.buy(payment)).json, { status: 402, code: 'payment_invalid', detail: /used before/ }, 'it does not pay twice')
  })
}

t.test('a stream that breaks off turns its charge into credit', async (t) => {
  provider.next((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n', () => setImmediate(() => response.destroy()))
  })
  await t.rejects(shop.buy(await shop.payment()), 'the client sees that it is not whole')
  paid += PRICE
  owed += PRICE
  await until('the credit is there', async () => (await credit(buyer)) === owed)
  await agrees(t, paid)
})

t.test('a client that leaves while the provider works has credit', async (t) => {
  provider.next(hang)
  const leaving = new AbortController()
  const calls = provider.seen.length
  const call = t.rejects(shop.buy(await shop.payment(), { signal: leaving.signal }))
  await provider.asked(calls + 1)
  leaving.abort()
  await call
  paid += PRICE
  owed += PRICE
  await until('the credit is there', async () => (await credit(buyer)) === owed)
  await agrees(t, paid)
})

t.test('20 uses of one payment at once are one settlement, one call and 20 equal answers', async (t) => {
  const payment = await shop.payment()
  const asked = await shop.asked(async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => shop.buy(payment)))
    t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
    t.equal(new Set(answers.map(({ text }) => text)).size, 1)
  })
  t.equal(asked.settle, 1)
  t.equal(asked.provider, 1)
  paid += PRICE
  await agrees(t, paid)
})

t.test('a settlement that nobody knows: no call is made, the units are free, and what was paid becomes credit', async (t) => {
  const before = await unitsOf()
  const calls = provider.seen.length
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true } : undefined))
  const payment = await shop.payment()
  t.match((await shop.buy(payment, { headers: KEY_2 })).json, { status: 503, code: 'payment_pending' })
  t.match((await shop.buy(undefined, { headers: KEY_2 })).json, { code: 'payment_pending' }, 'never a second 402')
  t.match(await unitsOf(), { units_left: before.units_left, sold_units: before.sold_units })
  t.equal(provider.seen.length, calls)
  const transaction = `0x${'cd'.repeat(32)}`
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body: JSON.stringify({ success: true, transaction }) } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  paid += PRICE
  owed += PRICE
  await until('it is credit', async () => (await credit(buyer)) === owed, 10_000)
  for (const again of [await shop.buy(payment), await shop.buy(undefined, { headers: KEY_2 })]) {
    t.match(again.json, { status: 409, code: 'replay_unavailable' }, 'there is no answer, and nothing more is asked for')
  }
  facilitator.misbehave(undefined)
  await agrees(t, paid)
})

t.test('a settlement that fails costs nothing, and no call is made', async (t) => {
  const calls = provider.seen.length
  const before = await unitsOf()
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body: '{"success":false,"errorReason":"insufficient_funds"}' } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  t.match((await shop.buy(await shop.payment())).json, { status: 402, code: 'payment_invalid' })
  t.equal(provider.seen.length, calls)
  t.match(await unitsOf(), { units_left: before.units_left, wasted_units: before.wasted_units })
  await agrees(t, paid)
})

t.test('by default a wallet pays after the call, until a settlement has failed after a good verify', async (t) => {
  const other = await openShop(t, market)
  await chain.mint(poor.address, 10_000_000n)
  const order: string[] = []
  provider.always((response, seen) => {
    order.push('provider')
    return reply(200, GOOD_BODY)(response, seen)
  })
  const watch = (settle?: { work: false; status: number; body: string }): void =>
    facilitator.misbehave((path) => {
      order.push(path)
      return path === '/settle' ? settle : undefined
    })
  const call = async (): Promise<[Answer, string[]]> => {
    order.length = 0
    const answer = await other.buy(await other.payment({}, poor))
    return [answer, [...order]]
  }
  watch()
  t.match((await call())[1], ['/verify', 'provider', '/settle'])
  watch({ work: false, status: 200, body: '{"success":false,"errorReason":"insufficient_funds"}' })
  t.match((await call())[0], { status: 402 })
  watch()
  t.same((await call())[1], ['/verify', '/settle', 'provider'], 'from then on before it')
  facilitator.misbehave(undefined)
  provider.always(reply(200, GOOD_BODY))
  t.equal(
    (
      await other.rig.call('POST', BALANCE, {
        headers: { [NAME]: await other.payment() },
        body: { address: '0xd8da6bf26964af9d7eed9e03e53415d37aa96045', chain: 'ethereum' },
      })
    ).status,
    200,
  )
})
