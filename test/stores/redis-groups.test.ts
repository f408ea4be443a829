/** Moves of calls go to Redis in groups: each is all or nothing by itself, and a group is made once. */

import t from 'tap'
import { type Alternative, type Reserved, usd } from '#contract'
import { MOVES } from '../../gateway/stores/redis/script-moves.ts'
import { connectionOf } from '../rig/acme.ts'
import { until } from '../rig/gateway.ts'
import { lossy } from '../rig/lossy.ts'
import { startRedis } from '../rig/redis.ts'
import { openRedisStore, type RedisStoreRig } from '../rig/redis-store.ts'
import { alternative, charge, credits, hold, rate, reserve, slot, supply } from '../rig/store.ts'

const redis = await startRedis(t)
const fund = ({ admin }: RedisStoreRig, id = 'k', amount = '$100') => admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd(amount) })
const names = (count: number, prefix: string): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const chosenOf = (settled: PromiseSettledResult<Reserved>): Alternative => {
  if (settled.status === 'fulfilled' && settled.value.kind === 'held') return settled.value.chosen
  throw new Error('it was not held')
}

const scripts = async (rig: RedisStoreRig): Promise<number> => {
  const stats = await rig.raw((client) => client.info('commandstats'))
  return ['evalsha', 'eval'].reduce((sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0), 0)
}

t.test('what comes in one turn is one script, whatever it is', async (t) => {
  const own = await startRedis(t)
  const rig = await openRedisStore(t, own)
  await fund(rig)
  const held = await Promise.all(names(20, 'a').map((id) => hold(rig, id, rate('p', 1000), slot('s', 100), supply(credits()))))
  const before = await scripts(rig)
  const commits = names(20, 'a').map((id, index) => rig.store.commit(id, charge(held[index] as never)))
  const reserved = names(20, 'b').map((id) => reserve(rig, id, rate('p', 1000), slot('s', 100), supply(credits())))
  await Promise.all([...commits, ...reserved])
  // The process says now and then that it lives; that is no script.
  t.equal((await scripts(rig)) - before, 1)
  t.match(await rig.admin.counters('acme'), { sold: 20, left: 660 })
})

t.test('a move that fails is refused alone: it leaves no trace, and the others of its group are made', async (t) => {
  const rig = await openRedisStore(t, redis)
  await fund(rig)
  await fund(rig, 'broken')
  // Not what the script expects to find.
  await rig.raw((client, prefix) => client.multi().del(`${prefix}a:key:broken`).set(`${prefix}a:key:broken`, 'x').exec())
  const [one, broken, other] = await Promise.allSettled([
    reserve(rig, 'one', rate('p', 3), supply(credits())),
    reserve(rig, 'broken', rate('p', 3), slot('s', 1), supply(credits('key:broken'))),
    reserve(rig, 'other', rate('p', 3), slot('s', 1), supply(credits())),
  ])
  t.match(
    [one, broken, other],
    [
      { status: 'fulfilled', value: { kind: 'held', available: usd('$99.85') } },
      { status: 'rejected', reason: { name: 'ReplyError', message: /WRONGTYPE/ } },
      { status: 'fulfilled', value: { kind: 'held', available: usd('$99.70') } },
    ],
  )
  t.match(await reserve(rig, 'third', rate('p', 3), supply(credits())), { kind: 'held' }, 'the pace was not taken')
  await rig.store.commit('one', charge(chosenOf(one)))
  rig.store.release('other', 'returned')
  rig.store.release('third', 'returned')
  await rig.flushed()
  t.match(await rig.admin.counters('acme'), { sold: 1, wasted: 0, left: 699 })
})

