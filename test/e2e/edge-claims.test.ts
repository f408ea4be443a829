/** What claims to be another address, URL or method, what is for one connection, and what Connection names never reaches a provider. */

import t from 'tap'
import { head, HOST, KEY, openBattery } from '../rig/battery.ts'
import { rawConnection } from '../rig/raw.ts'

const battery = await openBattery(t)

const ask = (target: string, ...fields: readonly string[]): string => head(`GET ${target} HTTP/1.1`, HOST, KEY, ...fields)

/** What claims to come from elsewhere, or to be another request. */
const CLAIMS = [
  ...[
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Port: 1',
    'X-Forwarded-Prefix: /x',
    'X-Forwarded-Server: x',
  ],
  ...[
    'Forwarded: for=127.0.0.1;host=x',
    'X-Real-IP: 127.0.0.1',
    'True-Client-IP: 127.0.0.1',
    'CF-Connecting-IP: 127.0.0.1',
    'CF-Connecting-IPv6: ::1',
    'Fastly-Client-IP: 127.0.0.1',
  ],
  ...[
    'X-Client-IP: 127.0.0.1',
    'X-Cluster-Client-IP: 127.0.0.1',
    'X-Originating-IP: 127.0.0.1',
    'X-Remote-IP: 127.0.0.1',
    'X-Remote-Addr: 127.0.0.1',
    'X-Azure-ClientIP: 127.0.0.1',
  ],
  ...[
    'X-Original-URL: /acme/any/x',
    'X-Rewrite-URL: /acme/any/x',
    'X-Original-Host: x',
    'X-Host: x',
    'X-Override-URL: /x',
    'X-HTTP-Destinationurl: x',
    'Destination: /x',
  ],
  ...[
    'X-HTTP-Method-Override: DELETE',
    'X-HTTP-Method: DELETE',
    'X-Method-Override: DELETE',
    'Proxy: http://evil.example',
    'Proxy-Connection: keep-alive',
    'Proxy-Host: x',
  ],
  ...[
    'Proxy-Authorization: Basic x',
    'Via: 1.0 evil',
    'Max-Forwards: 0',
    'TE: trailers',
    'Keep-Alive: timeout=9999',
    'Upgrade: websocket',
    'HTTP2-Settings: x',
    'Cookie: a=b',
  ],
  ...[
    'Range: bytes=0-0',
    'If-Range: "x"',
    'If-Match: "x"',
    'Origin: https://evil.example',
    'Referer: https://evil.example',
    'User-Agent: evil',
    'From: evil@evil.example',
    'DNT: 1',
  ],
  ...[
    'X-Amzn-Trace-Id: x',
    'Traceparent: 00-x',
    'X-Request-Id: mine',
    'X-Atlas-Price: $0',
    'X-Atlas-Units: 0',
    'X-Key: mine',
    'X_Forwarded_For: 127.0.0.1',
    'Accept-Encoding: gzip',
  ],
]
const OWN = ['accept-encoding', 'connection', 'host', 'user-agent', 'x-key']

t.test('nothing that claims reaches a provider, or changes route, method or price', async (t) => {
  for (const claim of CLAIMS) {
    const before = battery.provider.seen.length
    const connection = await rawConnection(battery.publicUrl)
    connection.send(ask('/acme/search?q=1', claim).replace(KEY, `Authorization: Bearer ${battery.consumer}`))
    const answer = await connection.answer()
    connection.socket.destroy()
    t.equal(`${answer.status} ${answer.headers['x-atlas-price']}`, '200 $0.02', claim)
    const seen = battery.provider.seen.slice(before)
    t.match(seen, [{ method: 'GET', url: '/v1/search?q=1' }], claim)
    const names = (seen[0]?.rawHeaders ?? []).filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase())
    t.same(names.sort(), OWN, claim)
    t.match(seen[0]?.headers, { 'accept-encoding': 'identity', 'user-agent': 'atlas-gateway', 'x-key': 'secret-of-acme' }, claim)
  }
})

t.test('what Connection names does not reach a provider, though it could have', async (t) => {
  for (const [field, passes] of [
    ['Accept: text/plain', 'accept'],
    ['Accept-Language: de', 'accept-language'],
    ['If-None-Match: "1"', 'if-none-match'],
    ['If-Modified-Since: Mon, 23 Nov 2026 00:00:00 GMT', 'if-modified-since'],
  ] as const)
    for (const named of [false, true]) {
      const before = battery.provider.seen.length
      const connection = await rawConnection(battery.publicUrl)
      connection.send(
        ask('/acme/search?q=1', field, `Connection: ${named ? `keep-alive, ${passes}` : 'keep-alive'}`).replace(
          KEY,
          `Authorization: Bearer ${battery.consumer}`,
        ),
      )
      t.equal((await connection.answer()).status, 200)
      connection.socket.destroy()
      t.equal(battery.provider.seen[before]?.headers[passes] === undefined, named, `${field}, ${named ? 'named' : 'not named'}`)
    }
})
