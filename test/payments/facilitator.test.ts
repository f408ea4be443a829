/** A facilitator that is slow, gone, cut off or talks garbage is told apart, costs nobody more than its deadline, and is left alone for a while. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { Facilitator, FacilitatorAnswer, FacilitatorRequest } from '../../gateway/contract/index.ts'
import { outboundTo } from '../../gateway/engine/index.ts'
import { HttpFacilitator } from '../../gateway/payments/facilitator.ts'
import { FacilitatorLine } from '../../gateway/payments/line.ts'
import { PaymentRequest } from '../../gateway/payments/request.ts'
import { NO_STATE } from '../rig/scripted.ts'

type Serve = (request: IncomingMessage, response: ServerResponse) => unknown
const REQUEST: FacilitatorRequest = { x402Version: 2, paymentPayload: { a: 1 }, paymentRequirements: {} }
const json =
  (body: unknown, status = 200): Serve =>
  (_, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const VALID = json({ isValid: true })

interface Served {
  readonly facilitator: HttpFacilitator
  readonly clock: { now: number }
  serve: Serve
  asked: number
  sockets: number
}

async function served(t: Test, serve: Serve): Promise<Served> {
  const clock = { now: 0 }
  const server = createServer((request, response) => {
    one.asked += 1
    request.resume().on('end', () => one.serve(request, response))
  })
  server.on('connection', () => {
    one.sockets += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const facilitator = new HttpFacilitator(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x402`, {
    outboundTo,
    clock: { monotonicNs: () => clock.now * 1e6 },
  })
  t.teardown(async () => {
    await facilitator.close()
    server.closeAllConnections()
    server.close()
  })
  const one: Served = { facilitator, clock, serve, asked: 0, sockets: 0 }
  return one
}

const cases: Readonly<Record<string, { serve: Serve; why: string }>> = {
  'never answers': { serve: () => undefined, why: 'slow' },
  'stops in the middle of its answer': { serve: (_, response) => response.writeHead(200, { 'content-length': 100 }).write('{"succ'), why: 'slow' },
  'cuts the connection': { serve: (_, response) => response.destroy(), why: 'broken' },
  'cuts its answer': {
    serve: (_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('{"succ', () => response.destroy())
    },
    why: 'broken',
  },
  'answers HTML': { serve: (_, response) => response.end('<html>'), why: 'garbage' },
  'answers a list': { serve: json([]), why: 'garbage' },
  'answers without an end': { serve: (_, response) => response.write('x'.repeat(70_000)), why: 'garbage' },
}
for (const [what, { serve, why }] of Object.entries(cases)) {
  t.test(`one that ${what} is ${why}, and may have settled`, async (t) => {
    const one = await served(t, serve)
    const begun = performance.now()
    t.match(await one.facilitator.settle(REQUEST, 150), { kind: 'lost', why, sent: true })
    t.ok(performance.now() - begun < 1_000, 'within its deadline')
    t.equal(one.asked, 1, 'a settlement is never asked for twice')
  })
}

t.test('where nobody listens nothing was sent', async (t) => {
  const facilitator = new HttpFacilitator('http://127.0.0.1:1', { outboundTo })
  t.teardown(() => facilitator.close())
  t.match(await facilitator.settle(REQUEST, 1_000), { kind: 'lost', why: 'unreachable', sent: false })
})

t.test('a verify whose connection is cut is asked once more, on kept-alive connections', async (t) => {
  let cuts = 1
  const one = await served(t, (request, response) => (cuts-- > 0 ? response.destroy() : VALID(request, response)))
  t.match(await one.facilitator.verify(REQUEST, 1_000), { kind: 'answer', body: { isValid: true } })
  t.equal(one.asked, 2)
  for (let count = 0; count < 20; count++) await one.facilitator.verify(REQUEST, 1_000)
  t.ok(one.sockets <= 3, 'the one that was cut, and those that stay')
})

t.test('after five failures in a row it is left alone for a second, then asked once', async (t) => {
  const one = await served(t, json({ error: 'boom' }, 500))
  for (let count = 0; count < 5; count++) t.match(await one.facilitator.settle(REQUEST, 500), { kind: 'answer', status: 500 })
  t.ok(one.facilitator.state.open)
  t.match(await one.facilitator.settle(REQUEST, 500), { kind: 'lost', why: 'resting', sent: false })
  t.equal(one.asked, 5)
  one.clock.now = 1_001
  const both = await Promise.all([one.facilitator.settle(REQUEST, 500), one.facilitator.settle(REQUEST, 500)])
  t.match(both, [{ status: 500 }, { why: 'resting' }], 'one looks, the other does not wait')
  one.serve = json({ success: true })
  one.clock.now = 2_002
  t.match(await one.facilitator.settle(REQUEST, 500), { body: { success: true } })
  t.match(await Promise.all([one.facilitator.verify(REQUEST, 500), one.facilitator.verify(REQUEST, 500)]), [{ kind: 'answer' }, { kind: 'answer' }])
  t.match(one.facilitator.state, { open: false, settle: { answered: 1, refused: 6, lost: 2 }, lastFailure: 'settle: status 500' })
})

t.test('a refusal is no failure: success false and isValid false open nothing', async (t) => {
  const one = await served(t, json({ success: false, errorReason: 'insufficient_funds' }))
  for (let count = 0; count < 10; count++) await one.facilitator.settle(REQUEST, 500)
  t.match(one.facilitator.state, { open: false, settle: { asked: 10, refused: 10, lost: 0 } })
})

// ------------------------------------------------------------------ several, in order

const lost = (sent: boolean): FacilitatorAnswer => ({ kind: 'lost', sent, why: 'broken', cause: 'x' })
const said = (body: Record<string, unknown>, status = 200): FacilitatorAnswer => ({ kind: 'answer', status, body })

function line(...answers: { verify?: FacilitatorAnswer; settle?: FacilitatorAnswer }[]): { line: FacilitatorLine; request: PaymentRequest; asked: string[] } {
  const asked: string[] = []
  const facilitators = answers.map(({ verify = said({ isValid: true }), settle = said({ success: true }) }, index): Facilitator => {
    const answer = (step: string, one: FacilitatorAnswer) => async () => {
      asked.push(`${step} ${index}`)
      return one
    }
    return { name: String(index), verify: answer('verify', verify), settle: answer('settle', settle), supported: async () => said({}), state: NO_STATE }
  })
  return { line: new FacilitatorLine(facilitators), request: new PaymentRequest(2, { a: 1 }, {}), asked }
}

t.test('whoever verified a payment settles it; another one only where nothing can be done twice', async (t) => {
  const first = line({ verify: lost(true) }, {})
  t.match(await first.line.verify(first.request, 100), { body: { isValid: true } })
  await first.line.settle(first.request, 100)
  t.same(first.asked, ['verify 0', 'verify 1', 'settle 1'])
  const broken = line({ verify: said({}, 503) }, {})
  await broken.line.verify(broken.request, 100)
  t.same(broken.asked, ['verify 0', 'verify 1'], 'a 5xx is no verdict')
  const sent = line({ settle: lost(true) }, {})
  t.match(await sent.line.settle(sent.request, 100), { kind: 'lost' })
  t.same(sent.asked, ['settle 0'], 'it may have settled')
  const unsent = line({ settle: lost(false) }, {})
  await unsent.line.settle(unsent.request, 100)
  t.same(unsent.asked, ['settle 0', 'settle 1'])
})

t.test('an outcome that is unknown is asked of each, until one says that it settled', async (t) => {
  const used = said({ success: false, errorReason: 'nonce_already_used' })
  const both = line({ settle: used }, {}, {})
  t.match(await both.line.again(both.request, 100), { body: { success: true } })
  t.same(both.asked, ['settle 0', 'settle 1'])
  const none = line({ settle: used }, { settle: lost(true) })
  t.match(await none.line.again(none.request, 100), { kind: 'lost' })
})
