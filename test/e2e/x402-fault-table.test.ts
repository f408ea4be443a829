/**
 * A facilitator that misbehaves on purpose, fault by fault: what the consumer got, what the books say, what the chain says.
 * The outcome of each is found by the chain, without a manual step; nothing is charged twice, nothing given twice.
 */

import t, { type Test } from 'tap'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { cancel, signedIn, submit } from '../rig/authorizations.ts'
import type { Account } from '../rig/chain.ts'
import type { Misdeed } from '../rig/facilitator.ts'
import { type Answer, until } from '../rig/gateway.ts'
import { GOOD_BODY, inOtherBytes, openMarket, openShop, PRICE, type ShopConfig } from '../rig/shop.ts'

const market = await openMarket(t)
const { chain, facilitator, provider, buyer, seller } = market
const withNode = ({ plugins, ...config }: ShopConfig): object => ({
  ...config,
  plugins: plugins.map((plugin) =>
    typeof plugin === 'object' && 'x402-payment' in plugin ? { 'x402-payment': { ...(plugin['x402-payment'] as object), rpc: chain.rpcUrl } } : plugin,
  ),
})
const shop = await openShop(t, market, { settleTimeout: '1s', change: withNode })
const { rig } = shop
const never = new Promise(() => undefined)
const lies = (body: object): Misdeed => ({ work: false, status: 200, body: JSON.stringify(body) })
const HASH = `0x${'cd'.repeat(32)}`

/** A wallet of its own for each fault: one whose settlement has failed pays upfront from then on. */
async function freshBuyer(): Promise<Account> {
  const privateKey = generatePrivateKey()
  const { address } = privateKeyToAccount(privateKey)
  await chain.mint(address, 1_000_000n)
  await chain.rpc('anvil_setBalance', [address, '0xde0b6b3a7640000'])
  return { address, privateKey }
}

const KEYS = Array.from({ length: 40 }, (_, index) => `nobody-guesses-this-key-${index}`)
const ledger = async (): Promise<Record<string, bigint>> =>
  Object.fromEntries([...(await rig.gateway.ground.books.balances())].filter(([, amount]) => amount !== 0n))
const sold = async (): Promise<number> => Number((await rig.office.report(monthOf(Date.now()), undefined)).total.calls_sold)

/** The chain has paid for what is sold, to the micro-dollar; nothing is in transit; every proof of the ledger holds. */
async function agree(t: Test): Promise<void> {
  const paid = await chain.balanceOf(seller.address)
  const books = await ledger()
  t.equal(books['asset:wallet:eip155:84532'] ?? 0n, paid, 'the books have what the chain has')
  t.equal(BigInt(await sold()) * PRICE, paid, 'and sold as much')
  t.equal(books['asset:in_transit:eip155:84532'], undefined, 'nothing is in transit')
  t.ok((await rig.office.verify()).ok)
}

interface Fault {
  /** Of the settlement, or of verify. */
  readonly at: '/verify' | '/settle'
  readonly misdeed: Misdeed
  readonly code: string
  /** The chain has moved the money when the consumer is answered. */
  readonly moved: boolean
  /** How it ends by itself, with the facilitator still misbehaving (`chain`) or well again (`again`); `unused`: it never was. */
  readonly ends: 'chain' | 'again' | 'unused'
}

const faults: Readonly<Record<string, Fault>> = {
  'a verify that never comes': { at: '/verify', misdeed: { after: never }, code: 'unavailable', moved: false, ends: 'unused' },
  'dead at verify': { at: '/verify', misdeed: { drop: true, work: false }, code: 'unavailable', moved: false, ends: 'unused' },
  'garbage at verify': { at: '/verify', misdeed: { body: '{"isValid":tr' }, code: 'unavailable', moved: false, ends: 'unused' },
  'a settlement that is never answered': { at: '/settle', misdeed: { after: never }, code: 'payment_pending', moved: true, ends: 'chain' },
  'dead at settle, before the transaction was sent': {
    at: '/settle',
    misdeed: { drop: true, work: false },
    code: 'payment_pending',
    moved: false,
    ends: 'again',
  },
  'dead at settle, after the transaction was sent': { at: '/settle', misdeed: { drop: true }, code: 'payment_pending', moved: true, ends: 'chain' },
  'success: false': {
    at: '/settle',
    misdeed: lies({ success: false, errorReason: 'insufficient_funds', errorMessage: 'http://rpc.internal' }),
    code: 'payment_invalid',
    moved: false,
    ends: 'unused',
  },
  'garbage after settling': { at: '/settle', misdeed: { body: '<html>rpc.internal</html>' }, code: 'payment_pending', moved: true, ends: 'chain' },
  '500 after settling': { at: '/settle', misdeed: { status: 500, body: '{"error":"rpc.internal"}' }, code: 'payment_pending', moved: true, ends: 'chain' },
  settlement_pending: {
    at: '/settle',
    misdeed: { body: `{"success":false,"errorReason":"settlement_pending","transaction":"${HASH}"}` },
    code: 'payment_pending',
    moved: true,
    ends: 'chain',
  },
  'settled for another payer': {
    at: '/settle',
    misdeed: lies({ success: true, transaction: HASH, payer: seller.address }),
    code: 'payment_pending',
    moved: false,
    ends: 'again',
  },
}

