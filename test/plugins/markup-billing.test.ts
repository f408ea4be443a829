/** Prices in micro-dollars and their split, with the figures of MISSION.md. */

import fc from 'fast-check'
import t from 'tap'
import { type Connection, type Price, ratio, type Supply, units, type Usd, usd } from '../../gateway/contract/index.ts'
import markupBilling from '../../plugins/markup-billing.ts'
import { connectionOf, operationOf } from '../rig/acme.ts'
import { settingsOf } from '../rig/chains.ts'
import { seedOf } from '../rig/random.ts'
import { type Inside, openInside, reached } from '../rig/inside.ts'

const operation = operationOf('search')

/** Prices by one plugin, as a call asks for them. */
function pricing(text = ''): (connections: readonly Connection[], count?: number, of?: typeof operation) => Price {
  const hooks = markupBilling.create(settingsOf(markupBilling, text) as never, undefined as never)
  return (connections, count = 1, of = operation) => {
    const supply: Supply = { connections, units: units(count) }
    return hooks.facts?.price?.({ supply, operation: of } as never) as Price
  }
}

/** Sums of so many calls sold one by one. */
function sold({ alternatives: [one] }: Price, calls: number): { revenue: bigint; platform: bigint; owner: bigint } {
  let [revenue, platform] = [0n, 0n]
  for (let call = 0; call < calls; call += 1) {
    revenue += one?.price ?? 0n
    platform += one?.platformShare(one.price, one.units) ?? 0n
  }
  return { revenue, platform, owner: revenue - platform }
}

const nansen = connectionOf('nansen', { baseCost: ratio(50_000n, 1n), markup: ratio(3n, 1n) })

t.test('5,000 calls at $0.05 × 3: $750 of revenue, of which the owner gets $675 by revenue and $700 by markup', async (t) => {
  t.strictSame(sold(pricing()([nansen]), 5000), { revenue: usd('$750'), platform: usd('$75'), owner: usd('$675') })
  t.strictSame(sold(pricing('platform_share: 10%\nplatform_share_of: markup')([nansen]), 5000), {
    revenue: usd('$750'),
    platform: usd('$50'),
    owner: usd('$700'),
  })
})

t.test('a share of nothing and of everything', async (t) => {
  t.strictSame(sold(pricing('platform_share: 0%')([nansen]), 10), { revenue: usd('$1.50'), platform: 0n, owner: usd('$1.50') })
  t.strictSame(sold(pricing('platform_share: 100%')([nansen]), 10), { revenue: usd('$1.50'), platform: usd('$1.50'), owner: 0n })
  t.strictSame(sold(pricing('platform_share: 100%\nplatform_share_of: markup')([nansen]), 10), {
    revenue: usd('$1.50'),
    platform: usd('$1'),
    owner: usd('$0.50'),
  })
})

t.test('for every price, share and count of units: the shares are never negative, sum to the price, and the platform gets no more than its part', async (t) => {
  const natural = (max: bigint) => fc.oneof(fc.bigInt({ min: 1n, max }), fc.bigInt({ min: 1n, max: 300n }))
  const any = fc.record({
    base: fc.tuple(natural(10n ** 9n), natural(10n ** 6n)),
    charged: fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.bigInt({ min: 0n, max: 300n })),
    count: fc.oneof(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 5 })),
    share: fc.integer({ min: 0, max: 10_000 }),
    of: fc.constantFrom('revenue' as const, 'markup' as const),
  })
  fc.assert(
    fc.property(any, ({ base: [num, den], charged, count, share, of }) => {
      const whole = { platform_share: ratio(BigInt(share), 10_000n), platform_share_of: of }
      const hooks = markupBilling.create(whole, undefined as never)
      const connection = connectionOf('any', { baseCost: ratio(num, den) })
      const price = hooks.facts?.price?.({ supply: { connections: [connection], units: units(count) }, operation } as never) as Price | undefined
      const platform = price?.alternatives[0]?.platformShare(charged as Usd, units(count)) ?? -1n
      const owner = charged - platform
      const shared = of === 'revenue' ? charged * den : charged * den - num * BigInt(count)
      const exact = shared <= 0n ? 0n : shared * BigInt(share)
      const [below, above] = [platform * 10_000n * den, (platform + 1n) * 10_000n * den]
      return platform >= 0n && owner >= 0n && platform + owner === charged && below <= exact && above > exact
    }),
    { seed: seedOf(t), numRuns: 10_000 },
  )
})

