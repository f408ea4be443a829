/** Long and open-ended answers: charged before the first byte leaves, no faster than the reader, credited when the provider breaks off. */

import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached, turns } from '../rig/inside.ts'
import { paymentHeader, walletOf } from '../rig/payments.ts'
import type { ScriptedTry } from '../rig/scripted.ts'

const BUFFER_BYTES = 64
const EVENTS = ['Content-Type', 'text/event-stream; charset=utf-8']
const adapter = adapterOf([operationOf('search'), operationOf('feed', { streaming: true })], {
  failures: [{ status: 409, means: 'rate-limited', bills: false }],
})

const open = (t: Test): Promise<Inside> => openInside(t, { adapter, bufferBytes: BUFFER_BYTES, upstreamTimeoutMs: 30_000 })

interface Streaming {
  readonly flown: Flown
  readonly one: ScriptedTry
}

/** A call whose answer has begun to leave. */
async function stream(inside: Inside, headers: Readonly<Record<string, string>>, path = '/acme/feed'): Promise<Streaming> {
  const before = inside.provider.tries.length
  const flown = inside.fly(path, { headers })
  await reached('the provider is asked', () => inside.provider.tries.length > before)
  const one = inside.provider.tries[before] as ScriptedTry
  one.head(200, path === '/acme/feed' ? undefined : EVENTS)
  one.data('first ')
  await reached('the answer leaves', () => flown.flight.state === 'streaming')
  return { flown, one }
}

const seen = ({ sink }: Flown): string => sink.streams[0]?.body ?? ''
const balance = async ({ admin }: Inside): Promise<bigint> => await admin.balance('key:k')

t.test('the charge is durable before the first byte leaves', async (t) => {
  const inside = await open(t)
  const flown = inside.fly('/acme/feed', { headers: await inside.key('k') })
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  const begin = flown.sink.begin.bind(flown.sink)
  let charged: boolean | undefined
  flown.sink.begin = (...head) => {
    charged = inside.journal.some((record) => record.t === 'charge')
    begin(...head)
  }
  inside.provider.tries[0]?.answer(200, 'all of it')
  await flown.landed
  t.equal(charged, true)
  t.equal(seen(flown), 'all of it')
  t.equal(flown.sink.seen, 'stream whole')
  t.match(flown.sink.streams[0]?.headers.join(' '), /x-atlas-price \$0\.15 x-atlas-units 1 x-atlas-receipt rc_/)
  t.equal(await balance(inside), 9_850_000n)
})

t.test('an event stream is open-ended whatever the adapter says; so is an answer over the buffer', async (t) => {
  const inside = await open(t)
  const headers = await inside.key('k')
  const { flown, one } = await stream(inside, headers, '/acme/search')
  t.equal(seen(flown), 'first ')
  one.end()
  await flown.landed
  const large = inside.fly('/acme/search', { headers })
  await reached('the provider is asked', () => inside.provider.tries.length === 2)
  const two = inside.provider.tries[1] as ScriptedTry
  two.data('x'.repeat(BUFFER_BYTES))
  await turns()
  t.equal(large.flight.state, 'calling', 'what fits is read whole')
  two.data('y')
  await reached('it is charged', () => large.flight.state === 'streaming')
  two.data('z')
  two.end()
  await large.landed
  t.equal(seen(large), `${'x'.repeat(BUFFER_BYTES)}yz`)
})

t.test('a refusal of the provider is none, open-ended or not', async (t) => {
  const inside = await open(t)
  const headers = await inside.key('k')
  inside.provider.answers = (one) => one.answer(409, `data: ${'x'.repeat(BUFFER_BYTES)}`, EVENTS)
  for (const path of ['/acme/feed', '/acme/search']) {
    const flown = inside.fly(path, { headers })
    await flown.landed
    t.match(flown.sink.answers, [{ status: 502 }])
  }
  t.equal(await balance(inside), 10_000_000n)
})

