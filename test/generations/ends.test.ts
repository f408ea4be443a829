/** What is kept of credentials at the outer ends follows the configuration that was taken last. */
import t from 'tap'
import type { Connection } from '#contract'
import { OuterEnds } from '../../gateway/generations/index.ts'
import { connectionOf } from '../rig/acme.ts'
import { countingChance, memoryLog, ScriptedClock } from '../rig/scripted.ts'

const HEADER = { in: 'header', name: 'X-Key' } as const
const connection: Connection = { ...connectionOf('acme'), credential: HEADER }
const place = { routes: [], connections: [connection] }

t.test('a replaced credential is looked for in answers as long as a call may take by the configuration of now', async (t) => {
  const ground = { config: { mode: 'live', upstream: { timeoutMs: 60_000 } }, clock: new ScriptedClock(), chance: countingChance(), log: memoryLog([]) }
  const ends = await OuterEnds.open(ground as never)
  t.teardown(() => ends.close())
  const take = (secret: string, timeoutMs: number): void =>
    ends.take(place, { adapters: new Map(), upstream: { timeoutMs } } as never, new Map([[connection.name, secret]]))
  const isSought = (secret: string): boolean | undefined =>
    ends.credentials.place(ends.identity(connection), HEADER, { path: '/', headers: [] }, '')?.holds(Buffer.from(`{"error":"${secret}"}`))

  take('the-first-credential', 60_000)
  take('the-second-credential', 60_000)
  t.ok(isSought('the-first-credential'), 'a call that it asked may still be answered')
  t.ok(isSought('the-second-credential'))
  take('the-third-credential', -1)
  t.notOk(isSought('the-second-credential'), 'no call may take that long any more')
  t.ok(isSought('the-third-credential'))
})
