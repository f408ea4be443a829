/** What goes wrong before money has moved: the provider, the facilitator or the client fails, and nobody has paid. */

import t, { type Test } from 'tap'
import { monthOf } from '../../gateway/contract/index.ts'
import { decodeHeader } from '../rig/client.ts'
import { until } from '../rig/gateway.ts'
import { breakOff, garbage, hang, type Reply, reply, reset, resetAfterHead, silence } from '../rig/provider.ts'
import { type Asking, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market, { upstreamTimeout: '400ms' })
const { rig, provider, facilitator } = shop

const sales = async (): Promise<unknown> => (await rig.office.report(monthOf(Date.now()), undefined)).total.calls_sold
const counters = async (): Promise<Record<string, unknown>> => (await rig.office.marketplace.status()).connections[0] as Record<string, unknown>

async function nothingIsPaid(t: Test, work: () => Promise<unknown>, expected: Asking): Promise<void> {
  const before = await sales()
  let asked: Asking | undefined
  const moved = await shop.moved(async () => {
    asked = await shop.asked(work)
  })
  t.same(moved, [0n, 0n])
  t.same(asked, expected)
  t.equal(await sales(), before, 'no sale in the books')
}

const failures: Readonly<Record<string, { reply: Reply; status: number; code: string }>> = {
  'answers 500': { reply: reply(500, { error: 'boom' }), status: 502, code: 'upstream_error' },
  'answers with a 402 of its own': { reply: reply(402, { x402Version: 1, accepts: [] }), status: 502, code: 'upstream_error' },
  'resets the connection': { reply: reset, status: 502, code: 'upstream_error' },
  'closes without a word': { reply: silence, status: 502, code: 'upstream_error' },
  'answers garbage': { reply: garbage, status: 502, code: 'upstream_error' },
  'resets after the head': { reply: resetAfterHead, status: 502, code: 'upstream_error' },
  'breaks off in the middle': { reply: breakOff, status: 502, code: 'upstream_error' },
  'never answers': { reply: hang, status: 504, code: 'upstream_timeout' },
}

for (const [what, { reply: failing, status, code }] of Object.entries(failures)) {
  t.test(`a provider that ${what} is not paid, and the payment buys the next call`, async (t) => {
    const payment = await shop.payment()
    provider.next(failing)
    await nothingIsPaid(
      t,
      async () => {
        const answer = await shop.buy(payment)
        t.equal(answer.status, status)
        t.equal(answer.json.code, code)
        t.equal(answer.headers['payment-response'], undefined)
      },
      { verify: 1, settle: 0, provider: 1 },
    )
    t.same(await shop.moved(async () => t.equal((await shop.buy(payment)).status, 200)), [PRICE, PRICE])
  })
}

t.test('a bad request that the provider names passes to the client, unpaid', async (t) => {
  provider.next(reply(422, { detail: 'chain is unknown' }))
  await nothingIsPaid(t, async () => t.match(await shop.buy(await shop.payment()), { status: 422, text: /chain is unknown/ }), {
    verify: 1,
    settle: 0,
    provider: 1,
  })
})

t.test('a client that leaves while the provider works has not paid, and may use its payment again', async (t) => {
  const payment = await shop.payment()
  provider.next(hang)
  await nothingIsPaid(
    t,
    async () => {
      const leaving = new AbortController()
      const count = provider.seen.length
      const call = shop.buy(payment, { signal: leaving.signal })
      await provider.asked(count + 1)
      leaving.abort()
      await t.rejects(call)
      await provider.seen[count]?.gone
    },
    { verify: 1, settle: 0, provider: 1 },
  )
  t.equal((await shop.buy(payment)).status, 200)
})

