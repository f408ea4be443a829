/** The provider's pace is found out from what it says, never assumed; who waits for his turn has sent nothing. */

import t, { type Test } from 'tap'
import { units } from '../../../gateway/contract/index.ts'
import { connectionOf } from '../../rig/acme.ts'
import { reached, turns } from '../../rig/inside.ts'
import { openOutage, type Outage, type Way } from '../../rig/outage.ts'

const ONE = [connectionOf('a', { quota: units(1_000_000), reserved: units(0) })]

/** A token bucket, as providers have it: so many a second, and as many at once. */
function bucket(perSecond: number, headers: (nowMs: number) => readonly string[] = () => []) {
  let [tokens, atMs] = [perSecond, 0]
  const seen = { taken: 0, refused: 0 }
  const behaviour = (nowMs: number): Way => {
    tokens = Math.min(perSecond, tokens + ((nowMs - (atMs || nowMs)) / 1000) * perSecond)
    atMs = nowMs
    if (tokens >= 1) {
      tokens -= 1
      seen.taken += 1
      return { status: 200 }
    }
    seen.refused += 1
    return { status: 429, headers: headers(nowMs) }
  }
  return { seen, behaviour }
}

/** What came of a minute in which twice as much is asked as the provider takes, after it was learned. */
async function saturate(t: Test, outage: Outage, limit: ReturnType<typeof bucket>, { perSecond, most }: { perSecond: number; most: number }): Promise<void> {
  outage.providers.behaviours.set('a', limit.behaviour)
  await outage.run(10, perSecond * 2)
  const learned = limit.seen.refused
  t.ok(learned <= most, `learned by ${learned} refusals`)
  const before = { ...limit.seen }
  await outage.run(60, perSecond * 2)
  const taken = limit.seen.taken - before.taken
  const refused = limit.seen.refused - before.refused
  t.comment(`${(taken / 60).toFixed(2)} of ${perSecond} a second, ${refused} refused in a minute of ${perSecond * 120} calls`)
  t.ok(taken >= perSecond * 60 * 0.9, `${taken} of ${perSecond * 60}`)
  t.ok(refused <= taken / 25)
  const { paid, owed } = await outage.money()
  t.equal(paid, owed)
}

t.test('a provider that takes twenty a second: found out by a few refusals, then used to nine tenths and more', async (t) => {
  await saturate(t, await openOutage(t, { connections: ONE }), bucket(20), { perSecond: 20, most: 6 })
})

t.test('the same where its adapter declares the limit', async (t) => {
  await saturate(t, await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 20, perMinute: 3000 } } }), bucket(20), {
    perSecond: 20,
    most: 4,
  })
})

t.test('a limit that is not what the adapter declares is found out, too', async (t) => {
  await saturate(t, await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 20 } } }), bucket(12), { perSecond: 12, most: 14 })
})

t.test('nothing is limited before the provider says something, whatever its adapter declares', async (t) => {
  const outage = await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 2 } } })
  await Promise.all(Array.from({ length: 100 }, async (_, consumer) => t.equal((await outage.call(consumer)).sink.answers[0]?.status, 200)))
  t.equal(outage.inside.health.shown('a')?.word, undefined)
})

t.test('figures in the fields of answers are believed: nothing is sent that would be refused', async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  let [left, windowMs, refused] = [20, 0, 0]
  outage.providers.behaviours.set('a', (nowMs) => {
    if (nowMs - windowMs >= 1000) [left, windowMs] = [20, nowMs]
    if (left === 0) refused += 1
    else left -= 1
    return { status: left === 0 && refused > 0 ? 429 : 200, headers: ['RateLimit-Limit', '20', 'RateLimit-Remaining', String(left), 'RateLimit-Reset', '1'] }
  })
  await outage.run(20, 40)
  t.ok(refused <= 2, `${refused} refused`)
  t.ok(outage.answers.good >= 20 * 20 * 0.9, `${outage.answers.good} served in 20 s`)
})

t.test('heavy operations have a pace of their own', async (t) => {
  const outage = await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 20, heavyPerSecond: 1 } } })
  const heavy = bucket(1)
  outage.providers.behaviours.set('a', (nowMs, _, { operation }) => (operation.heavy === true ? heavy.behaviour(nowMs) : { status: 200 }))
  for (let call = 0; call < 3; call += 1) await outage.call(0, '/acme/heavy')
  t.match(outage.inside.health.shown('a')?.pace, { heavy: { per_second: 0.95 }, plain: undefined })
  await Promise.all(Array.from({ length: 50 }, async () => t.equal((await outage.call()).sink.answers[0]?.status, 200)))
})

