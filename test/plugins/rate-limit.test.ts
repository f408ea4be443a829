/** Exactly `burst` calls at once, then one each interval; a refused call takes nothing; a wallet is counted once it is known. */

import t from 'tap'
import { realChain } from '../rig/chains.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { VALID } from '../rig/scripted.ts'

const chain = realChain({ 'rate-limit': 'per_consumer: 60/minute\nburst: 3' })

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  inside.provider.answers = (one) => one.answer(200, '{}')
  const flown = inside.fly('/acme/search', { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

async function statuses(inside: Inside, headers: Readonly<Record<string, string>>, count: number): Promise<(number | undefined)[]> {
  const found: (number | undefined)[] = []
  for (let at = 0; at < count; at += 1) found.push((await call(inside, headers)).sink.answers[0]?.status)
  return found
}

const header = ({ sink }: Flown, name: string): string | undefined => {
  const headers = sink.answers[0]?.headers ?? []
  return headers[headers.indexOf(name) + 1]
}

t.test('a burst at once, then one a second, however often it is asked meanwhile', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  t.strictSame(await statuses(inside, key, 6), [200, 200, 200, 429, 429, 429])
  inside.clock.pass(999)
  t.strictSame(await statuses(inside, key, 1), [429])
  inside.clock.pass(1)
  t.strictSame(await statuses(inside, key, 2), [200, 429])
  inside.clock.pass(60_000)
  t.strictSame(await statuses(inside, key, 4), [200, 200, 200, 429], 'after a pause no more than the burst')
  t.equal(await inside.admin.balance('key:k'), 10_000_000n - 7n * 150_000n, 'what was refused cost nothing')
})

t.test('each consumer has a pace of his own, and an owner none', async (t) => {
  const inside = await openInside(t, { chain })
  for (const id of ['a', 'b']) t.strictSame(await statuses(inside, await inside.key(id), 4), [200, 200, 200, 429], id)
  t.strictSame(await statuses(inside, await inside.key('o', { role: 'owner', owner: 'alice' }), 8), Array(8).fill(200))
})

t.test('the answer says what is left and when, and a refusal when to come again', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  const left: (string | undefined)[] = []
  for (let at = 0; at < 3; at += 1) {
    const flown = await call(inside, key)
    left.push(header(flown, 'ratelimit'))
    t.equal(header(flown, 'ratelimit-policy'), '"default";q=60;w=60')
  }
  t.strictSame(left, ['"default";r=2;t=1', '"default";r=1;t=2', '"default";r=0;t=3'])
  const refused = await call(inside, key)
  t.equal(header(refused, 'retry-after'), '1')
  t.equal(JSON.parse(refused.sink.answers[0]?.body ?? '').code, 'rate_limited')
})

t.test('calls that were not charged leave the pace as it was; one that used the provider counts', async (t) => {
  const inside = await openInside(t, { chain })
  const key = await inside.key('k')
  for (let at = 0; at < 5; at += 1) {
    inside.provider.answers = (one) => one.error(false)
    const flown = inside.fly('/acme/search', { headers: key })
    await reached('the call is over', () => flown.flight.state === 'over')
    t.equal(flown.sink.answers[0]?.status, 502)
  }
  t.strictSame(await statuses(inside, key, 4), [200, 200, 200, 429])
})

t.test('who claims to be a wallet, and is not, takes nothing from its pace; a verified one is held to it', async (t) => {
  const inside = await openInside(t, { chain })
  const pay = (number: number): Record<string, string> => paymentHeader({ number, wallet: 1, nowMs: inside.clock.nowMs() })
  inside.facilitator.verifies = () => ({ kind: 'answer', status: 200, body: { isValid: false, invalidReason: 'invalid_signature' } })
  for (let at = 0; at < 5; at += 1) t.strictSame(await statuses(inside, pay(at), 1), [402])
  inside.facilitator.verifies = () => VALID
  const found: (number | undefined)[] = []
  for (let at = 10; at < 14; at += 1) found.push(...(await statuses(inside, pay(at), 1)))
  t.strictSame(found, [200, 200, 200, 429])
  t.equal(inside.facilitator.asked.settle.length, 3, 'the payment of the refused call is unused')
  inside.clock.pass(1000)
  t.strictSame(await statuses(inside, pay(13), 1), [200], 'and good for the same call again')
})
