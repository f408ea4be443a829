/** What a facilitator would refuse anyway is refused here: it is not asked, no provider is called, and no wallet pays for a forger. */

import t from 'tap'
import { decodeHeader, encodeHeader, type Overrides, type PaymentJson } from '../rig/client.ts'
import type { Answer } from '../rig/gateway.ts'
import { openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const SECONDS = 3
const shop = await openShop(t, market, {
  settleTimeout: `${SECONDS}s`,
  upstreamTimeout: `${SECONDS}s`,
  rate: { 'rate-limit': { per_consumer: '5/minute', burst: 5 } },
})
const { rig, buyer, seller, poor, chain } = shop
const other = poor.address

type Json = Record<string, unknown>
const accepted = (change: Json): Overrides => ({ after: (payment) => ({ ...payment, accepted: { ...(payment.accepted as Json), ...change } }) })
const now = (): number => Math.floor(Date.now() / 1000)
/** Upstream, settlement, and the 6 s that facilitators want. */
const LEAST = SECONDS + SECONDS + 6

function offerOf(answer: Answer): readonly unknown[] {
  return (decodeHeader(answer.headers['payment-required'] ?? '') as { accepts: readonly unknown[] }).accepts
}

const misfits: Readonly<Record<string, () => Overrides>> = {
  'is too small': () => ({ authorization: { value: '149999' }, ...accepted({ amount: '149999' }) }),
  'is signed for less than it says': () => ({ authorization: { value: '149999' } }),
  'is signed for more than it says': () => ({ authorization: { value: '150001' } }),
  'says less than it is signed for': () => accepted({ amount: '149999' }),
  'goes to another address': () => ({ authorization: { to: other } }),
  'says another address': () => accepted({ payTo: other }),
  'goes to another address and says so': () => ({ authorization: { to: other }, ...accepted({ payTo: other }) }),
  'is for another network': () => accepted({ network: 'eip155:8453' }),
  'is for another asset': () => accepted({ asset: other }),
  'is of another scheme': () => accepted({ scheme: 'upto' }),
  'has expired': () => ({ authorization: { validBefore: String(now() - 1) } }),
  'expires before it could be settled': () => ({ authorization: { validBefore: String(now() + LEAST - 2) } }),
  'is not valid yet': () => ({ authorization: { validAfter: String(now() + 60) } }),
}

for (const [what, overrides] of Object.entries(misfits)) {
  t.test(`a payment that ${what} is refused without asking anybody`, async (t) => {
    const payment = await shop.payment(overrides())
    const asked = await shop.asked(async () => {
      const answer = await shop.buy(payment)
      t.match(answer, { status: 402, json: { code: 'payment_invalid' } })
      t.match(offerOf(answer), [{ amount: String(PRICE), payTo: seller.address }], 'the offer to pay instead')
    })
    t.same(asked, { verify: 0, settle: 0, provider: 0 })
  })
}

t.test('a payment that lives just long enough buys the call', async (t) => {
  const payment = await shop.payment({ authorization: { validBefore: String(now() + LEAST + 4) } })
  t.equal((await shop.buy(payment)).status, 200)
})

const deep = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const signed = await shop.payload()
const { authorization } = signed.payload
const withPayload = (payload: unknown): string => encodeHeader({ ...signed, payload })
const withAuthorization = (change: object): string => withPayload({ ...signed.payload, authorization: { ...authorization, ...change } })
const malformed: Readonly<Record<string, string>> = {
  'is empty': '',
  'is no base64': 'not base64!',
  'is base64url': encodeHeader(signed).replace(/=*$/, '-_'),
  'is no JSON': Buffer.from('{"x402Version":2').toString('base64'),
  'is no UTF-8': Buffer.from([0xff, 0xfe, 0x7b, 0x7d]).toString('base64'),
  'is cut off': encodeHeader(signed).slice(0, 400),
  'comes twice': `${encodeHeader(signed)}, ${encodeHeader(signed)}`,
  'is JSON null': encodeHeader(null),
  'is a list': encodeHeader([signed]),
  'is a text': encodeHeader('payment'),
  'is empty JSON': encodeHeader({}),
  'is of version 1': encodeHeader({ x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: signed.payload }),
  'is of version 3': encodeHeader({ ...signed, x402Version: 3 }),
  'has its version as text': encodeHeader({ ...signed, x402Version: '2' }),
  'accepts nothing': encodeHeader({ ...signed, accepted: undefined }),
  'accepts a text': encodeHeader({ ...signed, accepted: 'exact' }),
  'is for a network without a chain id': encodeHeader({ ...signed, accepted: { ...(signed.accepted as Json), network: 'base-sepolia' } }),
  'has no payload': withPayload(undefined),
  'has a list as payload': withPayload([signed.payload]),
  'has no authorization': withPayload({ signature: signed.payload.signature }),
  'has null as authorization': withPayload({ signature: signed.payload.signature, authorization: null }),
  'has no signature': withPayload({ authorization }),
  'has a short signature': withPayload({ authorization, signature: '0x1234' }),
  'has a signature that is no hex': withPayload({ authorization, signature: `0x${'zz'.repeat(65)}` }),
  'has a number as amount': withAuthorization({ value: 150_000 }),
  'has a negative amount': withAuthorization({ value: '-150000' }),
  'has a fraction as amount': withAuthorization({ value: '150000.0' }),
  'has a hex amount': withAuthorization({ value: '0x249f0' }),
  'has an amount with zeros before': withAuthorization({ value: '0150000' }),
  'has an amount beyond the chain': withAuthorization({ value: String(2n ** 256n) }),
  'has a time beyond the chain': withAuthorization({ validBefore: String(2n ** 256n) }),
  'has a time that is none': withAuthorization({ validBefore: 'tomorrow' }),
  'has a short nonce': withAuthorization({ nonce: '0x12' }),
  'has a name for its wallet': withAuthorization({ from: 'vitalik.eth' }),
  'has a list as recipient': withAuthorization({ to: [seller.address] }),
  'pays by Permit2': withPayload({ signature: signed.payload.signature, permit2Authorization: { from: buyer.address } }),
  'is nested without end': encodeHeader({ ...signed, extensions: { deep: deep(4000) } }),
  'is deeply nested': encodeHeader({ ...signed, extensions: { deep: deep(100) } }),
  'is 15 kB of letters': 'A'.repeat(15_000),
}

for (const [what, payment] of Object.entries(malformed)) {
  t.test(`a payment header that ${what} is a bad request`, async (t) => {
    const asked = await shop.asked(async () => {
      const answer = await shop.buy(payment)
      t.match(answer, { status: 400, json: { code: 'bad_request' } })
      t.equal(answer.headers['payment-required'], undefined)
    })
    t.same(asked, { verify: 0, settle: 0, provider: 0 })
  })
}

t.test('a payment header beyond the header limit ends at the door', async (t) => {
  t.match(await shop.buy('A'.repeat(17_000)), { status: 431, json: { code: 'headers_too_large' } })
})

const forgeries: Readonly<Record<string, (payment: PaymentJson) => PaymentJson>> = {
  "another wallet's signature": (payment) => payment,
  'a signature of zeros': (payment) => ({ ...payment, payload: { ...payment.payload, signature: `0x${'00'.repeat(64)}1b` } }),
  'a signature for another nonce': (payment) => ({
    ...payment,
    payload: { ...payment.payload, authorization: { ...payment.payload.authorization, nonce: `0x${'77'.repeat(32)}` } },
  }),
}

t.test('forged payments in the name of a wallet are refused and cost it nothing, neither balance nor limit', async (t) => {
  const victim = await chain.balanceOf(buyer.address)
  for (const [what, forge] of Object.entries(forgeries)) {
    for (let turn = 0; turn < 3; turn += 1) {
      const forged = await shop.payment({ authorization: { from: buyer.address }, after: forge }, poor)
      const asked = await shop.asked(async () => {
        const answer = await shop.buy(forged, { headers: { 'idempotency-key': 'key-of-the-victim-1' } })
        t.match(answer, { status: 402, json: { code: 'payment_invalid' } }, what)
        t.equal(answer.headers.ratelimit, undefined, 'the pace of the wallet is not even shown')
      })
      t.same(asked, { verify: 1, settle: 0, provider: 0 })
    }
  }
  t.equal(await chain.balanceOf(buyer.address), victim)
  const own = await shop.buy(await shop.payment(), { headers: { 'idempotency-key': 'key-of-the-victim-1' } })
  t.equal(own.status, 200)
  t.match(own.headers.ratelimit, /r=[34];/, 'its second call of five')
})

t.test('a wallet without money is refused by verify', async (t) => {
  const asked = await shop.asked(async () => {
    const answer = await shop.buy(await shop.payment({}, poor))
    t.match(answer, { status: 402, json: { code: 'payment_invalid', detail: /insufficient/ } })
  })
  t.same(asked, { verify: 1, settle: 0, provider: 0 })
})

t.test('nothing of all this was an error of the gateway', async (t) => {
  t.same(
    rig.logged.filter(({ level }) => level === 'error'),
    [],
  )
})
