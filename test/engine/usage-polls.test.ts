/** Usage endpoints are asked seldom, at odd times, by one process at a time, and not again once they refuse. */
import t, { type Test } from 'tap'
import type { EpochMs } from '#contract'
import { UsagePolls } from '../../gateway/engine/usage-polls.ts'
import { connectionOf } from '../rig/acme.ts'
import { turns } from '../rig/inside.ts'
import { countingChance, memoryLog, ScriptedClock, ScriptedTransport, type ScriptedTry } from '../rig/scripted.ts'

const usage = { method: 'GET', path: '/account', remaining: 'left' } as const
const HOUR_MS = 3_600_000

function polling(t: Test, answers: (one: ScriptedTry) => void, names: readonly string[] = ['acme'], claims = new Map<string, number>()) {
  const clock = new ScriptedClock()
  const transport = new ScriptedTransport()
  transport.answers = answers
  const chance = countingChance()
  const state = {
    told: [] as [string, number][],
    seen: [] as [string, number][],
    readAtMs: 0,
    enabled: true,
    alarms: [] as { atMs: number; wake: () => void }[],
    askedAtMs: [] as number[],
  }
  const first = async (key: string, untilMs: EpochMs): Promise<boolean> => {
    if ((claims.get(key) ?? 0) > clock.nowMs()) return false
    claims.set(key, untilMs)
    return true
  }
  const polls = new UsagePolls(
    {
      ...{ transport, withinMs: 1000, bufferBytes: 1024, clock, log: memoryLog([]), admin: { first }, enabled: () => state.enabled },
      unitsSeen: (name, remaining) => void state.seen.push([name, remaining]),
      // Not even numbers, but all over.
      chance: { hex: (bytes) => ((Number.parseInt(chance.hex(bytes), 16) * 9973) % 65_536).toString(16).padStart(4, '0') },
      watch: { told: async (name, remaining) => void state.told.push([name, remaining]) as never, readAtMs: () => state.readAtMs },
      alarm: (ms, wake) => {
        const one = { atMs: clock.nowMs() + ms, wake }
        state.alarms.push(one)
        return () => state.alarms.splice(state.alarms.indexOf(one) >>> 0, 1)
      },
    },
    names.map((name) => ({ connection: connectionOf(name), usage })),
  )
  t.teardown(() => polls.close())
  const pass = async (ms: number): Promise<void> => {
    const end = clock.nowMs() + ms
    for (;;) {
      const next = state.alarms.sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > end) break
      clock.pass(next.atMs - clock.nowMs())
      state.alarms.shift()
      const before = transport.tries.length
      next.wake()
      await turns(6)
      if (transport.tries.length > before) state.askedAtMs.push(clock.nowMs())
    }
    clock.pass(end - clock.nowMs())
  }
  return { state, transport, polls, pass }
}

t.test('nobody is asked at the start, many never at once, and each at most once an hour', async (t) => {
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`)
  const { state, transport, pass } = polling(t, (one) => one.answer(200, '{"left":900}'), names)
  await pass(300_000 - 1)
  t.equal(transport.tries.length, 0)
  await pass(24 * HOUR_MS)
  t.ok(new Set(state.askedAtMs.slice(0, 20).map((at) => Math.floor(at / 60_000))).size >= 15, 'spread over the hour')
  for (const name of names) {
    const asked = transport.through(name).length
    t.ok(asked >= 18 && asked <= 24, `${name} ${asked} times in 24 hours`)
  }
  t.match(transport.tries[0]?.request, { method: 'GET', path: '/account', query: '' })
  t.match(state.told[0], [/^c\d+$/, 900])
  t.strictSame(state.seen, state.told, 'whoever thinks that the quota is gone hears of it, too')
})

t.test('what is off sale, or told of in a field of late, is not asked for', async (t) => {
  const { state, transport, pass } = polling(t, (one) => one.answer(200, '{"left":900}'))
  state.enabled = false
  await pass(3 * HOUR_MS)
  state.enabled = true
  state.readAtMs = Number.MAX_SAFE_INTEGER
  await pass(3 * HOUR_MS)
  t.equal(transport.tries.length, 0)
  state.readAtMs = 0
  await pass(2 * HOUR_MS)
  t.ok(transport.tries.length > 0)
})

t.test('of two processes one asks', async (t) => {
  const claims = new Map<string, number>()
  const two = [1, 2].map(() => polling(t, (one) => one.answer(200, '{"left":900}'), ['acme'], claims))
  for (let hour = 0; hour < 10; hour += 1) for (const one of two) await one.pass(HOUR_MS)
  const asked = two.reduce((sum, { transport }) => sum + transport.tries.length, 0)
  t.ok(asked >= 5 && asked <= 11, `${asked} times in ten hours`)
})

t.test('a refusal ends it; faults and nonsense do not', async (t) => {
  for (const status of [401, 403]) {
    const { transport, pass } = polling(t, (one) => one.answer(status, 'no'))
    await pass(10 * HOUR_MS)
    t.equal(transport.tries.length, 1, String(status))
  }
  for (const answers of [(one: ScriptedTry) => one.error(), (one: ScriptedTry) => one.answer(500, ''), (one: ScriptedTry) => one.answer(200, 'nonsense')]) {
    const { state, transport, pass } = polling(t, answers)
    await pass(10 * HOUR_MS)
    t.ok(transport.tries.length > 5)
    t.same(state.told, [])
  }
})

t.test('after the end nobody is asked', async (t) => {
  const { transport, polls, pass } = polling(t, (one) => one.answer(200, '{"left":900}'))
  polls.close()
  await pass(10 * HOUR_MS)
  t.equal(transport.tries.length, 0)
})
