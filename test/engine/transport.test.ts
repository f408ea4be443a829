/** The way to the provider, over real sockets: bytes as they are, nothing followed, nothing retried, the credential in one place. */

import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import type { Connection } from '../../gateway/contract/index.ts'
import { at, type Heard, SECRET, type Sending, send, transportOf } from '../rig/attempts.ts'
import { operationOf } from '../rig/acme.ts'
import { breakOff, bytes, garbage, hang, OK, type Provider, type Reply, reply, reset, resetAfterHead, silence, startProvider } from '../rig/provider.ts'

async function sent(t: Test, provider: Provider, sending: Sending = {}, more: Partial<Connection> = {}): Promise<Heard> {
  const heard = send(transportOf(t), at(provider.url, more), sending)
  await heard.over
  return heard
}

t.test('method, path, query, fields and body reach the provider as they were given, below its base', async (t) => {
  const provider = await startProvider(t)
  const headers = ['accept-encoding', 'identity', 'content-type', 'application/json']
  await sent(t, provider, { method: 'POST', path: '/a%20b/:c', query: '?d=e%26f', body: '{"g":1}', headers })
  const [seen] = provider.seen
  t.match(seen, { method: 'POST', url: '/v1/a%20b/:c?d=e%26f', body: '{"g":1}', headers: { 'content-length': '7', 'content-type': 'application/json' } })
  t.equal(seen?.headers.host, `127.0.0.1:${provider.port}`)
})

t.test('the credential joins the request in one place, and the list that was given keeps none for another try', async (t) => {
  const provider = await startProvider(t)
  await sent(t, provider)
  t.strictSame(provider.seen[0]?.headers['x-key'], SECRET)
  await sent(t, provider, { query: '?a=1' }, { credential: { in: 'query', name: 'key' } })
  t.equal(provider.seen[1]?.url, `/v1/search?a=1&key=${SECRET}`)
  await sent(t, provider, {}, { credential: { in: 'path' } })
  t.equal(provider.seen[2]?.url, `/v1/${SECRET}/search`)
  const text = JSON.stringify(provider.seen.map(({ url, rawHeaders }) => [url, rawHeaders]))
  t.equal(text.split(SECRET).length - 1, 3, 'once in each request')
  const request = {
    connection: at(provider.url),
    operation: operationOf('search'),
    method: 'GET',
    path: '/search',
    query: '',
    headers: ['a', 'b'],
    body: Buffer.alloc(0),
  }
  await new Promise<void>((done) => transportOf(t).send(request, { head: () => true, data: () => true, end: done, error: () => done() }))
  t.equal(provider.seen[3]?.headers['x-key'], SECRET)
  t.strictSame(request.headers, ['a', 'b'])
})

t.test('a connection without the credential that it needs is never asked', async (t) => {
  const provider = await startProvider(t)
  const heard = await sent(t, provider, {}, { name: 'nobody' })
  t.equal(heard.sent, false)
  t.equal(provider.seen.length, 0)
})

t.test('a redirect is an answer, and nothing is retried', async (t) => {
  const provider = await startProvider(t)
  const replies: readonly Reply[] = [reply(302, '', ['location', `${provider.url}/elsewhere`]), reply(500, ''), reply(503, '', ['retry-after', '0']), reset]
  provider.next(...replies)
  for (const _ of replies) await sent(t, provider)
  t.equal(provider.seen.length, replies.length)
})

t.test('an answer comes as head, data, end; 1xx are not the answer; raw fields keep their case and order', async (t) => {
  const provider = await startProvider(t)
  provider.next(bytes('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nX-Ch: \xfc\r\nContent-Length: 2\r\n\r\nok'))
  const heard = await sent(t, provider)
  t.strictSame(heard.events, ['head 200', 'data ok', 'end'])
  t.strictSame(heard.raw, ['X-B', '1', 'x-a', '2', 'X-B', '3', 'X-Ch', '\xfc', 'Content-Length', '2'])
})

