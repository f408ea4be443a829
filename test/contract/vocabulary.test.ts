/** The pure values that every room shares: who pays, what may be sold, what a key is, how an answer is read. */

import { createHash } from 'node:crypto'
import t from 'tap'
import {
  type Call,
  chainIdOf,
  type Consumer,
  findNetwork,
  isRead,
  isRefusal,
  type KeyRecord,
  mayResell,
  mostUnits,
  monthOf,
  networks,
  type OperationRequest,
  type Payment,
  payerOf,
  type RefusalCode,
  refusals,
  refuse,
  type ResaleTerms,
  sha256,
  shownKey,
  unreachable,
  whyKeyIsBad,
} from '../../gateway/contract/index.ts'
import { operationOf } from '../rig/acme.ts'

t.test('one call has one payer: the owner is free, a payment beside a key pays, a key without one pays by credits', async (t) => {
  const payment = { payer: '0x1' } as Payment
  const consumers: readonly [Consumer, without: string, beside: string][] = [
    [{ kind: 'owner', id: 'key:o', keyId: 'o', owner: 'alice' }, 'owner', 'owner'],
    [{ kind: 'key', id: 'key:k', keyId: 'k', account: 'key:k' }, 'credits', 'x402'],
    [{ kind: 'wallet', id: 'wallet:0x1', wallet: '0x1' }, 'nobody', 'x402'],
    [{ kind: 'anonymous', id: 'address:1.1.1.1' }, 'nobody', 'x402'],
  ]
  for (const [consumer, without, beside] of consumers) {
    t.equal(payerOf({ consumer, payment: undefined }).by, without, consumer.kind)
    t.equal(payerOf({ consumer, payment }).by, beside, `${consumer.kind} with a payment`)
  }
  const owner: Pick<Call, 'consumer' | 'payment'> = {
    consumer: { kind: 'owner', id: 'key:o', keyId: 'o', owner: 'alice' },
    get payment(): Payment {
      throw new Error('an owner ignores payments')
    },
  }
  t.strictSame(payerOf(owner), { by: 'owner', owner: 'alice' })
})

t.test('nothing written sells allowed and attribution; confirmed adds ask; an agreement opens all', async (t) => {
  const sells: readonly [ResaleTerms, readonly string[]][] = [
    ['unstated', ['allowed', 'attribution']],
    ['confirmed', ['allowed', 'attribution', 'ask']],
    [{ agreement: 'REF' }, ['allowed', 'attribution', 'ask', 'forbidden']],
  ]
  for (const [terms, open] of sells) {
    t.strictSame(
      (['allowed', 'attribution', 'ask', 'forbidden'] as const).filter((resale) => mayResell(resale, terms)),
      open,
    )
  }
})

t.test('a key is shown in one field or the same in both; anything else shown is no key of ours', async (t) => {
  const shown = (headers: Record<string, string>): string | undefined => shownKey((name) => headers[name])
  t.equal(shown({}), undefined)
  t.equal(shown({ authorization: 'Bearer atlas_a' }), 'atlas_a')
  t.equal(shown({ authorization: 'bearer   atlas_a' }), 'atlas_a', 'the scheme is no matter of case')
  t.equal(shown({ 'x-api-key': 'atlas_a' }), 'atlas_a')
  t.equal(shown({ authorization: 'Bearer atlas_a', 'x-api-key': 'atlas_a' }), 'atlas_a')
  t.equal(shown({ authorization: 'Bearer atlas_a', 'x-api-key': 'atlas_b' }), '', 'two keys are none')
  for (const authorization of ['', 'Bearer', 'Bearer ', 'Basic YTpi', 'atlas_a', 'Bearer a b', 'Bearer atlas_a, Bearer atlas_b']) {
    t.equal(shown({ authorization }), '', JSON.stringify(authorization))
  }
})

t.test('a key is bad when it is unknown, revoked or expired, from the very moment', async (t) => {
  const key = { id: 'k', hash: '', role: 'consumer', account: 'key:k', createdAtMs: 0 } as unknown as KeyRecord
  t.equal(whyKeyIsBad(key, 5), undefined)
  t.match(whyKeyIsBad(undefined, 5), /unknown/)
  t.match(whyKeyIsBad({ ...key, revokedAtMs: 9 as never }, 5), /revoked/)
  t.equal(whyKeyIsBad({ ...key, expiresAtMs: 6 as never }, 5), undefined)
  t.match(whyKeyIsBad({ ...key, expiresAtMs: 5 as never }, 5), /expired/)
})

