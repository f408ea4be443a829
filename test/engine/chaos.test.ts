/** Providers that fail, on a simulated clock: nobody pays for a failure, a pool outlives one of its connections, and no failure is multiplied. */

import t from 'tap'
import { units } from '../../gateway/contract/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { always, openOutage, proven, type Way } from '../rig/outage.ts'
import { randomFrom, seedOf } from '../rig/random.ts'

t.test('one that is slow: the calls that it swallows cost nobody anything, and the others go elsewhere', async (t) => {
  const outage = await openOutage(t)
  outage.providers.behaviours.set('a', always('hangs'))
  await outage.run(60, 20)
  await proven(t, outage)
  // All that came within the timeout of the first, and the probes.
  t.ok(outage.answers.bad <= 20 * 5 + 20, `${outage.answers.bad} calls met it`)
  t.equal(outage.answers.statuses.get(504), outage.answers.bad)
})

t.test('one that is up and down in turn serves when it can, at no more than 1.1 attempts a call', async (t) => {
  const random = randomFrom(seedOf(t))
  const outage = await openOutage(t)
  const flips: number[] = []
  for (let at: number = outage.inside.clock.nowMs(), end = at + 300_000; at < end; at += 1000 + random() * 20_000) flips.push(at)
  const isUp = (nowMs: number): boolean => flips.filter((at) => at <= nowMs).length % 2 === 0
  outage.providers.behaviours.set('a', (nowMs) => (isUp(nowMs) ? { status: 200 } : random() < 0.5 ? { status: 500 } : 'refuses connections'))
  // Its probes come half a minute apart, and each finds it down as often as not: in five minutes, one finds it up.
  await outage.run(300, 50)
  t.ok((await proven(t, outage)) > 0.98)
  t.ok(outage.providers.sent('a') > 100, `it was asked ${outage.providers.sent('a')} times`)
})

t.test('one that refuses the credential, one whose quota is gone, one whose plan lacks it: asked a few times, then no more', async (t) => {
  for (const [status, most, word] of [
    // Three, and what was on its way meanwhile.
    [401, 5, 'paused'],
    [402, 5, 'exhausted'],
    [403, 5, undefined],
  ] as const) {
    const outage = await openOutage(t, { storeLagMs: 0 })
    outage.providers.behaviours.set('a', always({ status }))
    await outage.run(20, 50)
    t.equal(await proven(t, outage), 1, `${status}: every call is served by the other one`)
    t.ok(outage.providers.sent('a') <= most, `${status}: asked ${outage.providers.sent('a')} times`)
    t.equal(outage.inside.health.shown('a')?.word, word)
  }
})

t.test('everything at once, by chance: what was paid is what was served', async (t) => {
  const random = randomFrom(seedOf(t))
  const outage = await openOutage(t)
  const ways: readonly Way[] = [
    { status: 500 },
    { status: 503 },
    { status: 402 },
    { status: 403 },
    { status: 429 },
    { status: 302 },
    'hangs',
    'refuses connections',
  ]
  for (const name of ['a', 'b'])
    outage.providers.behaviours.set(name, () => (random() < 0.7 ? { status: 200 } : (ways[Math.floor(random() * ways.length)] as Way)))
  await outage.run(60, 40)
  await proven(t, outage)
})

t.test('recovery: the first probe that is served opens the connection again, and one call at a time is the probe', async (t) => {
  const outage = await openOutage(t, { connections: [connectionOf('a', { quota: units(1_000_000), reserved: units(0) })], consumers: 50 })
  const { inside, providers } = outage
  let isUp = false
  providers.behaviours.set('a', () => (isUp ? { status: 200 } : { status: 500 }))
  for (let consumer = 0; consumer < 5; consumer += 1) await outage.call(consumer, consumer % 2 === 0 ? '/acme/search' : '/acme/other')
  t.equal(inside.health.shown('a')?.word, 'open')
  const sent = providers.sent('a')
  const refused = await outage.call()
  t.match(refused.sink.answers, [{ status: 502, headers: /retry-after/ }])
  t.equal(providers.sent('a'), sent, 'what is refused is not sent')
  for (let probe = 1; probe <= 6; probe += 1) {
    // The disk works in the time of this machine: what it still has to do would seem to have waited for seconds.
    await inside.flushed()
    inside.clock.pass(Math.min(30_000, 1000 * 2 ** (probe - 1)))
    const before = providers.sent('a')
    providers.open.clear()
    await Promise.all(Array.from({ length: 50 }, (_, consumer) => outage.call(consumer)))
    t.equal(providers.open.get('a')?.most, 1, 'one at a time')
    t.equal(providers.sent('a') - before, 1, `probe ${probe}: one call of fifty`)
  }
  isUp = true
  await inside.flushed()
  inside.clock.pass(30_000)
  t.match((await outage.call()).sink.answers, [{ status: 200 }])
  t.equal(inside.health.shown('a')?.word, undefined)
  await Promise.all(Array.from({ length: 50 }, async (_, consumer) => t.equal((await outage.call(consumer)).sink.answers[0]?.status, 200)))
})

t.test('a quota that is gone is there again when its period ends', async (t) => {
  const outage = await openOutage(t)
  const { inside, providers } = outage
  const resetsAtMs = inside.store.stock.resetsAtMs('a') as number
  for (const name of ['a', 'b']) providers.behaviours.set(name, (nowMs) => ({ status: nowMs < resetsAtMs ? 402 : 200 }))
  for (let call = 0; call < 10; call += 1) await outage.call(call, call % 2 === 0 ? '/acme/search' : '/acme/other')
  t.same(
    [providers.sent('a'), providers.sent('b')].map((count) => count <= 3),
    [true, true],
  )
  const flown = await outage.call()
  t.match(flown.sink.answers, [{ status: 503, body: /"code":"sold_out"/ }])
  const { headers } = flown.sink.answers[0] as { headers: readonly string[] }
  t.ok(Math.abs(Number(headers[headers.indexOf('retry-after') + 1]) - (resetsAtMs - inside.clock.nowMs()) / 1000) < 3, 'Retry-After leads to the reset')
  t.equal(inside.told.filter(({ kind }) => kind === 'quota-exhausted').length, 2, 'each owner was told once')
  inside.clock.pass(resetsAtMs - inside.clock.nowMs() + 1)
  t.match((await outage.call()).sink.answers, [{ status: 200 }])
})
