/** What Redis forgets by itself, and when: not before nobody asks for it any more, and nothing stays for ever that has an end. */
import t from 'tap'
import { usd } from '#contract'
import { openRedisStore } from '../rig/redis-store.ts'
import { startRedis } from '../rig/redis.ts'
import { ANSWER, charge, credits, hold, named, once, share, slot, spend, supply } from '../rig/store.ts'

const redis = await startRedis(t)
const DAY_MS = 86_400_000

t.test('each count outlives its window, names and answers last as long as was said, money and holds for ever', async (t) => {
  const rig = await openRedisStore(t, redis)
  const untilMs = (rig.clock.nowMs() + 3_600_000) as never
  await rig.admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: usd('$10') })
  const leftMs = (): Promise<Record<string, number>> =>
    rig.raw(async (client, prefix) => {
      const keys = await client.keys(`${prefix}*`)
      const found = await Promise.all(keys.map(async (key) => [key.slice(prefix.length).split(':', 1)[0], await client.pttl(key)] as const))
      return Object.fromEntries(found)
    })
  const is = (found: Record<string, number>, kind: string, ms: number): unknown =>
    t.ok(Math.abs((found[kind] as number) - ms) < 10_000, `${kind}: ${found[kind]} of ${ms} ms`)
  const day = [spend('cap', '$5'), spend('cap', '$5', 'month'), share('key:k'), slot('s', 1)]
  const chosen = await hold(rig, 'one', named('n', 'd', { untilMs }), once('o', { untilMs }), ...day, supply(credits()))
  const held = await leftMs()
  is(held, 'u', 12 * 360_000 + 1_000)
  is(held, 'd', 2 * DAY_MS)
  is(held, 'm', 40 * DAY_MS)
  for (const kind of ['n', 'o', 's', 'a', 't', 'keys', 'live', 'holds']) t.equal(held[kind], -1, `${kind} has no end while the call is under way`)
  await rig.store.commit('one', charge(chosen, 1, { answer: ANSWER }))
  const after = await leftMs()
  for (const kind of ['n', 'o', 'r']) is(after, kind, untilMs - Date.now())
  for (const kind of ['a', 't', 'keys', 'live']) t.equal(after[kind], -1, `${kind} stays`)
  t.equal(after.holds, undefined)
})
