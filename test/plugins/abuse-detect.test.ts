/** The figures that hold by default: what honest clients do not do is counted, throttled, then blocked for a while. */

import t from 'tap'
import { type Asked, type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { LOST, VALID } from '../rig/scripted.ts'

const AWAY = '198.51.100.7'

/** Refused at once, in the same turn. */
const at = (inside: Inside, asked: Asked = {}): number | undefined => inside.fly('/acme/search', { address: AWAY, ...asked }).sink.answers[0]?.status

async function call(inside: Inside, asked: Asked = {}): Promise<Flown> {
  const flown = inside.fly('/acme/search', { address: AWAY, ...asked })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

/** Each status with how many of it came in a row. */
function runs(inside: Inside, count: number, asked: Asked = {}): string {
  const found: [status: number | undefined, count: number][] = []
  for (let index = 0; index < count; index += 1) {
    const status = at(inside, asked)
    const last = found.at(-1)
    if (last !== undefined && last[0] === status) last[1] += 1
    else found.push([status, 1])
  }
  return found.map(([status, times]) => `${status} × ${times}`).join(', ')
}

t.test('unpaid calls: 600 a minute get their offer, those above are throttled, those above 3,000 blocked for 60 s', async (t) => {
  const inside = await openInside(t)
  t.equal(runs(inside, 3_100), '402 × 600, 429 × 2400, 403 × 100')
  const blockedAtMs = inside.clock.nowMs()
  const { sink } = inside.fly('/acme/search', { address: AWAY })
  t.match(sink.answers[0]?.headers.join(' '), /retry-after 60/)
  inside.clock.pass(59_999)
  t.equal(at(inside), 403)
  inside.clock.pass(1)
  t.not(at(inside), 403, 'then the block is over')
  inside.clock.pass(120_000)
  t.equal(at(inside), 402, 'and in time the score, too')
  t.equal(at(inside, { address: '198.51.100.8' }), 402, 'others are not concerned')
  const told = inside.logged.filter(({ message }) => message.startsWith('abuse: blocked'))
  t.match(told, [{ level: 'warn', fields: { subject: `address:${AWAY}`, blocks: 1, until: new Date(blockedAtMs + 60_000).toISOString() } }])
})

t.test('loopback addresses are never throttled or blocked by address', async (t) => {
  const inside = await openInside(t)
  t.equal(runs(inside, 4_000, { address: '127.0.0.1' }), '402 × 4000')
  const headers = { authorization: 'Bearer atlas_guessed' }
  t.equal(runs(inside, 1_000, { address: '127.0.0.1', headers }), '401 × 1000')
  t.equal(at(inside, { address: '127.0.0.1' }), 402)
})

t.test('guessed keys count more: sixty of them throttle what comes from there, three hundred block it', async (t) => {
  const inside = await openInside(t)
  const headers = { authorization: 'Bearer atlas_guessed' }
  const good = await inside.key('good')
  t.equal(runs(inside, 59, { headers }), '401 × 59')
  t.equal(at(inside), 402)
  t.equal(runs(inside, 1, { headers }), '401 × 1')
  t.equal(at(inside), 429)
  t.equal(runs(inside, 240, { headers }), '401 × 240')
  t.equal(at(inside, { headers: good }), 403, 'also with a good key')
  inside.provider.answers = (one) => one.answer(200, '{}')
  t.equal((await call(inside, { headers: good, address: '127.0.0.1' })).sink.answers[0]?.status, 200, 'which is good elsewhere')
})

t.test('malformed requests that never become a call count for their address', async (t) => {
  const inside = await openInside(t)
  const refuse = (code: 'bad_request' | 'unknown_route' | 'body_too_large', address = AWAY): void => {
    for (const chain of inside.generation.chains)
      chain.observeRefused({ address, loopback: address.startsWith('127.'), target: '/x', header: () => undefined }, { code, detail: '' }, new Set())
  }
  for (let count = 0; count < 400; count += 1) refuse('bad_request')
  for (let count = 0; count < 98; count += 1) refuse('body_too_large')
  for (let count = 0; count < 3; count += 1) refuse('unknown_route')
  t.equal(at(inside), 402, '599')
  t.equal(at(inside), 429, '600')
  for (let count = 0; count < 9_000; count += 1) refuse('bad_request', '127.0.0.1')
  t.equal(at(inside, { address: '127.0.0.1' }), 402)
})

t.test('abandoned calls count more, for the key that made them, wherever it calls from', async (t) => {
  const inside = await openInside(t)
  const headers = await inside.key('k')
  for (let count = 0; count < 120; count += 1) {
    const flown = inside.fly('/acme/search', { headers, address: '127.0.0.1' })
    flown.flight.onClientGone()
    t.equal(flown.flight.state, 'over')
  }
  t.equal(at(inside, { headers }), 429)
  t.equal(at(inside, { headers, address: '127.0.0.1' }), 429, 'loopback is no way out for a key')
  t.equal(at(inside), 402, 'the address did nothing')
})

t.test('a wallet answers for what was done with payments of its own, not for what is claimed in its name', async (t) => {
  const inside = await openInside(t)
  const nowMs = inside.clock.nowMs()
  let number = 0
  const pay = (wallet: number): Asked => {
    number += 1
    return { headers: paymentHeader({ number, wallet, nowMs }), address: '127.0.0.1' }
  }
  inside.facilitator.verifies = () => ({ kind: 'answer', status: 200, body: { isValid: false, invalidReason: 'invalid_signature' } })
  for (let count = 0; count < 350; count += 1) await call(inside, pay(1))
  inside.facilitator.verifies = () => VALID
  inside.provider.answers = (one) => one.answer(200, '{}')
  t.equal((await call(inside, pay(1))).sink.answers[0]?.status, 200, 'somebody else has sent forged payments')
  inside.provider.answers = undefined
  for (let count = 0; count < 45; count += 1) {
    const flown = inside.fly('/acme/search', pay(2))
    await reached('the provider is asked', () => flown.flight.state === 'calling')
    flown.flight.onClientGone()
  }
  t.equal(at(inside, pay(2)), 429, 'it has left its own calls')
})

t.test('what the gateway or a provider cannot do counts for nothing', async (t) => {
  const inside = await openInside(t, { concurrentPerConsumer: 1 })
  const headers = await inside.key('k')
  const poor = await inside.key('poor', { credits: 0n as never })
  const score = (): number => inside.meters.perMinute(`address:${AWAY}`) + inside.meters.perMinute('key:k') + inside.meters.perMinute('key:poor')
  const one = async (expected: string, asked: Asked, from?: (typeof inside.provider)['answers']): Promise<void> => {
    inside.provider.answers = from
    const flown = await call(inside, asked)
    const [answer] = flown.sink.answers
    const code = answer !== undefined && answer.status !== 404 ? JSON.parse(answer.body).code : String(answer?.status)
    t.equal(code, expected)
    t.equal(score(), 0, `${expected} counts for nothing`)
  }
  await one('upstream_error', { headers }, (attempt) => attempt.answer(500, ''))
  await one('404', { headers }, (attempt) => attempt.answer(404, ''))
  await one('upstream_error', { headers }, (attempt) => attempt.error())
  await one('insufficient_credits', { headers: poor })
  await one('price_above_max', { headers: { ...headers, 'x-atlas-max-price': '$0.01' } })
  inside.provider.answers = undefined
  const slow = inside.fly('/acme/search', { headers, address: AWAY })
  await reached('the provider is asked', () => slow.flight.state === 'calling')
  await one('rate_limited', { headers })
  slow.flight.onDeadline()
  t.equal(score(), 0, 'upstream_timeout')
  inside.facilitator.verifies = () => LOST
  await one('unavailable', { headers: paymentHeader({ number: 1, nowMs: inside.clock.nowMs() }) })
  inside.facilitator.verifies = () => VALID
  inside.facilitator.settles = () => LOST
  await one('payment_pending', { headers: paymentHeader({ number: 2, nowMs: inside.clock.nowMs() }) }, (attempt) => attempt.answer(200, '{}'))
  await inside.admin.setEnabled('acme', false, false)
  await one('sold_out', { headers })
  await one('sold_out', {})
})

t.test("an owner's key is neither counted nor stopped", async (t) => {
  const inside = await openInside(t)
  runs(inside, 3_100)
  inside.provider.answers = (one) => one.answer(200, '{}')
  t.equal((await call(inside, { headers: await inside.key('o', { role: 'owner', owner: 'alice' }) })).sink.answers[0]?.status, 200)
})
