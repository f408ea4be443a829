/** What the lane reads, node:http would have read the same. */
import { once } from 'node:events'
import http from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { faultOf } from '../../gateway/doors/head.ts'
import { type PlainHead, plainHead } from '../../gateway/doors/lane/head.ts'
import { LIMITS } from '../rig/lane.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)

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

t.test('a value is read to its end, however long it is, and what no value may hold is seen wherever it stands', async (t) => {
  for (let before = 1; before < 200; before += before > 60 && before < 70 ? 1 : 7) {
    for (const odd of ['', 'x', ' x', ' ', '\x01', '\x80', '\t']) {
      const value = 'y'.repeat(before) + odd + 'y'.repeat(odd === ' ' ? 0 : 9)
      const found = plainHead(`GET /api/a HTTP/1.1\r\nHost: x\r\nX-A: ${value}\r\nX-B: z\r\n\r\n`, LIMITS.headers, undefined)
      const isGood = odd === '' || odd === 'x' || odd === ' x'
      if (found?.fields[3] !== (isGood ? value : undefined)) t.fail(`${before} and ${JSON.stringify(odd)}`)
      else if (isGood) t.equal(found?.fields[5], 'z')
    }
  }
})
