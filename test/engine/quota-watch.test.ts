/** Drift is what somebody else has used: calls under way never look like it, in whatever order answers come; and it is seen as soon as it can be. */
import t, { type Test } from 'tap'
import { type Alternative, type EpochMs, type Notice, type StoreAdmin, units } from '#contract'
import { remainingIn, usageOf } from '../../gateway/engine/counter.ts'
import { QuotaWatch } from '../../gateway/engine/quota-watch.ts'
import { adapterOf, connectionOf } from '../rig/acme.ts'
import { drivers } from '../rig/drivers.ts'
import type { DriverRig } from '../rig/drivers.ts'
import { until } from '../rig/gateway.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { memoryLog } from '../rig/scripted.ts'
import { charge, hold, ownerOf, supply } from '../rig/store.ts'

const QUOTA = 1000
const acme = connectionOf('acme', { quota: units(QUOTA), reserved: units(300) })
const adapter = adapterOf([], { quota: { unit: 'call', resets: 'billing-day', remaining: { header: 'X-Left' } } })

function watching(rig: DriverRig) {
  const told: Notice[] = []
  const notices = { tell: (notice: Notice) => void told.push(notice) }
  const asked: string[] = []
  const admin: Pick<StoreAdmin, 'external' | 'first' | 'counters'> = {
    external: (reading) => rig.admin.external(reading),
    counters: (name) => rig.admin.counters(name),
    first: async (key, untilMs) => {
      const first = await rig.admin.first(key, untilMs)
      asked.push(key)
      return first
    },
  }
  const ports = { admin, stock: rig.store.stock, clock: rig.clock, log: memoryLog([]), notices }
  return { watch: new QuotaWatch(ports, [acme], new Map([['acme', adapter]])), told, asked }
}

const left = (count: number | string): string[] => ['x-LEFT', String(count)]

for (const [name, openDriver] of drivers(t)) {
  t.test(
    `${name}: in any order of calls and answers, from two processes, no call under way is taken for somebody else’s; at rest the figure is exact`,
    async (t) => {
      const seed = seedOf(t)
      const chance = randomFrom(seed)
      const random = (below: number): number => Math.floor(chance() * below)
      for (let round = 0; round < 6; round += 1) {
        const rig = await openDriver(t, { connections: [acme] })
        const watches = [watching(rig).watch, watching(rig).watch]
        const provider = { used: 0, outside: 0 }
        const open: { id: string; chosen: Alternative; remaining: number | undefined; askedAtMs: EpochMs }[] = []
        for (let step = 0; step < 80; step += 1) {
          rig.clock.pass(5)
          const dice = random(10)
          const one = open[random(Math.max(1, open.length))]
          if (dice < 4 && open.length < 12) {
            const id = `r${round}-${step}`
            open.push({ id, chosen: await hold(rig, id, supply(ownerOf(), [acme], 1 + random(3))), remaining: undefined, askedAtMs: rig.clock.nowMs() })
          } else if (dice < 6 && one !== undefined && one.remaining === undefined) {
            provider.used += one.chosen.units
            one.remaining = QUOTA - provider.used - provider.outside
          } else if (dice === 6 && provider.outside < 200) provider.outside += random(20)
          else if (one?.remaining !== undefined) {
            if (random(2) === 0) await rig.store.commit(one.id, charge(one.chosen, one.chosen.units, { price: 0n as never }))
            const state = await (watches[random(2)] as QuotaWatch).told('acme', one.remaining, one.askedAtMs)
            if ((state?.external ?? 0) > provider.outside) return t.fail(`${state?.external} external of ${provider.outside} at step ${step} of round ${round}`)
            await rig.store.commit(one.id, charge(one.chosen, one.chosen.units, { price: 0n as never }))
            open.splice(open.indexOf(one), 1)
          }
        }
        for (const one of open) {
          if (one.remaining === undefined) provider.used += one.chosen.units
          await rig.store.commit(one.id, charge(one.chosen, one.chosen.units, { price: 0n as never }))
        }
        await rig.still()
        const state = await (watches[0] as QuotaWatch).told('acme', QUOTA - provider.used - provider.outside, rig.clock.nowMs())
        if (!t.equal(state?.external, provider.outside, `round ${round}: at rest, ${provider.outside} units of somebody else`)) return undefined
        await rig.store.close()
      }
      return undefined
    },
  )
}

const [, openEmbedded] = [...drivers(t)][0] as [string, (t: Test, wish: object) => Promise<DriverRig>]

t.test('what is no plain count of at most the quota, or of an ended period, changes nothing', async (t) => {
  const rig = await openEmbedded(t, { connections: [acme] })
  const { watch, told } = watching(rig)
  for (const said of ['1001', '-1', '1e3', '0x10', '12.5', 'lots', '', '99999999999999999999'])
    t.equal((remainingIn(left(said), 'x-left') ?? 1001) <= QUOTA, false, said)
  t.equal(await watch.told('acme', 1001, rig.clock.nowMs()), undefined)
  t.equal(await watch.told('nobody', 1, rig.clock.nowMs()), undefined)
  t.equal(await watch.told('acme', 1, (rig.clock.nowMs() - 40 * 86_400_000) as EpochMs), undefined)
  t.match(await rig.admin.counters('acme'), { external: 0 })
  t.same(told, [])
})

