/** Who is asked where some have to be waited for: nobody pays more for that, and nobody is lost as the next to be asked. */
import t from 'tap'
import { type Alternative, type Call, isRefusal, ratio } from '../../../gateway/contract/index.ts'
import { Roster } from '../../../gateway/engine/health/roster.ts'
import { fitOf } from '../../../gateway/engine/health/routing.ts'
import { connectionOf, operationOf } from '../../rig/acme.ts'
import { ScriptedClock } from '../../rig/scripted.ts'
import { alternative, openStore } from '../../rig/store.ts'

const micros = (amount: bigint) => ratio(amount, 1n)
const connections = [
  connectionOf('cheap', { baseCost: micros(50_000n) }),
  connectionOf('same-1', { baseCost: micros(60_000n) }),
  connectionOf('same-2', { baseCost: micros(60_000n) }),
  connectionOf('dear', { baseCost: micros(90_000n) }),
]
const operation = operationOf('search')
const call = { operation, consumer: { kind: 'key', id: 'key:a', keyId: 'a', account: 'key:a' } } as unknown as Call

t.test('what is free goes before what has to be waited for at the same price, never before what is cheaper', (t) => {
  const { store } = openStore(t, { connections })
  const clock = new ScriptedClock()
  /** Those who are left when the provider has just refused a call through each of these. */
  const left = (...waiting: readonly string[]): readonly string[] => {
    const roster = new Roster({ clock, stock: store.stock, floor: 0.8, upstreamTimeoutMs: 30_000, alarm: clock.alarm })
    roster.configure(connections)
    for (const name of waiting) {
      const pace = roster.find(name)?.lane(operation).pace
      if (pace === undefined) throw new Error(`no connection ${name}`)
      pace.go(clock.monotonicNs())
      pace.refused(clock.monotonicNs(), { sentNs: clock.monotonicNs(), retryAfterMs: undefined, isExplained: false, declared: { perSecond: 20 } })
    }
    const sights = { ms: clock.nowMs(), ns: clock.monotonicNs(), standing: (name: string) => roster.find(name), has: () => true }
    const all: readonly Alternative[] = connections.map((connection) => alternative(connection))
    const fit = fitOf(call, all, sights)
    return isRefusal(fit) ? [fit.code] : fit.map(({ connection }) => connection)
  }
  t.same(left(), ['cheap', 'same-1', 'same-2', 'dear'])
  t.same(left('cheap'), ['cheap', 'same-1', 'same-2', 'dear'], 'its turn is waited for rather than that more is paid')
  t.same(left('cheap', 'same-1'), ['cheap', 'same-2', 'dear'], 'of one price the one that is free')
  t.same(left('dear'), ['cheap', 'same-1', 'same-2', 'dear'], 'and what is dearer is still there, should the others be gone')
  t.same(left('cheap', 'same-1', 'same-2', 'dear'), ['cheap', 'same-1', 'same-2', 'dear'], 'where all have to be waited for, nothing changes')
  t.end()
})
