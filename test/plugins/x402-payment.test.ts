/** Guarantees of the x402-payment plugin alone: what it offers, what it asks whom, and what it makes of each answer. */

import t from 'tap'
import type { FacilitatorAnswer } from '../../gateway/contract/index.ts'
import { PAY_TO } from '../rig/chains.ts'
import { decodeHeader, encodeHeader, signedPayload, signedPayment, signedPaymentV1 } from '../rig/client.ts'
import {
  answer,
  authorized,
  callWith,
  HASH,
  type Json,
  lost,
  made,
  offered,
  payer,
  paymentOf,
  privateKey,
  SETTLED,
  settled,
  VALID,
} from '../rig/x402-plugin.ts'

t.test('every network of the list is offered, and version 1 sees those that it has a name for', async (t) => {
  const { v2, members, headers } = offered(made('network: [base, arbitrum, polygon]'))
  t.match(v2, { x402Version: 2, error: 'pay first', resource: { url: 'http://gateway.example/acme/search', description: 'Looks things up – schön' } })
  t.match(
    v2.accepts.map(({ network }) => network),
    ['eip155:8453', 'eip155:42161', 'eip155:137'],
  )
  t.same(v2.accepts[0]?.extra, { name: 'USD Coin', version: '2' })
  t.match(
    members.accepts.map(({ network }) => network),
    ['base', 'polygon'],
  )
  t.ok((headers['payment-required'] ?? '').length < 4096)
  t.same(offered(made('network: arbitrum')).members, { x402Version: 1, error: 'pay first', accepts: [] })
})

t.test('an operation with an example is offered with it, so that catalogues of facilitators can show it; another one without', async (t) => {
  const { hooks } = made()
  const bazaarOf = (operation: object): unknown => {
    const call = Object.assign(callWith(), { method: 'POST', operation: { id: 'search', ...operation } })
    const { headers } = hooks.facts?.challenge?.(call)?.(150_000n as never, 'pay first') ?? { headers: {} }
    return (decodeHeader((headers as Record<string, string>)['payment-required'] ?? '') as { extensions?: Json }).extensions?.bazaar
  }
  t.equal(bazaarOf({}), undefined)
  const example = { params: { address: '0x1' }, query: { deep: '1' }, body: { q: 'x' } }
  const input = { type: 'http', method: 'POST', pathParams: { address: '0x1' }, queryParams: { deep: '1' }, bodyType: 'json', body: { q: 'x' } }
  t.match(bazaarOf({ example }), { info: { input, output: { type: 'json' } }, schema: { type: 'object', required: ['input'] } })
  t.strictSame((bazaarOf({ example: {} }) as { info: Json }).info.input, { type: 'http', method: 'POST' })
})

t.test('a price is asked for in units of the token, rounded up where they are coarser than a micro-dollar', async (t) => {
  const asset = (decimals: number): string => `network: eip155:1337\nasset: { address: "0x${'c0'.repeat(20)}", name: Coin, decimals: ${decimals} }`
  for (const [decimals, price, amount, worth] of [
    [6, 150_000n, '150000', 150_000n],
    [18, 150_000n, '150000000000000000', 150_000n],
    [2, 150_000n, '15', 150_000n],
    [2, 150_001n, '16', 160_000n],
    [0, 1n, '1', 1_000_000n],
  ] as const) {
    const one = made(asset(decimals))
    const { v2, headers } = offered(one, price)
    t.match(v2.accepts, [{ network: 'eip155:1337', amount, extra: { name: 'Coin', version: '2' } }])
    const payment = paymentOf(one, { 'payment-signature': await signedPayment(headers['payment-required'] ?? '', privateKey) })
    t.equal(payment.amount, worth, `${decimals} decimals: never less than the price`)
  }
})

t.test('a network that nobody knows and a token that nobody knows stop the start with a sentence', async (t) => {
  t.throws(() => made('network: nowhere'), /network nowhere is not known/)
  t.throws(() => made('network: avalanche-fuji'), /no USDC is known on avalanche-fuji; write asset/)
})

