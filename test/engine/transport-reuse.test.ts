/** No answer ever reaches another request: a connection serves on only after an answer that was whole, with nothing behind it. Over bare TCP. */

import type { Socket } from 'node:net'
import t from 'tap'
import type { Transport } from '../../gateway/engine/transport.ts'
import { at, type Heard, SECRET, type Sending, send, transportOf } from '../rig/attempts.ts'
import { until } from '../rig/gateway.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { answer, type RawProvider, type RawReply, type RawRequest, say, startRawProvider } from '../rig/raw-provider.ts'

const EVIL = answer('evil')
const OWN = /^GET \/v1(\S+)/
/** Says which request it answers. */
const own = ({ text }: RawRequest): string => answer(OWN.exec(text)?.[1] ?? 'nothing')
const honest: RawReply = (socket, request) => socket.write(own(request))

const bodyOf = ({ events }: Heard): string =>
  events
    .filter((event) => event.startsWith('data '))
    .map((event) => event.slice(5))
    .join('')

async function ask(transport: Transport, provider: RawProvider, path: string, more: Sending = {}): Promise<Heard> {
  const one = send(transport, at(provider.url), { path, ...more })
  await one.over
  return one
}

/** One misdeed on the first request, then honest; the second is asked as soon as the first is over. */
const misdeeds: Readonly<Record<string, RawReply>> = {
  'bytes behind the answer, in its packet': (socket, request) => socket.write(`${own(request)}what`),
  'one byte behind it': (socket, request) => socket.write(`${own(request)}H`),
  'an empty line behind it': (socket, request) => socket.write(`${own(request)}\r\n`),
  'a second answer in its packet': (socket, request) => socket.write(own(request) + EVIL),
  'a second answer right behind it': (socket, request) => {
    socket.write(own(request))
    socket.write(EVIL)
  },
  'half a second answer, the rest after the next request': (socket, request) => {
    socket.write(own(request) + EVIL.slice(0, 30))
    setTimeout(() => socket.writable && socket.write(EVIL.slice(30)), 20)
  },
  'an interim answer behind it': (socket, request) => socket.write(`${own(request)}HTTP/1.1 103 Early Hints\r\n\r\n`),
  'a body behind 204': (socket) => socket.write(`HTTP/1.1 204 No Content\r\ncontent-length: ${EVIL.length}\r\n\r\n${EVIL}`),
  'a body behind 304': (socket) => socket.write(`HTTP/1.1 304 Not Modified\r\ncontent-length: ${EVIL.length}\r\n\r\n${EVIL}`),
  'a body that comes later behind 304': (socket) => {
    socket.write(`HTTP/1.1 304 Not Modified\r\ncontent-length: ${EVIL.length}\r\n\r\n`)
    setTimeout(() => socket.writable && socket.write(EVIL), 5)
  },
  'bytes behind the last chunk': (socket) => socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n/1\r\n0\r\n\r\n${EVIL}`),
  'the end of the connection right behind it': (socket, request) => socket.end(own(request)),
  'close, and no end': (socket, request) => socket.write(own(request).replace('\r\n', '\r\nconnection: close\r\n')),
  'close in a list, and no end': (socket, request) => socket.write(own(request).replace('\r\n', '\r\nconnection: x-a, CLOSE\r\n')),
  'HTTP/1.0, and no end': (socket, request) => socket.write(own(request).replace('HTTP/1.1', 'HTTP/1.0')),
  'keep-alive for a second': (socket, request) => socket.write(own(request).replace('\r\n', '\r\nkeep-alive: timeout=1\r\n')),
}

t.test('whatever comes behind an answer, the next request gets its own, on a new connection', async (t) => {
  for (const [what, how] of Object.entries(misdeeds)) {
    const provider = await startRawProvider(t, (socket, request) => (request.number === 0 ? how : honest)(socket, request))
    const transport = transportOf(t)
    const first = await ask(transport, provider, '/1')
    t.equal(first.events.at(-1), 'end', `${what}: ${first.events}`)
    t.notMatch(bodyOf(first), 'evil', what)
    const second = await ask(transport, provider, '/2')
    t.equal(bodyOf(second), '/2', `${what}: ${second.events}`)
    t.strictSame(
      provider.requests.map(({ connection }) => connection),
      [0, 1],
      what,
    )
  }
})

t.test('what comes while a connection is idle ends it', async (t) => {
  const idle: Readonly<Record<string, (socket: Socket) => void>> = {
    'an answer': (socket) => void socket.write(EVIL),
    'a byte': (socket) => void socket.write('x'),
    'an end': (socket) => void socket.end(),
    'a reset': (socket) => void socket.resetAndDestroy(),
  }
  for (const [what, how] of Object.entries(idle)) {
    const provider = await startRawProvider(t, honest)
    const transport = transportOf(t)
    await ask(transport, provider, '/1')
    const [socket] = provider.sockets as [Socket]
    const gone = new Promise((resolve) => socket.once('close', resolve))
    how(socket)
    await gone
    t.equal(bodyOf(await ask(transport, provider, '/2')), '/2', what)
    t.strictSame(
      provider.requests.map(({ connection }) => connection),
      [0, 1],
      what,
    )
  }
})

t.test('a provider that closes idle connections costs no call', async (t) => {
  const provider = await startRawProvider(t, (socket, request) => socket.end(own(request)))
  const transport = transportOf(t)
  for (let count = 0; count < 100; count += 1) {
    const one = await ask(transport, provider, `/${count}`)
    t.equal(bodyOf(one), `/${count}`, `${one.events}`)
  }
})

t.test('an answer that comes after its call was given up goes nowhere', async (t) => {
  let late: Socket | undefined
  const provider = await startRawProvider(t, (socket, request) => {
    if (request.number === 0) late = socket
    else honest(socket, request)
  })
  const transport = transportOf(t)
  const first = send(transport, at(provider.url), { path: '/1' })
  await until('the request is there', () => late !== undefined)
  first.attempt.abort()
  late?.write(EVIL)
  await first.over
  t.equal(first.sent, true)
  const second = await ask(transport, provider, '/2')
  t.equal(bodyOf(second), '/2')
  t.strictSame(
    provider.requests.map(({ connection }) => connection),
    [0, 1],
  )
  t.match(first.events, ['error given up'], 'and nothing more is heard of it')
})

t.test('a length that is never filled ends with the call, and the connection with it', async (t) => {
  const provider = await startRawProvider(t, say('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf'))
  const transport = transportOf(t)
  const first = send(transport, at(provider.url), { path: '/1' })
  await until('the half is there', () => first.events.includes('data half'))
  first.attempt.abort()
  provider.always(honest)
  t.equal(bodyOf(await ask(transport, provider, '/2')), '/2')
  t.strictSame(first.events, ['head 200', 'data half', 'error given up'])
})

t.test('an answer that comes before the request has left altogether is one, and the connection ends with it', async (t) => {
  const provider = await startRawProvider(t, honest)
  const transport = transportOf(t)
  await ask(transport, provider, '/1')
  const [socket] = provider.sockets as [Socket]
  // It reads the head and no more.
  socket.removeAllListeners('data')
  socket.once('data', () => {
    socket.pause()
    socket.write(answer('too long', { status: '413 Too Long' }))
  })
  const long = await ask(transport, provider, '/2', { method: 'POST', body: 'x'.repeat(16 * 1024 * 1024) })
  t.equal(long.events[0], 'head 413', long.events.map((event) => event.slice(0, 30)).join())
  t.equal(long.events.at(-1), 'end')
  t.equal(bodyOf(await ask(transport, provider, '/3')), '/3')
  t.equal(provider.requests.at(-1)?.connection, 1)
})

t.test('an answer that holds the credential ends its connection, not the next request', async (t) => {
  const provider = await startRawProvider(t, honest)
  const transport = transportOf(t)
  await ask(transport, provider, '/1')
  provider.always(say(answer(`your key is ${SECRET}`) + EVIL))
  t.match((await ask(transport, provider, '/2')).events, [/^head 200/, /^error .*credential/])
  provider.always(honest)
  t.equal(bodyOf(await ask(transport, provider, '/3')), '/3')
  t.strictSame(
    provider.requests.map(({ connection }) => connection),
    [0, 0, 1],
  )
})

t.test('what is paused loses nothing when the provider has said all and is gone', async (t) => {
  const provider = await startRawProvider(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nwhole'))
  const one = send(transportOf(t), at(provider.url), { says: [false] })
  await until('the head is there', () => one.events.length > 0)
  const [socket] = provider.sockets as [Socket]
  await until('the provider is gone', () => socket.writableFinished)
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(one.events, ['head 200'])
  one.resume()
  await one.over
  t.strictSame(one.events, ['head 200', 'data whole', 'end'])
})

t.test('many at once get each its own, whatever the provider adds', async (t) => {
  const random = randomFrom(seedOf(t))
  const pick = Object.values(misdeeds)
  const provider = await startRawProvider(t, async (socket, request) => {
    await new Promise((resolve) => setTimeout(resolve, random() * 4))
    if (!socket.writable) return
    const how = random() < 0.5 ? honest : (pick[Math.floor(random() * pick.length)] as RawReply)
    return how(socket, request)
  })
  const transport = transportOf(t)
  let answered = 0
  const one = async (name: string): Promise<void> => {
    const heard = await ask(transport, provider, name)
    const body = bodyOf(heard)
    if (body === name) answered += 1
    // Answers without a body of their own, and the one that is always of /1.
    else if (!['', '/1'].includes(body)) t.fail(`${name} got ${JSON.stringify(body)}: ${heard.events}`)
  }
  for (let round = 0; round < 12; round += 1) await Promise.all(Array.from({ length: 50 }, (_, at) => one(`/${round}-${at}`)))
  t.ok(answered > 300, `${answered} of 600 have their own answer`)
})

t.test('connections are kept: calls one after another need one', async (t) => {
  const provider = await startRawProvider(t, honest)
  const transport = transportOf(t)
  for (let count = 0; count < 20; count += 1) t.equal(bodyOf(await ask(transport, provider, `/${count}`)), `/${count}`)
  t.equal(provider.sockets.length, 1)
})