t.test('the most units of a call: what tells no count is an error, never a cheap call', async (t) => {
  const request = { params: {}, query: { limit: '7' }, queryAll: new Map(), body: undefined } satisfies OperationRequest
  const most = (units: Parameters<typeof operationOf>[1]) => mostUnits(operationOf('x', units), request)
  t.equal(most({ units: 3 }), 3)
  t.equal(most({ units: ({ query }) => Number(query.limit) }), 7)
  t.equal(most({ units: { most: () => 9, actual: () => 1 } }), 9)
  for (const wrong of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 53]) t.throws(() => most({ units: () => wrong }), /tells/, String(wrong))
  t.throws(() => most({ units: ({ query }) => Number(query.missing) }), /tells NaN units/)
  t.throws(() => most({ units: () => 0 }), /tells 0 units/, 'a rule that tells nothing would make the call free')
  t.equal(most({ units: 0 }), 0, 'a figure that somebody wrote stands')
  t.throws(() => most({ units: () => 8, maxUnits: 7 }), /tells 8 units; its maximum is 7/)
  t.throws(() => most({ units: { most: () => 1001, actual: () => 1 } }), /its maximum is 1000/, 'stated or not')
  t.equal(most({ units: () => 5000, maxUnits: 5000 }), 5000)
})

t.test('reading twice is harmless where it is said, or for GET and HEAD', async (t) => {
  t.equal(isRead(operationOf('a', { method: 'GET' })), true)
  t.equal(isRead(operationOf('a', { method: 'HEAD' })), true)
  t.equal(isRead(operationOf('a', { method: 'POST' })), false)
  t.equal(isRead(operationOf('a', { method: 'ANY' })), false)
  t.equal(isRead(operationOf('a', { method: 'POST', reads: true })), true)
  t.equal(isRead(operationOf('a', { method: 'GET', reads: false })), false)
})

t.test('every refusal has its status, a title and a remedy', async (t) => {
  const statuses: Readonly<Record<RefusalCode, number>> = {
    ...{ bad_request: 400, unauthenticated: 401, payment_required: 402, payment_invalid: 402, insufficient_credits: 402, price_above_max: 402, blocked: 403 },
    ...{ unknown_route: 404, unknown_operation: 404, method_not_allowed: 405, idempotency_conflict: 409, replay_unavailable: 409, body_too_large: 413 },
    ...{ headers_too_large: 431, rate_limited: 429, sold_out: 503, upstream_error: 502, upstream_timeout: 504, payment_pending: 503, unavailable: 503 },
  }
  t.strictSame(Object.fromEntries(Object.entries(refusals).map(([code, { status }]) => [code, status])), statuses)
  for (const [code, { title, fix }] of Object.entries(refusals)) t.ok(title.length > 0 && fix.endsWith('.'), code)
  t.ok(isRefusal(refuse('sold_out', 'x')))
  for (const other of [undefined, null, 'x', [], [refuse('sold_out', 'x')], { code: 'x' }]) t.notOk(isRefusal(other))
  t.throws(() => unreachable({ kind: 'new' } as never), /unreachable: {"kind":"new"}/)
})

t.test('a network is found by its name and by CAIP-2; its chain id is that of CAIP-2', async (t) => {
  for (const [name, network] of Object.entries(networks)) {
    t.equal(findNetwork(name), network)
    t.equal(findNetwork(network.caip2), network)
    t.equal(chainIdOf(network.caip2), network.chainId)
    t.match(network.usdc?.address ?? `0x${'0'.repeat(40)}`, /^0x[0-9a-fA-F]{40}$/)
  }
  t.equal(findNetwork('eip155:99999'), undefined)
  t.equal(chainIdOf('eip155:99999'), 99_999)
  for (const other of ['solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp', 'eip155:', 'eip155:0', 'eip155:01', 'base', '']) t.equal(chainIdOf(other), undefined, other)
  t.equal(findNetwork('toString'), undefined)
})

t.test('a month is that of UTC, whatever was asked before', async (t) => {
  const instants: readonly [string, string][] = [
    ['2026-11-30T23:59:59.999Z', '2026-11'],
    ['2026-12-01T00:00:00.000Z', '2026-12'],
    ['2026-11-30T23:59:59.999Z', '2026-11'],
    ['2027-01-01T00:00:00.000Z', '2027-01'],
  ]
  for (const [at, month] of instants) t.equal(monthOf(Date.parse(at)), month, at)
})

t.test('a digest is SHA-256 in hex, of text and of bytes', async (t) => {
  for (const data of ['', 'a', 'é', 'x'.repeat(100_000)]) {
    const wanted = createHash('sha256').update(data).digest('hex')
    t.equal(sha256(data), wanted)
    t.equal(sha256(Buffer.from(data)), wanted)
  }
})
