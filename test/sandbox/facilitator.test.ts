/** Guarantees of the sandbox's facilitator, paid by the official client's signatures. */

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type { EpochMs, Facilitator, FacilitatorRequest } from '../../gateway/contract/index.ts'
import { playFacilitator } from '../../gateway/sandbox/facilitator.ts'
import { type Overrides, signedPayload } from '../rig/client.ts'
import { offerV1, offerV2 } from '../rig/offer.ts'
import { AMOUNT, wrongPayments } from './wrong-payments.ts'

type Json = Record<string, unknown>

const START = 100_000_000n
const payTo = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'
const other = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'
const privateKey = generatePrivateKey()
const payer = privateKeyToAccount(privateKey).address

const nowSeconds = Math.floor(Date.now() / 1000)
const clock = { nowMs: () => (nowSeconds * 1000) as EpochMs }
const play = () => playFacilitator({ clock, startingBalance: START })

const v2 = offerV2({ payTo, amount: AMOUNT })
const v1 = offerV1({ payTo, amount: AMOUNT })

async function paid(offered: typeof v1 | typeof v2 = v2, overrides: Overrides = {}): Promise<FacilitatorRequest> {
  const paymentPayload = await signedPayload(offered, privateKey, overrides)
  return { x402Version: offered.x402Version, paymentPayload, paymentRequirements: offered.accepts[0] }
}

const bodyOf = async (answer: ReturnType<Facilitator['verify']>): Promise<Json> => {
  const got = await answer
  if (got.kind !== 'answer') throw new Error('the play facilitator always answers')
  return got.body
}
const verify = (facilitator: Facilitator, request: FacilitatorRequest) => bodyOf(facilitator.verify(request, 1000))
const settle = (facilitator: Facilitator, request: FacilitatorRequest) => bodyOf(facilitator.settle(request, 1000))

for (const offered of [v1, v2]) {
  t.test(`a v${offered.x402Version} payment signed by the official client verifies, and settling moves exactly its amount`, async (t) => {
    const facilitator = play()
    const request = await paid(offered)
    t.same(await verify(facilitator, request), { isValid: true, payer })
    t.equal(facilitator.balance(payer), START, 'verifying moves nothing')
    const settled = await settle(facilitator, request)
    t.match(settled, { success: true, network: offered.accepts[0]?.network, payer, extra: { play: true } })
    t.match(settled.transaction, /^0x706c6179[0-9a-f]{56}$/)
    t.equal(facilitator.balance(payer), START - 10_000n)
    t.equal(facilitator.balance(payTo.toLowerCase()), START + 10_000n)
  })
}

t.test('each wrong field is refused with its reason, by verify and by settle, and moves nothing', async (t) => {
  const facilitator = play()
  for (const { wrong, reason, payment, offer, asked } of wrongPayments(nowSeconds, other)) {
    const requirements: Json = offer?.(v2.accepts[0] as Json) ?? (v2.accepts[0] as Json)
    const paymentPayload = await signedPayload({ ...v2, accepts: [requirements] }, privateKey, payment)
    const request: FacilitatorRequest = { x402Version: 2, paymentPayload, paymentRequirements: asked?.(requirements) ?? requirements }
    t.match(await verify(facilitator, request), { isValid: false, invalidReason: reason }, wrong)
    t.match(await settle(facilitator, request), { success: false, errorReason: reason, transaction: '' }, wrong)
  }
  t.equal(facilitator.balance(payer), START)
})

t.test('what is missing or of another version is refused', async (t) => {
  const facilitator = play()
  const good = await paid()
  const reasonOf = async (change: Partial<Record<keyof FacilitatorRequest, unknown>>) =>
    (await verify(facilitator, { ...good, ...change } as FacilitatorRequest)).invalidReason
  t.equal(await reasonOf({ paymentPayload: null }), 'invalid_payload')
  t.equal(await reasonOf({ paymentRequirements: [] }), 'invalid_payment_requirements')
  t.equal(await reasonOf({ paymentRequirements: { ...v2.accepts[0], amount: 10000 } }), 'invalid_payment_requirements')
  t.equal(await reasonOf({ x402Version: 1 }), 'invalid_x402_version')
  t.equal(await reasonOf({ x402Version: 3 }), 'invalid_x402_version')
  t.equal(await reasonOf({ paymentRequirements: v1.accepts[0] }), 'invalid_payment_requirements')
})