t.test('Retry-After is kept: until then calls go elsewhere at no higher price, or are refused with it', async (t) => {
  const outage = await openOutage(t)
  const { inside, providers } = outage
  let isLimited = true
  providers.behaviours.set('a', () => (isLimited ? { status: 429, headers: ['Retry-After', '30'] } : { status: 200 }))
  for (let call = 0; call < 10; call += 1) t.equal((await outage.call()).sink.answers[0]?.status, 200)
  t.equal(providers.sent('a'), 1)
  providers.behaviours.set('b', () => ({ status: 429, headers: ['Retry-After', new Date(inside.clock.nowMs() + 60_000).toUTCString()] }))
  await outage.call()
  const refused = (await outage.call()).sink.answers[0]
  t.match(refused, { status: 502, body: /limiting calls/ })
  const { headers } = refused as { headers: readonly string[] }
  const seconds = Number(headers[headers.indexOf('retry-after') + 1])
  t.ok(seconds > 25 && seconds <= 30, `Retry-After: ${seconds}, of the one that is there first`)
  t.same([providers.sent('a'), providers.sent('b')], [1, 11])
  isLimited = false
  inside.clock.pass(seconds * 1000)
  t.equal((await outage.call()).sink.answers[0]?.status, 200)
  t.equal(providers.sent('a'), 2)
})

t.test('who waits for his turn sends nothing; who leaves gives his units back and is forgotten', async (t) => {
  const outage = await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 2 } } })
  const { inside, providers } = outage
  const limit = bucket(2)
  providers.behaviours.set('a', limit.behaviour)
  await Promise.all(Array.from({ length: 3 }, (_, consumer) => outage.call(consumer)))
  const sent = providers.sent('a')
  const left = inside.store.stock.left('a')
  const headers = await inside.key('waiting')
  const waiting = Array.from({ length: 3 }, () => inside.fly('/acme/search', { headers }))
  await turns()
  t.equal(providers.sent('a') - sent <= 1, true)
  const last = waiting.at(-1)
  t.equal(last?.flight.state, 'calling')
  last?.flight.onClientGone()
  t.match(inside.outcomes.get(last?.id ?? ''), [{ kind: 'abandoned', attempts: [{ meaning: 'client-gone', used: 'returned' }] }])
  for (let step = 0; step < 300; step += 1) {
    inside.clock.pass(10)
    await turns(1)
  }
  await reached('the others are answered', () => waiting.slice(0, 2).every(({ flight }) => flight.state === 'over'))
  t.same(
    waiting.slice(0, 2).map(({ sink }) => sink.answers[0]?.status),
    [200, 200],
  )
  t.equal(providers.sent('a') - sent, 2, 'the one that left was never sent')
  await inside.flushed()
  t.equal(left - inside.store.stock.left('a'), 2)
  const { wasted } = await inside.admin.counters('a')
  t.equal(wasted, 0)
})

t.test("an owner's call, too, is refused at once where its turn would come too late: with the time when it makes sense, and no attempt", async (t) => {
  const outage = await openOutage(t, { connections: ONE, adapter: { rateLimit: { perSecond: 2 } } })
  const { inside, providers } = outage
  providers.behaviours.set('a', bucket(2).behaviour)
  await Promise.all(Array.from({ length: 3 }, (_, consumer) => outage.call(consumer)))
  const sent = providers.sent('a')
  const headers = await inside.key('late', { role: 'owner', owner: ONE[0]?.owner as string })
  const flown = Array.from({ length: 40 }, () => inside.fly('/acme/search', { headers }))
  await reached('those that come too late are refused', () => flown.some(({ flight }) => flight.state === 'over'))
  t.ok(providers.sent('a') - sent <= 1)
  for (const { id, sink } of flown.filter(({ flight }) => flight.state === 'over')) {
    t.match(sink.answers[0], { status: 502, body: /limiting calls/ })
    const given = (sink.answers[0] as { headers: readonly string[] }).headers
    t.ok(Number(given[given.indexOf('retry-after') + 1]) >= 1)
    t.same(inside.outcomes.get(id)?.[0]?.attempts, [])
  }
})

t.test('a pace that nobody refuses for ten minutes is forgotten', async (t) => {
  const outage = await openOutage(t, { connections: ONE })
  let status = 429
  outage.providers.behaviours.set('a', () => ({ status }))
  await outage.call()
  status = 200
  t.equal(outage.inside.health.shown('a')?.word, 'paced')
  outage.inside.clock.pass(601_000)
  await outage.call()
  t.equal(outage.inside.health.shown('a')?.word, undefined)
})

t.test('a pace is never less than one call a second, or half of what is declared: nobody can stop an owner by asking for refusals', async (t) => {
  for (const [rateLimit, slowest] of [
    [{}, 1],
    [{ perMinute: 20 }, 1 / 6],
  ] as const) {
    const outage = await openOutage(t, { connections: ONE, adapter: { rateLimit } })
    outage.providers.behaviours.set('a', () => ({ status: 429 }))
    await outage.run(120, 2)
    const { per_second = 0 } = outage.inside.health.shown('a')?.pace.plain ?? {}
    t.ok(Number(per_second) >= slowest - 0.01 && Number(per_second) <= slowest * 2, `${per_second} a second`)
  }
})
