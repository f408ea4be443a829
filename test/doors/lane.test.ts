/** The short way of plain calls: what it reads, node:http would have read the same; what it does not read, node:http has whole. */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { readBody } from '../../gateway/doors/body.ts'
import { faultOf } from '../../gateway/doors/head.ts'
import type { Underway } from '../../gateway/doors/lane/connection.ts'
import { type PlainHead, plainHead } from '../../gateway/doors/lane/head.ts'
import { readsInto } from '../../gateway/doors/lane/inbox.ts'
import { Lane } from '../../gateway/doors/lane/lane.ts'
import type { PlainRequest } from '../../gateway/doors/lane/request.ts'
import { DoorRequest, DoorResponse } from '../../gateway/doors/wire.ts'
import { until } from '../rig/gateway.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const LIMITS = {
  ...{ headerBytes: 16 * 1024, headers: 100, bodyBytes: 1024 * 1024, headersWithinMs: 10_000, idleMs: 60_000 },
  ...{ connections: 1000, connectionsPerAddress: 1000, concurrentPerConsumer: 50 },
}

interface Served {
  readonly lane: Lane
  /** Connections that are node:http's. */
  left(): number
  /** Of all connections. */
  bytesRead(): number
  /** What each request was, in the order in which they were served, and by whom. */
  readonly seen: { readonly by: 'lane' | 'node'; readonly target: string; readonly body: string }[]
  connect(): Promise<Client>
}

type Serve = (request: PlainRequest, body: Buffer) => Underway | undefined

const echo: Serve = (request, body) => {
  request.answer(200, ['x-by', 'lane'], `<${request.target} ${body.toString('latin1')}>`)
  return undefined
}

/** Behind a lane: `serve`; behind node:http an answer that says what was asked. */
async function open(t: Test, serve: Serve = echo, still = LIMITS.idleMs): Promise<Served> {
  const seen: Served['seen'] = []
  const server = http.createServer({ IncomingMessage: DoorRequest, ServerResponse: DoorResponse }, (request, response) => {
    readBody(request, response, LIMITS.bodyBytes, (read) => {
      const body = 'body' in read ? read.body.toString('latin1') : ''
      seen.push({ by: 'node', target: request.url ?? '', body })
      const text = `<${request.url} ${body}>`
      response.answer(200, ['x-by', 'node', 'content-length', String(text.length)], text)
    })
  })
  let count = 0
  let left = 0
  const [begin] = server.listeners('connection') as ((this: unknown, socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket) => {
    left += 1
    begin?.call(server, socket)
  })
  const lane = new Lane({
    ...{ server: server as unknown as http.Server, tls: false, limits: LIMITS, stillMs: still },
    calls: {
      takes: (target) => target.startsWith('/api/'),
      nextId: () => {
        count += 1
        return `id-${count}`
      },
      client: (peer) => peer,
      serve: (request, body) => {
        seen.push({ by: 'lane', target: request.target, body: body.toString('latin1') })
        return serve(request, body)
      },
    },
  })
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => void sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: Client[] = []
  t.teardown(() => {
    for (const { socket } of clients) socket.destroy()
    server.close()
    server.closeAllConnections()
    lane.end()
  })
  const connected = async (): Promise<Client> => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new Client(socket)
    clients.push(client)
    return client
  }
  return { lane, seen, connect: connected, left: () => left, bytesRead: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0) }
}

class Client {
  readonly socket: Socket
  got = ''
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('data', (chunk) => {
      this.got += chunk.toString('latin1')
    })
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  async has(text: string): Promise<string> {
    await until(text, () => this.got.includes(text))
    return this.got
  }
}

const post = (target: string, body: string): string => `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`

// ---------------------------------------------------------------- what is plain

const name = fc.constantFrom('Host', 'host', 'Content-Length', 'Content-Type', 'X-API-Key', 'Connection', 'Accept', 'x-a', 'X-B', 'Expect', 'Origin', 'x y', '')
const value = fc.oneof(
  fc.constantFrom('x', 'x:80', 'x y', '3', '03', '-1', 'keep-alive', 'close', 'application/json', '\x80', 'a\tb', 'a\x01b', '', ' ', 'x '),
  fc.string({ maxLength: 8 }),
)
const field = fc
  .tuple(
    name,
    fc.constantFrom(': ', ': ', ': ', ': ', ': ', ': ', ':', ':  ', ' : '),
    value,
    fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r'),
  )
  .map((parts) => parts.join(''))
