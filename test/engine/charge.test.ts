/** What a good answer is charged with: credits the actual, a payment what was signed, an owner nothing; and what the answer says about it. */

import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Operation, ratio, units, usd, wholeCall } from '../../gateway/contract/index.ts'
import { pricedFor } from '../../gateway/engine/charge.ts'
import type { Charged } from '../../gateway/stores/records.ts'
import { adapterOf, connectionOf, operationOf } from '../rig/acme.ts'
import { type Flown, type Inside, openInside, reached } from '../rig/inside.ts'
import { paymentHeader } from '../rig/payments.ts'
import { seedOf } from '../rig/random.ts'

const MOST = 10
/** Units depend on the rows of the answer, two a row. */
const rows = operationOf('rows', {
  units: { most: () => MOST, actual: (_request, answer) => (answer as { rows: unknown[] }).rows.length * 2 },
})
const operations: readonly Operation[] = [
  operationOf('search'),
  rows,
  operationOf('credit', { resale: 'attribution' }),
  operationOf('line', { attribution: 'Données — Acme' }),
  operationOf('fixed', { units: 3 }),
]
const adapter = adapterOf(operations, { terms: { attribution: 'Data: Acme', source: 'x', checked: '2026-11-23' } })

const open = (t: Test): Promise<Inside> =>
  openInside(t, {
    adapter,
    apis: new Map([['acme', [connectionOf('acme', { prices: new Map([['fixed', usd('$0.20')]]), quota: units(1_000_000) })]]]),
    bufferBytes: 4096,
  })

async function call(inside: Inside, path: string, headers: Readonly<Record<string, string>>, body: string): Promise<Flown> {
  inside.provider.answers = (one) => one.answer(200, body)
  const flown = inside.fly(path, { headers })
  await reached('the call is over', () => flown.flight.state === 'over')
  return flown
}

const header = ({ sink }: Flown, name: string): string | undefined => {
  const headers = sink.answers[0]?.headers ?? []
  const at = headers.findIndex((value, index) => index % 2 === 0 && value === name)
  return at === -1 ? undefined : headers[at + 1]
}
const answerOf = (count: number): string => JSON.stringify({ rows: Array(count).fill(0) })

t.test('credits pay the actual units, never more than was held; what does not tell is charged at the most', async (t) => {
  const inside = await open(t)
  const key = await inside.key('k')
  const cases: readonly [body: string, units: number][] = [
    [answerOf(0), 0],
    [answerOf(1), 2],
    [answerOf(5), 10],
    [answerOf(50), MOST],
    ['{}', MOST],
    ['no JSON', MOST],
    ['{"rows":{"length":0.25}}', MOST],
    ['{"rows":{"length":-1}}', MOST],
  ]
  let balance = 10_000_000n
  for (const [body, count] of cases) {
    const flown = await call(inside, '/acme/rows', key, body)
    balance -= BigInt(count) * 150_000n
    t.equal(header(flown, 'x-atlas-units'), String(count), body)
    t.equal(await inside.admin.balance('key:k'), balance, body)
  }
  const { sold, left } = await inside.admin.counters('acme')
  t.equal(left, 1_000_000 - 300 - sold, 'what was held beyond the actual is for sale again')
})

t.test('a payment pays what was signed, whatever the answer holds, and the units sold are the actual', async (t) => {
  const inside = await open(t)
  const flown = await call(inside, '/acme/rows', paymentHeader({ number: 1, micros: 1_500_000n, nowMs: inside.clock.nowMs() }), answerOf(1))
  t.equal(header(flown, 'x-atlas-price'), '$1.50')
  t.equal(header(flown, 'x-atlas-units'), '2')
  t.ok(header(flown, 'payment-response'))
  t.equal((await inside.admin.counters('acme')).sold, 2)
})

t.test('an owner pays nothing, and his answer has no price', async (t) => {
  const inside = await open(t)
  const flown = await call(inside, '/acme/rows', await inside.key('o', { role: 'owner', owner: 'alice' }), answerOf(2))
  t.equal(header(flown, 'x-atlas-price'), undefined)
  t.equal(header(flown, 'x-atlas-receipt'), undefined)
  t.match(inside.outcomes.get(flown.id), [{ kind: 'free', price: 0n, units: 4 }])
  t.equal((await inside.admin.counters('acme')).own, 4)
})

