/** 10,000 damaged payments: each is a 400 or a 402, and nobody outside is asked about what can be judged here. */

import fc from 'fast-check'
import t from 'tap'
import { decodeHeader, encodeHeader, signedPaymentV1 } from '../rig/client.ts'
import { seedOf } from '../rig/random.ts'
import { NAME, openMarket, openShop, PRICE } from '../rig/shop.ts'

const market = await openMarket(t)
const shop = await openShop(t, market)
const { rig, facilitator, seller, chain } = shop

type Json = Record<string, unknown>

const offer = (await shop.quote()).json as { x402Version: number; accepts: unknown[] }
const signed = async () => ({
  2: await shop.payment(),
  1: await signedPaymentV1({ x402Version: offer.x402Version, accepts: offer.accepts }, shop.buyer.privateKey),
})
/** Good for half a minute, which not every machine needs less than for all of them: signed again for each part. */
let good = await signed()
const PARTS = 5
const HEADERS = { 1: 'X-PAYMENT', 2: NAME }

const AUTHORIZATION = ['from', 'to', 'value', 'validAfter', 'validBefore', 'nonce'].map((member) => `payload.authorization.${member}`)
const ACCEPTED = ['scheme', 'network', 'asset', 'amount', 'payTo', 'maxTimeoutSeconds', 'extra'].map((member) => `accepted.${member}`)
const MEMBERS = ['x402Version', 'payload', 'payload.signature', 'payload.authorization', ...AUTHORIZATION, ...AUTHORIZATION]
const PATHS = { 1: [...MEMBERS, 'scheme', 'network'], 2: [...MEMBERS, 'accepted', ...ACCEPTED, 'resource', 'resource.url', 'extensions'] }

type Change = (before: unknown) => unknown
const at = (text: string, index: number): number => (text.length === 0 ? 0 : index % text.length)
const letters = fc.constantFrom(...'0123456789abcdefgxX-. ')
const inText = (how: (text: string, index: number, letter: string) => string): fc.Arbitrary<Change> =>
  fc.tuple(fc.nat(200), letters).map(
    ([index, letter]) =>
      (before) =>
        how(String(before), at(String(before), index), letter),
  )
/** Still formed as before: another digit past `0x`. */
const digit = fc.tuple(fc.nat(200), fc.constantFrom(...'0123456789')).map(
  ([index, put]): Change =>
    (before) => {
      const text = String(before)
      const place = 2 + at(text.slice(2), index)
      return text.slice(0, place) + put + text.slice(place + 1)
    },
)
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: digit },
  fc.jsonValue().map((value) => () => value),
  fc.constant(() => undefined),
  inText((text, index, letter) => text.slice(0, index) + letter + text.slice(index + 1)),
  inText((text, index, letter) => text.slice(0, index) + letter + text.slice(index)),
  inText((text, index) => text.slice(0, index)),
  fc.bigInt({ min: -2n, max: 2n ** 260n }).map((value) => () => String(value)),
)

function altered(header: string, path: string, how: Change): string {
  const root = decodeHeader(header) as Json
  const names = path.split('.')
  const last = names.pop() as string
  let parent = root
  for (const name of names) {
    parent[name] ??= {}
    parent = parent[name] as Json
  }
  parent[last] = how(parent[last])
  return encodeHeader(root)
}

const version = fc.constantFrom(1 as const, 2 as const)
const inMembers = version.chain((v) => fc.tuple(fc.constantFrom(...PATHS[v]), change).map(([path, how]) => ({ v, header: altered(good[v], path, how) })))
/** Damage to the bytes of the header itself. */
const inBytes = fc
  .tuple(version, fc.nat(5000), fc.stringMatching(/^[!-~]{0,8}$/), fc.nat(3))
  .map(([v, index, put, cut]) => ({ v, header: good[v].slice(0, at(good[v], index)) + put + good[v].slice(at(good[v], index) + cut) }))
