/** A page of another origin can ask, pay and read its receipt where `cors` is in the chain, and nowhere else. */

import t from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { signedPayment } from '../rig/client.ts'
import { BALANCE, OPEN_RATE, openGateway, type Rig, sandbox, WALLET } from '../rig/gateway.ts'

const plugins = (...first: readonly (string | object)[]): object =>
  sandbox({
    plugins: [...first, 'auth', OPEN_RATE, 'markup-billing', { 'x402-payment': { pay_to: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' } }, 'quota-reserve'],
  })
const PAGE = { origin: 'https://app.example' }
const ASKS = { ...PAGE, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,payment-signature' }

const open = await openGateway(t, plugins('cors'))

t.test('a preflight is answered 204 before everything else, for operations and for the pages of our own', async (t) => {
  for (const path of [BALANCE, '/nansen/no/such/operation', '/credits', '/credits/key', '/catalog', '/receipts/rc_x']) {
    const answer = await open.call('OPTIONS', path, { headers: ASKS })
    t.equal(answer.status, 204, path)
    t.equal(answer.text, '')
    t.match(answer.headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': /PAYMENT-SIGNATURE, X-PAYMENT, SIGN-IN-WITH-X, Access-Control-Expose-Headers/,
      'access-control-allow-methods': /POST/,
      'access-control-max-age': '600',
      'x-request-id': /./,
    })
    t.equal(answer.headers['access-control-allow-credentials'], undefined)
  }
  t.equal((await open.call('OPTIONS', BALANCE, { headers: PAGE })).status, 405, 'an OPTIONS that is no preflight is a request like any other')
})

t.test('a page pays: the offer, the receipt and every refusal can be read', async (t) => {
  const post = (headers: object, body: object = WALLET) => open.call('POST', BALANCE, { headers: { ...PAGE, ...headers }, body })
  const quote = await post({})
  t.equal(quote.status, 402)
  const payment = await signedPayment(quote.headers['payment-required'] ?? '', generatePrivateKey())
  const paid = await post({ 'payment-signature': payment })
  t.equal(paid.status, 200)
  const answers = [quote, paid, await post({ 'payment-signature': payment }), await post({ authorization: 'Bearer atlas_no' }), await post({}, { nonsense: 1 })]
  answers.push(await open.call('GET', '/nowhere', { headers: PAGE }), await open.call('POST', '/credits', { headers: PAGE, body: { amount: '$1' } }))
  t.same(
    answers.map(({ status }) => status),
    [402, 200, 200, 401, 400, 404, 402],
  )
  for (const { status, headers } of answers) {
    t.equal(headers['access-control-allow-origin'], '*', String(status))
    t.match(headers['access-control-expose-headers'], /PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE/, String(status))
  }
  t.equal((await open.call('POST', BALANCE, { body: WALLET })).headers['access-control-allow-origin'], undefined, 'who is no page gets nothing of it')
})

t.test('with a list other origins read nothing; without the plugin nobody does', async (t) => {
  const listed = await openGateway(t, plugins({ cors: { origins: ['https://app.example'] } }))
  const from = (rig: Rig, origin: string) => rig.call('POST', BALANCE, { headers: { origin }, body: WALLET })
  t.match((await from(listed, 'https://app.example')).headers, { 'access-control-allow-origin': 'https://app.example', vary: /Origin/ })
  const other = await from(listed, 'https://evil.example')
  t.equal(other.headers['access-control-allow-origin'], undefined)
  t.match(other.headers.vary, /Origin/)
  const none = await openGateway(t, plugins())
  t.equal((await from(none, 'https://app.example')).headers['access-control-allow-origin'], undefined)
  t.equal((await none.call('OPTIONS', BALANCE, { headers: ASKS })).status, 405)
  await t.rejects(openGateway(t, plugins({ cors: { origins: ['https://app.example/path'] } })), /is no origin; expected one such as https:\/\/app\.example/)
})
