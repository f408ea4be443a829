/** "100 calls for $15": bought once on the chain, spent by key and by the wallet that signs in; chain and books agree after each step. */

import { createSIWxPayload, encodeSIWxHeader } from '@x402/extensions/sign-in-with-x'
import t from 'tap'
import { privateKeyToAccount } from 'viem/accounts'
import { monthOf } from '../../gateway/contract/index.ts'
import { decodeHeader, encodeHeader, payingFetch, signedPayment, signedPaymentV1 } from '../rig/client.ts'
import type { Account } from '../rig/chain.ts'
import { type Answer, BALANCE, bearer, WALLET } from '../rig/gateway.ts'
import { NAME, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market)
const { rig, facilitator, provider, buyer, seller, poor, chain } = shop
await chain.mint(poor.address, 100_000_000n)

const HUNDRED = { api: 'nansen', calls: 100 }
const FIFTEEN = 15_000_000n

interface Ask {
  readonly order?: object | string
  readonly headers?: Record<string, string>
}
const post = ({ order = HUNDRED, headers = {} }: Ask = {}): Promise<Answer> => rig.call('POST', '/credits', { body: order, headers })
const offer = async (order: object = HUNDRED): Promise<string> => (await post({ order })).headers['payment-required'] as string
const paid = async (by: Account, order: object = HUNDRED): Promise<{ [NAME]: string }> => ({ [NAME]: await signedPayment(await offer(order), by.privateKey) })
const call = (headers: Record<string, string>, path = BALANCE): Promise<Answer> => rig.call('POST', path, { headers, body: WALLET })

/** As the official client makes it from a 402. */
async function signedIn(by: Account, path = BALANCE): Promise<{ 'sign-in-with-x': string }> {
  const quote = decodeHeader((await rig.call('POST', path, { body: WALLET })).headers['payment-required'] as string) as { extensions: Record<string, never> }
  const { info, supportedChains } = quote.extensions['sign-in-with-x'] as unknown as { info: object; supportedChains: { chainId: string; type: string }[] }
  const complete = { ...info, ...supportedChains[0] } as Parameters<typeof createSIWxPayload>[0]
  return { 'sign-in-with-x': encodeSIWxHeader(await createSIWxPayload(complete, privateKeyToAccount(by.privateKey), rig.publicUrl)) }
}

const wallet = (by: Account): string => `wallet:${by.address.toLowerCase()}`
const balanceOf = async (by: Account): Promise<unknown> => (await rig.call('GET', '/credits', { headers: await signedIn(by) })).json.balance
const ledger = async (): Promise<Record<string, bigint>> =>
  Object.fromEntries([...(await rig.gateway.ground.books.balances())].filter(([, amount]) => amount !== 0n))
const verified = async (): Promise<boolean> => (await rig.office.verify()).ok

t.test('the 402 names the price of 100 calls, in both versions', async (t) => {
  const answer = await post()
  t.equal(answer.status, 402)
  t.match(answer.json, { code: 'payment_required', amount: '15.00', accepts: [{ maxAmountRequired: String(FIFTEEN), payTo: seller.address }] })
  t.match(decodeHeader(answer.headers['payment-required'] as string), { accepts: [{ amount: String(FIFTEEN), extra: { quote: /^[0-9a-f]{32}$/ } }] })
  t.match((await post({ order: { amount: '$7.50' } })).json, { amount: '7.50' })
})

t.test('what is no order is a 400 with a sentence', async (t) => {
  for (const order of [
    '',
    '[]',
    '{',
    {},
    { amount: '$0' },
    { amount: '-$1' },
    { amount: 15 },
    { api: 'nansen', calls: 1.5 },
    { api: 'nansen', calls: 0 },
    { amount: '$1', calls: 1 },
  ]) {
    t.match((await post({ order })).json, { status: 400, code: 'bad_request', detail: /expected \{"amount": "\$15"\}/ }, JSON.stringify(order))
  }
  t.match((await post({ order: { api: 'nobody', calls: 1 } })).json, { status: 404 })
  t.match((await rig.call('PUT', '/credits')).json, { status: 405, code: 'method_not_allowed' })
})

let key = ''
t.test('one payment of $15 is 100 calls, spent by key: chain and books agree to the micro-dollar', async (t) => {
  const headers = await paid(buyer)
  const moved = await shop.moved(async () => {
    const answer = await post({ headers })
    t.equal(answer.status, 200, answer.text)
    t.match(answer.json, { balance: '15.00', credited: '15.00', key: /^atlas_/, api: 'nansen', calls: 100 })
    t.match(decodeHeader(answer.headers['payment-response'] as string), { success: true, transaction: /^0x[0-9a-f]{64}$/ })
    t.equal(answer.headers['cache-control'], 'no-store')
    key = String(answer.json.key)
  })
  t.same(moved, [FIFTEEN, FIFTEEN])
  t.match(await ledger(), { 'asset:wallet:eip155:84532': FIFTEEN, [`liab:credit:${wallet(buyer)}`]: -FIFTEEN })
  t.ok(await verified())

  const settles = facilitator.settleCount
  const answers = await Promise.all(Array.from({ length: 40 }, () => call(bearer(key))))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(facilitator.settleCount, settles, 'nothing more goes to the chain')
  t.match(await ledger(), {
    [`liab:credit:${wallet(buyer)}`]: -(FIFTEEN - 40n * PRICE),
    'liab:owner:operator': -40n * 135_000n,
    'rev:platform': -40n * 15_000n,
  })
  t.ok(await verified())
})

