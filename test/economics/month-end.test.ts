/** What is still to come of a month, and sums over recorded calls, held against figures that fit on a hand. */

import t from 'tap'
import type { CallLine } from '#contract'
import { DAY_MS, Sales, Uses } from '../../gateway/economics/index.ts'
import { monthEndOf } from '../../gateway/economics/month-end.ts'

const NOW = Date.parse('2026-11-21T00:00:00Z')
const day = { sold: 10, own: 0, wasted: 0, revenue: 2_000_000n, platform: 200_000n }
const days = [day, day, day, { ...day, revenue: 6_000_000n, platform: 600_000n }]

t.test('the month goes on as its last days did, as long as there is something to sell', async (t) => {
  const going = { days, enabled: true, nowMs: NOW, soldOutMs: undefined, resetsMs: undefined }
  t.same(monthEndOf(going), { at: '2026-12-01T00:00:00.000Z', revenue: '30.00', owner_share: '27.00' }, 'ten days at $3')
  t.match(monthEndOf({ ...going, soldOutMs: NOW + 2 * DAY_MS }), { revenue: '6.00', owner_share: '5.40' }, 'two of them, then nothing is left')
  t.match(monthEndOf({ ...going, soldOutMs: NOW + 2 * DAY_MS, resetsMs: NOW + 7 * DAY_MS }), { revenue: '15.00' }, 'and three more of the next period')
  t.match(monthEndOf({ ...going, soldOutMs: NOW + 40 * DAY_MS, resetsMs: NOW + 60 * DAY_MS }), { revenue: '30.00' }, 'sold out after the month')
  t.match(monthEndOf({ ...going, enabled: false }), { revenue: '0.00', owner_share: '0.00' }, 'nothing is sold while it is off sale')
})

const call = (at: number, by: 'owner' | 'credits', price: string, more: { chargedAt?: number; account?: string } = {}): CallLine => [
  ...(['c', at, more.chargedAt ?? at, 'r', 'nansen', 'op', 'key:a', more.account ?? 'key:a', by, 'nansen', 'alice', 2, 2] as const),
  ...([price, String(BigInt(price) / 10n), [['nansen', 5]]] as const),
]
const uncharged = (at: number, kind: 'refused' | 'unknown' | 'passed', code: string): CallLine => ['u', at, 'nansen', 'op', 'key:a', kind, code, 1, []]

t.test('money counts on the day of its charge, units when the call came, and a refund takes back what it was', async (t) => {
  const month = { fromMs: Date.parse('2026-11-01'), toMs: Date.parse('2026-12-01') }
  const windows = new Map([['nansen', { startMs: month.fromMs, stepMs: DAY_MS }]])
  const sales = new Sales({ fromMs: NOW - 2 * DAY_MS, month, windows, nowMs: NOW + 3_600_000 })
  const midnight = NOW - DAY_MS
  sales.take(call(midnight - 1, 'credits', '1000000', { chargedAt: midnight + 1 }))
  sales.take(call(midnight + 5, 'owner', '0'))
  sales.take(call(month.fromMs - 10, 'credits', '9000000', { account: 'key:b' }))
  sales.take(['r', NOW + 1, 'r', '400000', '40000', 'key:a'])
  for (const [kind, code] of [
    ['refused', 'sold_out'],
    ['refused', 'upstream_error'],
    ['unknown', ''],
    ['passed', ''],
  ] as const)
    sales.take(uncharged(NOW + 2, kind, code))
  const shown = sales
    .days()
    .map((one) => [new Date(one.startMs).toISOString().slice(0, 10), one.calls, one.own, one.revenue, one.platform, one.refused, one.failed])
  t.same(shown, [
    ['2026-11-19', 0, 0, 0n, 0n, 0, 0],
    ['2026-11-20', 1, 1, 1_000_000n, 100_000n, 0, 0],
    ['2026-11-21', 0, 0, -400_000n, -40_000n, 1, 2],
  ])
  t.same([...sales.spends], [['key:a', { calls: 1, amount: 600_000n }]], 'of this month alone')
  const steps = sales.steps('nansen')
  t.same(
    [steps[18], steps[19]],
    [
      { sold: 7, own: 0 },
      { sold: 5, own: 2 },
    ],
    'with what was wasted',
  )
})

t.test('a forecast counts the last seven days and nothing else', async (t) => {
  const uses = new Uses(NOW)
  uses.take(call(NOW - 7 * DAY_MS - 1, 'credits', '1000000'))
  uses.take(call(NOW - 1, 'credits', '1000000'))
  uses.take(call(NOW, 'credits', '1000000'))
  const { calls, firstMs, days: all } = uses.of('nansen')
  t.same([calls, firstMs, all.at(-1)], [1, NOW - 1, { sold: 2, own: 0, wasted: 5, revenue: 1_000_000n, platform: 100_000n }])
})
