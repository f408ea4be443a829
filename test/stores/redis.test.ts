/** The Redis store when things die or stand still: 503 in time, nothing free, nothing twice, and it goes on by itself. */

import t from 'tap'
import { usd } from '#contract'
import { openRedis } from '../../gateway/stores/redis/index.ts'
import { ANSWER, charge, credits, hold, named, once, paymentOf, reserve, slot, spend, supply } from '../rig/store.ts'
import { openRedisStore, type RedisStoreRig } from '../rig/redis-store.ts'
import { lossy } from '../rig/lossy.ts'
import { startRedis, STRICT } from '../rig/redis.ts'
import { until } from '../rig/gateway.ts'
import { memoryLog, ScriptedClock } from '../rig/scripted.ts'

const redis = await startRedis(t)
const fund = ({ admin }: RedisStoreRig, amount = '$10', id = 'k') => admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd(amount) })
const later = ({ clock }: RedisStoreRig) => ({ untilMs: (clock.nowMs() + 3_600_000) as never })

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const from = performance.now()
  return { value: await work, ms: performance.now() - from }
}

t.test('what a dead process held is given up by another: the money is back, units are wasted, names of reads are free', async (t) => {
  const one = await openRedisStore(t, redis)
  await fund(one)
  await hold(one, 'read', named('read', 'd', later(one)), once('nonce', later(one)), slot('s', 1), spend('cap', '$0.15'), supply(credits()))
  await hold(one, 'write', named('write', 'd', { durable: true, ...later(one) }), supply(credits(), undefined, 2))
  const two = await one.crash()
  t.match(await two.admin.counters('acme'), { sold: 0, wasted: 3, left: 697 })
  t.match(await two.store.named('read', 'd'), { state: 'absent' })
  t.match(await two.store.named('write', 'd'), { state: 'gone', receipt: 'write' }, 'of what does more than read nobody knows')
  const all = [named('read', 'd', later(one)), once('nonce', later(one)), slot('s', 1), spend('cap', '$0.15')]
  t.match(await reserve(two, 'again', ...all, supply(credits(), undefined, 1)), { kind: 'held', available: usd('$9.85') })
})

t.test('a process that was taken for dead finds its hold gone: it charges nothing, and says so', async (t) => {
  const one = await openRedisStore(t, redis)
  await fund(one)
  const chosen = await hold(one, 'late', supply(credits()))
  const two = await one.again()
  await one.raw((client, prefix) => client.keys(`${prefix}alive:*`).then((keys) => client.del(...keys)))
  await two.sweep()
  await t.rejects(one.store.commit('late', charge(chosen)), /was given up \(swept\) before it was charged/)
  t.equal(await two.admin.balance('key:k'), usd('$10'))
  t.match(await two.admin.counters('acme'), { sold: 0, wasted: 1 })
})

t.test('a Redis that stands still: refused in time, at once after the first, and well again by itself', async (t) => {
  const own = await startRedis(t)
  const rig = await openRedisStore(t, own)
  await fund(rig)
  const chosen = await hold(rig, 'before', named('n', 'd', later(rig)), supply(credits()))
  own.pause()
  const first = await timed(reserve(rig, 'paused', supply(credits())))
  t.match(first.value, { kind: 'refused', code: 'unavailable' })
  t.ok(first.ms < 250, `after ${first.ms.toFixed(0)} ms`)
  t.ok(rig.lost() !== undefined)
  const second = await timed(reserve(rig, 'paused too', supply(credits())))
  t.match(second.value, { code: 'unavailable' })
  t.ok(second.ms < 20, `the breaker is open: ${second.ms.toFixed(1)} ms`)
  const committing = rig.store.commit('before', charge(chosen, 1, { answer: ANSWER }))
  own.resume()
  await committing
  await until('it is well again', async () => rig.lost() === undefined, 5_000)
  t.match(await reserve(rig, 'after', supply(credits())), { kind: 'held' })
  rig.store.release('after', 'returned')
  await rig.flushed()
  t.equal(await rig.admin.balance('key:k'), usd('$9.85'), 'charged once')
  t.match(await rig.admin.counters('acme'), { sold: 1, wasted: 0, left: 699 }, 'what was reserved too late was given back')
  t.match(await rig.store.named('n', 'd'), { state: 'stored' })
})