t.test('the wallet that signs in spends the same balance, and cannot spend more', async (t) => {
  t.equal(await balanceOf(buyer), '9.00')
  const headers = await signedIn(buyer)
  const answers = await Promise.all(Array.from({ length: 80 }, () => call(headers)))
  const count = (status: number): number => answers.filter((one) => one.status === status).length
  t.same([count(200), count(402)], [60, 20])
  const refused = answers.find(({ status }) => status === 402) as Answer
  t.match(refused.json, { code: 'insufficient_credits' })
  t.ok(refused.headers['payment-required'], 'the way to pay stands there')
  t.equal(await balanceOf(buyer), '0.00')
  t.match((await call(bearer(key))).json, { code: 'insufficient_credits' })
  const { total } = await rig.office.report(monthOf(Date.now()), undefined)
  t.match(total, { calls_sold: 100, revenue: '15.00', owner_share: '13.50', platform_share: '1.50' })
  t.same(Object.keys(await ledger()).sort(), ['asset:wallet:eip155:84532', 'liab:owner:operator', 'rev:platform'])
  t.ok(await verified())
})

t.test('the payment sent again shows a new key and revokes the former; nothing is bought twice', async (t) => {
  const headers = await paid(poor, { amount: '$5' })
  const order = { amount: '$5' }
  const first = await post({ order, headers })
  const again = await post({ order, headers })
  t.match([first.json.balance, again.json.balance], ['5.00', '5.00'])
  t.match(again.json.key, /^atlas_/)
  t.not(again.json.key, first.json.key)
  t.equal((await call(bearer(String(first.json.key)))).status, 401)
  t.equal((await call(bearer(String(again.json.key)))).status, 200)
  t.equal(shop.settlesOf(headers[NAME]), 1)
  t.match((await post({ order: { amount: '$4' }, headers })).json, { status: 409, code: 'idempotency_conflict' })
  t.match((await call(headers)).json, { code: 'idempotency_conflict' }, 'nor does it buy a call')
  key = String(again.json.key)
})

