/** Turns of a quota: each instant lies in exactly one period, whatever the billing day, the zone and its clock changes. */
import fc from 'fast-check'
import t from 'tap'
import { type PeriodRule, units } from '#contract'
import { periodAt } from '../../gateway/stores/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { seedOf } from '../rig/random.ts'
import { charge, credits, fund, hold, openStore, ownerOf, paymentOf, reserve, supply } from '../rig/store.ts'

const rule = (every: PeriodRule['every'], billingDay = 1, zone = 'UTC'): PeriodRule => ({ every, billingDay, zone })
const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())
const at = (text: string): number => Date.parse(text)

/** Those with clock changes at midnight, at odd offsets and across the date line among them. */
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Santiago',
  'America/Havana',
  'America/Asuncion',
  'America/Nuuk',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Pacific/Apia',
  'America/St_Johns',
]

/** Where the clocks change at or about midnight. */
const midnightZones = new Set(['UTC', 'America/Santiago', 'America/Havana', 'America/Nuuk', 'Africa/Cairo', 'Asia/Beirut', 'Australia/Lord_Howe'])

t.test('the periods of a year and more follow each other without gap or overlap', (t) => {
  for (const zone of zones) {
    for (const billingDay of [1, 15, 28, 29, 30, 31]) {
      for (const every of ['month', 'day'] as const) {
        // Days are many, and the billing day means nothing to them.
        if (every === 'day' && (billingDay !== 1 || !midnightZones.has(zone))) continue
        const one = rule(every, billingDay, zone)
        const wrong: string[] = []
        let period = periodAt(one, at('2027-12-15T00:00:00Z'))
        let count = 0
        for (; period.startMs < at('2029-01-15T00:00:00Z'); count += 1) {
          const end = period.endMs as number
          const next = periodAt(one, end)
          const inside = [Math.floor((period.startMs + end) / 2), end - 1].map((ms) => periodAt(one, ms))
          if (next.startMs !== end) wrong.push(`${iso(end)} begins ${iso(next.startMs)}`)
          if (inside.some(({ startMs, endMs }) => startMs !== period.startMs || endMs !== end)) wrong.push(`${iso(period.startMs)} is not one period`)
          period = next
        }
        t.strictSame(wrong, [], `${zone}, ${every} ${billingDay}`)
        const expected = every === 'month' ? 13 : 397
        t.ok(Math.abs(count - expected) <= 1, `${count} of them`)
      }
    }
  }
  t.end()
})

t.test('any instant lies in exactly the period that is computed for it', (t) => {
  const seed = seedOf(t)
  const instant = fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2032-01-01T00:00:00Z') })
  const anyRule = fc.record({
    every: fc.constantFrom('month' as const, 'day' as const),
    billingDay: fc.integer({ min: 1, max: 31 }),
    zone: fc.constantFrom(...zones),
  })
  fc.assert(
    fc.property(anyRule, instant, instant, (one, a, b) => {
      const [first, second] = [periodAt(one, Math.min(a, b)), periodAt(one, Math.max(a, b))]
      const holds = (ms: number, { startMs, endMs }: typeof first): boolean => startMs <= ms && ms < (endMs as number)
      const same = first.startMs === second.startMs
      return holds(Math.min(a, b), first) && holds(Math.max(a, b), second) && (same ? first.endMs === second.endMs : (first.endMs as number) <= second.startMs)
    }),
    { seed, numRuns: 500 },
  )
  t.pass()
  t.end()
})

