/** The way to a facilitator: what it says is passed on as it is, and whatever else happens is told apart by whether it was sent. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { FacilitatorRequest } from '../../gateway/contract/index.ts'
import { outboundTo } from '../../gateway/engine/index.ts'
import { HttpFacilitator } from '../../gateway/payments/facilitator.ts'
import { PaymentRequest } from '../../gateway/payments/request.ts'

type Serve = (response: ServerResponse, request: IncomingMessage, body: string) => unknown

const REQUEST: FacilitatorRequest = { x402Version: 2, paymentPayload: { a: 1 }, paymentRequirements: { b: 2 } }

/** A server on this machine, with a facilitator pointed at it. */
async function facilitatorAt(t: Test, serve: Serve, path = ''): Promise<{ facilitator: HttpFacilitator; sockets: () => number }> {
  const sockets = new Set<unknown>()
  const server = createServer((request, response) => {
    sockets.add(request.socket)
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => serve(response, request, body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const facilitator = new HttpFacilitator(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, { outboundTo })
  t.teardown(async () => {
    await facilitator.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { facilitator, sockets: () => sockets.size }
}

t.test('verify and settle are posted below the path of the URL, as the specification writes them, on kept-alive connections', async (t) => {
  const seen: unknown[] = []
  const serve: Serve = (response, { method, url, headers }, body) => {
    seen.push([method, url, headers['content-type'], JSON.parse(body)])
    response.end('{"isValid":true}')
  }
  for (const path of ['/base/x402', '/base/x402/']) {
    seen.length = 0
    const { facilitator, sockets } = await facilitatorAt(t, serve, path)
    t.same(await facilitator.verify(REQUEST, 1000), { kind: 'answer', status: 200, body: { isValid: true } })
    await facilitator.settle(REQUEST, 1000)
    t.same(seen, [
      ['POST', '/base/x402/verify', 'application/json', REQUEST],
      ['POST', '/base/x402/settle', 'application/json', REQUEST],
    ])
    for (let turn = 0; turn < 8; turn += 1) await facilitator.verify(REQUEST, 1000)
    t.ok(sockets() <= 2)
  }
})

t.test('what a payment says arrives as it was said, in whatever script', async (t) => {
  const bodies: unknown[] = []
  const { facilitator } = await facilitatorAt(t, (response, _, body) => {
    bodies.push(JSON.parse(body))
    response.end('{"isValid":true,"payer":"Zoë"}')
  })
  const payment = { description: 'Zoë \u0000 \u2028 \ud83d\ude00 \ud800', list: ['日本', '"\\'] }
  t.match(await facilitator.verify({ ...REQUEST, paymentPayload: payment }, 1000), { kind: 'answer', body: { payer: 'Zoë' } })
  await facilitator.settle(new PaymentRequest(2, payment, { b: 2 }), 1000)
  t.strictSame(bodies, [
    { x402Version: 2, paymentPayload: payment, paymentRequirements: { b: 2 } },
    { x402Version: 2, paymentPayload: payment, paymentRequirements: { b: 2 } },
  ])
})

t.test('what is under way when the way is closed is lost, and what comes afterwards was not sent', async (t) => {
  const { facilitator } = await facilitatorAt(t, () => void facilitator.close())
  t.match(await facilitator.settle(REQUEST, 1000), { kind: 'lost', sent: true, why: 'broken' })
  t.match(await facilitator.settle(REQUEST, 1000), { kind: 'lost', sent: false, why: 'unreachable' })
})

t.test('an answer in JSON is an answer, whatever its status', async (t) => {
  for (const status of [200, 400, 402, 404, 429, 500, 503]) {
    const { facilitator } = await facilitatorAt(t, (response) => response.writeHead(status).end('{"success":false,"errorReason":"x"}'))
    t.same(await facilitator.settle(REQUEST, 1000), { kind: 'answer', status, body: { success: false, errorReason: 'x' } })
  }
})

const losses: Readonly<Record<string, Serve>> = {
  'an empty answer': (response) => response.end(),
  'no content': (response) => response.writeHead(204).end(),
  'a redirect': (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/settle' }).end(),
  HTML: (response) => response.end('<html>'),
  'a list': (response) => response.end('[]'),
  null: (response) => response.end('null'),
  'a text': (response) => response.end('"success"'),
  'JSON that is cut off': (response) => response.writeHead(200, { 'content-length': 100 }).write('{"success":true', () => response.destroy()),
  'more than 64 kB': (response) => response.end(`{"success":true,"extra":"${'x'.repeat(70_000)}"}`),
  'the end of the connection': (response) => response.destroy(),
  silence: () => undefined,
  'a body that never ends': (response) => response.writeHead(200, { 'content-length': 100 }).write('{"success":true'),
}

for (const [what, serve] of Object.entries(losses)) {
  t.test(`${what} in place of an answer is lost, and counts as sent`, async (t) => {
    const { facilitator } = await facilitatorAt(t, serve)
    t.match(await facilitator.settle(REQUEST, 200), { kind: 'lost', sent: true, cause: Error })
  })
}

t.test('where nobody listens nothing was sent', async (t) => {
  const facilitator = new HttpFacilitator('http://127.0.0.1:1', { outboundTo })
  t.teardown(() => facilitator.close())
  t.match(await facilitator.settle(REQUEST, 1000), { kind: 'lost', sent: false, cause: { code: 'ECONNREFUSED' } })
})

t.test('what cannot be written as JSON was not sent', async (t) => {
  const { facilitator, sockets } = await facilitatorAt(t, (response) => response.end('{}'))
  const circle: Record<string, unknown> = {}
  circle.again = circle
  t.match(await facilitator.verify({ ...REQUEST, paymentPayload: circle }, 1000), { kind: 'lost' })
  t.equal(sockets(), 0)
})
