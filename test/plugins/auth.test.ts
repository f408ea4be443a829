/** Who calls: a key that is good, else the wallet that the payment names, else nobody in particular. A bad key is nobody at all. */

import t from 'tap'
import type { KeyRecord } from '../../gateway/contract/index.ts'
import auth from '../../plugins/auth.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader, walletOf } from '../rig/payments.ts'
import { ScriptedClock } from '../rig/scripted.ts'

async function call(inside: Inside, headers: Readonly<Record<string, string>>): Promise<Flown> {
  inside.provider.answers = (one) => one.answer(200, '{}')
  const flown = inside.fly('/acme/search', { headers, address: '203.0.113.7' })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

t.test('an unknown, malformed, expired or revoked key is 401, also with a good payment beside it', async (t) => {
  const inside = await openInside(t)
  const good = await inside.key('good')
  const expired = await inside.key('expired', { expiresAtMs: (inside.clock.nowMs() + 1000) as never })
  const revoked = await inside.key('revoked')
  t.equal((await call(inside, expired)).sink.answers[0]?.status, 200, 'good until then')
  inside.clock.pass(1000)
  await inside.admin.revokeKey('revoked')
  const bad: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    unknown: { authorization: 'Bearer atlas_unknown' },
    'unknown, in the other field': { 'x-api-key': 'atlas_unknown' },
    'of another kind': { authorization: 'Basic YTpi' },
    malformed: { authorization: 'Bearer' },
    'the hash of a good one': { 'x-api-key': 'c0ffee' },
    'two that differ': { ...good, 'x-api-key': 'atlas_other' },
    expired,
    revoked,
  }
  for (const [name, headers] of Object.entries(bad)) {
    for (const payment of [{}, paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })]) {
      const flown = await call(inside, { ...headers, ...payment })
      const [answer] = flown.sink.answers
      t.equal(answer?.status, 401, name)
      t.match(JSON.parse(answer?.body ?? ''), { code: 'unauthenticated' })
      t.ok(answer?.headers.join(' ').includes('www-authenticate Bearer'))
      t.equal(flown.call.consumer.id, 'address:203.0.113.7', 'it is nobody, and counts for its address')
    }
  }
  t.strictSame(inside.facilitator.asked.verify, [])
  t.equal((await call(inside, { ...good, 'x-api-key': good.authorization?.slice(7) ?? '' })).sink.answers[0]?.status, 200, 'the same key twice is one')
})

t.test('a consumer is a key, else the wallet of the payment, else an address', async (t) => {
  const inside = await openInside(t)
  const key = await inside.key('k', { capPerDay: 5_000_000n as never })
  const owner = await inside.key('o', { role: 'owner', owner: 'alice' })
  const payment = (number: number): Record<string, string> => paymentHeader({ number, wallet: 7, nowMs: inside.clock.nowMs() })
  const cases: readonly [Readonly<Record<string, string>>, object][] = [
    [{}, { kind: 'anonymous', id: 'address:203.0.113.7' }],
    [key, { kind: 'key', id: 'key:k', keyId: 'k', account: 'key:k', capPerDay: 5_000_000n }],
    [owner, { kind: 'owner', id: 'key:o', keyId: 'o', owner: 'alice' }],
    [payment(1), { kind: 'wallet', id: `wallet:${walletOf(7)}`, wallet: walletOf(7) }],
    [
      { ...key, ...payment(2) },
      { kind: 'key', id: 'key:k' },
    ],
    [
      { ...owner, ...payment(3) },
      { kind: 'owner', id: 'key:o' },
    ],
  ]
  for (const [headers, consumer] of cases) t.match((await call(inside, headers)).call.consumer, consumer)
  t.equal(inside.facilitator.asked.settle.length, 2, "the wallet's own, and the one beside the key, which pays; an owner's is ignored")
})

t.test('whatever is shown takes one way: it is hashed and looked up once, and only the hash is compared', async (t) => {
  const asked: string[] = []
  const key = { id: 'k', hash: '', role: 'consumer', account: 'key:k', createdAtMs: 0 } as unknown as KeyRecord
  const found: (KeyRecord | undefined)[] = [undefined, key, { ...key, revokedAtMs: 1 as never }, { ...key, expiresAtMs: 1 as never }]
  for (const record of found) {
    const keys = {
      byHash: (hash: string) => {
        asked.push(hash)
        return record
      },
    }
    const hooks = auth.create({}, { keys, clock: new ScriptedClock() } as never)
    for (const shown of ['Bearer atlas_a', 'Bearer', 'Basic x', '']) {
      hooks.facts?.consumer?.({ header: (name: string) => (name === 'authorization' ? shown : undefined), address: '' } as never)
    }
  }
  t.equal(asked.length, 16)
  t.equal(new Set(asked).size, 2, 'what is no key of ours is looked up, too')
  for (const hash of asked) t.match(hash, /^[0-9a-f]{64}$/)
})
