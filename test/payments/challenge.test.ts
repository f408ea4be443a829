/** The header of a 402 stays below 4 kB: what helps to discover goes first, then networks beyond three; never what makes a retry safe. */

import t from 'tap'
import { networks, type Usd } from '../../gateway/contract/index.ts'
import { challengeOf } from '../../gateway/payments/challenge.ts'
import { offerOf } from '../../gateway/payments/offers.ts'
import { decodeHeader } from '../rig/client.ts'

const names = Object.entries(networks)
  .filter(([, { usdc }]) => usdc !== undefined)
  .map(([name]) => name)
const signIn = {
  info: { domain: 'gateway.example', nonce: 'ab'.repeat(16) },
  supportedChains: names.map((name) => ({ chainId: name, type: 'eip191' })),
  schema: {},
}
interface Read {
  readonly accepts: readonly unknown[]
  readonly extensions: Readonly<Record<string, unknown>>
}
function read(count: number, discovery: object | undefined): Read & { size: number; v1: number } {
  const offers = Array.from({ length: count }, (_, index) => offerOf(names[index % names.length] as string, undefined))
  const resource = { url: 'https://gateway.example/nansen/x', description: 'What a wallet holds', ...(discovery === undefined ? {} : { discovery }) }
  const terms = { payTo: `0x${'20'.repeat(20)}`, maxTimeoutSeconds: 90 }
  const { headers, members } = challengeOf({ offers, terms, price: 150_000n as Usd, error: 'pay first', resource, quote: undefined, signIn })
  const header = headers['payment-required'] as string
  return { ...(decodeHeader(header) as Read), size: header.length, v1: (members.accepts as unknown[]).length }
}

t.test('everything where there is room for it', async (t) => {
  const { accepts, extensions, size } = read(2, { info: { input: { type: 'http' } } })
  t.equal(accepts.length, 2)
  t.same(Object.keys(extensions).sort(), ['bazaar', 'payment-identifier', 'sign-in-with-x'])
  t.ok(size < 4_000)
})

t.test('a long description for catalogues goes first', async (t) => {
  const { accepts, extensions, size } = read(2, { example: 'x'.repeat(4_000) })
  t.equal(accepts.length, 2)
  t.same(Object.keys(extensions).sort(), ['payment-identifier', 'sign-in-with-x'])
  t.ok(size < 4_000)
})

t.test('then networks beyond three; version 1 reads the body, and loses none', async (t) => {
  const { accepts, extensions, size, v1 } = read(12, { info: {} })
  t.equal(accepts.length, 3)
  t.ok('payment-identifier' in extensions)
  t.ok(size < 4_000, String(size))
  t.ok(v1 > 3)
})