t.test('20 uses of one payment at once are one purchase', async (t) => {
  const headers = await paid(poor, { amount: '$2' })
  const answers = await Promise.all(Array.from({ length: 20 }, () => post({ order: { amount: '$2' }, headers })))
  t.same(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(shop.settlesOf(headers[NAME]), 1)
  t.same(new Set(answers.map(({ json }) => json.key)), new Set([undefined]), 'a wallet that has a key gets no other')
  t.equal(await balanceOf(poor), '6.85')
  const { entries } = (await rig.call('GET', '/credits', { headers: await signedIn(poor) })).json
  t.match(entries, [
    { kind: 'credit', amount: '2.00' },
    { kind: 'charge', amount: '-0.15' },
    { kind: 'credit', amount: '5.00' },
  ])
})

t.test('beside a key a payment tops that key up', async (t) => {
  const other = await rig.key({ credits: '$1' })
  const headers = { ...(await paid(buyer, { amount: '$3' })), ...bearer(other.key) }
  const answer = await post({ order: { amount: '$3' }, headers })
  t.match(answer.json, { status: undefined, balance: '4.00', credited: '3.00', key: undefined })
  t.match((await rig.call('GET', '/credits', { headers: bearer(other.key) })).json, { balance: '4.00' })
  t.match((await post({ headers: { ...headers, ...bearer('atlas_unknown') } })).json, { status: 401 })
})

t.test('a signed-in wallet gets keys for its balance; one without credits gets none', async (t) => {
  const answer = await rig.call('POST', '/credits/key', { headers: await signedIn(poor) })
  t.match(answer.json, { key: /^atlas_/, balance: '6.85' })
  t.equal((await call(bearer(String(answer.json.key)))).status, 200)
  t.equal((await call(bearer(key))).status, 200, 'the other key is as good as before')
  t.match((await rig.call('POST', '/credits/key', { headers: await signedIn(chain.accounts[5] as Account) })).json, {
    status: 402,
    code: 'insufficient_credits',
  })
  t.match((await rig.call('POST', '/credits/key')).json, { status: 401, code: 'unauthenticated' })
  const headers = await signedIn(poor)
  for (let count = 0; count < 12; count++) await rig.call('POST', '/credits/key', { headers })
  const { keys } = await rig.office.keys.list()
  t.equal(keys.filter(({ note, state }) => note === 'signed in' && state === 'valid').length, 10, 'so many and no more')
})

t.test('a payment that only the chain could tell, written by somebody else, shows no key', async (t) => {
  const body = { x402Version: 1, accepts: ((await post({ order: { amount: '$1' } })).json.accepts as unknown[]) ?? [] }
  const account = chain.accounts[6] as Account
  await chain.mint(account.address, 10_000_000n)
  const v1 = { 'X-PAYMENT': await signedPaymentV1(body, account.privateKey) }
  const first = await post({ order: { amount: '$1' }, headers: v1 })
  t.match(first.json, { balance: '1.00', key: /^atlas_/ })
  t.ok(first.headers['x-payment-response'])
  const again = await post({ order: { amount: '$1' }, headers: v1 })
  t.match(again.json, { balance: '1.00' })
  t.equal(again.json.key, undefined)
  t.equal((await call(bearer(String(first.json.key)))).status, 200, 'and takes none away')
  const unquoted = decodeHeader((await paid(poor, { amount: '$1' }))[NAME]) as { accepted: { extra: object } }
  const bare = encodeHeader({ ...unquoted, accepted: { ...unquoted.accepted, extra: { name: 'USDC', version: '2' } } })
  t.match((await post({ order: { amount: '$1' }, headers: { [NAME]: bare } })).json, { status: 402, code: 'payment_invalid' })
})

t.test('a settlement that fails credits nothing; one that nobody knows is pending, then credit', async (t) => {
  const before = await ledger()
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body: '{"success":false,"errorReason":"insufficient_funds"}' } : undefined))
  const headers = await paid(poor, { amount: '$1' })
  t.match((await post({ order: { amount: '$1' }, headers })).json, { status: 402, code: 'payment_invalid' })
  t.same(await ledger(), before)
  facilitator.misbehave((path) => (path === '/settle' ? { drop: true } : undefined))
  t.match((await post({ order: { amount: '$1' }, headers })).json, { status: 503, code: 'payment_pending' })
  t.match((await post({ order: { amount: '$1' }, headers })).json, { status: 503, code: 'payment_pending' })
  const transaction = `0x${'cd'.repeat(32)}`
  facilitator.misbehave((path) => (path === '/settle' ? { work: false, status: 200, body: JSON.stringify({ success: true, transaction }) } : undefined))
  t.teardown(() => facilitator.misbehave(undefined))
  const end = Date.now() + 10_000
  let known = await post({ order: { amount: '$1' }, headers })
  while (known.status !== 200 && Date.now() < end) known = await post({ order: { amount: '$1' }, headers })
  t.match(known.json, { credited: '1.00' })
  t.ok(await verified())
})

t.test('the official paying client buys credits with its limit raised', async (t) => {
  const account = chain.accounts[7] as Account
  await chain.mint(account.address, 20_000_000n)
  const pay = payingFetch({ privateKey: account.privateKey, maxUsd: 20 })
  const answer = await pay(`${rig.publicUrl}/credits`, { method: 'POST', body: JSON.stringify(HUNDRED), headers: { 'content-type': 'application/json' } })
  t.equal(answer.status, 200)
  t.match(await answer.json(), { balance: '15.00', key: /^atlas_/ })
  t.equal(provider.seen.length > 0, true)
})

t.test('behind a proxy offers and sign-ins name the public address', async (t) => {
  const behind = await openShop(t, market, { change: (config) => ({ ...config, public_url: 'https://api.example' }) })
  const quote = decodeHeader((await behind.quote()).headers['payment-required'] as string) as {
    resource: { url: string }
    extensions: Record<string, { info: object }>
  }
  t.equal(quote.resource.url, `https://api.example${BALANCE}`)
  t.match(quote.extensions['sign-in-with-x'], { info: { domain: 'api.example', uri: /^https:\/\/api\.example\// } })
  t.match((await behind.rig.call('GET', '/credits', { headers: await signedIn(poor) })).json, { status: 401, detail: /another domain; expected api\.example/ })
})

t.test('each key that a purchase or a sign-in handed out stands in the audit log, as the consumer’s act', async (t) => {
  const lines = await rig.gateway.ground.audit.entries({ limit: 10_000 })
  const created = new Set(lines.flatMap(({ action, actor, subject }) => (action === 'key.create' && actor === 'consumer' ? [subject] : [])))
  const replaced = new Map(lines.flatMap(({ action, actor, subject }) => (action === 'key.rotate' && actor === 'consumer' ? [[subject, true]] : [])))
  const keys = (await rig.gateway.ground.admin.listKeys()).filter(({ account }) => account.startsWith('wallet:'))
  t.ok(keys.length > 10 && replaced.size > 0)
  t.equal(created.size + replaced.size, keys.length)
  t.match(await rig.gateway.ground.audit.verify(), { ok: true })
})