const otherwise = fc.record({ v: version, header: fc.oneof(fc.stringMatching(/^[ -~]{1,300}$/), fc.jsonValue().map(encodeHeader)) })
const wrongHeader = version.map((v) => ({ v, header: good[v === 1 ? 2 : 1] }))
const damaged = fc.oneof({ weight: 12, arbitrary: inMembers }, { weight: 4, arbitrary: inBytes }, { weight: 2, arbitrary: otherwise }, wrongHeader)

// ------------------------------------------------------------------ what a reader of the specification would refuse

const is = (value: unknown, form: RegExp): boolean => typeof value === 'string' && form.test(value)
const number = (value: unknown): bigint => (is(value, /^(0|[1-9]\d*)$/) ? BigInt(value as string) : -1n)
const same = (value: unknown, text: string): boolean => typeof value === 'string' && value.toLowerCase() === text.toLowerCase()

/** Written a second time, on purpose: nothing here is the gateway's own. */
function fits(v: 1 | 2, header: string, nowSeconds: number): boolean {
  if (!/^[A-Za-z0-9+/]+=*$/.test(header.trim())) return false
  let payment: Json
  try {
    payment = decodeHeader(header) as Json
  } catch {
    return false
  }
  const { authorization, signature } = (payment?.payload ?? {}) as { authorization?: Json; signature?: unknown }
  if (payment?.x402Version !== v || typeof authorization !== 'object' || authorization === null) return false
  const said = (v === 1 ? payment : payment.accepted) as Json | undefined
  if (said?.scheme !== 'exact' || said.network !== (v === 1 ? 'base-sepolia' : 'eip155:84532')) return false
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  if (v === 2 && !(same(said.asset, chain.token) && same(said.payTo, seller.address) && said.amount === value)) return false
  const formed = is(from, /^0x[0-9a-f]{40}$/i) && is(nonce, /^0x[0-9a-f]{64}$/i) && is(signature, /^0x([0-9a-f]{2}){65,}$/i)
  const timely = number(validAfter) >= 0n && number(validAfter) <= BigInt(nowSeconds) && number(validBefore) >= BigInt(nowSeconds + 12)
  return formed && same(to, seller.address) && number(value) >= PRICE && timely && number(validBefore) < 2n ** 256n
}

t.test('10,000 damaged payments end in 400 or 402; the facilitator is asked only about those that fit the offer', async (t) => {
  facilitator.misbehave(() => ({ work: false, status: 200, body: '{"isValid":false,"invalidReason":"invalid_exact_evm_signature"}' }))
  t.teardown(() => facilitator.misbehave(undefined))
  const seen = { 400: 0, 402: 0, asked: 0 }
  const seed = seedOf(t)
  for (let part = 0; part < PARTS; part += 1) {
    good = await signed()
    await fc.assert(
      fc.asyncProperty(damaged, async ({ v, header }) => {
        const before = facilitator.verifyCount
        const fitting = fits(v, header, Math.floor(Date.now() / 1000))
        const { status, json } = await shop.buy(undefined, { headers: { [HEADERS[v]]: header } })
        const asked = facilitator.verifyCount - before
        if (status !== 400 && status !== 402) throw new Error(`answered ${status} ${JSON.stringify(json)}`)
        if (asked > (fitting ? 1 : 0)) throw new Error('the facilitator was asked for nothing')
        if (json.code !== (status === 400 ? 'bad_request' : 'payment_invalid')) throw new Error(`answered with code ${json.code}`)
        seen[status] += 1
        seen.asked += asked
      }),
      { numRuns: 10_000 / PARTS, seed: seed + part },
    )
  }
  t.comment(JSON.stringify(seen))
  t.ok(seen[400] > 200 && seen[402] > 200 && seen.asked > 50, 'each kind of ending was met often')
  t.equal(facilitator.settleCount, 0)
  t.equal(market.provider.seen.length, 0)
})

t.test('afterwards the gateway is well, and the undamaged payments buy their calls', async (t) => {
  t.same(
    rig.logged.filter(({ level }) => level === 'error'),
    [],
  )
  const moved = await shop.moved(async () => {
    for (const v of [1, 2] as const) t.equal((await shop.buy(undefined, { headers: { [HEADERS[v]]: good[v] } })).status, 200)
  })
  t.same(moved, [PRICE * 2n, PRICE * 2n])
})
