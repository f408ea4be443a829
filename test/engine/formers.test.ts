/** Generations that were replaced: calls stay with theirs, quotes are honoured for as long as it was said, and nothing is closed before its last call is over. */

import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { definePlugin, isRefusal, type Refusal } from '../../gateway/contract/index.ts'
import { Engine, Generation, type RouteDefinition } from '../../gateway/engine/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { linkOf, realChain } from '../rig/chains.ts'
import { type Asked, type Inside, incomingOf, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { RecordingSink } from '../rig/sink.ts'

const adapter = adapterOf([operationOf('search'), operationOf('write', { method: 'POST', body: { text: { type: 'string' } } })])
const LIMITS = { upstreamTimeoutMs: 30_000, bufferBytes: 64, concurrentPerConsumer: 1000 }

interface World {
  readonly inside: Inside
  readonly engine: Engine
  readonly closed: string[]
  /** Another generation, in which a call costs this. */
  take(name: string, price: bigint, more?: Partial<RouteDefinition>): Promise<Generation>
  ask(path: string, asked?: Asked): { sink: RecordingSink; flight: ReturnType<Engine['begin']> | Refusal }
}

async function open(t: Test): Promise<World> {
  const inside = await openInside(t, { adapter })
  const closed: string[] = []
  let number = 1
  const made = async (name: string, price: bigint, more: Partial<RouteDefinition> = {}): Promise<Generation> => {
    const closer = definePlugin({ name: 'closer', describe: 'Says when it is closed', settings: {}, create: () => ({ close: () => void closed.push(name) }) })
    const connections = [connectionOf('acme', { unitPrice: price as never })]
    number += 1
    const route = { prefix: '/acme', api: 'acme', adapter, connections, chain: [...realChain(), linkOf(closer)], ...more }
    return Generation.create({ number, config: name }, [route], inside.pluginPorts)
  }
  const engine = new Engine(inside.ports, await made('first', 150_000n))
  t.teardown(() => engine.stop(0))
  return {
    ...{ inside, engine, closed },
    take: async (name, price, more) => {
      const generation = await made(name, price, more)
      engine.take(generation, LIMITS)
      return generation
    },
    ask: (path, asked = {}) => {
      const sink = new RecordingSink()
      const incoming = incomingOf('id', path, asked)
      const target = engine.target(incoming)
      return { sink, flight: isRefusal(target) ? target : engine.begin(incoming, target, Buffer.from(asked.body ?? ''), sink) }
    },
  }
}

const priceIn = (sink: RecordingSink): string | undefined => {
  const headers = sink.answers[0]?.headers ?? []
  return headers[headers.indexOf('x-atlas-price') + 1]
}

t.test('a call that is under way stays with its generation, which is closed after the last of its calls', async (t) => {
  const { inside, engine, closed, take, ask } = await open(t)
  const key = await inside.key('k')
  const before = ask('/acme/search', { headers: key })
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  await take('second', 200_000n)
  inside.clock.pass(61_000)
  const after = ask('/acme/search', { headers: key })
  await reached('the provider is asked again', () => inside.provider.tries.length === 2)
  t.strictSame(closed, [])
  t.equal(engine.formers, 1)
  inside.provider.tries[1]?.answer(200, '{}')
  inside.provider.tries[0]?.answer(200, '{}')
  await reached('both are answered', () => before.sink.answers.length + after.sink.answers.length === 2)
  t.strictSame([priceIn(before.sink), priceIn(after.sink)], ['$0.15', '$0.20'])
  await inside.flushed()
  const charges = inside.journal.filter((record) => record.t === 'charge') as unknown as { price: string; call: { config: string } }[]
  t.strictSame(charges.map(({ price, call }) => [price, call.config]).sort(), [
    ['150000', 'first'],
    ['200000', 'second'],
  ])
  await reached('what is not needed is closed', () => closed.length === 1)
  t.strictSame([closed, engine.formers], [['first'], 0])
})

t.test('a request whose body came after a reload is a call of the generation that serves then', async (t) => {
  const { inside, engine, take } = await open(t)
  const incoming = incomingOf('id', '/acme/search', { headers: await inside.key('k') })
  const target = engine.target(incoming)
  if (isRefusal(target)) throw new Error(target.detail)
  await take('second', 200_000n)
  const sink = new RecordingSink()
  engine.begin(incoming, target, Buffer.alloc(0), sink)
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  inside.provider.tries[0]?.answer(200, '{}')
  await reached('it is answered', () => sink.answers.length === 1)
  t.equal(priceIn(sink), '$0.20')
  await take('third', 200_000n, { adapter: adapterOf([operationOf('other')]) })
  const gone = new RecordingSink()
  engine.begin(incoming, target, Buffer.alloc(0), gone)
  t.match(gone.answers, [{ status: 404 }], 'what is not there any more is refused')
})

/** A call that is paid with so much, to its end. Where the machine stands still it is refused for a moment, the payment unused, and sent again. */
async function paid(world: World, number: number, micros: bigint): Promise<RecordingSink> {
  for (;;) {
    const sink = await paidOnce(world, number, micros)
    if (!sink.answers[0]?.body.includes('"code":"unavailable"')) return sink
    // A refusal comes at once: without a turn in between the disk that is waited for would never have one.
    await setImmediate()
  }
}

async function paidOnce(world: World, number: number, micros: bigint): Promise<RecordingSink> {
  const { inside, ask } = world
  const before = inside.provider.tries.length
  const { sink } = ask('/acme/search', { headers: paymentHeader({ number, micros, nowMs: inside.clock.nowMs() }) })
  await reached('the provider is asked, or the call refused', () => inside.provider.tries.length > before || sink.answers.length === 1)
  inside.provider.tries[before]?.answer(200, '{}')
  await reached('the call is answered', () => sink.answers.length === 1)
  return sink
}

t.test('a price that was quoted before a reload is honoured for quote_ttl, by the generation that quoted it, and no longer', async (t) => {
  const world = await open(t)
  const { inside, engine, take, closed } = world
  await take('second', 200_000n)
  await take('third', 300_000n)
  t.strictSame(
    engine.honoured.map(({ config }) => config),
    ['second', 'first'],
  )
  const [first, second, third] = [await paid(world, 1, 150_000n), await paid(world, 2, 200_000n), await paid(world, 3, 300_000n)]
  t.strictSame([first, second, third].map(priceIn), ['$0.15', '$0.20', '$0.30'])
  t.match(
    (await paid(world, 4, 100_000n)).answers,
    [{ status: 402, body: /"maxAmountRequired":"300000"/ }],
    'what nobody quoted buys nothing; the offer is that of now',
  )
  await inside.flushed()
  const charges = inside.journal.filter((record) => record.t === 'intent') as unknown as { price: string; call: { config: string; generation: number } }[]
  t.strictSame(
    charges.map(({ price, call }) => [price, call.config]),
    [
      ['150000', 'first'],
      ['200000', 'second'],
      ['300000', 'third'],
    ],
  )
  inside.clock.pass(59_999)
  t.equal(priceIn(await paid(world, 5, 150_000n)), '$0.15', 'until the last moment')
  inside.clock.pass(1)
  t.match((await paid(world, 6, 150_000n)).answers, [{ status: 402 }])
  t.strictSame(engine.honoured, [])
  await reached('nobody needs them any more', () => closed.length === 2)
  t.strictSame(closed.sort(), ['first', 'second'])
})

t.test('a payment that the present takes, too, is its own: nobody pays more, or elsewhere, than is right now', async (t) => {
  const world = await open(t)
  const { inside, take } = world
  await take('cheaper', 100_000n)
  await paid(world, 1, 150_000n)
  await inside.flushed()
  const [charge] = inside.journal.filter((record) => record.t === 'intent') as unknown as { price: string; call: { config: string } }[]
  t.match(charge, { price: '150000', call: { config: 'cheaper' } })
})

t.test('an offer that names another wallet than now is honoured as it was made; unpaid calls and credits are of the present', async (t) => {
  const world = await open(t)
  const { inside, take, ask } = world
  const elsewhere = `pay_to: "0x${'ab'.repeat(20)}"`
  const other = { chain: realChain({ 'x402-payment': elsewhere }) }
  await take('elsewhere', 150_000n, other)
  t.equal(priceIn(await paid(world, 1, 150_000n)), '$0.15')
  const { sink: unpaid } = ask('/acme/search')
  t.match(unpaid.answers, [{ status: 402, body: new RegExp('ab'.repeat(20)) }])
  const { sink: credits } = ask('/acme/search', { headers: await inside.key('k') })
  await reached('the provider is asked', () => inside.provider.tries.length === 2)
  inside.provider.tries[1]?.answer(200, '{}')
  await reached('it is answered', () => credits.answers.length === 1)
  await inside.flushed()
  const configs = inside.journal.flatMap((record) => ('call' in record ? [(record.call as { config: string }).config] : []))
  t.strictSame(configs, ['first', 'elsewhere'])
})

t.test('a generation is not closed while a settlement is unknown that it may be asked about', async (t) => {
  const world = await open(t)
  const { inside, engine, take, closed } = world
  const { settles } = inside.facilitator
  inside.facilitator.settles = () => Promise.resolve({ kind: 'lost', sent: true, why: 'slow', cause: 'a test' })
  t.match((await paid(world, 1, 150_000n)).answers, [{ status: 503 }])
  await take('second', 150_000n, { chain: realChain({ 'x402-payment': `pay_to: "0x${'ab'.repeat(20)}"\nnetwork: base` }) })
  inside.clock.pass(70_000)
  await reached('it is known that one is unknown', () => engine.unsettled.count === 1)
  t.strictSame([closed, engine.formers], [[], 1])
  inside.facilitator.settles = settles
  await reached('it is known, and the former is closed', () => closed.length === 1, 20_000)
  t.equal(engine.unsettled.count, 0)
})
