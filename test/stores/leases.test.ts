/** Leases: units are used only after it is on disk that they may be, so that a crash wastes a few and never sells one twice. */
import t from 'tap'
import { type Connection, units } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { charge, credits, fund, hold, isPending, openStore, ownerOf, recordsOf, reserve, type StoreRig, supply } from '../rig/store.ts'

const sized = (quota: number, reserved = 0): Connection => connectionOf(`of-${quota}-${reserved}`, { quota: units(quota), reserved: units(reserved) })

/** Units under lease as the journal says, less those that are used or held. */
function outstanding(rig: StoreRig, name: string, held: number): number {
  let leased = 0
  let used = 0
  for (const record of recordsOf(rig)) {
    if (record.t === 'lease' && record.connection === name) leased = record.to
    if ((record.t === 'charge' || record.t === 'wasted') && record.connection === name) used += record.units
  }
  return leased - used - held
}

t.test('no unit is in use before its lease is on disk', async (t) => {
  const connection = sized(10_000)
  const rig = openStore(t, { connections: [connection] })
  const first = reserve(rig, 'first', supply(ownerOf(), [connection]))
  t.equal(recordsOf(rig).filter(({ t }) => t === 'lease').length, 0)
  t.match(await first, { kind: 'held' })
  t.ok(outstanding(rig, connection.name, 1) >= 0, 'a lease that covers it is on disk')
  t.notOk(rig.store.reserve({ id: 'second', claims: [supply(ownerOf(), [connection])] }) instanceof Promise, 'the next ones wait for nothing')
})

t.test('at most 1 % of what is for sale and at most 100 units are outstanding, at least 1', async (t) => {
  for (const [quota, reserved, most] of [
    [50, 0, 1],
    [1_000, 0, 10],
    [10_000, 3_000, 70],
    [100_000, 0, 100],
    [10_000, 10_000, 1],
  ] as const) {
    const connection = sized(quota, reserved)
    const rig = openStore(t, { connections: [connection] })
    let worst = 0
    let held = 0
    for (let wave = 0; wave < 6; wave += 1) {
      // First one by one, then many at once; none is committed, so that the journal knows of leases only.
      const size = wave < 3 ? 1 : Math.min(120, Math.floor((quota - held) / 4), most * 12)
      const reserved = await Promise.all(Array.from({ length: size }, (_, index) => reserve(rig, `${wave}-${index}`, supply(ownerOf(), [connection]))))
      held += reserved.filter(({ kind }) => kind === 'held').length
      await rig.flushed()
      worst = Math.max(worst, outstanding(rig, connection.name, held))
    }
    t.ok(held > 3, `${held} are held`)
    t.ok(worst <= most, `${quota} units, ${reserved} reserved: ${worst} of at most ${most} were outstanding`)
    t.ok(worst > 0, 'the next lease is made ahead of need')
    for (const record of recordsOf(rig)) if (record.t === 'lease') t.ok(record.to <= quota, 'never more than the quota')
  }
})

t.test('a call of more units than a lease has gets a lease of its own size', async (t) => {
  const connection = sized(10_000)
  const rig = openStore(t, { connections: [connection] })
  t.match(await hold(rig, 'big', supply(ownerOf(), [connection], 4_000)), { units: 4_000 })
  t.ok(outstanding(rig, connection.name, 4_000) <= 100)
  t.match(await hold(rig, 'rest', supply(ownerOf(), [connection], 6_000)), { units: 6_000 })
  t.match(await reserve(rig, 'none', supply(ownerOf(), [connection])), { code: 'sold_out' })
})

t.test('after a crash the unaccounted rest of a lease is wasted, after a clean stop it is for sale again', async (t) => {
  const connection = sized(10_000, 3_000)
  const rig = openStore(t, { connections: [connection] })
  await fund(rig, '$100')
  for (let index = 0; index < 5; index += 1) await rig.store.commit(`c${index}`, charge(await hold(rig, `c${index}`, supply(credits(), [connection]))))
  await hold(rig, 'under way', supply(credits(), [connection], 3))
  await hold(rig, 'own under way', supply(ownerOf(), [connection], 2))
  await rig.flushed()
  const rest = outstanding(rig, connection.name, 5)

  const crashed = rig.crash()
  const { sold, wasted, left } = await crashed.admin.counters(connection.name)
  t.equal(sold, 5)
  t.equal(wasted, rest + 5, 'what was held may have reached the provider, too')
  t.ok(rest <= 70 && rest > 0)
  t.equal(left, 7_000 - 5 - wasted)
  t.equal(await crashed.admin.balance('key:k'), await rig.admin.balance('key:k'), 'money that was only held is back')
  const twice = crashed.crash()
  t.equal((await twice.admin.counters(connection.name)).wasted, wasted, 'it is wasted once, however often the process dies')

  rig.store.release('under way', 'returned')
  const stopped = await rig.reopen()
  t.match(await stopped.admin.counters(connection.name), { sold: 5, wasted: 2 }, 'a clean stop wastes only what a call still holds')
})

