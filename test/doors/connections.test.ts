/** Connections to the public port: an answer is never lost or mixed up, and nobody keeps one for longer than he may. */

import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import t from 'tap'
import { Crowd } from '../../gateway/doors/crowd.ts'
import { bearer, openGateway, type Rig, sandbox, type Teardown, until } from '../rig/gateway.ts'
import { customConnection, type Provider, startProvider, UPSTREAM } from '../rig/provider.ts'
import { raw, rawConnection } from '../rig/raw.ts'

interface Shop extends Rig {
  readonly provider: Provider
  readonly consumer: string
}

async function openShop(t: Teardown, limits: object = {}): Promise<Shop> {
  const provider = await startProvider(t)
  const operations = [
    { id: 'search', method: 'GET', path: '/search', resale: 'allowed' },
    { id: 'write', method: 'POST', path: '/write', resale: 'allowed' },
    { id: 'feed', method: 'GET', path: '/feed', resale: 'allowed', streaming: true },
  ]
  const rig = await openGateway(
    t,
    sandbox({ upstream: UPSTREAM, limits: { body: '64KiB', ...limits }, api_connections: [customConnection(provider.url, { operations })] }),
  )
  return { ...rig, provider, consumer: (await rig.key({ credits: '$5' })).key }
}

const head = (shop: Shop, line: string, ...fields: readonly string[]): string =>
  [`${line} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${shop.consumer}`, ...fields, '', ''].join('\r\n')

/** A client that writes all it has before it reads anything, and never ends its side by itself. */
async function stubborn(url: string): Promise<{ socket: Socket; write(text: string): Promise<void>; answer(): Promise<string> }> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  let got = ''
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return {
    socket,
    write: (text) => new Promise((resolve) => socket.write(text, () => resolve())),
    answer: () =>
      new Promise((resolve) => {
        socket.on('data', (chunk) => {
          got += chunk
        })
        socket.on('end', () => resolve(got))
        socket.on('close', () => resolve(got))
      }),
  }
}

const KIB = 'x'.repeat(1024)

t.test('a body that is too large is refused, and the answer reaches a client that is still sending', async (t) => {
  const shop = await openShop(t)
  const length = 4 * 1024 * 1024
  for (const [what, framing, open, close] of [
    ['with its length', `Content-Length: ${length}`, '', ''],
    ['in chunks', 'Transfer-Encoding: chunked', '400\r\n', '\r\n'],
  ] as const) {
    const client = await stubborn(shop.publicUrl)
    await client.write(head(shop, 'POST /acme/write', framing))
    for (let sent = 0; sent < length; sent += 16 * 1024) await client.write(`${open}${KIB}${close}`.repeat(16))
    if (open !== '') await client.write('0\r\n\r\n')
    const answer = await client.answer()
    t.match(answer, /^HTTP\/1\.1 413 .*"code":"body_too_large"/s, what)
    t.match(answer, /\r\nconnection: close\r\n/i, what)
    client.socket.destroy()
  }
  t.equal(shop.provider.seen.length, 0)
})

t.test('a body that is just not too large is taken, one byte more is not', async (t) => {
  const shop = await openShop(t)
  for (const [length, status] of [
    [64 * 1024, 200],
    [64 * 1024 + 1, 413],
  ] as const) {
    t.equal((await shop.call('POST', '/acme/write', { headers: bearer(shop.consumer), body: 'x'.repeat(length) })).status, status)
    const chunk = `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n0\r\n\r\n`
    t.equal((await raw(shop.publicUrl, head(shop, 'POST /acme/write', 'Transfer-Encoding: chunked') + chunk)).status, status, `${length} in chunks`)
  }
})

t.test('a refused client that neither reads on nor goes is let go after a while', async (t) => {
  const shop = await openShop(t)
  const clients = await Promise.all(
    [
      head(shop, 'POST /acme/write', 'Content-Length: 9999999') + KIB,
      head(shop, 'POST /acme/nothing', 'Transfer-Encoding: chunked'),
      head(shop, 'GET /acme/search', `X: ${KIB.repeat(20)}`),
      'no HTTP at all\r\n\r\n',
    ].map(async (sent) => {
      const client = await stubborn(shop.publicUrl)
      await client.write(sent)
      return client
    }),
  )
  const codes = (await Promise.all(clients.map((client) => client.answer()))).map((answer) => /"code":"(\w+)"/.exec(answer)?.[1])
  t.same(codes, ['body_too_large', 'unknown_operation', 'headers_too_large', 'bad_request'])
  // Only a connection that is really gone fails a write.
  await until('every connection is gone', () => {
    for (const { socket } of clients) if (!socket.destroyed) socket.write('x')
    return clients.every(({ socket }) => socket.destroyed)
  })
})