for (const [index, [what, { at, misdeed, code, moved, ends }]] of Object.entries(faults).entries()) {
  t.test(what, async (t) => {
    const payment = await shop.payment({}, await freshBuyer())
    const key = { 'idempotency-key': KEYS[index] as string }
    const before = await chain.balanceOf(seller.address)
    const calls = provider.seen.length
    facilitator.misbehave((path) => (path === at ? misdeed : undefined))
    t.teardown(() => facilitator.misbehave(undefined))
    const answer = await shop.buy(payment, { headers: key })
    t.match(answer.json, { code })
    t.notMatch(JSON.stringify(answer), /rpc\.internal/, 'nothing of the facilitator reaches the consumer')
    t.equal((await chain.balanceOf(seller.address)) - before, moved ? PRICE : 0n)
    if (ends === 'unused') {
      facilitator.misbehave(undefined)
      const good = await shop.buy(payment, { headers: key })
      t.equal(good.status, 200, 'the payment is unused, and pays')
    } else {
      if (ends === 'again') facilitator.misbehave(undefined)
      let fetched: Answer | undefined
      await until(
        'the outcome is known',
        async () => {
          fetched = await shop.buy(undefined, { headers: key })
          return fetched.status === 200
        },
        15_000,
      )
      t.equal(fetched?.text, JSON.stringify(GOOD_BODY), 'whoever asks unpaid by the key has the stored answer')
      t.equal((await shop.buy(payment)).headers['x-atlas-replayed'], 'true')
      facilitator.misbehave(undefined)
    }
    t.equal((await chain.balanceOf(seller.address)) - before, PRICE, 'paid once')
    const wasted = what === 'success: false' ? 1 : 0
    t.equal(provider.seen.length - calls, 1 + wasted, 'called once')
    await agree(t)
  })
}

t.test('success twice: the same authorization in other bytes buys nothing, whatever the facilitator would say', async (t) => {
  const payment = await shop.payment()
  t.equal((await shop.buy(payment)).status, 200)
  const asked = await shop.asked(async () => t.match((await shop.buy(inOtherBytes(payment))).json, { status: 402, code: 'payment_invalid' }))
  t.same(asked, { verify: 0, settle: 0, provider: 0 })
  await agree(t)
})

t.test('cancelled by the payer while unknown: not settled, the answer stays withheld, the name is free', async (t) => {
  const payer = await freshBuyer()
  const payment = await shop.payment({}, payer)
  const key = { 'idempotency-key': KEYS[30] as string }
  const before = await rig.office.marketplace.status()
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true, work: false } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  t.match((await shop.buy(payment, { headers: key })).json, { code: 'payment_pending' })
  await cancel(chain, payer, signedIn(payment))
  let answer: Answer | undefined
  await until(
    'the chain says so',
    async () => {
      answer = await shop.buy(undefined, { headers: key })
      return answer.status === 402
    },
    15_000,
  )
  t.match(answer?.json, { code: 'payment_required' })
  facilitator.misbehave(undefined)
  t.match((await shop.buy(payment)).json, { code: 'payment_invalid' })
  t.equal(
    (await rig.office.marketplace.status()).connections[0]?.wasted_units,
    Number(before.connections[0]?.wasted_units) + 1,
    'the provider worked for nothing',
  )
  await agree(t)
})

t.test('sent by a stranger while unknown: it is paid, and the stored answer is for whoever paid', async (t) => {
  const other = await freshBuyer()
  const payment = await shop.payment({}, other)
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true, work: false } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  t.match((await shop.buy(payment)).json, { code: 'payment_pending' })
  await submit(chain, chain.accounts[4] as Account, signedIn(payment))
  await until('the chain says so', async () => (await shop.buy(payment)).status === 200, 15_000)
  facilitator.misbehave(undefined)
  await agree(t)
})

t.test('without a node a settlement stays unknown where only the chain could tell, and is listed', async (t) => {
  const blind = await openShop(t, market, { settleTimeout: '1s' })
  const payment = await blind.payment()
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true } : undefined))
  t.match((await blind.buy(payment)).json, { code: 'payment_pending' })
  facilitator.misbehave(undefined)
  t.teardown(() => facilitator.misbehave(undefined))
  const settles = facilitator.settleCount
  await until('it was asked again', () => facilitator.settleCount > settles, 10_000)
  t.match((await blind.buy(payment)).json, { code: 'payment_pending' }, 'a used nonce proves nothing')
  t.match(await blind.rig.gateway.ground.store.unknowns(), [{ payment: { payer: buyer.address.toLowerCase() }, buys: 'call' }])
})