t.test('a month begins on the billing day; 29 to 31 mean the last day of shorter months', (t) => {
  const turns = (billingDay: number, zone: string, from: string, count: number): (string | undefined)[] => {
    const found: (string | undefined)[] = []
    let period = periodAt(rule('month', billingDay, zone), at(from))
    for (let index = 0; index < count; index += 1) {
      found.push(iso(period.startMs))
      period = periodAt(rule('month', billingDay, zone), period.endMs as number)
    }
    return found
  }
  const days = (...list: string[]): string[] => list.map((day) => `${day}T00:00:00.000Z`)
  t.strictSame(turns(31, 'UTC', '2027-12-31T00:00:00Z', 5), days('2027-12-31', '2028-01-31', '2028-02-29', '2028-03-31', '2028-04-30'), 'a leap year')
  t.strictSame(turns(30, 'UTC', '2027-01-30T00:00:00Z', 4), days('2027-01-30', '2027-02-28', '2027-03-30', '2027-04-30'))
  t.strictSame(turns(29, 'UTC', '2027-02-28T12:00:00Z', 2), days('2027-02-28', '2027-03-29'))
  t.strictSame(turns(15, 'UTC', '2026-12-14T23:59:59Z', 3), days('2026-11-15', '2026-12-15', '2027-01-15'), 'over the end of a year')
  const berlin = turns(31, 'Europe/Berlin', '2027-03-30T22:00:00Z', 2)
  t.strictSame(berlin, ['2027-03-30T22:00:00.000Z', '2027-04-29T22:00:00.000Z'], 'midnight there, in summer time')
  t.strictSame(turns(1, 'America/New_York', '2027-03-01T05:00:00Z', 2), ['2027-03-01T05:00:00.000Z', '2027-04-01T04:00:00.000Z'], 'the clocks change within')
  t.end()
})

t.test('where the clocks skip midnight the day begins with the step', (t) => {
  // Santiago: on 2027-09-05 at 00:00 the clocks go to 01:00 (from −04 to −03).
  const period = periodAt(rule('day', 1, 'America/Santiago'), at('2027-09-05T12:00:00Z'))
  t.strictSame([iso(period.startMs), iso(period.endMs)], ['2027-09-05T04:00:00.000Z', '2027-09-06T03:00:00.000Z'], 'a day of 23 hours')
  t.end()
})

t.test('a grant that never renews is one period', (t) => {
  t.strictSame(periodAt(rule('none'), at('2027-01-01T00:00:00Z')), { startMs: 0, endMs: undefined })
  t.end()
})

const daily = connectionOf('daily', { quota: units(10), reserved: units(2), period: rule('day') })

t.test('units in flight over a turn count in the period in which they were reserved', async (t) => {
  const rig = openStore(t, { connections: [daily] })
  await fund(rig, '$100')
  const charged = await hold(rig, 'charged', supply(credits(), [daily], 3))
  await hold(rig, 'wasted', supply(credits(), [daily], 2))
  await hold(rig, 'returned', supply(credits(), [daily], 3))
  t.match(await reserve(rig, 'one more', supply(credits(), [daily])), { code: 'sold_out', retryAfterSeconds: 43_200 })
  rig.clock.pass(43_200_000)
  t.match(await rig.admin.counters('daily'), { sold: 0, wasted: 0, left: 8 }, 'the new day begins whole')
  await rig.store.commit('charged', charge(charged))
  rig.store.release('wasted', 'wasted')
  rig.store.release('returned', 'returned')
  t.match(await rig.admin.counters('daily'), { sold: 0, wasted: 0, left: 8 }, 'and stays so')
  t.equal(await rig.admin.balance('key:k'), 99_550_000n, 'the money is taken all the same')
  const today = await hold(rig, 'today', supply(credits(), [daily], 8))
  await rig.store.commit('today', charge(today))
  const own = await hold(rig, 'own', supply(ownerOf(), [daily], 2))
  await rig.store.commit('own', charge(own))
  const again = await rig.reopen()
  t.match(await again.admin.counters('daily'), { sold: 8, own: 2, wasted: 0, left: 0 })
  again.clock.pass(-43_200_000)
  t.match(await again.admin.counters('daily'), { sold: 3, wasted: 2, left: 3 }, 'yesterday has what was reserved yesterday')
})

t.test('an intent in flight over a turn, and over a restart, holds its units in its own period', async (t) => {
  const rig = openStore(t, { connections: [daily] })
  const payment = paymentOf('$0.45')
  const claim = supply({ by: 'x402', payment }, [daily], 3)
  await rig.store.intend('p', charge(await hold(rig, 'p', claim)), payment)
  rig.clock.pass(43_200_000)
  const again = rig.crash()
  t.match(await again.admin.counters('daily'), { left: 8 })
  await again.store.resolve('p', { state: 'settled', transaction: '0x', headers: {} })
  t.match(await again.admin.counters('daily'), { sold: 0, left: 8 })
  again.clock.pass(-43_200_000)
  t.match(await again.admin.counters('daily'), { sold: 3 })
})