t.test('replies that are lost on the way: a charge is made once, and a reservation that nobody heard of is given back', async (t) => {
  const proxy = await lossy(t, redis)
  const rig = await openRedisStore(t, { ...redis, url: proxy.url })
  await fund(rig)
  const chosen = await hold(rig, 'one', supply(credits(), undefined, 2))
  proxy.lose(true)
  const charged = rig.store.commit('one', charge(chosen))
  t.match(await reserve(rig, 'unheard', supply(credits())), { code: 'unavailable' })
  proxy.lose(false)
  await charged
  await rig.flushed()
  await until('the way is open again', async () => rig.lost() === undefined, 5_000)
  t.equal(await rig.admin.balance('key:k'), usd('$9.70'))
  t.match(await rig.admin.counters('acme'), { sold: 2, wasted: 0, left: 698 })
  t.match(await rig.raw((client, prefix) => client.keys(`${prefix}holds:*`)), [], 'no hold is left')
})

t.test('kill -9 of Redis with appendfsync always loses nothing that was answered, and the store goes on by itself', async (t) => {
  const own = await startRedis(t, STRICT)
  const rig = await openRedisStore(t, own, { durability: 'strict' })
  await fund(rig, '$100')
  let answered = 0
  let killed = false
  const client = async (number: number): Promise<void> => {
    for (let turn = 0; !killed; turn += 1) {
      const id = `c${number}-${turn}`
      const reserved = await reserve(rig, id, supply(credits()))
      if (reserved.kind !== 'held') continue
      await rig.store.commit(id, charge(reserved.chosen))
      answered += 1
      if (answered === 200) {
        killed = true
        await own.kill()
      }
    }
  }
  const clients = Promise.all(Array.from({ length: 16 }, (_, number) => client(number)))
  await until('it is killed', async () => killed, 10_000)
  t.match(await reserve(rig, 'while it is gone', supply(credits())), { code: 'unavailable' })
  await own.start()
  await clients
  await rig.flushed()
  t.equal(await rig.admin.balance('key:k'), usd('$100') - usd('$0.15') * BigInt(answered), `${answered} calls`)
  await until('well again', async () => rig.lost() === undefined, 5_000)
  await rig.flushed()
  t.match(await rig.admin.counters('acme'), { sold: answered, wasted: 0, left: 700 - answered })
})

t.test('a Redis whose data are gone is no store of this gateway any more', async (t) => {
  const own = await startRedis(t)
  const rig = await openRedisStore(t, own)
  await fund(rig)
  await rig.raw((client) => client.flushall())
  await until('it is noticed', async () => rig.lost() !== undefined, 5_000)
  t.match(await reserve(rig, 'a', supply(credits())), { code: 'unavailable' })
  await t.rejects(rig.again({ known: rig.id }), {
    name: 'StoreError',
    message: /does not have the data of this gateway .*; restore them, or choose another store.name/,
  })
})

t.test('what a Redis has to be is said in one sentence', async (t) => {
  const common = { clock: new ScriptedClock(), log: memoryLog([]), replayBytes: 1000, ledger: 'b', name: 'sentences' } as const
  const opening = (more: { url?: string; mode?: 'live' | 'sandbox'; durability?: 'strict' | 'relaxed' }) =>
    openRedis({ url: redis.url, mode: 'sandbox', durability: 'relaxed', ...common, ...more })
  await t.rejects(opening({ durability: 'strict' }), {
    name: 'StoreError',
    message: /^Redis would forget charges that were answered: appendonly is no, expected yes; .*; set this in redis.conf, or write store.durability: relaxed$/,
  })
  const first = await opening({})
  await first.store.close()
  await t.rejects(opening({ mode: 'live' }), {
    message: /^the store sentences was made in sandbox mode, the configuration says live; choose another store.name$/,
  })
  const refused = await opening({ url: 'redis://:secret@127.0.0.1:1' }).catch((error: Error) => error.message)
  t.match(refused, /^the store at redis:\/\/127.0.0.1:1 cannot be used \(.*\); start Redis, or correct store.url$/)
  t.notMatch(refused, 'secret')
})

t.test('an unknown settlement is taken over by one of those who are left', async (t) => {
  const one = await openRedisStore(t, redis)
  const payment = paymentOf('$0.15', { validBeforeMs: later(one).untilMs })
  const chosen = await hold(one, 'paid', named('p', 'd', later(one)), supply({ by: 'x402', payment }))
  await one.store.intend('paid', charge(chosen), payment)
  const [two, three] = [await one.again(), await one.again()]
  await one.store.close()
  await Promise.all([two.sweep(), three.sweep()])
  t.equal((await two.store.unknowns()).length + (await three.store.unknowns()).length, 1)
})
