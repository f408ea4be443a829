/** The figures of a report: each column once, in every way of showing, and each total the sum of its rows. */
import t from 'tap'
import type { Usd } from '#contract'
import { COLUMNS, estimate, figuresOf, NO_SALES } from '../../gateway/office/report.ts'

const usd = (micros: bigint): Usd => micros as Usd
const sold = {
  ...{ connection: 'a', owner: 'alice', callsSold: 3, unitsSold: 5, ownUnits: 7, cost: 500_000_000n },
  ...{ revenue: usd(750_000n), ownerShare: usd(600_001n), platformShare: usd(149_999n) },
}

t.test('counts are numbers, amounts plain decimals; the shares are those that were booked, whatever part they are', async (t) => {
  t.strictSame(figuresOf([sold]), {
    ...{ calls_sold: 3, units_sold: 5, own_units: 7, revenue: '0.75', owner_share: '0.600001', platform_share: '0.149999' },
    ...{ subscription_cost: '500.00', net_profit: '-499.399999' },
  })
})

t.test('a total is the sum of each column, the result too; of nothing it is nothing', async (t) => {
  const idle = { ...NO_SALES, connection: 'b', owner: 'bob', cost: 1n }
  t.match(figuresOf([sold, sold, idle]), {
    calls_sold: 6,
    revenue: '1.50',
    owner_share: '1.200002',
    subscription_cost: '1000.000001',
    net_profit: '-998.799999',
  })
  t.match(figuresOf([]), { calls_sold: 0, net_profit: '0.00' })
})

t.test('no two columns have one name or one title', async (t) => {
  for (const names of [COLUMNS.map(({ member }) => member), COLUMNS.map(({ title }) => title)]) t.equal(new Set(names).size, COLUMNS.length)
})

t.test('a plan is reckoned with the share that holds where nothing is set', async (t) => {
  const plan = estimate({ quota: 10_000, used: 3000, sold: 5000, unitPrice: usd(150_000n), subscription: usd(500_000_000n) })
  t.match(plan, { revenue: '750.00', owner_share: '675.00', platform_share: '75.00', net_profit: '175.00' })
})