t.test("what does not divide goes to the owner, and a price below cost leaves the platform of a markup's share nothing", async (t) => {
  const odd = connectionOf('odd', { baseCost: ratio(100n, 3n), markup: ratio(1n, 1n) })
  t.equal(odd.unitPrice, 34n, 'rounded up')
  t.strictSame(sold(pricing()([odd]), 1), { revenue: 34n, platform: 3n, owner: 31n })
  const cheap = connectionOf('cheap', { prices: new Map([['search', 40_000n as Usd]]) })
  t.strictSame(sold(pricing('platform_share_of: markup')([cheap]), 1), { revenue: 40_000n, platform: 0n, owner: 40_000n })
})

t.test('a call of several units costs as often as much; a fixed price is the price of the call', async (t) => {
  const priced = pricing()
  t.match(priced([nansen], 5), { alternatives: [{ units: 5, price: usd('$0.75'), unitPrice: usd('$0.15') }] })
  const fixed = connectionOf('fixed', { prices: new Map([['search', usd('$0.20')]]) })
  t.match(priced([fixed], 5), { alternatives: [{ units: 5, price: usd('$0.20'), unitPrice: undefined }] })
  t.match(priced([fixed], 5, operationOf('other')), { alternatives: [{ price: usd('$0.75') }] }, 'of that operation only')
  t.match(priced([nansen], 0), { alternatives: [{ units: 0, price: 0n }] })
})

t.test('cheapest first, and those of one price in the order of the configuration', async (t) => {
  const pool = [
    connectionOf('dear', { markup: ratio(4n, 1n) }),
    nansen,
    connectionOf('like nansen', { owner: 'bob' }),
    connectionOf('fixed', { prices: new Map([['search', usd('$0.01')]]) }),
    connectionOf('cheap', { baseCost: ratio(40_000n, 1n) }),
  ]
  const { alternatives } = pricing()(pool)
  t.strictSame(
    alternatives.map(({ connection, owner, price }) => [connection, owner, price]),
    [
      ['fixed', 'alice', 10_000n],
      ['cheap', 'alice', 120_000n],
      ['nansen', 'alice', 150_000n],
      ['like nansen', 'bob', 150_000n],
      ['dear', 'alice', 200_000n],
    ],
  )
})

t.test('what is remembered of prices is of the same connections, operation and units', async (t) => {
  const priced = pricing()
  const pool = [nansen]
  t.equal(priced(pool, 2), priced(pool, 2), 'made once')
  t.equal(priced(pool, 3).alternatives[0]?.price, usd('$0.45'))
  t.equal(priced([connectionOf('other', { markup: ratio(2n, 1n) })], 2).alternatives[0]?.price, usd('$0.20'))
  const fixed = [connectionOf('fixed', { prices: new Map([['a', usd('$1')]]) })]
  t.equal(priced(fixed, 1, operationOf('a')).alternatives[0]?.price, usd('$1'))
  t.equal(priced(fixed, 1, operationOf('b')).alternatives[0]?.price, usd('$0.15'))
})

async function calls(inside: Inside, count: number): Promise<readonly string[]> {
  const headers = await inside.key('k', { credits: usd('$1000') })
  inside.provider.answers = (one) => one.answer(200, '{}')
  for (let call = 0; call < count; call += 1) {
    const flown = inside.fly('/acme/search', { headers })
    await reached('the call is over', () => flown.flight.state === 'over')
  }
  return inside.provider.tries.map(({ request }) => request.connection.name)
}

t.test('a pool sells the cheapest until it is gone, then the next; at one price the fullest serves', async (t) => {
  const pool = [
    connectionOf('dear', { markup: ratio(4n, 1n) }),
    connectionOf('cheap', { baseCost: ratio(40_000n, 1n), quota: units(3), reserved: units(0) }),
    connectionOf('half', { quota: units(502), reserved: units(500) }),
    connectionOf('full', { quota: units(4), reserved: units(0) }),
  ]
  const inside = await openInside(t, { apis: new Map([['acme', pool]]) })
  const served = await calls(inside, 12)
  t.strictSame(served.slice(0, 3), ['cheap', 'cheap', 'cheap'])
  t.strictSame(served.slice(3, 5), ['full', 'full'], 'four are more than two')
  t.strictSame(served.slice(5, 9).toSorted(), ['full', 'full', 'half', 'half'])
  t.strictSame(served.slice(9), ['dear', 'dear', 'dear'])
})