t.test('a client that leaves while the payment is settled has paid once, and its payment fetches the answer', async (t) => {
  const payment = await shop.payment()
  let settled = (): void => undefined
  const after = new Promise<void>((resolve) => {
    settled = resolve
  })
  facilitator.misbehave((path) => (path === '/settle' ? { after } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  const leaving = new AbortController()
  const before = facilitator.settleCount
  const moved = await shop.moved(async () => {
    const call = shop.buy(payment, { signal: leaving.signal })
    await until('the settlement is asked for', () => facilitator.settleCount > before)
    leaving.abort()
    await t.rejects(call)
    settled()
    const again = await shop.buy(payment)
    t.match(again, { status: 200, headers: { 'x-atlas-replayed': 'true' } })
    t.match(decodeHeader(again.headers['payment-response'] ?? ''), { success: true })
  })
  t.same(moved, [PRICE, PRICE])
  t.equal(facilitator.settleCount, before + 1)
})

for (const [what, misdeed] of Object.entries({
  'cuts the connection': { drop: true, work: false },
  'answers 500': { status: 500, body: 'oops' },
  'answers 500 in JSON': { status: 500, body: '{"error":"internal"}' },
  'answers HTML': { body: '<html>' },
  'gives no verdict': { body: '{}' },
})) {
  t.test(`a facilitator that ${what} at verify makes the gateway unavailable, and the payment stays good`, async (t) => {
    const payment = await shop.payment()
    facilitator.misbehave(() => misdeed)
    t.teardown(() => facilitator.misbehave(undefined))
    await nothingIsPaid(
      t,
      async () => {
        const answer = await shop.buy(payment)
        t.match(answer, { status: 503, json: { code: 'unavailable' }, headers: { 'retry-after': /^\d+$/ } })
        t.equal(answer.headers['payment-required'], undefined, 'no second payment is asked for')
        t.notMatch(answer.text, /oops|internal|html/, "the facilitator's words stay here")
      },
      // A connection that is cut is asked again once: verifying twice moves nothing.
      { verify: what === 'cuts the connection' ? 2 : 1, settle: 0, provider: 0 },
    )
    facilitator.misbehave(undefined)
    t.same(await shop.moved(async () => t.equal((await shop.buy(payment)).status, 200)), [PRICE, PRICE])
  })
}

t.test('a facilitator that nobody reaches is passed over for the next in the list', async (t) => {
  const gone = 'http://127.0.0.1:1'
  const second = await openShop(t, market, { facilitator: [gone, facilitator.url] })
  t.same(await second.moved(async () => t.equal((await second.buy(await second.payment())).status, 200)), [PRICE, PRICE])
  const none = await openShop(t, market, { facilitator: gone })
  const quote = await none.quote()
  t.equal(quote.status, 402, 'a quote needs no facilitator')
  const answer = await none.buy(await none.payment())
  t.match(answer, { status: 503, json: { code: 'unavailable' }, headers: { 'retry-after': '5' } })
})

t.test('a settlement that fails withholds the answer and wastes the units, and no money is in the books', async (t) => {
  const payment = await shop.payment()
  const body = JSON.stringify({ success: false, errorReason: 'insufficient_funds', errorMessage: 'rpc http://10.0.0.1 said no', transaction: '', network: 'x' })
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  const before = await counters()
  await nothingIsPaid(
    t,
    async () => {
      const answer = await shop.buy(payment)
      t.equal(answer.status, 402)
      t.equal(answer.json.code, 'payment_invalid')
      t.match(decodeHeader(answer.headers['payment-response'] ?? ''), { success: false, errorReason: 'insufficient_funds', transaction: '' })
      t.ok(answer.headers['payment-required'], 'with a fresh offer')
      t.notMatch(answer.text + Buffer.from(answer.headers['payment-response'] ?? '', 'base64'), /token_symbol|10\.0\.0\.1/)
      t.equal(answer.headers['x-atlas-receipt'], undefined)
    },
    { verify: 1, settle: 1, provider: 1 },
  )
  const after = await counters()
  t.equal(Number(after.wasted_units) - Number(before.wasted_units), 1)
  t.equal(after.sold_units, before.sold_units)
  t.equal(after.revenue, before.revenue)
  facilitator.misbehave(undefined)
  t.match(await shop.buy(payment), { status: 200 }, 'the payment was not used up')
})

t.test('nothing of all this was an error of the gateway', async (t) => {
  t.same(
    rig.logged.filter(({ level }) => level === 'error'),
    [],
  )
})
