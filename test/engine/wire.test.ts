/** Flights over real sockets: that the provider pauses, resumes and ends as the scripted one of the other tests does. */

import t, { type Test } from 'tap'
import { Transport } from '../../gateway/engine/index.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { bytes, hang, type Provider, type Reply, reply, startProvider } from '../rig/provider.ts'

const adapter = adapterOf([operationOf('search'), operationOf('feed', { streaming: true })])
const ONE_PACKET = bytes('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: 1\n\n')

interface World {
  readonly inside: Inside
  readonly provider: Provider
  readonly payers: Readonly<Record<string, Readonly<Record<string, string>>>>
}

async function open(t: Test): Promise<World> {
  const provider = await startProvider(t)
  const transport = new Transport({ place: () => undefined, allowPrivate: true })
  t.teardown(() => transport.close())
  const apis = new Map([['acme', [connectionOf('acme', { baseUrl: provider.url })]]])
  const inside = await openInside(t, { adapter, apis, transport, bufferBytes: 1024 })
  return { inside, provider, payers: { credits: await inside.key('k'), owner: await inside.key('o', { role: 'owner', owner: 'alice' }) } }
}

async function call({ inside }: World, path: string, headers: Readonly<Record<string, string>>): Promise<Flown> {
  const flown = inside.fly(path, { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

t.test('a stream that comes in one packet ends once, for whoever pays', async (t) => {
  const world = await open(t)
  world.provider.always(ONE_PACKET)
  for (const [payer, headers] of Object.entries(world.payers)) {
    for (const path of ['/acme/feed', '/acme/search']) {
      const { sink, id } = await call(world, path, headers)
      t.equal(sink.seen, 'stream whole', `${payer}, ${path}`)
      t.equal(sink.streams[0]?.body, 'data: 1\n\n')
      t.equal(world.inside.outcomes.get(id)?.length, 1)
    }
  }
})

t.test('an answer far over the buffer arrives whole and in order', async (t) => {
  const world = await open(t)
  const body = Array.from({ length: 60_000 }, (_, at) => at).join()
  world.provider.always(reply(200, body))
  for (const [payer, headers] of Object.entries(world.payers)) {
    const { sink } = await call(world, '/acme/search', headers)
    t.equal(sink.streams[0]?.body, body, payer)
  }
})

t.test('a stream that the provider breaks off is cut, once', async (t) => {
  const world = await open(t)
  const breaks: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n', () => response.destroy())
  }
  world.provider.always(breaks)
  const { sink, id } = await call(world, '/acme/feed', world.payers.credits ?? {})
  t.equal(sink.seen, 'stream cut')
  t.equal(world.inside.outcomes.get(id)?.length, 1)
  await world.inside.flushed()
  t.equal(await world.inside.admin.balance('key:k'), 10_000_000n)
})

t.test('whoever leaves, or waits too long, ends the request at the provider', async (t) => {
  const world = await open(t)
  world.provider.always(hang)
  for (const [at, leave] of (['onClientGone', 'onDeadline', 'onShutdown'] as const).entries()) {
    const flown = world.inside.fly('/acme/search', { headers: world.payers.credits ?? {} })
    await world.provider.asked(at + 1)
    flown.flight[leave]()
    t.ok(await world.provider.seen[at]?.gone, leave)
  }
  t.equal((await world.inside.admin.counters('acme')).wasted, 3)
})