t.test('a group whose answers were lost is answered when it is sent again, and made once', async (t) => {
  const proxy = await lossy(t, redis)
  const [acme, dear] = [connectionOf('acme'), connectionOf('dear')]
  const rig = await openRedisStore(t, { ...redis, url: proxy.url }, { connections: [acme, dear] })
  await fund(rig)
  const ids = names(10, 'c')
  const held = await Promise.all(ids.map((id) => hold(rig, id, slot('s', 100), supply(credits(), [acme]))))
  await hold(rig, 'moves', supply(credits(), [acme]))
  await hold(rig, 'ends', supply(credits(), [acme]))
  const [to] = supply(credits(), [dear]).alternatives
  proxy.lose(true)
  const commits = ids.map((id, index) => rig.store.commit(id, charge(held[index] as never)))
  const switched = rig.store.switch('moves', to as never, 'wasted')
  rig.store.release('ends', 'wasted')
  const unheard = names(5, 'u').map((id) => reserve(rig, id, supply(credits())))
  for (const one of await Promise.all(unheard)) t.match(one, { code: 'unavailable' })
  proxy.lose(false)
  await Promise.all(commits)
  t.equal(await switched, true)
  await rig.store.commit('moves', charge(to as never))
  await rig.flushed()
  await until('the way is open again', async () => rig.lost() === undefined, 5_000)
  t.match(await rig.admin.counters('acme'), { sold: 10, wasted: 2, left: 688 })
  t.match(await rig.admin.counters('dear'), { sold: 1, wasted: 0, left: 699 })
  t.equal(await rig.admin.balance('key:k'), usd('$98.35'))
  t.match(await rig.raw((client, prefix) => client.exists(`${prefix}s:s`)), 0, 'no slot is taken')
  const written = await rig.raw(async (client, prefix) =>
    (await client.xrange(`${prefix}out`, '-', '+')).flatMap(([, fields]) => (fields[3] ?? '').split('\n')),
  )
  t.equal(written.filter((line) => line.startsWith('{"t":"charge"')).length, 11)
  t.equal(written.filter((line) => line.startsWith('{"t":"wasted"')).length, 2)
})

t.test('a group that comes after a later one, by a way that nobody listens to any more, is not made', async (t) => {
  const rig = await openRedisStore(t, redis)
  await fund(rig)
  const form = ['credits', '', '', '1', 'acme\nalice\n1 150000 1000 300 0 0 1', ''].join('\x1f')
  const send = (number: number, ...move: string[]) =>
    rig.raw((client, prefix) => client.eval(MOVES.lua, 1, prefix, '', number, 'process', 'books', 1000, 1, form, move.length, ...move))
  t.equal(await send(7, 'release', 'nobody', 'returned', ''), 'gone')
  await t.rejects(send(6, 'reserve', 'late', '1', 'k', 'key:k'), /STALE/)
  t.match(await send(8, 'reserve', 'in time', '1', 'k', 'key:k'), /^held/)
  t.equal(await rig.raw((client, prefix) => client.hlen(`${prefix}holds:process`)), 1)
})

t.test('a call that is given up while it moves elsewhere is wasted where the store holds it, in the books, too', async (t) => {
  const connections = [connectionOf('acme'), connectionOf('other')]
  const rig = await openRedisStore(t, redis, { connections })
  await fund(rig)
  await hold(rig, 'a', supply(credits(), [connections[0] as never]))
  // Nobody has waited for the move, as when the store was slow.
  const switching = rig.store.switch('a', alternative(connections[1] as never), 'returned')
  rig.store.release('a', 'wasted')
  t.equal(await switching, true)
  await rig.flushed()
  t.match([(await rig.admin.counters('acme')).wasted, (await rig.admin.counters('other')).wasted], [0, 1])
  const lines = await rig.raw(async (client, prefix) => (await client.xrange(`${prefix}out`, '-', '+')).flatMap(([, fields]) => fields))
  const wasted = lines.flatMap((text) => text.split('\n')).filter((text) => text.includes('"t":"wasted"'))
  t.match(
    wasted.map((text) => JSON.parse(text) as object),
    [{ connection: 'other', owner: 'alice', units: 1, by: 'a' }],
  )
  t.equal(wasted.length, 1)
})