t.test('the provider is read no faster than the reader reads', async (t) => {
  const inside = await open(t)
  const { flown, one } = await stream(inside, await inside.key('k'))
  flown.sink.ready = false
  one.data('second ')
  one.data('third ')
  one.data('fourth ')
  await turns()
  t.equal(seen(flown), 'first second ', 'one chunk was under way')
  flown.sink.drain()
  t.equal(seen(flown), 'first second third fourth ')
  one.end()
  await flown.landed
  t.strictSame(flown.sink.wrongs, [])
})

t.test('a provider that falls silent is cut off, and the charge becomes credit; waiting for the reader is no silence', async (t) => {
  const inside = await open(t)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { flown, one } = await stream(inside, await inside.key('k'))
  mock.timers.tick(29_999)
  flown.sink.ready = false
  one.data('second ')
  mock.timers.tick(600_000)
  t.equal(flown.flight.state, 'streaming', 'the reader is slow, not the provider')
  flown.sink.drain()
  mock.timers.tick(29_999)
  t.equal(flown.flight.state, 'streaming')
  mock.timers.tick(1)
  t.equal(flown.flight.state, 'over')
  t.equal(flown.sink.seen, 'stream cut')
  t.ok(one.aborted)
  await inside.flushed()
  t.equal(await balance(inside), 10_000_000n)
})

t.test('what the provider breaks off becomes credit of the payer, once, with the split that the charge had', async (t) => {
  const inside = await open(t)
  const payment = paymentHeader({ number: 1, nowMs: inside.clock.nowMs() })
  for (const headers of [await inside.key('k'), payment, await inside.key('o', { role: 'owner', owner: 'alice', credits: 0n as never })]) {
    const { flown, one } = await stream(inside, headers)
    one.error()
    await flown.landed
    t.equal(flown.sink.seen, 'stream cut', 'the reader sees that it is not whole')
  }
  await inside.flushed()
  t.equal(await balance(inside), 10_000_000n)
  t.equal(await inside.admin.balance(`wallet:${walletOf(1)}`), 150_000n)
  const refunds = inside.journal.filter((record) => record.t === 'refund')
  t.match(refunds, [
    { account: 'key:k', price: '150000', platform: '15000' },
    { account: `wallet:${walletOf(1)}`, price: '150000', platform: '15000' },
  ])
  t.equal((await inside.admin.counters('acme')).sold, 2, 'the units stay sold: the provider worked')
})

t.test('a reader who leaves, and a stop, end the stream at the provider; the charge stands', async (t) => {
  const inside = await open(t)
  const headers = await inside.key('k')
  for (const leave of ['onClientGone', 'onShutdown'] as const) {
    const { flown, one } = await stream(inside, headers)
    flown.flight[leave]()
    t.equal(flown.flight.state, 'over')
    t.ok(one.aborted, leave)
  }
  await inside.flushed()
  t.equal(await balance(inside), 9_700_000n)
})

t.test('a reader who left while the charge was being written leaves no stream behind that nobody reads', async (t) => {
  const inside = await open(t)
  const flown = inside.fly('/acme/feed', { headers: await inside.key('k') })
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  const one = inside.provider.tries[0] as ScriptedTry
  one.head()
  t.equal(flown.flight.state, 'settling')
  flown.sink.gone = true
  flown.flight.onClientGone()
  await flown.landed
  t.ok(one.aborted)
})

t.test('a long answer is not stored: the same name afterwards is told so, with the receipt', async (t) => {
  const inside = await open(t)
  const headers = { 'idempotency-key': 'a-name', ...(await inside.key('k')) }
  const { flown, one } = await stream(inside, headers)
  one.end()
  await flown.landed
  const again = inside.fly('/acme/feed', { headers })
  await again.landed
  const receipt = inside.outcomes.get(flown.id)?.[0]?.receipt
  t.match(again.sink.answers, [{ status: 409 }])
  t.match(JSON.parse(again.sink.answers[0]?.body ?? ''), { code: 'replay_unavailable', receipt })
})