t.test('a broken answer is an error after which nothing comes, and the request counts as sent', async (t) => {
  const cases: Readonly<Record<string, { readonly how: Reply; readonly heads: number }>> = {
    'a reset': { how: reset, heads: 0 },
    'an end without an answer': { how: silence, heads: 0 },
    'what is no HTTP': { how: garbage, heads: 0 },
    'a reset after the head': { how: resetAfterHead, heads: 1 },
    'half a body': { how: breakOff, heads: 1 },
    'two lengths': { how: bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok'), heads: 0 },
    'a field with a zero byte': { how: bytes('HTTP/1.1 200 OK\r\nx-a: a\0b\r\ncontent-length: 0\r\n\r\n'), heads: 0 },
  }
  for (const [name, { how, heads }] of Object.entries(cases)) {
    const provider = await startProvider(t)
    provider.next(how)
    const heard = await sent(t, provider)
    t.match(heard.events.at(-1), /^error /, name)
    t.equal(heard.sent, true, `${name}: units may have been used`)
    t.equal(heard.events.filter((event) => event.startsWith('head')).length, heads, `${name}: ${heard.events}`)
    t.equal(heard.events.filter((event) => event.startsWith('error') || event === 'end').length, 1, `${name}: one end`)
  }
})

t.test('where no connection can be made, no byte has left', async (t) => {
  const closed = createServer()
  const port = await new Promise<number>((resolve) => closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port)))
  await new Promise((resolve) => closed.close(resolve))
  for (const url of [`http://127.0.0.1:${port}`, 'http://nowhere.invalid']) {
    const heard = send(transportOf(t), at(url))
    await heard.over
    t.match(heard.events, [/^error /], url)
    t.equal(heard.sent, false, url)
  }
})

t.test('what is given up ends at the provider, too; before it was sent, it never is', async (t) => {
  const provider = await startProvider(t)
  provider.always(hang)
  const transport = transportOf(t)
  const heard = send(transport, at(provider.url))
  await provider.asked(1)
  t.equal(heard.attempt.sent, true)
  heard.attempt.abort()
  await heard.over
  t.match(heard.events, [/^error /])
  t.ok(await provider.seen[0]?.gone, 'the provider sees the connection end')
  const early = send(transportOf(t), at(provider.url))
  t.equal(early.attempt.sent, false)
  early.attempt.abort()
  await early.over
  t.equal(early.sent, false)
  t.equal(provider.seen.length, 1)
})

t.test('a pause holds the provider back, and what came meanwhile follows at once when it ends', async (t) => {
  const provider = await startProvider(t)
  provider.next(reply(200, 'whole'))
  const heard = send(transportOf(t), at(provider.url), { says: [false] })
  await provider.asked(1)
  while (heard.events.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(heard.events, ['head 200'])
  heard.resume()
  await heard.over
  t.strictSame(heard.events, ['head 200', 'data whole', 'end'])
})

t.test('an address that is not public is not connected to, by number or by name, unless it is allowed or simulated', async (t) => {
  const provider = await startProvider(t)
  provider.always(OK)
  const guarded = transportOf(t, { allowPrivate: false })
  for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '[::1]']) {
    const heard = send(guarded, at(`http://${host}:${provider.port}`))
    await heard.over
    t.match(heard.events, [/^error /], host)
    t.equal(heard.sent, false, host)
  }
  t.equal(provider.seen.length, 0)
  const simulated = send(guarded, at(provider.url, { simulated: true }))
  await simulated.over
  t.equal(simulated.events.at(-1), 'end')
  const real = send(guarded, at(provider.url))
  await real.over
  t.match(real.events, [/^error /], 'nor by the connection that a simulated one has open')
})

t.test('connections are kept and shared by the calls of an origin', async (t) => {
  const provider = await startProvider(t)
  const transport = transportOf(t)
  for (let count = 0; count < 3; count += 1) {
    const heard = send(transport, at(provider.url))
    await heard.over
    t.equal(heard.events.at(-1), 'end')
  }
  t.equal(provider.seen.length, 3)
})
