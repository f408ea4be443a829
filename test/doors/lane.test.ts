/** The short way of plain calls: what is not read there, node:http has whole; what is, is answered as node:http would. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { readsInto } from '../../gateway/doors/lane/inbox.ts'
import type { PlainRequest } from '../../gateway/doors/lane/request.ts'
import { until } from '../rig/gateway.ts'
import { echo, openLane, post, type Serve } from '../rig/lane.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)

t.test('what is plain is served in the lane; what is not leaves it with everything behind, in order', async (t) => {
  const { seen, connect } = await openLane(t)
  const client = await connect()
  client.send(post('/api/1', 'one') + post('/api/2', 'two') + post('/page', 'three') + post('/api/4', 'four'))
  await client.has('</api/4 four>')
  t.strictSame(
    seen.map(({ by, target, body }) => `${by} ${target} ${body}`),
    ['lane /api/1 one', 'lane /api/2 two', 'node /page three', 'node /api/4 four'],
  )
  t.strictSame(client.got.match(/<[^>]*>/g), ['</api/1 one>', '</api/2 two>', '</page three>', '</api/4 four>'])
})

t.test('a request is whole in whatever pieces it comes, and connections that are read in turns keep their bytes apart', async (t) => {
  const { seen, connect } = await openLane(t, (request, body) => {
    setTimeout(() => echo(request, body), 3)
    return { onClientGone: () => undefined }
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 9_000 })), { minLength: 2, maxLength: 4 }), async (plans) => {
      seen.length = 0
      const sent = await Promise.all(
        plans.map(async ([size, step], index) => {
          const client = await connect()
          const body = String.fromCharCode(65 + index).repeat(size)
          const text = post(`/api/${index}`, body) + post(`/api/again-${index}`, body)
          for (let at = 0; at < text.length; at += step) {
            client.send(text.slice(at, at + step))
            await new Promise((resolve) => setImmediate(resolve))
          }
          await client.has(`</api/${index} ${body}>`)
          await client.has(`</api/again-${index} ${body}>`)
          client.socket.destroy()
          return [`/api/${index} ${body}`, `/api/again-${index} ${body}`]
        }),
      )
      return sent.flat().every((one) => seen.filter(({ target, body }) => `${target} ${body}` === one).length === 1)
    }),
    { seed, numRuns: 30 },
  )
  t.pass()
})

t.test('who is slow with the rest of a request is for node:http, which has all the limits', async (t) => {
  const { seen, connect, left } = await openLane(t)
  const [head, body] = [await connect(), await connect()]
  head.send('GET /api/head HTTP/1.1\r\nHost: x\r\nX-A: ')
  body.send('POST /api/body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab')
  await until('both have left', () => left() === 2)
  t.strictSame(seen, [], 'nothing of it was carried out')
  head.send('b\r\n\r\n')
  body.send('cde')
  await head.has('</api/head >')
  await body.has('</api/body abcde>')
  t.ok(seen.every(({ by }) => by === 'node'))
})

t.test('an answer is framed as node:http frames it, whole or in pieces, and what it may not hold is not written', async (t) => {
  const { connect } = await openLane(t, (request) => {
    switch (request.target) {
      case '/api/empty':
        request.answer(204, ['x-a', 'b'], '')
        break
      case '/api/long':
        request.answer(200, [], Buffer.alloc(100_000, 'l'))
        break
      case '/api/bad':
        t.throws(() => request.answer(200, ['x-a', 'b\r\nx-injected: c'], 'no'), TypeError)
        request.answer(502, [], 'bad')
        break
      default:
        request.begin(200, ['x-a', 'b'])
        request.write(Buffer.from('one'))
        request.write(Buffer.alloc(0))
        request.write(Buffer.alloc(20, 't'))
        request.end()
    }
    return undefined
  })
  const client = await connect()
  for (const path of ['empty', 'long', 'bad', 'pieces', 'empty']) client.send(`GET /api/${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await until('five answers', () => client.got.split('HTTP/1.1 ').length === 6 && client.got.endsWith('\r\n\r\n'))
  const answers = client.got
    .split(/(?=HTTP\/1\.1 )/)
    .map((text) => text.replace(/Date: [^\r]*\r\nConnection: keep-alive\r\nKeep-Alive: timeout=60\r\n/, '').replace(/l{100000}/, 'l...'))
  t.strictSame(answers, [
    'HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nl...',
    'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad',
    'HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n14\r\ntttttttttttttttttttt\r\n0\r\n\r\n',
    'HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n',
  ])
})

t.test('a client that leaves is told of once, and an answer that comes too late reaches nobody', async (t) => {
  let gone = 0
  let late: PlainRequest | undefined
  const { connect } = await openLane(t, (request) => {
    late = request
    const onClientGone = (): void => {
      gone += 1
    }
    return { onClientGone }
  })
  for (const leave of ['destroy', 'end'] as const) {
    gone = 0
    late = undefined
    const client = await connect()
    client.send('GET /api/a HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('it is under way', () => late !== undefined)
    client.socket[leave]()
    await until('it is known', () => gone > 0)
    const request = late as unknown as PlainRequest
    request.answer(200, [], 'late')
    request.begin(200, [])
    t.ok(request.write(Buffer.from('late')))
    request.end()
    t.equal(gone, 1)
  }
})

t.test('while an answer is made, no more is read than a bound, and who waits for it is not idle', async (t) => {
  const [stillMs, bodies, bytes] = [150, 250, 50_000]
  let first: PlainRequest | undefined
  const serve: Serve = (request, body) => {
    if (request.target !== '/api/first') return echo(request, body)
    first = request
    return { onClientGone: () => undefined }
  }
  const { connect, seen, bytesRead } = await openLane(t, serve, stillMs)
  const client = await connect()
  client.send('GET /api/first HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('it is under way', () => first !== undefined)
  client.send(post('/api/next', 'x'.repeat(bytes)).repeat(bodies))
  const since = performance.now()
  await until('it has waited for longer than a connection may be still', () => performance.now() - since > 2 * stillMs)
  t.equal(client.closed, false)
  t.equal(seen.length, 1)
  t.ok(bytesRead() < 1024 * 1024, `${bytesRead()} bytes were read`)
  first?.answer(200, [], '<first >')
  await until('the rest', () => client.got.split('</api/next').length === bodies + 1)
  await until('an idle connection ends', () => client.closed)
})

t.test('at the end idle connections go at once, and busy ones with their answer', async (t) => {
  let busy: PlainRequest | undefined
  const { lane, connect } = await openLane(t, (request) => {
    busy = request
    return { onClientGone: () => undefined }
  })
  const [idle, waiting] = [await connect(), await connect()]
  waiting.send('GET /api/a HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('it is under way', () => busy !== undefined)
  lane.close()
  await until('the idle one', () => idle.closed)
  t.equal(waiting.closed, false)
  busy?.answer(200, [], '<a>')
  await waiting.has('<a>')
  await until('the busy one', () => waiting.closed)
})

t.test('this version of node lets an accepted connection be read into memory that is there', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  const pieces: Buffer[] = []
  t.ok(readsInto(socket, (borrowed) => void pieces.push(borrowed)))
  client.write('one')
  await until('a piece', () => pieces.length === 1)
  const first = pieces[0] as Buffer
  t.equal(first.toString(), 'one')
  client.write('two')
  await until('another', () => pieces.length === 2)
  t.equal(first.toString(), 'two', 'it is the same memory')
  client.end()
  await once(socket, 'end')
  client.destroy()
})