t.test('the last second in which a payment may be settled is 6 before it expires', async (t) => {
  const facilitator = play()
  const request = await paid(v2, { authorization: { validAfter: String(nowSeconds), validBefore: String(nowSeconds + 6) } })
  t.match(await verify(facilitator, request), { isValid: true })
})

t.test('settling the same payment again moves no money and says that the nonce is used', async (t) => {
  const facilitator = play()
  const request = await paid()
  t.match(await settle(facilitator, request), { success: true })
  t.match(await settle(facilitator, request), { success: false, errorReason: 'invalid_exact_evm_nonce_already_used', payer, transaction: '' })
  t.match(await verify(facilitator, request), { isValid: false, invalidReason: 'invalid_exact_evm_nonce_already_used' })
  t.equal(facilitator.balance(payer), START - 10_000n)
})

t.test('of 20 settlements of one payment at once exactly one succeeds', async (t) => {
  const facilitator = play()
  const request = await paid()
  const results = await Promise.all(Array.from({ length: 20 }, () => settle(facilitator, request)))
  t.equal(results.filter((result) => result.success).length, 1)
  t.equal(facilitator.balance(payer), START - 10_000n)
})

t.test('a nonce is used up even for another amount', async (t) => {
  const facilitator = play()
  const nonce = `0x${'5a'.repeat(32)}` as const
  const cheap = offerV2({ payTo, amount: '1' })
  t.match(await settle(facilitator, await paid(v2, { authorization: { nonce } })), { success: true })
  t.match(await settle(facilitator, await paid(cheap, { authorization: { nonce } })), { errorReason: 'invalid_exact_evm_nonce_already_used' })
})

t.test('a settled payment stays refused after it has expired and its nonce is forgotten', async (t) => {
  let seconds = nowSeconds
  const facilitator = playFacilitator({ clock: { nowMs: () => (seconds * 1000) as EpochMs }, startingBalance: START })
  const early = await paid(v2, { authorization: { validBefore: String(nowSeconds + 10) } })
  t.match(await settle(facilitator, early), { success: true })
  seconds += 20
  t.match(await settle(facilitator, await paid()), { success: true })
  t.match(await settle(facilitator, early), { success: false, errorReason: 'invalid_exact_evm_payload_authorization_valid_before' })
  t.equal(facilitator.balance(payer), START - 20_000n)
})

t.test('a wallet can spend its balance to the last unit, and no further', async (t) => {
  const facilitator = play()
  const all = offerV2({ payTo, amount: String(START) })
  t.match(await settle(facilitator, await paid(all)), { success: true })
  t.equal(facilitator.balance(payer), 0n)
  t.match(await verify(facilitator, await paid()), { isValid: false, invalidReason: 'invalid_exact_evm_insufficient_balance' })
})

t.test('paying oneself changes nothing', async (t) => {
  const facilitator = play()
  t.match(await settle(facilitator, await paid(offerV2({ payTo: payer, amount: '10000' }))), { success: true })
  t.equal(facilitator.balance(payer), START)
})

t.test('a token that is no known USDC is paid under the name and version of its offer', async (t) => {
  const facilitator = play()
  const own = { ...v2, accepts: v2.accepts.map((offer) => ({ ...offer, network: 'eip155:43113', asset: other, extra: { name: 'Coin', version: '7' } })) }
  t.match(await verify(facilitator, await paid(own as unknown as typeof v2)), { isValid: true })
})

/** Members that decide whether a payment is good; the rest (resource, timeout, texts) is the seller's own business. */
const MEMBERS = {
  1: [
    ...['scheme', 'network'].map((member) => `paymentPayload.${member}`),
    ...['scheme', 'network', 'asset', 'maxAmountRequired', 'payTo', 'extra', 'extra.name', 'extra.version'].map((member) => `paymentRequirements.${member}`),
  ],
  2: ['scheme', 'network', 'asset', 'amount', 'payTo', 'extra', 'extra.name', 'extra.version'].flatMap((member) => [
    `paymentPayload.accepted.${member}`,
    `paymentRequirements.${member}`,
  ]),
  both: [
    ...['x402Version', 'payload', 'payload.signature', 'payload.authorization'].map((member) => `paymentPayload.${member}`),
    ...['from', 'to', 'value', 'validAfter', 'validBefore', 'nonce'].map((member) => `paymentPayload.payload.authorization.${member}`),
  ],
}

