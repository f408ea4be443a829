/** What a provider says wrongly is no answer, what it says rightly is one, byte for byte (RFC 9110, RFC 9112). Over bare TCP. */

import t, { type Test } from 'tap'
import { at, type Heard, type Sending, send, transportOf } from '../rig/attempts.ts'
import { answer, type RawReply, say, sayAndEnd, sayAndReset, startRawProvider } from '../rig/raw-provider.ts'

async function heard(t: Test, how: RawReply, sending: Sending = {}): Promise<Heard> {
  const provider = await startRawProvider(t, how)
  const one = send(transportOf(t), at(provider.url), sending)
  await one.over
  return one
}

const bodyOf = ({ events }: Heard): string =>
  events
    .filter((event) => event.startsWith('data '))
    .map((event) => event.slice(5))
    .join('')

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`
const LONG = 'x'.repeat(33 * 1024)

/** What, how, and how many heads may be heard of before the error. */
const broken: readonly [what: string, how: RawReply, heads: 0 | 1][] = [
  // A body that is broken off never looks whole.
  ['a length and fewer bytes, then the end (RFC 9112 8)', sayAndEnd(`${OK}content-length: 10\r\n\r\nhalf`), 1],
  ['a length and fewer bytes, then a reset', sayAndReset(`${OK}content-length: 10\r\n\r\nhalf`), 1],
  ['chunks without the last one (RFC 9112 8)', sayAndEnd(`${CHUNKED}4\r\nhalf\r\n`), 1],
  ['chunks that end within a chunk', sayAndEnd(`${CHUNKED}9\r\nhalf`), 1],
  ['the last chunk without its empty line', sayAndEnd(`${CHUNKED}4\r\nhalf\r\n0\r\n`), 1],
  ['chunks, then a reset', sayAndReset(`${CHUNKED}4\r\nhalf\r\n`), 1],
  ['a body that ends with the connection, which is reset', sayAndReset(`${OK}\r\nhalf`), 1],
  ['half a head, then the end', sayAndEnd(`${OK}content-le`), 0],
  ['nothing, then the end', sayAndEnd(''), 0],
  // Lengths that can be read in two ways (RFC 9112 6.3).
  ['two different lengths', say(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nok.`), 0],
  ['the same length twice', say(`${OK}content-length: 2\r\ncontent-length: 2\r\n\r\nok`), 0],
  ['a list of lengths', say(`${OK}content-length: 2, 2\r\n\r\nok`), 0],
  ['a length beside chunked', say(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`), 0],
  ['a negative length', say(`${OK}content-length: -1\r\n\r\n`), 0],
  ['a length with a sign', say(`${OK}content-length: +2\r\n\r\nok`), 0],
  ['a length in hex', say(`${OK}content-length: 0x2\r\n\r\nok`), 0],
  ['an empty length', say(`${OK}content-length:\r\n\r\n`), 0],
  ['a length beyond all numbers', say(`${OK}content-length: 99999999999999999999\r\n\r\n`), 0],
  ['another transfer coding', say(`${OK}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`), 0],
  ['chunked twice', say(`${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`), 0],
  ['identity as a transfer coding', say(`${OK}transfer-encoding: identity\r\n\r\nok`), 0],
  ['chunked in HTTP/1.0 (RFC 9112 6.1)', say('HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'), 0],
  // Chunks (RFC 9112 7.1).
  ['a size that is no number', say(`${CHUNKED}x\r\nok\r\n0\r\n\r\n`), 1],
  ['a size with a sign', say(`${CHUNKED}+2\r\nok\r\n0\r\n\r\n`), 1],
  ['a size with 0x', say(`${CHUNKED}0x2\r\nok\r\n0\r\n\r\n`), 1],
  ['no size', say(`${CHUNKED}\r\nok\r\n0\r\n\r\n`), 1],
  ['a size beyond all numbers', say(`${CHUNKED}fffffffffffff\r\nok`), 1],
  ['a chunk longer than its size', say(`${CHUNKED}2\r\nokay\r\n0\r\n\r\n`), 1],
  ['a size that ends with a bare LF', say(`${CHUNKED}2\nok\r\n0\r\n\r\n`), 1],
  ['a chunk that ends with a bare LF', say(`${CHUNKED}2\r\nok\n0\r\n\r\n`), 1],
  ['a bare CR after a size', say(`${CHUNKED}2\rok\r\n0\r\n\r\n`), 1],
  ['an endless extension', say(`${CHUNKED}2;${LONG}`), 1],
  ['trailers that are no fields', say(`${CHUNKED}2\r\nok\r\n0\r\nwhat is this\r\n\r\n`), 1],
  ['endless trailers', say(`${CHUNKED}2\r\nok\r\n0\r\nx-a: ${LONG}`), 1],
  // Heads (RFC 9112 4 and 5).
  ['what is no HTTP', say('SSH-2.0-OpenSSH_9.6\r\n'), 0],
  ['HTTP/0.9: a body and nothing else', sayAndEnd('<html>hello</html>'), 0],
  ['HTTP/0.9 by name', say('HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['HTTP/2.0 by name', say('HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['HTTP/1.2', say('HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['http in small letters', say('http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['a status of two digits', say('HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['a status of four digits', say('HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['status 000', say('HTTP/1.1 000 No\r\ncontent-length: 0\r\n\r\n'), 0],
  ['status 099', say('HTTP/1.1 099 No\r\ncontent-length: 0\r\n\r\n'), 0],
  ['status 600', say('HTTP/1.1 600 No\r\ncontent-length: 0\r\n\r\n'), 0],
  ['status 999', say('HTTP/1.1 999 No\r\ncontent-length: 0\r\n\r\n'), 0],
  ['a status that is no number', say('HTTP/1.1 OK 200\r\ncontent-length: 0\r\n\r\n'), 0],
  ['two spaces before the status', say('HTTP/1.1  200 OK\r\ncontent-length: 0\r\n\r\n'), 0],
  ['a zero byte in the reason', say('HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n'), 0],
  ['a zero byte in a value', say(`${OK}x-a: a\0b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a bell in a value', say(`${OK}x-a: a\x07b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a bare CR in a value', say(`${OK}x-a: a\rb\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a bare LF after a field', say(`${OK}x-a: a\ncontent-length: 0\r\n\r\n`), 0],
  ['a space before the colon', say(`${OK}content-length : 0\r\n\r\n`), 0],
  ['a space in a name', say(`${OK}x a: b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['an empty name', say(`${OK}: b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a line without a colon', say(`${OK}x-a\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a name beyond ASCII', say(`${OK}x-\xfc: b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a folded value (RFC 9112 5.2)', say(`${OK}x-a: b\r\n c\r\ncontent-length: 0\r\n\r\n`), 0],
  ['a first field that is folded', say(`${OK} x-a: b\r\ncontent-length: 0\r\n\r\n`), 0],
  ['an empty line before the answer', say(`\r\n${OK}content-length: 0\r\n\r\n`), 0],
  ['a value that never ends', say(`${OK}x-a: ${LONG}`), 0],
  ['a head that never ends', say(OK, ...Array.from({ length: 12 }, (_, at) => `x-${at}: ${'y'.repeat(3000)}\r\n`)), 0],
  ['a reason that never ends', say(`HTTP/1.1 200 ${LONG}`), 0],
  // Interim answers (RFC 9110 15.2).
  ['101, which nobody asked for', say('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'), 0],
  ['101 without upgrade', say('HTTP/1.1 101 Switching Protocols\r\n\r\n'), 0],
  ['interim answers without end', say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000)), 0],
  ['an interim answer and nothing behind it', sayAndEnd('HTTP/1.1 100 Continue\r\n\r\n'), 0],
]

t.test('an answer that is malformed or broken off is an error, once, and never looks whole', async (t) => {
  for (const [what, how, heads] of broken) {
    const one = await heard(t, how)
    t.match(one.events.at(-1), /^error /, `${what}: ${one.events}`)
    t.equal(one.sent, true, `${what}: units may have been used`)
    t.equal(one.events.filter((event) => event.startsWith('head')).length, heads, `${what}: ${one.events}`)
    t.equal(one.events.filter((event) => event.startsWith('error') || event === 'end').length, 1, `${what}: one end`)
  }
})

t.test('cut at any byte, a whole answer is read the same, and one that is cut off there is an error', async (t) => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'
  const whole = `${interim}${OK}x-a: b\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2 \r\nde\r\n0\r\nx-t: u\r\n\r\n`
  const provider = await startRawProvider(t)
  const transport = transportOf(t)
  for (let cut = 1; cut < whole.length; cut += 1) {
    provider.always(say(whole.slice(0, cut), whole.slice(cut)))
    const one = send(transport, at(provider.url))
    provider.always(say(whole.slice(0, cut), whole.slice(cut)))
    await one.over
    if (bodyOf(one) !== 'abcde' || one.events.at(-1) !== 'end') t.fail(`cut at ${cut}: ${one.events}`)
    provider.always(sayAndEnd(whole.slice(0, cut)))
    const off = send(transport, at(provider.url))
    await off.over
    if (off.events.at(-1) === 'end') t.fail(`cut off at ${cut}: ${off.events}`)
  }
  t.pass(`${whole.length - 1} cuts`)
})

t.test('byte by byte', async (t) => {
  const text = `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}3\r\nabc\r\n0\r\n\r\n`
  const one = await heard(t, say(...text.split('')))
  t.equal(bodyOf(one), 'abc')
  t.equal(one.events.at(-1), 'end')
})

interface Right {
  readonly what: string
  readonly how: RawReply
  readonly sending?: Sending
  readonly status?: number
  readonly body?: string
}

const right: readonly Right[] = [
  { what: 'a body that ends with the connection', how: sayAndEnd(`${OK}\r\nwhole`), body: 'whole' },
  { what: 'the same in HTTP/1.0', how: sayAndEnd('HTTP/1.0 200 OK\r\n\r\nwhole'), body: 'whole' },
  { what: 'a status line without a reason', how: say('HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok'), body: 'ok' },
  { what: 'an empty reason', how: say('HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok'), body: 'ok' },
  { what: 'bytes beyond ASCII in a value and the reason', how: say('HTTP/1.1 200 \xfc\r\nx-a: \xfc\r\ncontent-length: 2\r\n\r\nok'), body: 'ok' },
  { what: 'spaces around a value', how: say(`${OK}content-length: \t 2 \t\r\n\r\nok`), body: 'ok' },
  {
    what: 'CHUNKED in capitals, sizes in either case',
    how: say(`${OK}Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n00a\r\n0123456789\r\n000\r\n\r\n`),
    body: '01234567890123456789',
  },
  { what: 'extensions and trailers', how: say(`${CHUNKED}2;a="b"\r\nok\r\n0;c\r\nx-t: u\r\n\r\n`), body: 'ok' },
  { what: 'no chunk but the last', how: say(`${CHUNKED}0\r\n\r\n`), body: '' },
  { what: '100 although nobody expected it (RFC 9110 15.2)', how: say(`HTTP/1.1 100 Continue\r\n\r\n${answer('ok')}`), body: 'ok' },
  {
    what: '102, 103 and one unknown',
    how: say(`HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 199 What\r\n\r\n${answer('ok')}`),
    body: 'ok',
  },
  { what: '204', how: say('HTTP/1.1 204 No Content\r\n\r\n'), status: 204, body: '' },
  {
    what: '304 with the length of what it stands for (RFC 9110 8.6)',
    how: say('HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n'),
    status: 304,
    body: '',
  },
  { what: '304 that says chunked', how: say('HTTP/1.1 304 Not Modified\r\ntransfer-encoding: chunked\r\n\r\n'), status: 304, body: '' },
  { what: 'HEAD with a length and no body (RFC 9110 9.3.2)', how: say(`${OK}content-length: 99\r\n\r\n`), sending: { method: 'HEAD' }, body: '' },
  { what: 'HEAD that says chunked', how: say(CHUNKED), sending: { method: 'HEAD' }, body: '' },
  { what: 'HEAD answered with a body', how: say(answer('what')), sending: { method: 'HEAD' }, body: '' },
  { what: 'a length of nothing', how: say(`${OK}content-length: 0\r\n\r\n`), body: '' },
  { what: 'status 599', how: say(answer('', { status: '599 x' })), status: 599, body: '' },
]

t.test('what is right by the letter is an answer', async (t) => {
  for (const { what, how, sending = {}, status = 200, body = '' } of right) {
    const one = await heard(t, how, sending)
    t.equal(one.events[0], `head ${status}`, `${what}: ${one.events}`)
    t.equal(one.events.at(-1), 'end', `${what}: ${one.events}`)
    t.equal(bodyOf(one), body, what)
  }
})

t.test('a request states its length where it has a body, and where its method leads to expect one', async (t) => {
  const provider = await startRawProvider(t, say(answer('ok')))
  const transport = transportOf(t)
  const ask = async (sending: Sending): Promise<string> => {
    await send(transport, at(provider.url), sending).over
    return provider.requests.at(-1)?.text ?? ''
  }
  t.match(await ask({ method: 'POST', body: '{"a":1}' }), /\r\ncontent-length: 7\r\n\r\n\{"a":1\}$/)
  t.match(await ask({ method: 'POST' }), /\r\ncontent-length: 0\r\n\r\n$/)
  t.notMatch(await ask({}), /content-length/)
  t.match(await ask({ path: '/a', query: '?b=c' }), /^GET \/v1\/a\?b=c HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nconnection: keep-alive\r\n/)
})

t.test('what no head can carry is never sent', async (t) => {
  const provider = await startRawProvider(t, say(answer('ok')))
  for (const sending of [{ headers: ['x-a', 'b\r\nx-c: d'] }, { headers: ['x-a', 'b\0'] }, { path: '/a b' }, { path: '/a\r\nx: y' }, { query: '?\u{1f600}' }]) {
    const one = send(transportOf(t), at(provider.url), sending)
    await one.over
    t.match(one.events, [/^error /], JSON.stringify(sending))
    t.equal(one.sent, false)
  }
  t.equal(provider.requests.length, 0)
})
