/** The same call again: under the same name it is the same call, for whoever it belongs to, and never another one's. */

import t, { type Test } from 'tap'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'

const LONG = 'a-name-that-nobody-guesses'
const adapter = adapterOf([operationOf('search'), operationOf('write', { method: 'POST', body: 'any' })])

async function open(t: Test): Promise<Inside> {
  const inside = await openInside(t, { adapter, bufferBytes: 4096 })
  let count = 0
  inside.provider.answers = (one) => {
    count += 1
    one.answer(200, `{"answer":${count}}`, ['x-page', String(count)])
  }
  return inside
}

async function call(inside: Inside, headers: Readonly<Record<string, string>>, path = '/acme/search', body?: string): Promise<Flown> {
  const flown = inside.fly(path, { headers, ...(body === undefined ? {} : { method: 'POST', body }) })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

const status = ({ sink }: Flown): number | undefined => sink.answers[0]?.status
const code = ({ sink }: Flown): string => JSON.parse(sink.answers[0]?.body ?? '{}').code

t.test('a stored answer is replayed as it was: status, fields, body, price; nothing is charged or asked again', async (t) => {
  const inside = await open(t)
  const headers = { 'idempotency-key': 'k', ...(await inside.key('k')) }
  const first = await call(inside, headers)
  const again = await call(inside, headers)
  /** Of the call, not of the one who asks now. */
  const own = (flat: readonly string[]): readonly string[] =>
    flat.filter((_, at) => !['x-request-id', 'x-atlas-replayed', 'ratelimit', 'ratelimit-policy'].includes(flat[at - (at % 2)] ?? ''))
  t.equal(again.sink.answers[0]?.body, first.sink.answers[0]?.body)
  t.strictSame(own(again.sink.answers[0]?.headers ?? []), own(first.sink.answers[0]?.headers ?? []))
  t.ok(again.sink.answers[0]?.headers.join(' ').includes('x-atlas-replayed true'))
  t.equal(inside.provider.tries.length, 1)
  t.equal(await inside.admin.balance('key:k'), 9_850_000n)
  t.match(inside.outcomes.get(again.id), [{ kind: 'replayed', price: 0n, attempts: [] }])
})

t.test('a name belongs to its consumer: two keys, two calls', async (t) => {
  const inside = await open(t)
  for (const id of ['a', 'b']) t.equal(status(await call(inside, { 'idempotency-key': 'same', ...(await inside.key(id)) })), 200)
  t.equal(inside.provider.tries.length, 2)
})

t.test('the same name with another request is a conflict, then and afterwards', async (t) => {
  const inside = await open(t)
  const headers = { 'idempotency-key': 'k', ...(await inside.key('k')) }
  await call(inside, headers, '/acme/write', '{"a":1}')
  for (const [path, body] of [['/acme/write', '{"a":2}'], ['/acme/write', '{"a": 1}'], ['/acme/write?x=1', '{"a":1}'], ['/acme/search']] as const) {
    t.equal(code(await call(inside, headers, path, body)), 'idempotency_conflict', `${path} ${body}`)
  }
  t.equal(status(await call(inside, headers, '/acme/%77rite', '{"a":1}')), 200, 'another way to write the same target is the same request')
})

t.test('a refusal, an uncharged failure and a call that was given up never use up a name', async (t) => {
  const inside = await open(t)
  const { answers } = inside.provider
  const headers = { 'idempotency-key': 'k', ...(await inside.key('k')) }
  for (const spoil of [500, 404, 0]) {
    inside.provider.answers = (one) => (spoil === 0 ? one.error() : one.answer(spoil, 'no'))
    t.not(status(await call(inside, headers)), 200)
  }
  inside.provider.answers = answers
  t.equal(status(await call(inside, headers)), 200)
})

t.test('a byte-equal payment is the same call; with another request it is a conflict', async (t) => {
  const inside = await open(t)
  const payment = paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })
  t.equal(status(await call(inside, payment)), 200)
  const again = await call(inside, payment)
  t.equal(again.sink.answers[0]?.body, '{"answer":1}')
  t.equal(code(await call(inside, payment, '/acme/write', '{}')), 'idempotency_conflict')
  t.equal(inside.facilitator.asked.settle.length, 1)
})

t.test("a wallet's name is a capability: it must be long, and unpaid it gets the stored answer, never a second 402", async (t) => {
  const inside = await open(t)
  const pay = (number: number): Record<string, string> => paymentHeader({ number, nowMs: inside.clock.nowMs() })
  t.equal(code(await call(inside, { 'idempotency-key': 'fifteen-letters', ...pay(1) })), 'bad_request')
  t.equal(code(await call(inside, { 'idempotency-key': LONG })), 'payment_required', 'before it was used it gives nothing')
  t.equal(status(await call(inside, { 'idempotency-key': LONG, ...pay(2) })), 200)
  t.match((await call(inside, { 'idempotency-key': LONG })).sink.answers, [{ status: 200, body: '{"answer":1}' }])
  t.match((await call(inside, { 'idempotency-key': LONG, ...pay(3) })).sink.answers, [{ body: '{"answer":1}' }], 'a new payment beside it is not used')
  t.equal(inside.facilitator.asked.settle.length, 1)
  t.equal(code(await call(inside, { 'idempotency-key': LONG }, '/acme/write', '{}')), 'idempotency_conflict')
})

t.test('a stored answer is kept for a day, that of a bare payment until it is no longer valid', async (t) => {
  const inside = await open(t)
  const headers = { 'idempotency-key': 'k', ...(await inside.key('k')) }
  const payment = paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })
  await call(inside, headers)
  await call(inside, payment)
  inside.clock.pass(3_500_000)
  t.equal((await inside.store.named(`k:key:k:k`, (await call(inside, headers)).call.digest)).state, 'stored')
  inside.clock.pass(86_400_000 - 3_500_001)
  t.equal((await call(inside, headers)).sink.answers[0]?.body, '{"answer":1}', 'a moment before')
  inside.clock.pass(1)
  t.equal((await call(inside, headers)).sink.answers[0]?.body, '{"answer":3}', 'a day later it is a new call')
  t.equal(code(await call(inside, payment)), 'payment_invalid', 'the payment is not good for another')
})

t.test('a credits call without a name is a new call each time', async (t) => {
  const inside = await open(t)
  const key = await inside.key('k')
  t.equal((await call(inside, key)).sink.answers[0]?.body, '{"answer":1}')
  t.equal((await call(inside, key)).sink.answers[0]?.body, '{"answer":2}')
})
