/** What providers count beyond ours, and who is first to do something: of every driver. */

import t, { type Test } from 'tap'
import { units, usd } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { type DriverRig, drivers, type OpenDriver } from '../rig/drivers.ts'
import { charge, credits, hold, ownerOf, supply } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(10), reserved: units(3) })
const HOUR_MS = 3_600_000

const fund = (rig: DriverRig, amount: string) => rig.admin.createKey({ id: 'k', hash: 'hash of k', role: 'consumer', credits: usd(amount) })
const later = (rig: DriverRig): { untilMs: never } => ({ untilMs: (rig.clock.nowMs() + HOUR_MS) as never })

for (const [name, openDriver] of drivers(t)) {
  const open = (t: Test): ReturnType<OpenDriver> => openDriver(t, { connections: [acme] })

  t.test(`${name}: what the provider counts beyond ours is external; calls under way never are`, async (t) => {
    const rig = await open(t)
    await fund(rig, '$10')
    const counted = (used: number, endedBefore?: number, askedAtMs = rig.clock.nowMs()) =>
      rig.admin.external({ connection: 'acme', used: units(used), askedAtMs, endedBefore: endedBefore === undefined ? undefined : units(endedBefore) })
    const chosen = await hold(rig, 'one', supply(credits(), [acme], 2))
    await hold(rig, 'two', supply(ownerOf(), [acme], 1))
    for (const used of [0, 1, 2, 3]) t.match(await counted(used), { external: 0, ended: 0 }, `${used} of 3 under way`)
    t.match(await counted(4), { external: 1 })
    t.match(await counted(1), { external: 1 }, 'of the 1 it may still be the external one')
    await rig.store.commit('one', charge(chosen))
    rig.store.release('two', 'wasted')
    await rig.still()
    t.match(await counted(8), { external: 5, ended: 3 })
    await rig.still()
    t.match(await rig.admin.counters('acme'), { sold: 2, wasted: 1, external: 5, left: 10 - 3 - 2 - 1 - 2 }, 'out of the reserve, then out of what is for sale')
    t.equal(rig.store.stock.leftForOwner('acme'), 2)
    t.match(await counted(7, 1), { external: 5 }, 'two of ours may have been counted')
    t.match(await counted(7, 3), { external: 4 }, 'all of ours were')
    t.match(await counted(2, 3), { external: 0 }, 'a counter that knows less than we do')
    t.match(await counted(9, 3), { external: 6 })
    const periodStartMs = (await counted(9, 3))?.periodStartMs as number
    t.equal(await counted(10, 3, (periodStartMs - 1) as never), undefined, 'asked before the period began')
    t.match(await counted(9, 3, periodStartMs as never), { external: 6 }, 'asked in the moment in which it began')
    t.equal(await rig.admin.external({ connection: 'nobody', used: units(1), askedAtMs: rig.clock.nowMs(), endedBefore: undefined }), undefined)
    const again = await (await rig.reopen()).crash()
    t.match(await again.admin.counters('acme'), { external: 6 })
    t.match((await again.admin.usage()).get('acme'), { external: 6 })
    again.clock.pass(40 * 24 * HOUR_MS)
    await again.still()
    t.match(await again.admin.counters('acme'), { external: 0, left: 7 }, 'the next period begins with nothing')
  })

  t.test(`${name}: whoever asks first is told so, over restarts, until the time is over`, async (t) => {
    const rig = await open(t)
    const till = later(rig).untilMs
    t.strictSame(await Promise.all([rig.admin.first('a', till), rig.admin.first('a', till), rig.admin.first('b', till)]), [true, false, true])
    const next = await (await rig.reopen()).crash()
    t.equal(await next.admin.first('a', till), false)
  })

  t.test(`${name}: readings from several processes at once end at the same figure, and one of them is first`, async (t) => {
    const rig = await open(t)
    const reading = { connection: 'acme', used: units(4), askedAtMs: rig.clock.nowMs(), endedBefore: units(0) }
    const found = await Promise.all(Array.from({ length: 20 }, () => rig.admin.external(reading)))
    t.strictSame([...new Set(found.map((state) => state?.external))], [4])
    const till = later(rig).untilMs
    const first = await Promise.all(Array.from({ length: 20 }, () => rig.admin.first('drift', till)))
    t.equal(first.filter((yes) => yes).length, 1)
  })
}
