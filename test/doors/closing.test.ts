/** A port that closes: whoever comes at that moment is let go at once, whoever has begun to ask is answered, and told that it is the last. */

import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { type Caller, callerOn, openPort, PORTS, type Port } from '../rig/edge.ts'
import { openGateway, sandbox, until } from '../rig/gateway.ts'
import { customConnection, startProvider, UPSTREAM } from '../rig/provider.ts'

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`

/** Of each kind of port. What is behind `/api/` is the lane's where there is one, the rest node:http's. */
function onEach(what: string, test: (t: Test, port: Port) => Promise<void>): void {
  for (const options of PORTS) {
    t.test(`${what} (${options.tls ? 'TLS' : 'plain'}${options.lane ? ', with a lane' : ''})`, async (t) => test(t, await openPort(t, options)))
  }
}

/** A call that is under way meanwhile: nothing here waits for it. */
async function held(port: Port, target = '/api/held'): Promise<Caller> {
  const caller = await port.connect()
  const before = port.asked.length
  caller.send(get(target))
  await until('it is under way', () => port.asked.length > before)
  return caller
}

const isLetGo = (caller: Caller): Promise<void> => until('it is let go', () => caller.isOver)

onEach('a connection that has said nothing is let go at once, in whatever state it is', async (t, port) => {
  await held(port)
  const [made, bare] = [await port.connect(), await port.connect('bare')]
  // The system has made it, nobody here has heard of it.
  const unheard = port.knock()
  port.edge.close()
  for (const caller of [made, bare, unheard]) {
    await isLetGo(caller)
    t.equal(caller.got, '')
  }
  t.equal(port.asked.length, 1)
  const late = port.knock()
  await isLetGo(late)
})

onEach('who has been answered and asks nothing more is let go at once', async (t, port) => {
  await held(port)
  const callers = [await held(port, '/api/a'), await held(port, '/page')]
  for (const { sink } of port.asked.slice(1)) sink.answer(200, [], 'first')
  for (const caller of callers) {
    await until('it is answered', () => caller.got.endsWith('first'))
    t.match(caller.got, /connection: keep-alive/i)
  }
  port.edge.close()
  for (const caller of callers) await isLetGo(caller)
})

onEach('a request that had come in part is answered, and its connection ends with that', async (t, port) => {
  await held(port)
  const whole = 'POST /api/part HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'
  const cuts = [whole.indexOf('Host') + 2, whole.length - 2]
  const callers: Caller[] = []
  for (const cut of cuts) {
    const caller = await port.connect()
    const before = port.bytesRead()
    caller.send(whole.slice(0, cut))
    await until('a part has come', () => port.bytesRead() > before)
    callers.push(caller)
  }
  port.edge.close()
  for (const [index, caller] of callers.entries()) {
    t.notOk(caller.isOver)
    caller.send(whole.slice(cuts[index]))
    await until('it is under way', () => port.asked.length === index + 2)
    const { body, sink } = port.asked[index + 1] as Port['asked'][number]
    t.equal(body, 'body')
    sink.answer(200, [], 'done')
    await isLetGo(caller)
    t.match(caller.got, /^HTTP\/1\.1 200 .*connection: close.*done$/is)
    t.notMatch(caller.got, /keep-alive/i)
  }
})

onEach('calls under way are answered, each with the word that its connection ends', async (t, port) => {
  for (const target of ['/api/a', '/page']) await held(port, target)
  const callers = [await held(port, '/api/b'), await held(port, '/page/b'), await held(port, '/api/empty'), await held(port, '/api/stream')]
  port.edge.close()
  const [one, two, empty, stream] = port.asked.slice(2).map(({ sink }) => sink)
  one?.answer(200, [], 'one')
  two?.answer(200, [], 'two'.repeat(20_000))
  empty?.answer(204, [], '')
  stream?.begin(200, [])
  stream?.write(Buffer.from('piece'))
  stream?.end()
  for (const [index, caller] of callers.entries()) {
    await isLetGo(caller)
    t.match(caller.got, [/one$/, /two$/, /204 No Content/, /piece\r\n0\r\n\r\n$/][index])
    t.match(caller.got, /connection: close/i)
    t.notMatch(caller.got, /keep-alive/i)
  }
})

onEach('an answer that had begun, or was not taken yet, comes whole, and its connection ends', async (t, port) => {
  const whole = 'x'.repeat(8 * 1024 * 1024)
  const stream = await held(port, '/api/stream')
  const { sink } = port.asked[0] as Port['asked'][number]
  sink.begin(200, [])
  sink.write(Buffer.from('piece'))
  await until('it has begun', () => stream.got.includes('piece'))
  const slow: Caller[] = []
  for (const target of ['/api/slow', '/page/slow']) {
    const caller = await held(port, target)
    caller.socket.pause()
    port.asked.at(-1)?.sink.answer(200, [], whole)
    slow.push(caller)
  }
  port.edge.close()
  sink.end()
  await isLetGo(stream)
  t.match(stream.got, /piece\r\n0\r\n\r\n$/)
  let isTaken = false
  void port.edge.taken().then(() => {
    isTaken = true
  })
  for (const caller of slow) {
    t.notOk(isTaken)
    caller.socket.resume()
    await isLetGo(caller)
    t.equal(caller.got.length - caller.got.indexOf('\r\n\r\n') - 4, whole.length)
  }
  await until('everything is taken', () => isTaken)
})

t.test('a stop waits for who is slow to take an answer that was charged, and no longer than for a call', async (t) => {
  const provider = await startProvider(t)
  const whole = 'x'.repeat(8 * 1024 * 1024)
  for (const graceMs of [60_000, 100]) {
    const upstream = { ...UPSTREAM, buffer: '16MiB' }
    const rig = await openGateway(t, sandbox({ upstream, api_connections: [customConnection(provider.url)] }))
    const { key } = await rig.key({ credits: '$5' })
    const caller = callerOn(connect({ port: Number(new URL(rig.publicUrl).port), host: '127.0.0.1' }))
    provider.next((response) => void response.end(whole))
    caller.socket.pause()
    caller.send(get('/acme/search').replace('Host', `Authorization: Bearer ${key}\r\nHost`))
    await until('it is charged', async () => (await rig.gateway.ground.admin.counters('acme')).sold === 1)
    const { gateway } = rig
    const closes = gateway.close.bind(gateway)
    // The last of the calls is over, and everything is written.
    gateway.close = (ms) => closes(ms).then(() => void (graceMs > 100 && setImmediate(() => caller.socket.resume())))
    await rig.close(graceMs)
    caller.socket.resume()
    await isLetGo(caller)
    const got = caller.got.length - caller.got.indexOf('\r\n\r\n') - 4
    if (graceMs === 100) t.ok(got < whole.length, `${got} bytes`)
    else t.equal(got, whole.length)
  }
})

onEach('calls in a row on one connection are all answered; what comes after the last answer is not carried out', async (t, port) => {
  const caller = await port.connect()
  caller.send(get('/page/1') + get('/page/2'))
  await until('both are under way', () => port.asked.length === 2)
  port.edge.close()
  for (const { sink, target } of port.asked.slice()) sink.answer(200, [], `<${target}>`)
  caller.send(get('/page/3'))
  await isLetGo(caller)
  t.match(caller.got, /keep-alive.*<\/page\/1>.*connection: close.*<\/page\/2>$/is)
  t.equal(port.asked.length, 2)
})

onEach('a call that waits behind another on a connection of the lane is never carried out once the port closes', async (t, port) => {
  const caller = await held(port, '/api/1')
  caller.send(get('/api/2'))
  const read = get('/api/1').length + get('/api/2').length
  await until('it has come', () => port.bytesRead() === read)
  // node:http carries both out at once.
  const isLane = port.name.endsWith('lane')
  if (!isLane) await until('it is under way', () => port.asked.length === 2)
  port.edge.close()
  for (const { sink, target } of port.asked.slice()) sink.answer(200, [], `<${target}>`)
  caller.send(get('/api/3'))
  await isLetGo(caller)
  t.match(caller.got, isLane ? /connection: close.*<\/api\/1>$/is : /<\/api\/1>.*connection: close.*<\/api\/2>$/is)
  t.equal(port.asked.length, isLane ? 1 : 2)
})

onEach('a port that has ended has no connections left, with or without a handshake', async (_t, port) => {
  const callers = [await held(port), await port.connect(), await port.connect('bare')]
  port.edge.end()
  for (const caller of callers) await isLetGo(caller)
})