type Change =
  | { readonly kind: 'put'; readonly value: unknown }
  | { readonly kind: 'delete' }
  | { readonly kind: 'letter'; readonly at: number; readonly letter: string }
  | { readonly kind: 'cut'; readonly at: number }

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), value: fc.oneof(fc.jsonValue(), fc.anything()) }),
  fc.record({ kind: fc.constant('delete' as const) }),
  fc.record({ kind: fc.constant('letter' as const), at: fc.nat(140), letter: fc.constantFrom(...'0123456789abcdefgxX-. ') }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(140) }),
)

/** Makes the change in place; false when the value is the same afterwards (hex digits may have any case). */
function alter(root: Json, path: string, how: Change): boolean {
  const names = path.split('.')
  const last = names.pop() as string
  let parent = root
  for (const name of names) parent = parent[name] as Json
  const before = parent[last]
  if (how.kind === 'delete') delete parent[last]
  else if (how.kind === 'put') parent[last] = how.value
  else {
    const text = String(before)
    const at = how.at % text.length
    parent[last] = how.kind === 'cut' ? text.slice(0, at) : text.slice(0, at) + how.letter + text.slice(at + 1)
  }
  const after = parent[last]
  if (typeof before === 'string' && typeof after === 'string') return before.toLowerCase() !== after.toLowerCase()
  return !isDeepStrictEqual(before, after)
}

t.test('1,000 altered payments never throw, never verify and never move money', async (t) => {
  const facilitator = play()
  const good = { 1: await paid(v1), 2: await paid(v2) }
  const altered = fc
    .constantFrom(1 as const, 2 as const)
    .chain((version) => fc.record({ version: fc.constant(version), path: fc.constantFrom(...MEMBERS[version], ...MEMBERS.both), how: change }))
  await fc.assert(
    fc.asyncProperty(altered, async ({ version, path, how }) => {
      const request = structuredClone(good[version]) as unknown as Json
      fc.pre(alter(request, path, how))
      const verified = await verify(facilitator, request as unknown as FacilitatorRequest)
      const settled = await settle(facilitator, request as unknown as FacilitatorRequest)
      return verified.isValid === false && typeof verified.invalidReason === 'string' && settled.success === false
    }),
    { numRuns: 1000 },
  )
  t.equal(facilitator.balance(payer), START)
  t.match(await verify(facilitator, good[2]), { isValid: true }, 'the unaltered one is good')
})

t.test('garbage in place of a whole request is refused', async (t) => {
  const facilitator = play()
  const anything = fc.record({ x402Version: fc.oneof(fc.constantFrom(1, 2), fc.anything()), paymentPayload: fc.anything(), paymentRequirements: fc.anything() })
  await fc.assert(
    fc.asyncProperty(anything, async (request) => {
      const settled = await settle(facilitator, request as FacilitatorRequest)
      return (await verify(facilitator, request as FacilitatorRequest)).isValid === false && settled.success === false
    }),
  )
  t.equal(facilitator.balance(payTo), START)
})

t.test('what it was asked is counted, as for a real facilitator', async (t) => {
  const facilitator = playFacilitator({ clock: { nowMs: () => Date.now() as never }, startingBalance: 1n })
  const nonsense = { x402Version: 2, paymentPayload: {}, paymentRequirements: {} } as const
  await facilitator.verify(nonsense, 1)
  await facilitator.settle(nonsense, 1)
  t.match(facilitator.state, { verify: { asked: 1, answered: 0, refused: 1, lost: 0 }, settle: { asked: 1, refused: 1 } })
  const supported = await facilitator.supported(1)
  t.match(supported, { kind: 'answer', body: { kinds: [{ scheme: 'exact' }] } })
})
