/** kill -9 at each stage of a paid call: afterwards the provider was called once, the money moved at most once, and nothing is asked for twice. */

import t, { type Test } from 'tap'
import { type Started, startAtlas } from '../rig/atlas.ts'
import { decodeHeader, signedPayment } from '../rig/client.ts'
import { BALANCE, temporaryFolder, until, WALLET, writeConfig } from '../rig/gateway.ts'
import { hang } from '../rig/provider.ts'
import { GOOD_BODY, NAME, openMarket, PRICE, shopConfig } from '../rig/shop.ts'

const market = await openMarket(t)
const { chain, facilitator, provider, buyer, seller } = market
const never = new Promise(() => undefined)
const KEY = 'a-key-that-nobody-guesses'

interface Got {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly code: unknown
}

async function buy({ publicUrl }: Started, headers: Record<string, string> = {}): Promise<Got> {
  const all = { 'content-type': 'application/json', ...headers }
  const response = await fetch(publicUrl + BALANCE, { method: 'POST', headers: all, body: JSON.stringify(WALLET) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, code: (JSON.parse(text) as { code?: unknown }).code }
}

async function paymentFor(gateway: Started): Promise<string> {
  return signedPayment((await buy(gateway)).headers.get('payment-required') ?? '', buyer.privateKey)
}

interface Killed {
  readonly file: string
  readonly header: Record<string, string>
  readonly providerCalls: () => number
  readonly gained: () => Promise<bigint>
}

/** A paid call that is under way when its gateway is killed, as soon as `reached`. */
async function killDuringCall(t: Test, reached: (paid: bigint) => boolean): Promise<Killed> {
  const file = writeConfig(temporaryFolder(t), shopConfig(market, { settleTimeout: '2s' }))
  const gateway = await startAtlas(t, file)
  const before = { balance: await chain.balanceOf(seller.address), calls: provider.seen.length }
  const gained = async (): Promise<bigint> => (await chain.balanceOf(seller.address)) - before.balance
  const header = { [NAME]: await paymentFor(gateway) }
  const call = buy(gateway, { ...header, 'idempotency-key': KEY })
  const lost = t.rejects(call, 'the client hears nothing')
  let paid = 0n
  const there = async (): Promise<boolean> => {
    paid = await gained()
    return reached(paid)
  }
  await until('the stage is reached', there, 20_000)
  await gateway.stop('SIGKILL')
  await lost
  return { file, header, providerCalls: () => provider.seen.length - before.calls, gained }
}

async function statusOf({ adminUrl }: Started): Promise<Record<string, unknown>> {
  const { connections } = (await (await fetch(`${adminUrl}/api/status`)).json()) as { connections: Record<string, unknown>[] }
  return connections[0] as Record<string, unknown>
}

async function revenueOf({ adminUrl }: Started): Promise<unknown> {
  return ((await (await fetch(`${adminUrl}/api/report`)).json()) as { total: { revenue: string; calls_sold: number } }).total
}

t.test('killed between settlement and outcome: pending after the restart, and the stored answer once the facilitator says so', async (t) => {
  facilitator.misbehave((path) => (path === '/settle' ? { after: never } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  const { file, header, providerCalls, gained } = await killDuringCall(t, (paid) => paid === PRICE)

  const restarted = await startAtlas(t, file)
  for (const headers of [header, { 'idempotency-key': KEY }]) {
    const answer = await buy(restarted, headers)
    t.match(answer, { status: 503, code: 'payment_pending' })
    t.ok(answer.headers.get('retry-after'))
    t.equal(answer.headers.get('payment-required'), null)
  }
  t.match(await revenueOf(restarted), { revenue: '0.00', calls_sold: 0 })
  const transaction = `0x${'cd'.repeat(32)}`
  const body = JSON.stringify({ success: true, transaction, network: 'eip155:84532', payer: buyer.address })
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body } : undefined))
  let answer: Got | undefined
  const known = async (): Promise<boolean> => {
    answer = await buy(restarted, header)
    return answer.status === 200
  }
  await until('the settlement is known', known, 20_000)
  t.equal(answer?.text, JSON.stringify(GOOD_BODY))
  t.equal(answer?.headers.get('x-atlas-replayed'), 'true')
  t.match(decodeHeader(answer?.headers.get('payment-response') ?? ''), { success: true, transaction })
  t.equal((await buy(restarted, { 'idempotency-key': KEY })).text, answer?.text)
  t.match(await revenueOf(restarted), { revenue: '0.15', calls_sold: 1 })
  const { quota, reserved, sold_units, wasted_units, units_left } = await statusOf(restarted)
  t.equal(sold_units, 1)
  t.equal(Number(quota) - Number(reserved) - 1 - Number(wasted_units), units_left)

  await restarted.stop('SIGKILL')
  const third = await startAtlas(t, file)
  const kept = await buy(third, header)
  t.equal(kept.text, answer?.text, 'it outlives another kill')
  t.equal(kept.headers.get('x-atlas-receipt'), answer?.headers.get('x-atlas-receipt'))
  t.equal(providerCalls(), 1)
  t.equal(await gained(), PRICE)
})

t.test('killed before the facilitator did anything: the settlement is made after the restart, once', async (t) => {
  const settles = facilitator.settleCount
  facilitator.misbehave((path) => (path === '/settle' ? { before: never } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  const { file, header, providerCalls, gained } = await killDuringCall(t, () => facilitator.settleCount > settles)
  t.equal(await gained(), 0n)
  const restarted = await startAtlas(t, file)
  t.match(await buy(restarted, header), { status: 503, code: 'payment_pending' })
  facilitator.misbehave(undefined)
  await until('it is settled', async () => (await buy(restarted, header)).status === 200, 20_000)
  t.match(await revenueOf(restarted), { revenue: '0.15', calls_sold: 1 })
  t.equal(providerCalls(), 1)
  t.equal(await gained(), PRICE)
})

t.test('killed while the provider works: nobody has paid, and the payment buys the call', async (t) => {
  const calls = provider.seen.length
  provider.next(hang)
  const { file, header, gained } = await killDuringCall(t, () => provider.seen.length > calls)
  const restarted = await startAtlas(t, file)
  t.match(await revenueOf(restarted), { revenue: '0.00', calls_sold: 0 })
  t.equal(await gained(), 0n)
  t.equal((await buy(restarted, header)).status, 200)
  t.match(await revenueOf(restarted), { revenue: '0.15', calls_sold: 1 })
  t.equal(await gained(), PRICE)
})
