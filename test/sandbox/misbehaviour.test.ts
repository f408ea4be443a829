/** Guarantees of what a simulated provider does wrong on request, over real sockets. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import type { ScriptedAnswer } from '../../gateway/sandbox/simulator.ts'
import { ask, SECRET, simulating } from './simulating.ts'

t.test('scripted answers are played once, in order, before good ones', async (t) => {
  const { simulator } = await simulating(t)
  simulator.script('it', [
    { status: 503, body: { error: 'down' } },
    'plain',
    { status: 200, headers: { 'x-odd': '1', 'content-type': 'text/html' }, body: '<p>' },
  ])
  const down = await ask(simulator, '/one/x')
  t.equal(down.status, 503)
  t.same(await down.json(), { error: 'down' })
  t.same(await (await ask(simulator, '/one/x')).json(), { one: 1 })
  const odd = await ask(simulator, '/one/x')
  t.same([odd.headers.get('x-odd'), odd.headers.get('content-type'), await odd.text()], ['1', 'text/html', '<p>'])
  t.equal((await ask(simulator, '/one/x')).status, 200)
  t.equal(simulator.used('it'), 3, 'what was answered with success is billed')
})

t.test('a provider can break off, answer garbage, or not answer; the next call is well again', async (t) => {
  const { simulator } = await simulating(t)
  for (const how of ['reset', 'garbage'] as const) {
    simulator.script('it', [how])
    await t.rejects(ask(simulator, '/one/x'), how)
    t.equal((await ask(simulator, '/one/x')).status, 200)
  }
  simulator.script('it', ['break'])
  const half = await ask(simulator, '/one/x')
  t.equal(half.headers.get('content-length'), String(JSON.stringify({ one: 1 }).length))
  await t.rejects(half.text(), 'half a body')
  t.equal((await ask(simulator, '/one/x')).status, 200)
  t.equal(simulator.used('it'), 4, 'what broke off on the way is billed, what never began is not')
})

t.test('a long answer is as long as it was asked to be', async (t) => {
  const { simulator } = await simulating(t)
  for (const longBytes of [2, 1000, 3 * 1024 * 1024 + 1]) {
    simulator.script('it', [{ longBytes }])
    const text = await (await ask(simulator, '/one/x')).text()
    t.equal(text.length, longBytes)
    t.type(JSON.parse(text), 'string')
  }
})

t.test('a delayed answer comes not before its time', async (t) => {
  const { simulator } = await simulating(t)
  simulator.script('it', [{ delayMs: 30, answer: { status: 504 } }])
  const before = performance.now()
  t.equal((await ask(simulator, '/one/x')).status, 504)
  t.ok(performance.now() - before >= 29)
})

t.test('calls that hang or are delayed end with the simulator', async (t) => {
  for (const how of ['hang', { delayMs: 1e9, answer: 'plain' }] satisfies ScriptedAnswer[]) {
    const { simulator } = await simulating(t)
    simulator.script('it', [how])
    const both = [ask(simulator, '/one/x'), ask(simulator, '/one/x')]
    // The first to arrive hangs, whichever it is.
    t.equal((await Promise.race(both)).status, 200)
    await simulator.close()
    t.same((await Promise.allSettled(both)).map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  }
})

t.test('a client that leaves in the middle of its request harms nobody', async (t) => {
  const { simulator } = await simulating(t)
  const { hostname, port } = new URL(simulator.baseUrl('it'))
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.write(`POST /it/find HTTP/1.1\r\nhost: x\r\nx-key: ${SECRET}\r\ncontent-length: 100\r\n\r\n{"q":`)
  socket.destroy()
  await once(socket, 'close')
  t.equal((await ask(simulator, '/one/x')).status, 200)
  t.same(
    simulator.calls('it').map(({ path }) => path),
    ['/one/x'],
  )
})
