/** What a run says: verdicts, what differs from the kept ratios, and the part of the page that is its own. */

import t from 'tap'
import { verdictOf } from '../../bench/aims.ts'
import { differences, ratiosOf } from '../../bench/baseline.ts'
import { type Figures, medianOf, type Round } from '../../bench/figures.ts'
import { replaced } from '../../bench/page.ts'

const round = (perSecond: number, cpuMicros: number | undefined): Round => ({
  ...{ perSecond, cpuMicros, besideMicros: undefined, clientMicros: 9, p50Ms: 1, p99Ms: 2, p999Ms: 3, lateP99Ms: 0 },
})
const figures = (name: string, perSecond: number, cpuMicros: number | undefined): Figures => ({
  ...{ name, title: name, full: round(perSecond, cpuMicros), half: undefined, idleMb: undefined, loadedMb: undefined },
})

t.test('a verdict says by how much a figure falls short', async (t) => {
  const more = { better: 'more', need: 1.5, aim: 1.9 } as const
  const less = { better: 'less', need: 120, aim: 90 } as const
  t.equal(verdictOf(more, 1.9), 'aim met')
  t.equal(verdictOf(more, 1.5), 'met')
  t.equal(verdictOf(more, 1.2), 'missed by 20 %')
  t.equal(verdictOf(less, 90), 'aim met')
  t.equal(verdictOf(less, 120), 'met')
  t.equal(verdictOf(less, 121), 'missed by 1 %')
  t.equal(verdictOf(less, undefined), 'not measured')
})

t.test('only a ratio to the bare proxy that differs by more than a tenth is named', async (t) => {
  const before = ratiosOf([figures('undici', 1_000, 40), figures('gateway', 500, 80)])
  t.strictSame(before, { undici: { perSecond: 1, cpu: 1 }, gateway: { perSecond: 0.5, cpu: 2 } })
  // A machine that is twice as fast changes no ratio.
  t.strictSame(differences(ratiosOf([figures('undici', 2_000, 20), figures('gateway', 950, 42)]), before), [])
  t.strictSame(differences(ratiosOf([figures('undici', 1_000, 40), figures('gateway', 400, 60)]), before), [
    'gateway: requests/s to the bare proxy 0.50 -> 0.40, WORSE by 20 %',
    'gateway: CPU to the bare proxy 2.00 -> 1.50, better by 25 %',
  ])
  t.strictSame(differences(ratiosOf([figures('undici', 1_000, 40), figures('new', 1, 1)]), before), [])
  t.strictSame(ratiosOf([figures('gateway', 500, 80)]), {})
})

t.test('a median is that of the rounds in which the figure is known', async (t) => {
  t.match(medianOf([round(3, 30), round(1, undefined), round(2, 10)]), { perSecond: 2, cpuMicros: 20 })
  t.equal(medianOf([]), undefined)
})

t.test('what people wrote around the generated part stays', async (t) => {
  const page = 'before\n\n<!-- from here on written by npm run bench -->\n\nold\n\n<!-- written by people again -->\n\nafter\n'
  t.equal(replaced(page, 'new'), page.replace('old', 'new'))
  t.equal(replaced(replaced(page, '$& a\n$1'), 'new'), page.replace('old', 'new'))
  t.throws(() => replaced('without marks', 'new'), /lacks the lines/)
})
