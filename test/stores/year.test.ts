/** A year in fast-forward, for every billing day in three zones: each unit is counted in exactly one period, that of its reservation. */
import t from 'tap'
import { type Alternative, type Connection, units } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { charge, credits, fund, hold, openStore, supply } from '../rig/store.ts'

const ZONES = ['UTC', 'America/Santiago', 'Asia/Kathmandu']
const DAY_MS = 86_400_000
const FROM = Date.UTC(2027, 11, 1)
const TO = Date.UTC(2028, 11, 1)
const STEPS = 150

const connections: readonly Connection[] = ZONES.flatMap((zone) =>
  Array.from({ length: 31 }, (_, index) =>
    connectionOf(`${zone.replace('/', '-')}-${index + 1}`, {
      quota: units(100_000),
      reserved: units(0),
      period: { every: 'month', billingDay: index + 1, zone },
    }),
  ),
)

/** The calendar once more, in the plainest words: the month on whose billing day, or last day, the period began. */
const formats = new Map(ZONES.map((zone) => [zone, new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })]))
function monthBegun({ period: { billingDay, zone } }: Connection, atMs: number): string {
  const [year = 0, month = 0, day = 0] = (formats.get(zone)?.format(atMs) ?? '').split('-').map((part) => Number.parseInt(part, 10))
  const begins = Math.min(billingDay, new Date(Date.UTC(year, month, 0)).getUTCDate())
  const begun = new Date(Date.UTC(year, month - 1 - (day >= begins ? 0 : 1), 1))
  return begun.toISOString().slice(0, 7)
}

interface Flying {
  readonly id: string
  readonly chosen: Alternative
}

t.test('each unit of a year is counted in one period, whatever the billing day, the zone, the steps of the clock and the calls in flight', async (t) => {
  const random = randomFrom(seedOf(t))
  const rig = openStore(t, { connections, replayBytes: 2 ** 20 })
  await fund(rig, '$100000')
  const moveTo = (atMs: number): void => rig.clock.pass(atMs - rig.clock.nowMs())
  const expected = new Map<string, Map<string, number>>()
  const someInstant = new Map<string, Map<string, number>>()
  let flying: Flying[] = []
  let sold = 0
  const land = async (): Promise<void> => {
    await Promise.all(flying.map(({ id, chosen }) => rig.store.commit(id, charge(chosen))))
    flying = []
  }
  for (let step = 0; step < STEPS; step += 1) {
    // Towards the end of the year, with steps back of up to two days, so that turns are passed in both directions.
    const atMs = Math.max(FROM, Math.floor(FROM + ((TO - FROM) * step) / STEPS + (random() - 0.5) * 4 * DAY_MS))
    moveTo(atMs)
    const before = flying
    flying = []
    for (const connection of connections) {
      if (random() < 0.3) continue
      const count = 1 + Math.floor(random() * 3)
      const id = `${connection.name}-${step}`
      const chosen = await hold(rig, id, supply(credits(), [connection], count))
      flying.push({ id, chosen })
      const month = monthBegun(connection, atMs)
      const months = expected.get(connection.name) ?? new Map<string, number>()
      expected.set(connection.name, months.set(month, (months.get(month) ?? 0) + count))
      const instants = someInstant.get(connection.name) ?? new Map<string, number>()
      someInstant.set(connection.name, instants.set(month, atMs))
      sold += count
    }
    // Half of the calls of the step before land only now, perhaps beyond a turn.
    const now = flying
    flying = before
    await land()
    flying = now.filter(() => random() < 0.5)
    const rest = now.filter((one) => !flying.includes(one))
    const late = flying
    flying = rest
    await land()
    flying = late
  }
  await land()
  const wrong: string[] = []
  let counted = 0
  for (const connection of connections) {
    for (const [month, count] of expected.get(connection.name) ?? []) {
      moveTo(someInstant.get(connection.name)?.get(month) as number)
      const { sold: found } = await rig.admin.counters(connection.name)
      counted += found
      if (found !== count) wrong.push(`${connection.name} ${month}: ${found} sold, expected ${count}`)
    }
  }
  t.strictSame(wrong, [])
  t.equal(counted, sold, `${sold} units`)
  const usage = [...(await rig.admin.usage()).values()].reduce((sum, one) => sum + one.sold, 0)
  t.equal(usage, sold, 'and no period holds any other')
})