t.test('a request that does not come to its end is refused in time', async (t) => {
  const shop = await openShop(t, { headers_within: '1s', idle: '1s' })
  const connection = await rawConnection(shop.publicUrl)
  connection.send('GET /acme/search HTTP/1.1\r\nHost:')
  const answer = await connection.answer()
  t.match(answer.json, { status: 400, code: 'bad_request', detail: /in time/ })
  await connection.closed()
})

t.test('two requests in one packet are answered in their order', async (t) => {
  const shop = await openShop(t)
  shop.provider.next(
    (response) => void setImmediate(() => response.end('first')),
    (response) => void response.end('second'),
  )
  const connection = await rawConnection(shop.publicUrl)
  connection.send(head(shop, 'GET /acme/search') + head(shop, 'GET /acme/search?2') + head(shop, 'GET /acme/..'))
  t.equal((await connection.answer()).text, 'first')
  t.equal((await connection.answer()).text, 'second')
  t.match((await connection.answer()).json, { code: 'bad_request' })
  connection.socket.destroy()
})

t.test('garbage behind a request never stands inside its answer', async (t) => {
  const shop = await openShop(t)
  shop.provider.next((response) => void response.writeHead(200, { 'content-length': 100 }).write('first'))
  const connection = await rawConnection(shop.publicUrl)
  connection.send(head(shop, 'GET /acme/feed'))
  await shop.provider.asked(1)
  await until('the stream has begun', () => connection.socket.bytesRead > 0)
  connection.send('\0\0\0 garbage\r\n\r\n')
  t.notMatch(await connection.closed(), /bad_request/)
})

t.test('every answer has an X-Request-Id of its own, also where something is expected', async (t) => {
  const shop = await openShop(t)
  const ids = new Set<string>()
  for (const sent of [
    head(shop, 'GET /healthz'),
    head(shop, 'GET /'),
    head(shop, 'GET /catalog'),
    head(shop, 'GET /credits'),
    head(shop, 'GET /acme/search'),
    head(shop, 'GET /acme/search', 'Expect: something'),
    head(shop, 'GET /acme/search', 'Connection: Upgrade', 'Upgrade: h2c'),
    `${head(shop, 'POST /acme/write', 'Expect: 100-continue', 'Content-Length: 2')}{}`,
    'GET /healthz HTTP/1.0\r\n\r\n',
    'garbage\r\n\r\n',
  ]) {
    const connection = await rawConnection(shop.publicUrl)
    connection.send(sent)
    let answer = await connection.answer()
    if (answer.status === 100) answer = await connection.answer()
    t.match(answer.headers['x-request-id'], /^[\w-]+$/, sent.slice(0, sent.indexOf('\r\n')))
    ids.add(answer.headers['x-request-id'] ?? '')
    connection.socket.destroy()
  }
  t.equal(ids.size, 10)
})

t.test('one address has only so many connections; loopback and trusted proxies have as many as there are', async (t) => {
  const crowd = new Crowd(2, (address) => address === '10.0.0.1')
  const socketFrom = (remoteAddress: string): Duplex & { remoteAddress: string } => Object.assign(new Duplex({ read: () => undefined }), { remoteAddress })
  const enter = (address: string): Duplex => {
    const socket = socketFrom(address)
    crowd.enter(socket as never)
    return socket
  }
  const [first, second, third] = ['203.0.113.9', '::ffff:203.0.113.9', '203.0.113.9'].map(enter)
  t.same([first?.destroyed, second?.destroyed, third?.destroyed], [false, false, true], 'IPv4 inside IPv6 is the same address')
  t.equal(enter('203.0.113.8').destroyed, false, 'another address has its own')
  await new Promise((resolve) => first?.once('close', resolve).destroy())
  t.equal(enter('203.0.113.9').destroyed, false)
  t.equal(enter('203.0.113.9').destroyed, true)
  for (const exempt of ['127.0.0.1', '::1', '10.0.0.1'])
    t.notOk(
      Array.from({ length: 5 }, () => enter(exempt)).some(({ destroyed }) => destroyed),
      exempt,
    )
})