t.test('a facilitator is asked in the shapes of the version that paid, with the terms of the gateway', async (t) => {
  const one = made('settle_timeout: 7s')
  const offer = offered(one)
  const v2 = { 'payment-signature': await signedPayment(offer.headers['payment-required'] ?? '', privateKey) }
  const v1 = { 'x-payment': await signedPaymentV1(offer.members, privateKey) }
  for (const headers of [v2, v1]) {
    t.equal(await authorized(one, headers), undefined)
    t.equal((await one.hooks.settle?.(paymentOf(one, headers)))?.state, 'settled')
  }
  t.strictSame(
    one.asked.map(({ step, request, deadlineMs }) => [step, request.x402Version, deadlineMs]),
    [
      ['verify', 2, 10_000],
      ['settle', 2, 7000],
      ['verify', 1, 10_000],
      ['settle', 1, 7000],
    ],
  )
  t.strictSame(one.asked[0]?.request.paymentRequirements, offer.v2.accepts[0])
  t.strictSame(one.asked[2]?.request.paymentRequirements, offer.members.accepts[0])
  t.strictSame(one.asked[0]?.request.paymentPayload, decodeHeader(v2['payment-signature']))
  t.strictSame(one.asked[2]?.request.paymentPayload, decodeHeader(v1['x-payment']))
  t.strictSame(one.asked[0]?.request, one.asked[1]?.request, 'settled is what was verified')
  const both = paymentOf(one, { ...v1, ...v2 })
  t.equal(both.x402Version, 2, 'of two payments the newer form counts')
})

t.test('another facilitator is asked only where the one before certainly did nothing', async (t) => {
  const one = made('facilitator: [http://a, http://b]')
  const header = { 'payment-signature': await signedPayment(offered(one).headers['payment-required'] ?? '', privateKey) }
  const payment = paymentOf(one, header)
  const asked = async (step: 'verify' | 'settle', first: FacilitatorAnswer): Promise<string[]> => {
    one.asked.length = 0
    one.answers[`http://a ${step}`] = first
    if (step === 'verify') await authorized(one, header)
    else await one.hooks.settle?.(payment)
    return one.asked.map(({ url }) => url)
  }
  t.same(await asked('verify', VALID), ['http://a'])
  t.same(await asked('verify', answer({ isValid: false })), ['http://a'], 'a verdict is a verdict')
  t.same(await asked('verify', lost(false)), ['http://a', 'http://b'])
  t.same(await asked('verify', lost(true)), ['http://a', 'http://b'], 'verifying twice moves nothing')
  t.same(await asked('settle', SETTLED), ['http://a'])
  t.same(await asked('settle', answer({ success: false, errorReason: 'insufficient_funds' })), ['http://a'])
  t.same(await asked('settle', lost(true)), ['http://a'], 'it may have settled')
  t.same(await asked('settle', lost(false)), ['http://a', 'http://b'])
})

t.test('verify lets a call through for a clear yes about the right wallet, and for nothing else', async (t) => {
  const one = made('facilitator: http://a')
  const header = { 'payment-signature': await signedPayment(offered(one).headers['payment-required'] ?? '', privateKey) }
  for (const [said, code] of [
    [VALID, undefined],
    [answer({ isValid: true, payer: payer.toUpperCase().replace('0X', '0x') }), undefined],
    [answer({ isValid: true, payer: PAY_TO }), 'payment_invalid'],
    [answer({ isValid: false }), 'payment_invalid'],
    [answer({ isValid: false, invalidReason: 'x' }, 400), 'payment_invalid'],
    [answer({ isValid: 'true' }), 'payment_invalid'],
    [answer({ isValid: 1 }), 'payment_invalid'],
    [answer({ isValid: null }), 'payment_invalid'],
    [answer({}), 'unavailable'],
    [answer({ error: 'rate limited' }, 429), 'unavailable'],
    [lost(true), 'unavailable'],
    [lost(false), 'unavailable'],
  ] as const) {
    one.answers['http://a verify'] = said
    t.equal(((await authorized(one, header)) as { code?: string } | undefined)?.code, code, JSON.stringify(said))
  }
  one.answers['http://a verify'] = answer({ isValid: false, invalidReason: 'see http://10.0.0.1/?key=secret' })
  t.notMatch(((await authorized(one, header)) as { detail: string }).detail, /10\.0\.0\.1|secret/, 'only words of the protocol are passed on')
})

