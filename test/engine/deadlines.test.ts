/** Deadlines of equal length: in order, on time, and never before what came back in time was heard. */
import { stat } from 'node:fs'
import t from 'tap'
import { Deadlines } from '../../gateway/engine/deadlines.ts'
import { until } from '../rig/gateway.ts'

const LENGTH_MS = 60

/** Nothing else runs meanwhile. */
function stall(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end) {}
}

t.test('who is over is not told, the others are, in the order in which they began', async (t) => {
  const due: number[] = []
  const deadlines = new Deadlines<number>(LENGTH_MS, (item) => due.push(item))
  const keep = setInterval(() => undefined, 1_000)
  t.teardown(() => clearInterval(keep))
  const started = [1, 2, 3, 4, 5].map((item) => deadlines.start(item))
  deadlines.stop(started[0])
  deadlines.stop(started[2])
  deadlines.stop(started[2])
  deadlines.restart(started[3], 4)
  await until('all were told', () => due.length === 3)
  t.strictSame(due, [2, 5, 4])
})

t.test('after the loop stood still, what had come back meanwhile is heard before anybody is given up', async (t) => {
  const due: string[] = []
  const deadlines = new Deadlines<string>(LENGTH_MS, (item) => due.push(item))
  const keep = setInterval(() => undefined, 1_000)
  t.teardown(() => clearInterval(keep))
  // Behind an immediate come the timers, before anything is heard.
  await new Promise((resolve) => setImmediate(resolve))
  const answered = deadlines.start('answered in time')
  const heard = new Promise<void>((resolve) =>
    stat(new URL(import.meta.url), () => {
      deadlines.stop(answered)
      resolve()
    }),
  )
  deadlines.start('never answered')
  stall(3 * LENGTH_MS)
  await heard
  await until('the other was told', () => due.length > 0)
  t.strictSame(due, ['never answered'])
})

t.test('a loop that stands still again and again puts nobody off for ever', async (t) => {
  const due: string[] = []
  const deadlines = new Deadlines<string>(LENGTH_MS, (item) => due.push(item))
  const keep = setInterval(() => stall(40), 45)
  t.teardown(() => clearInterval(keep))
  const began = performance.now()
  deadlines.start('x')
  await until('it was told', () => due.length > 0)
  t.ok(performance.now() - began < 1_000)
})
