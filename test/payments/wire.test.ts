/** Whatever stands in a payment header, it is read or refused: nothing throws, nothing takes long, and what passes is what was offered. */

import fc from 'fast-check'
import t from 'tap'
import { usd } from '../../gateway/contract/index.ts'
import { atomic, offerOf, requirements } from '../../gateway/payments/offers.ts'
import { paymentIn, type Reading } from '../../gateway/payments/wire.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 10_000 }
/** Far above what any of them takes, also on a machine with much else to do. */
const LONG_MS = 500

const offer = offerOf('base-sepolia', undefined)
const terms = { payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C', maxTimeoutSeconds: 90 }
const reading: Reading = { offers: [offer], terms, resource: () => ({ url: 'http://gateway.example/acme/search', description: '' }), upfront: false }
const amount = String(atomic(usd('$0.15'), offer.decimals))

const authorization = {
  from: `0x${'a1'.repeat(20)}`,
  to: terms.payTo,
  value: amount,
  validAfter: '0',
  validBefore: '99999999999',
  nonce: `0x${'b2'.repeat(32)}`,
}
const good = { x402Version: 2, payload: { signature: `0x${'c3'.repeat(65)}`, authorization }, accepted: requirements(offer, terms, amount) }
const header = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')

const PATHS = [
  ...['x402Version', 'payload', 'accepted', 'extensions', 'resource', 'payload.signature', 'payload.authorization'],
  ...Object.keys(authorization).map((name) => `payload.authorization.${name}`),
  ...Object.keys(good.accepted).map((name) => `accepted.${name}`),
]
const odd = fc.oneof(
  fc.anything({ maxDepth: 3 }),
  fc.constantFrom<unknown>('', '0', '-1', '1e3', '0x', '__proto__', 2 ** 53, Number.NaN, null, [], {}, '9'.repeat(5_000), `0x${'f'.repeat(20_000)}`),
  fc.bigInt({ min: 0n, max: 2n ** 300n }).map(String),
)

function set(path: string, value: unknown): unknown {
  const copy = structuredClone(good) as Record<string, unknown>
  const names = path.split('.')
  const last = names.pop() as string
  let inner = copy
  for (const name of names) inner = inner[name] as Record<string, unknown>
  inner[last] = value
  return copy
}

const asText = (value: unknown): string => {
  try {
    return header(value)
  } catch {
    return header(String(value))
  }
}

const headers = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.base64String({ maxLength: 400 }),
  fc.json().map((text) => Buffer.from(text).toString('base64')),
  fc.tuple(fc.constantFrom(...PATHS), odd).map(([path, value]) => asText(set(path, value))),
  fc.nat(400).map((cut) => header(good).slice(0, cut)),
  fc.constantFrom('[', '{"a":').map((text) => Buffer.from(text.repeat(2_000)).toString('base64')),
)

t.test('the payment that repeats the offer is read', async (t) => {
  t.match(paymentIn({ version: 2, header: header(good) }, reading), { payment: { amount: 150_000n, payer: authorization.from, x402Version: 2 } })
})

t.test('any header is a payment that repeats the offer, or refused with a code; nothing throws and nothing takes long', async () => {
  fc.assert(
    fc.property(headers, fc.constantFrom<1 | 2>(1, 2), (text, version) => {
      const before = performance.now()
      const shown = paymentIn({ version, header: text }, reading)
      if (performance.now() - before > LONG_MS) return false
      if ('refusal' in shown) return shown.refusal.code === 'bad_request' || shown.refusal.code === 'payment_invalid'
      const { payment } = shown
      return payment.network === offer.network && payment.asset === offer.asset.toLowerCase() && payment.amount >= 0n && /^0x[0-9a-f]{40}$/.test(payment.payer)
    }),
    RUNS,
  )
})