t.test('what a usage endpoint says is read at its member or pointer, else not at all', (t) => {
  const read = (value: unknown, usage: object): unknown =>
    usageOf(Buffer.from(JSON.stringify(value)), { method: 'GET', path: '/', ...usage }, Date.UTC(2026, 10, 15))
  const of = (value: unknown, remaining: string | readonly string[]): unknown => read(value, { remaining })
  t.same(of({ plan: 'pro', credits_remaining: 9800 }, 'credits_remaining'), { remaining: 9800 })
  t.same(of({ a: { 'b/c': ['x', '7'] } }, '/a/b~1c/1'), { remaining: 7 })
  t.same(of({ left: 3 }, ['creditsLeft', 'left']), { remaining: 3 }, 'the first of several that is there')
  for (const value of [null, [], 5, 'x', {}, { credits_remaining: null }, { credits_remaining: -1 }, { credits_remaining: {} }])
    t.equal(of(value, 'credits_remaining'), undefined)
  t.equal(of({}, 'constructor'), undefined)
  t.equal(usageOf(Buffer.from('<html>'), { method: 'GET', path: '/', remaining: 'x' }, 0), undefined)
  t.same(read({ creditsUsed: 6 }, { used: 'creditsUsed' }), { used: 6 })
  const periods = [
    { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z', n: 1 },
    { from: '2026-11-01T00:00:00Z', to: '2026-12-01T00:00:00Z', n: 2 },
  ]
  const within = { used: 'n', periods: { from: 'from', to: 'to' } }
  t.same(read(periods, within), { used: 2 }, 'the period that holds now')
  for (const none of [[], {}, null, periods.slice(0, 1), [{ from: null, to: 'x', n: 3 }]]) t.equal(read(none, within), undefined)
  t.end()
})

t.test(
  'an answer a second is read, the last one of a burst as well; the owner hears of drift, of 50, 80 and 95 % and of the end, each once a period',
  async (t) => {
    const rig = await openEmbedded(t, { connections: [acme] })
    const { watch, told } = watching(rig)
    t.teardown(() => watch.close())
    const external = async (): Promise<number> => (await rig.admin.counters('acme')).external
    watch.seen('acme', 3, left(995))
    await until('the first is read', async () => (await external()) === 5)
    t.same(told, [], 'not above 2 %')
    for (let call = 0; call < 500; call += 1) watch.seen('acme', 3, left(979))
    watch.seen('nobody', 3, left(1))
    t.equal(await external(), 5, 'nothing else within the second')
    await until('the last is read', async () => (await external()) === 21)
    await until('the owner is told', () => told.length === 1)
    t.match(told, [{ kind: 'quota-drift', owner: 'alice', connection: 'acme', detail: /counts 21 units of acme \(2.1 % .* its owner uses the key elsewhere/ }])
    for (const [index, [remaining, percent]] of (
      [
        [500, 50],
        [200, 80],
        [50, 95],
      ] as const
    ).entries()) {
      await watch.told('acme', remaining, rig.clock.nowMs())
      watch.seen('acme', 3, [])
      await until(`${percent} %`, () => told.length === 2 + index)
      const detail = `acme has used ${1000 - remaining} of 1000 units, over ${percent} % of its quota; it renews on 2026-12-01`
      t.match(told[1 + index], { kind: 'quota-low', percent, detail })
    }
    await watch.told('acme', 0, rig.clock.nowMs())
    watch.seen('acme', 3, [])
    await until('the end', () => told.length === 5)
    t.match(told[4], { kind: 'quota-exhausted' })
    const again = watching(rig)
    await again.watch.told('acme', 0, rig.clock.nowMs())
    again.watch.seen('acme', 3, [])
    await until('it has asked', () => again.asked.length === 2)
    t.same(again.told, [], 'and no other process tells it again')
    again.watch.close()
  },
)

t.test('a long call that was asked before others ended lowers nothing that is true', async (t) => {
  const rig = await openEmbedded(t, { connections: [acme] })
  const { watch } = watching(rig)
  const asked = rig.clock.nowMs()
  const chosen = await hold(rig, 'long', supply(ownerOf(), [acme], 1))
  await watch.told('acme', QUOTA - 100 - 1, asked)
  t.match(await rig.admin.counters('acme'), { external: 100 })
  for (let call = 0; call < 50; call += 1) {
    rig.clock.pass(10)
    const quick = await hold(rig, `quick-${call}`, supply(ownerOf(), [acme], 1))
    await rig.store.commit(`quick-${call}`, charge(quick, 1, { price: 0n as never }))
    await watch.told('acme', QUOTA - 100 - 1 - call - 1, rig.clock.nowMs())
  }
  await watch.told('acme', QUOTA - 100 - 1, asked)
  t.match(await rig.admin.counters('acme'), { external: 100 })
  await rig.store.commit('long', charge(chosen, 1, { price: 0n as never }))
  rig.clock.pass(10)
  await watch.told('acme', QUOTA - 51 - 40, rig.clock.nowMs())
  rig.clock.pass(10)
  await watch.told('acme', QUOTA - 51 - 40, rig.clock.nowMs())
  t.match(await rig.admin.counters('acme'), { external: 40 }, 'a grant of the provider, or its reset: lowered to what it counts')
})
