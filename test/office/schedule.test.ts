/** Payouts by themselves: at the same times of the day whatever was restarted when, one after the other, and never after the end. */

import t from 'tap'
import type { PayoutRun } from '../../gateway/office/payouts.ts'
import { PayoutSchedule, type ScheduleParts } from '../../gateway/office/schedule.ts'
import { ScriptedClock } from '../rig/scripted.ts'

const DAY_MS = 86_400_000
const DONE: PayoutRun = { payouts: [], problem: null }

/** A clock whose alarms ring when a test lets time pass. */
function opened(more: Partial<ScheduleParts> = {}) {
  const clock = new ScriptedClock(Date.UTC(2026, 10, 23, 12))
  const alarms = new Set<{ readonly atMs: number; readonly wake: () => void }>()
  const lines: string[] = []
  const runs: string[] = []
  const say = (_: object, message: string): void => void lines.push(message)
  const schedule = new PayoutSchedule({
    everyMs: DAY_MS,
    clock,
    log: { debug: say, info: say, warn: say, error: say },
    run: async () => {
      runs.push(new Date(clock.nowMs()).toISOString())
      return DONE
    },
    alarm: (ms, wake) => {
      const alarm = { atMs: clock.nowMs() + ms, wake }
      alarms.add(alarm)
      return () => void alarms.delete(alarm)
    },
    ...more,
  })
  const pass = async (ms: number): Promise<void> => {
    const endMs = clock.nowMs() + ms
    for (;;) {
      const [next] = [...alarms].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      clock.pass(Math.max(0, next.atMs - clock.nowMs()))
      alarms.delete(next)
      next.wake()
      await new Promise((resolve) => setImmediate(resolve))
    }
    clock.pass(endMs - clock.nowMs())
  }
  return { schedule, clock, alarms, lines, runs, pass }
}

t.test('once a day is at midnight UTC, whenever the gateway was started', async (t) => {
  const { runs, pass } = opened()
  await pass(2 * DAY_MS)
  t.strictSame(runs, ['2026-11-24T00:00:00.000Z', '2026-11-25T00:00:00.000Z'])
})

t.test('a distance that no timer takes is waited for in steps', async (t) => {
  const { runs, pass, alarms, clock } = opened({ everyMs: 60 * DAY_MS })
  t.ok([...alarms].every(({ atMs }) => atMs - clock.nowMs() <= 3_600_000))
  await pass(120 * DAY_MS)
  t.equal(runs.length, 2)
})

t.test('a clock that is set forward pays at the next look, once', async (t) => {
  const { runs, pass, clock } = opened()
  clock.pass(3 * DAY_MS)
  await pass(3_600_000)
  t.equal(runs.length, 1)
})

t.test('a run that lasts is not overlapped, and the times that it missed are not made up for', async (t) => {
  let end: (run: PayoutRun) => void = () => undefined
  let runs = 0
  const { pass, alarms } = opened({
    run: () => {
      runs += 1
      return new Promise((resolve) => {
        end = resolve
      })
    },
  })
  await pass(3 * DAY_MS)
  t.equal(runs, 1)
  t.equal(alarms.size, 0)
  end(DONE)
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(runs, 1)
  await pass(DAY_MS)
  t.equal(runs, 2)
})

t.test('a run that fails is in the log, and the next one comes', async (t) => {
  let runs = 0
  const { pass, lines } = opened({
    run: async () => {
      runs += 1
      if (runs === 1) throw new Error('the disk is full')
      return { payouts: [], problem: 'the wallet is empty' }
    },
  })
  await pass(2 * DAY_MS)
  t.equal(runs, 2)
  t.strictSame(lines, ['payouts failed', 'payouts did not come to their end'])
})

t.test('closing waits for the run, tells it to stop, and leaves no alarm', async (t) => {
  let stopped = false
  const { schedule, pass, alarms, runs } = opened({
    run: (signal) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          stopped = true
          resolve(DONE)
        }),
      ),
  })
  await pass(DAY_MS)
  await schedule.close()
  t.ok(stopped)
  t.equal(alarms.size, 0)
  const idle = opened()
  await idle.schedule.close()
  await idle.pass(2 * DAY_MS)
  t.equal(idle.alarms.size, 0)
  t.strictSame([...runs, ...idle.runs], [])
})
