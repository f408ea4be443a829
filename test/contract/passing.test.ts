/** What comes and goes: the same answers as a Map and a Set give, whatever comes and goes in whatever order. */
import fc from 'fast-check'
import t from 'tap'
import { PassingMap, Roll, type Rolled } from '../../gateway/contract/passing.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)

const move = fc.record({ do: fc.constantFrom('set' as const, 'delete' as const, 'get' as const), key: fc.nat(700), value: fc.nat() })

t.test('a passing map answers as a map does, also beyond its first room', (t) => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 3_000, minLength: 1 }), (moves) => {
      const [ours, theirs] = [new PassingMap<number>(), new Map<string, number>()]
      for (const { do: what, key: number, value } of moves) {
        const key = `rc_${number.toString(36)}`
        if (what === 'set') {
          ours.set(key, value)
          theirs.set(key, value)
        } else if (what === 'delete') {
          if (ours.delete(key) !== theirs.delete(key)) return false
        } else if (ours.get(key) !== theirs.get(key) || ours.has(key) !== theirs.has(key)) return false
        if (ours.size !== theirs.size) return false
      }
      return JSON.stringify(ours.values().sort()) === JSON.stringify([...theirs.values()].sort())
    }),
    { seed, numRuns: 50 },
  )
  t.pass()
  t.end()
})

t.test('keys of one bucket do not get in the way of each other', (t) => {
  const map = new PassingMap<number>()
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}`)
  for (const [index, key] of keys.entries()) map.set(key, index)
  for (const [index, key] of keys.entries()) if (index % 3 !== 0) map.delete(key)
  t.ok(keys.every((key, index) => map.get(key) === (index % 3 === 0 ? index : undefined)))
  t.end()
})

class Member implements Rolled {
  place = -1
}

t.test('a roll has whoever came and has not left, once', (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ comes: fc.boolean(), who: fc.nat(20) }), { maxLength: 200 }), (moves) => {
      const members = Array.from({ length: 21 }, () => new Member())
      const [roll, set] = [new Roll<Member>(), new Set<Member>()]
      for (const { comes, who } of moves) {
        const member = members[who] as Member
        if (comes) {
          roll.add(member)
          set.add(member)
        } else {
          roll.delete(member)
          set.delete(member)
        }
      }
      return roll.size === set.size && roll.all().every((member) => set.has(member)) && new Set(roll.all()).size === set.size
    }),
    { seed, numRuns: 200 },
  )
  t.pass()
  t.end()
})