const line = fc
  .tuple(
    fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'get'),
    fc.constantFrom(' ', ' ', ' ', ' ', ' ', '  '),
    fc.oneof(fc.constantFrom('/api/a', '/api/a?b=c', '/api/%41', '*', 'http://x/api/a', '/api/a#b', '/api/ä', '/api/"'), fc.webPath()),
    fc.constantFrom(' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.0', ''),
  )
  .map((parts) => `${parts.join('')}\r\n`)
const good = fc.constantFrom('Host: x\r\n', 'Host: x\r\n', 'Host: example.com:8080\r\n', '')
const headText = fc.tuple(line, good, fc.array(field, { maxLength: 4 })).map(([first, host, fields]) => `${first}${host}${fields.join('')}\r\n`)

interface Read {
  readonly method: string
  readonly url: string
  readonly fields: readonly string[]
  readonly length: number
  readonly fault: boolean
}

/** As node:http reads it; undefined where it says no by itself. */
async function nodeReads(t: Test): Promise<(text: string) => Promise<Read | undefined>> {
  let told: (read: Read | undefined) => void = () => undefined
  const server = http.createServer({ requireHostHeader: false }, (request, response) => {
    const { method = '', url = '', rawHeaders, headers } = request
    const fault = faultOf(request, LIMITS.headers)
    told({ method, url, fields: rawHeaders, length: Number(headers['content-length'] ?? 0), fault: fault !== undefined })
    response.destroy()
  })
  server.on('checkExpectation', (_, response: http.ServerResponse) => response.destroy())
  server.on('clientError', (_, socket) => {
    told(undefined)
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return (text) =>
    new Promise((resolve) => {
      told = resolve
      const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(undefined))
    })
}

t.test('of whatever the lane reads, node:http reads the same, and the judgement of heads has nothing against it', async (t) => {
  const read = await nodeReads(t)
  let plain = 0
  await fc.assert(
    fc.asyncProperty(headText, headText, async (text, before) => {
      const found = plainHead(text, LIMITS.headers, undefined)
      const after = plainHead(text, LIMITS.headers, plainHead(before, LIMITS.headers, undefined))
      if (JSON.stringify(after) !== JSON.stringify(found)) return false
      if (found === undefined) return true
      plain += 1
      const { method, target, fields, names, length } = found
      const expected: Read = { method, url: target, fields, length, fault: false }
      if (JSON.stringify(names) !== JSON.stringify(fields.filter((_, at) => at % 2 === 0).map((one) => one.toLowerCase()))) return false
      return JSON.stringify(await read(text)) === JSON.stringify(expected)
    }),
    { seed, numRuns: 8_000 },
  )
  t.ok(plain > 100, `${plain} heads were plain`)
})

t.test('the request before decides nothing about the next one', (t) => {
  const first = plainHead('POST /api/a HTTP/1.1\r\nHost: x\r\nX-API-Key: one\r\nContent-Length: 5\r\n\r\n', 9, undefined) as PlainHead
  const heads = [
    'POST /api/a HTTP/1.1\r\nHost: x\r\nX-API-Key: one2\r\nContent-Length: 55\r\n\r\n',
    'POST /api/b HTTP/1.1\r\nHost: xy\r\nX-API-Key: on\r\nContent-Length: 1\r\n\r\n',
    'GET /api/a HTTP/1.1\r\nHost: x\r\nX-API-Keys: one\r\n\r\n',
    'GET /api/a HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /api/a HTTP/1.1\r\nX-API-Key: one\r\nHost: x\r\n\r\n',
  ]
  for (const head of heads) t.strictSame(plainHead(head, 9, first), plainHead(head, 9, undefined), head)
  t.equal(plainHead('GET /api/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n', 9, first), undefined)
  t.equal(plainHead('GET /api/a HTTP/1.1\r\nHost: x \r\n\r\n', 9, first), undefined)
  t.end()
})

// ---------------------------------------------------------------- connections

t.test('what is plain is served in the lane; what is not leaves it with everything behind, in order', async (t) => {
  const { seen, connect } = await open(t)
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
  const { seen, connect } = await open(t, (request, body) => {
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
  const { seen, connect, left } = await open(t)
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
  const { connect } = await open(t, (request) => {
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
  const { connect } = await open(t, (request) => {
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
  const { connect, seen, bytesRead } = await open(t, serve, stillMs)
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
  const { lane, connect } = await open(t, (request) => {
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