t.test('a clean stop gives back also what a lease on its way to the disk would have added', async (t) => {
  const connection = sized(10_000)
  for (const size of [1, 60, 99]) {
    const rig = openStore(t, { connections: [connection] })
    await hold(rig, 'held', supply(ownerOf(), [connection], size))
    // The lease that is made ahead of need is not on disk yet.
    const again = await rig.reopen()
    t.match(await again.admin.counters(connection.name), { wasted: size, left: 10_000 - size })
  }
})

t.test('when leases run dry under concurrency nothing is oversold and nobody is refused who need not be', async (t) => {
  const connection = sized(1_000, 200)
  const rig = openStore(t, { connections: [connection] })
  await fund(rig, '$100000')
  const kinds = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => {
      const reserved = await reserve(rig, `c${index}`, supply(credits(), [connection], 1 + (index % 3)))
      if (reserved.kind === 'held' && index % 2 === 0) await rig.store.commit(`c${index}`, charge(reserved.chosen))
      return reserved.kind === 'held' ? reserved.chosen.units : reserved.kind === 'refused' ? reserved.code : reserved.kind
    }),
  )
  const held = kinds.reduce<number>((sum, kind) => sum + (typeof kind === 'number' ? kind : 0), 0)
  t.equal(held, 800, 'what is for sale is sold to the last unit')
  t.strictSame([...new Set(kinds.filter((kind) => typeof kind !== 'number'))], ['sold_out'])
  await rig.flushed()
  const crashed = rig.crash()
  const { sold, wasted } = await crashed.admin.counters(connection.name)
  t.ok(sold + wasted >= 800 && sold + wasted <= 808, `after a crash at that moment everything is accounted for: ${sold} sold, ${wasted} wasted`)
})

t.test('a crash in the middle of a hundred reservations sells no unit twice', async (t) => {
  const connection = sized(500)
  let rig = openStore(t, { connections: [connection] })
  await fund(rig, '$100000')
  let provider = 0
  for (let life = 0; life < 8; life += 1) {
    const calls = Array.from({ length: 100 }, async (_, index) => {
      const reserved = await reserve(rig, `life-${life}-${index}`, supply(credits(), [connection]))
      if (reserved.kind !== 'held') return
      provider += 1
      if (index % 3 === 0) await rig.store.commit(`life-${life}-${index}`, charge(reserved.chosen))
    })
    // The process dies when the first few have been called and before all are.
    await calls[life * 7]
    const asked = provider
    const next = rig.crash()
    await Promise.all(calls)
    provider = asked
    const { sold, wasted } = await next.admin.counters(connection.name)
    t.ok(sold + wasted >= provider, `life ${life}: the provider saw ${provider}, ${sold} sold and ${wasted} wasted`)
    t.ok(sold + wasted <= 500, 'the quota holds')
    rig = next
  }
  t.ok(provider <= 500)
})

t.test('when the period turns while a lease is waited for, the call is served from the new one', async (t) => {
  const connection = connectionOf('daily', { quota: units(100), reserved: units(0), period: { every: 'day', billingDay: 1, zone: 'UTC' } })
  const rig = openStore(t, { connections: [connection] })
  await fund(rig, '$100')
  const calls = Array.from({ length: 5 }, (_, index) => reserve(rig, `c${index}`, supply(credits(), [connection])))
  rig.clock.pass(86_400_000)
  t.strictSame(
    (await Promise.all(calls)).map(({ kind }) => kind),
    ['held', 'held', 'held', 'held', 'held'],
  )
  t.equal(rig.store.stock.left('daily'), 95)
})

t.test('units that come back to a period that is over, or to a connection that is gone, change no lease of now', async (t) => {
  const connection = sized(10_000)
  const rig = openStore(t, { connections: [connection] })
  const leases = (): object[] => recordsOf(rig).filter((record) => record.t === 'lease')
  await hold(rig, 'old', supply(ownerOf(), [connection], 4_000))
  rig.clock.pass(40 * 86_400_000)
  await hold(rig, 'new', supply(ownerOf(), [connection], 5_000))
  await rig.flushed()
  const before = leases()
  rig.store.release('old', 'returned')
  await rig.flushed()
  t.strictSame(leases(), before)
  rig.admin.configure([])
  rig.store.release('new', 'returned')
  await rig.flushed()
  t.strictSame(leases(), before)
})

t.test('a lease that cannot be written refuses those who wait for it', async (t) => {
  const connection = sized(10_000)
  const rig = openStore(t, { connections: [connection] })
  const waiting = [1, 2, 3].map((n) => reserve(rig, `w${n}`, supply(ownerOf(), [connection], 60)))
  t.equal(await isPending(Promise.resolve()), false)
  await rig.store.close()
  for (const one of waiting) t.match(await one, { kind: /held|refused/ })
  t.match(await reserve(rig, 'late', supply(ownerOf(), [connection])), { code: 'unavailable' }, 'a closed store serves nobody')
})