t.test('each answer to a settlement is settled, not settled, or unknown: what proves nothing is unknown', async (t) => {
  const one = made('facilitator: http://a')
  const payment = paymentOf(one, { 'payment-signature': await signedPayment(offered(one).headers['payment-required'] ?? '', privateKey) })
  const no = (errorReason: string, transaction = '', status = 200): FacilitatorAnswer => answer({ success: false, errorReason, transaction }, status)
  for (const [said, state] of [
    [SETTLED, 'settled'],
    [answer({ success: true, transaction: HASH, payer }), 'settled'],
    [answer({ success: true, transaction: HASH, payer: PAY_TO }), 'unknown'],
    [answer({ success: 'true', transaction: HASH }), 'unknown'],
    [answer({ success: 1 }), 'unknown'],
    [answer({ transaction: HASH }), 'unknown'],
    [answer({ error: 'bad request' }, 400), 'unknown'],
    [answer({ error: 'rate limited' }, 429), 'unknown'],
    [no('insufficient_funds'), 'not_settled'],
    [no('invalid_exact_evm_insufficient_balance'), 'not_settled'],
    [no('invalid_exact_evm_payload_authorization_valid_before', '', 400), 'not_settled'],
    [no('invalid_exact_evm_signature'), 'not_settled'],
    [no('insufficient_funds', '', 502), 'unknown'],
    [no('settlement_pending', HASH), 'unknown'],
    [no('invalid_exact_evm_nonce_already_used'), 'unknown'],
    // sent and reverted, or an error while sending: only the first is an end
    [no('invalid_exact_evm_transaction_failed', HASH), 'not_settled'],
    [no('invalid_exact_evm_transaction_failed'), 'unknown'],
    [no('invalid_transaction_state'), 'unknown'],
    [no('unexpected_settle_error'), 'unknown'],
    [lost(true), 'unknown'],
    [lost(false), 'unknown'],
  ] as const) {
    const settlement = await settled(one, payment, 'http://a', said)
    t.equal(settlement.state, state, JSON.stringify(said))
    if (settlement.state === 'unknown') continue
    const receipt = decodeHeader(settlement.headers?.['payment-response'] ?? '') as Json
    t.match(receipt, { success: state === 'settled', transaction: state === 'settled' ? HASH : '', network: 'eip155:84532', payer })
  }
  const strange = await settled(one, payment, 'http://a', answer({ success: true, transaction: 'see http://10.0.0.1', extra: { key: 'secret' } }))
  t.match(strange, { state: 'settled', transaction: '' })
  const said = await settled(one, payment, 'http://a', no('failed at http://10.0.0.1', ''))
  t.notMatch(JSON.stringify(said) + JSON.stringify(decodeHeader((said as { headers: Json }).headers['payment-response'] as string)), /10\.0\.0\.1/)
})

t.test('a payment is claimed by network, asset, wallet and nonce, whatever the case of its letters', async (t) => {
  const one = made()
  const json = await signedPayload(offered(one).headers['payment-required'] ?? '', privateKey)
  const { authorization } = json.payload
  const upper = (hex: string): string => `0x${hex.slice(2).toUpperCase()}`
  const shouted = {
    ...json,
    payload: { ...json.payload, authorization: { ...authorization, from: upper(authorization.from), nonce: upper(authorization.nonce) } },
  }
  const keys = [json, shouted].map((payment) => {
    const claims = one.hooks.admit?.(callWith({ 'payment-signature': encodeHeader(payment) })) as { kind: string; key: string }[]
    t.match(claims, [{ kind: 'once' }])
    return claims[0]?.key
  })
  t.equal(keys[0], keys[1])
  t.equal(keys[0], `eip155:84532:${String(offered(one).v2.accepts[0]?.asset).toLowerCase()}:${payer}:${authorization.nonce}`)
})

t.test('a payment identifier is taken by its form, and the schema beside it is not looked at', async (t) => {
  const one = made()
  const identified = async (info: unknown): Promise<string | undefined> => {
    const schema = { $ref: 'http://127.0.0.1:1/never', pattern: '(a+)+$' }
    const after = (payment: object) => ({ ...payment, extensions: { 'payment-identifier': { info, schema } } }) as never
    return paymentOf(one, { 'payment-signature': await signedPayment(offered(one).headers['payment-required'] ?? '', privateKey, { after }) }).identifier
  }
  t.equal(await identified({ id: 'pay_0123456789abcdef' }), 'pay_0123456789abcdef')
  for (const info of [{ id: 'short' }, { id: 'x'.repeat(129) }, { id: 'with space 0123456789' }, { id: 7 }, {}, null, 'text'])
    t.equal(await identified(info), undefined)
})

t.test('who owns the subscription, or shows a bad key, is not asked for a payment and claims none', async (t) => {
  const { hooks } = made()
  for (const kind of ['owner', 'refused']) t.equal(hooks.admit?.(callWith({ 'payment-signature': 'malformed' }, kind)), undefined)
  for (const kind of ['key', 'anonymous']) t.match(hooks.admit?.(callWith({ 'payment-signature': 'malformed' }, kind)), { code: 'bad_request' })
  t.equal(hooks.admit?.(callWith({}, 'anonymous')), undefined)
})
