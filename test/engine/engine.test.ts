/** The engine as the doors see it: from a request to a flight or a refusal, and how it stops. */

import t, { type Test } from 'tap'
import { definePlugin, isRefusal, type Refusal } from '../../gateway/contract/index.ts'
import { Engine, Generation } from '../../gateway/engine/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { linkOf, realChain } from '../rig/chains.ts'
import { type Asked, type Inside, incomingOf, openInside, reached, turns } from '../rig/inside.ts'
import { RecordingSink } from '../rig/sink.ts'

const adapter = adapterOf([operationOf('search'), operationOf('write', { method: 'POST', body: { text: { type: 'string' } } })])

interface World {
  readonly inside: Inside
  readonly engine: Engine
  readonly ask: (path: string, asked?: Asked) => { sink: RecordingSink; flight: ReturnType<Engine['begin']> | Refusal }
}

async function open(t: Test): Promise<World> {
  const inside = await openInside(t, { adapter })
  const engine = new Engine(inside.ports, inside.generation)
  t.teardown(() => engine.stop(0))
  const ask: World['ask'] = (path, asked = {}) => {
    const sink = new RecordingSink()
    const incoming = incomingOf('id', path, asked)
    const target = engine.target(incoming)
    return { sink, flight: isRefusal(target) ? target : engine.begin(incoming, target, Buffer.from(asked.body ?? ''), sink) }
  }
  return { inside, engine, ask }
}

t.test('a stop lets the calls under way finish, takes no new ones, and closes what it used', async (t) => {
  const { inside, engine, ask } = await open(t)
  const { sink } = ask('/acme/search', { headers: await inside.key('k') })
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  let stopped = false
  const stop = engine.stop(60_000).then(() => {
    stopped = true
  })
  await turns()
  t.equal(stopped, false)
  t.match(ask('/acme/search').flight, { code: 'unavailable' })
  inside.provider.tries[0]?.answer(200, '{}')
  await stop
  t.match(sink.answers, [{ status: 200 }])
})

t.test('a request whose body came after the stop began is no call any more', async (t) => {
  const { inside, engine } = await open(t)
  const incoming = incomingOf('id', '/acme/search', { headers: await inside.key('k') })
  const target = engine.target(incoming)
  if (isRefusal(target)) throw new Error(target.detail)
  await engine.stop(0)
  const sink = new RecordingSink()
  t.equal(engine.begin(incoming, target, Buffer.alloc(0), sink), undefined)
  t.match(sink.answers, [{ status: 503 }])
})

t.test('after the grace, calls under way are cut: not charged', async (t) => {
  const { inside, engine, ask } = await open(t)
  const { sink } = ask('/acme/search', { headers: await inside.key('k') })
  await reached('the provider is asked', () => inside.provider.tries.length === 1)
  await engine.stop(1)
  t.match(sink.answers, [{ status: 503, body: /the gateway is stopping; nothing was charged/ }])
  t.equal(await inside.admin.balance('key:k'), 10_000_000n)
})

t.test('a body that the operation does not take is refused before it is a call', async (t) => {
  const { inside, ask } = await open(t)
  const headers = await inside.key('k')
  const bodies: readonly [path: string, asked: Asked][] = [
    ['/acme/search', { body: '{}' }],
    ['/acme/write', { method: 'POST', body: '{"text":1}' }],
    ['/acme/write', { method: 'POST', body: '{"text":"a","text":"b"}' }],
    ['/acme/write', { method: 'POST', body: '[]' }],
    ['/acme/write', { method: 'POST', body: '{"text":"a"}', headers: { 'content-type': 'text/plain' } }],
    ['/acme/write', { method: 'POST', body: '{"text":"a"}', headers: { 'content-encoding': 'gzip' } }],
  ]
  for (const [path, asked] of bodies) {
    const { sink, flight } = ask(path, { ...asked, headers: { ...headers, ...asked.headers } })
    t.equal(flight, undefined)
    t.match(sink.answers, [{ status: 400, body: /"code":"bad_request"/ }], String(asked.body))
  }
  t.equal(inside.provider.tries.length, 0)
})

t.test('a request that never became a call is told to each plugin once, however many routes there are', async (t) => {
  const told: string[] = []
  const counter = definePlugin({
    name: 'counter',
    describe: 'Counts refused requests',
    settings: {},
    create: () => ({ observeRefused: (_request, { code }) => void told.push(code) }),
  })
  const inside = await openInside(t)
  const routes = ['a', 'b', 'c'].map((api) => ({
    ...{ prefix: `/${api}`, api, adapter, connections: [connectionOf(api)] },
    chain: [...realChain(), linkOf(counter)],
  }))
  const generation = await Generation.create({ number: 2, config: 'digest' }, routes, inside.pluginPorts)
  const engine = new Engine(inside.ports, generation)
  t.teardown(() => engine.stop(0))
  const incoming = incomingOf('id', '/nowhere')
  const refusal = engine.target(incoming)
  if (!isRefusal(refusal)) throw new Error('there is no such route')
  engine.refuse(incoming, refusal, new RecordingSink())
  t.strictSame(told, ['unknown_route'])
})

t.test('a chain that cannot be made closes what was made before it', async (t) => {
  const closed: string[] = []
  const plugin = (name: string, fails: boolean) =>
    definePlugin({
      name,
      describe: 'Opens and closes',
      settings: {},
      create: () => {
        if (fails) throw new Error(`${name} cannot be made`)
        return {
          close: () => {
            closed.push(name)
            throw new Error('nor closed')
          },
        }
      },
    })
  const inside = await openInside(t)
  const route = (api: string, fails: boolean) => ({
    ...{ prefix: `/${api}`, api, adapter, connections: [] },
    chain: [linkOf(plugin(`${api}-1`, false)), linkOf(plugin(`${api}-2`, fails))],
  })
  const making = Generation.create({ number: 2, config: 'digest' }, [route('a', false), route('b', true)], inside.pluginPorts)
  await t.rejects(making, { message: 'b-2 cannot be made' })
  t.strictSame(closed.sort(), ['a-1', 'a-2', 'b-1'])
})

t.test('a quote is what the call would cost, made by the same chain; sold out or not for sale is told', async (t) => {
  const { inside, engine } = await open(t)
  const route = engine.generation.route('/acme')
  if (route === undefined) throw new Error('there is a route')
  const entry = route.catalogue.plain('GET', '/search')
  if (entry === undefined) throw new Error('there is an operation')
  t.match(engine.quote(route, entry), { soldOut: false, alternative: { price: 150_000n, units: 1 }, example: { method: 'GET', path: '/acme/search' } })
  await inside.admin.setEnabled('acme', false, false)
  t.match(engine.quote(route, entry), { soldOut: true, alternative: { price: 150_000n } })
})