t.test('a fixed price is the price of the call, whatever its units', async (t) => {
  const inside = await open(t)
  const flown = await call(inside, '/acme/fixed', await inside.key('k'), '{}')
  t.equal(header(flown, 'x-atlas-price'), '$0.20')
  t.equal(header(flown, 'x-atlas-units'), '3')
})

t.test('the credit line stands where the provider asks for one, and only on answers', async (t) => {
  const inside = await open(t)
  const key = await inside.key('k')
  t.equal(header(await call(inside, '/acme/credit', key, '{}'), 'x-atlas-attribution'), 'Data: Acme')
  t.equal(Buffer.from(header(await call(inside, '/acme/line', key, '{}'), 'x-atlas-attribution') ?? '', 'latin1').toString(), 'Données — Acme')
  t.equal(header(await call(inside, '/acme/search', key, '{}'), 'x-atlas-attribution'), undefined)
})

t.test('price, units, receipt and the receipt in the journal are of one charge', async (t) => {
  const inside = await open(t)
  const flown = await call(inside, '/acme/search', await inside.key('k'), '{"a":1}')
  await inside.flushed()
  const charge = inside.journal.find((record) => record.t === 'charge')
  t.match(charge, { id: header(flown, 'x-atlas-receipt'), price: '150000', platform: '15000', units: 1, operation: 'search', api: 'acme' })
  t.match(wholeCall(charge as Charged), { kind: 'charged', units: 1, price: '150000', attempts: [{ used: 'sold' }] })
  t.equal(header(flown, 'cache-control'), 'private')
  t.equal(header(flown, 'x-request-id'), flown.id)
})

t.test('for every price, share and count of units: the two parts of a charge are never negative and make the price', async (t) => {
  const { default: markupBilling } = await import('../../plugins/markup-billing.ts')
  const { settingsOf } = await import('../rig/chains.ts')
  const natural = (most: bigint): fc.Arbitrary<bigint> => fc.bigInt({ min: 1n, max: most })
  fc.assert(
    fc.property(
      natural(10n ** 12n),
      natural(10n ** 6n),
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      fc.constantFrom('revenue', 'markup'),
      (num, den, share, count, of) => {
        const settings = settingsOf(markupBilling, `platform_share: ${share / 100}%\nplatform_share_of: ${of}`)
        const connection = connectionOf('c', { baseCost: ratio(num, den), markup: ratio(3n, 1n) })
        const supply = { connections: [connection], units: units(count) }
        const [one] = markupBilling.create(settings as never, undefined as never).facts?.price?.({ supply, operation: rows } as never).alternatives ?? []
        if (one === undefined) return false
        const platform = one.platformShare(one.price, one.units)
        const owner = one.price - platform
        // The platform's part is a floor: one micro-dollar more would be above its share.
        const base = of === 'revenue' ? 0n : num * BigInt(count)
        const shared = of === 'revenue' ? one.price : one.price * den - base
        const exact = of === 'revenue' ? 10_000n : 10_000n * den
        return platform >= 0n && owner >= 0n && platform * exact <= shared * BigInt(share) && (platform + 1n) * exact > shared * BigInt(share)
      },
    ),
    { seed: seedOf(t), numRuns: 2000 },
  )
})

t.test('a platform that takes nothing, or all of a price, is none that takes more', async (t) => {
  const call = { operation: operationOf('search') } as never
  const chosen = (share: bigint) => ({ units: units(1), price: usd('$0.15'), unitPrice: usd('$0.15'), platformShare: () => share }) as never
  const priced = (share: bigint) => pricedFor(call, { by: 'credits', account: 'key:k' }, chosen(share), Buffer.alloc(0), false)
  for (const share of [0n, 1n, 150_000n]) t.match(priced(share), { price: 150_000n, platformShare: share })
  for (const share of [-1n, 150_001n]) t.throws(() => priced(share), RangeError)
})
