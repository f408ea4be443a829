/** node:http without its streams: what it promises about requests and answers on one connection still holds. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { readBody } from '../../gateway/doors/body.ts'
import { DoorRequest, DoorResponse } from '../../gateway/doors/wire.ts'
import { until } from '../rig/gateway.ts'

type Handler = (request: DoorRequest, response: DoorResponse) => void

const LIMIT = 1024 * 1024

async function serve(t: Test, handler: Handler): Promise<Client> {
  const server = http.createServer({ IncomingMessage: DoorRequest, ServerResponse: DoorResponse }, handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  t.teardown(() => {
    socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  return new Client(socket)
}

class Client {
  readonly socket: Socket
  got = ''
  /** Pieces as they came. */
  chunks = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      this.got += chunk.toString('latin1')
      this.chunks += 1
    })
  }

  send(text: string): void {
    this.socket.write(text)
  }

  /** Resolves with everything so far, once this text is in it. */
  async has(text: string): Promise<string> {
    await until(text, () => this.got.includes(text))
    return this.got
  }
}

const post = (path: string, body: string): string => `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

/** An answer whose body is this text. */
const say = (response: DoorResponse, text: string): void => response.answer(200, ['x-a', 'b', 'content-length', String(text.length)], Buffer.from(text))

t.test('an answer says what node:http would say of it, in one piece', async (t) => {
  const client = await serve(t, (request, response) => {
    const fields = ['x-a', '\xfc', 'content-length', '4']
    if (request.url === '/plain') {
      response.writeHead(201, fields)
      response.end(Buffer.from([0, 0xff, 10, 13]))
    } else response.answer(201, fields, Buffer.from([0, 0xff, 10, 13]))
  })
  const answers: string[] = []
  for (const path of ['/plain', '/whole']) {
    client.got = ''
    client.chunks = 0
    client.send(get(path))
    answers.push((await client.has('\xff\n\r')).replace(/^date: .*\r\n/im, '').toLowerCase())
  }
  t.equal(client.chunks, 1)
  t.match(client.got, /\r\nDate: [A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\r\n/)
  t.equal(answers[1], answers[0])
})

t.test('answers leave in the order of their requests, whoever is ready first', async (t) => {
  let first: DoorResponse | undefined
  const client = await serve(t, (request, response) => {
    if (request.url === '/1') first = response
    else say(response, `two-${request.url}`)
    if (request.url === '/3') say(first as DoorResponse, 'one')
  })
  client.send(get('/1') + get('/2') + get('/3'))
  const got = await client.has('two-/3')
  t.strictSame(got.match(/one|two-\/\d/g), ['one', 'two-/2', 'two-/3'])
})

t.test('a body is whole in whatever pieces it comes, also where it is asked for later, and nothing of the next request is in it', async (t) => {
  const bodies: string[] = []
  const client = await serve(t, (request, response) => {
    const read = (): void =>
      readBody(request, response, LIMIT, (read) => {
        bodies.push('body' in read ? read.body.toString() : 'none')
        say(response, 'ok')
      })
    if (request.url === '/later') setTimeout(read, 20)
    else read()
  })
  const body = 'x'.repeat(100_000)
  const sent = `${post('/now', body)}${post('/later', body)}${get('/now')}POST /later HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`
  for (let at = 0; at < sent.length; at += 7000) {
    client.send(sent.slice(at, at + 7000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until('four answers', () => client.got.split('HTTP/1.1 200').length === 5)
  t.ok(bodies.includes('abcde'))
  t.strictSame(
    bodies.map((text) => text.length).sort((a, b) => a - b),
    [0, 5, 100_000, 100_000],
  )
})

t.test('what nobody has asked for yet is not read for ever, and all of it is there once he does', async (t) => {
  let ask: (() => void) | undefined
  let bytesRead = (): number => 0
  let size = 0
  const client = await serve(t, (request, response) => {
    bytesRead = () => request.socket.bytesRead
    ask = () =>
      readBody(request, response, 64 * LIMIT, (read) => {
        size = 'body' in read ? read.body.length : -1
        say(response, 'ok')
      })
  })
  const body = 'x'.repeat(32 * LIMIT)
  client.send(post('/', body))
  await until('it has begun', () => ask !== undefined)
  const read = await settled(bytesRead)
  t.ok(read < LIMIT, `${read} bytes were read`)
  ask?.()
  await client.has('ok')
  t.equal(size, body.length)
})

t.test('a body that nobody wants is passed over, and the connection goes on behind it', async (t) => {
  const client = await serve(t, (request, response) => say(response, `answered ${request.url}`))
  client.send(post('/1', 'x'.repeat(200_000)) + get('/2'))
  t.match(await client.has('answered /2'), /answered \/1[\s\S]*answered \/2/)
})

t.test('who leaves with half a body is known to be gone, once', async (t) => {
  const reads: unknown[] = []
  const client = await serve(t, (request, response) => readBody(request, response, LIMIT, (read) => reads.push(read)))
  client.send('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf')
  await until('it was read', () => client.socket.bytesWritten > 0)
  client.socket.destroy()
  await until('it is known', () => reads.length > 0)
  t.strictSame(reads, [{ gone: true }])
})

t.test('a field that holds what no field may is no answer, and nothing of it leaves', async (t) => {
  const wrong: unknown[] = []
  const client = await serve(t, (_, response) => {
    try {
      response.answer(200, ['x-a', 'b\r\nx-c: d', 'content-length', '2'], Buffer.from('ok'))
    } catch (error) {
      wrong.push(error)
    }
    say(response, 'good')
  })
  client.send(get('/'))
  t.notMatch(await client.has('good'), /x-c/)
  t.match(wrong, [{ name: 'TypeError' }])
})

t.test('answers that nobody takes hold up the requests behind them', async (t) => {
  let asked = 0
  const client = await serve(t, (_, response) => {
    asked += 1
    say(response, 'x'.repeat(10_000))
  })
  client.socket.pause()
  const many = 20_000
  client.send(get('/').repeat(many))
  const most = await settled(() => asked)
  t.ok(most < many, `${most} were answered`)
  client.socket.resume()
  await until('all are', () => asked === many)
})

/** The value once it stands still. */
async function settled(value: () => number): Promise<number> {
  for (let [before, same] = [-1, 0]; ; ) {
    const now = value()
    same = now === before ? same + 1 : 0
    if (same === 20) return now
    before = now
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
