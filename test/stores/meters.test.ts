/** Scores of abuse: they slide over 60 s, blocks lengthen and are forgiven, and what is kept is bounded, whoever comes. */

import t from 'tap'
import { type AbuseRules, addressSubject, type Suspect } from '#contract'
import { MemoryMeters, type MetersOptions } from '../../gateway/stores/meters.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { ScriptedClock } from '../rig/scripted.ts'

const MINUTE = 60_000

interface Scene {
  readonly clock: ScriptedClock
  readonly meters: MemoryMeters
  readonly rules: AbuseRules
  /** What was told: `blocked a`. */
  readonly told: string[]
  add(subject: string, points: number): void
}

function scene(more: Partial<AbuseRules> = {}, options: MetersOptions = {}): Scene {
  const clock = new ScriptedClock()
  const meters = new MemoryMeters(clock, options)
  const told: string[] = []
  const rules: AbuseRules = {
    ...{ throttleAbove: 600, blockAbove: 3000, blockForMs: MINUTE, blockAtMostMs: 60 * MINUTE, forgiveAfterMs: 10 * MINUTE, shadow: false },
    changed: ({ state, subject }: Suspect) => void told.push(`${state} ${subject}`),
    ...more,
  }
  return { clock, meters, rules, told, add: (subject, points) => meters.add(subject, 'unpaid-probing', points, rules) }
}

t.test('scores slide over 60 s', (t) => {
  const { clock, meters, add } = scene()
  t.equal(meters.perMinute('a'), 0)
  add('a', 500)
  t.equal(meters.perMinute('a'), 500)
  t.equal(meters.perMinute('b'), 0)
  clock.pass(MINUTE)
  t.equal(meters.perMinute('a'), 500, 'the minute before still counts')
  clock.pass(MINUTE / 2)
  t.equal(meters.perMinute('a'), 250, 'and goes evenly')
  add('a', 10)
  t.equal(meters.perMinute('a'), 260)
  clock.pass(90_000)
  t.equal(meters.perMinute('a'), 0)
  t.end()
})

t.test('without new points a score never rises, is never below nothing, and is gone after two minutes', (t) => {
  const random = randomFrom(seedOf(t))
  for (let run = 0; run < 200; run += 1) {
    const { clock, meters, add } = scene({ throttleAbove: 1e9, blockAbove: 1e9 })
    let added = 0
    for (let call = 0; call < 20; call += 1) {
      const points = Math.floor(random() * 100)
      if (random() < 0.2) meters.takeBack('a', 'unpaid-probing', points)
      else {
        add('a', points)
        added += points
      }
      clock.pass(Math.floor(random() * 20_000))
      const score = meters.perMinute('a')
      if (score < 0 || score > added) t.fail(`a score of ${score} of ${added} points`)
    }
    let last = meters.perMinute('a')
    for (let look = 0; look < 20; look += 1) {
      clock.pass(6_000)
      const score = meters.perMinute('a')
      if (score > last) t.fail(`the score rose from ${last} to ${score} by itself`)
      last = score
    }
    if (last !== 0) t.fail(`a score of ${last} after two minutes`)
  }
  t.end()
})

t.test('a steady pace has its own score: the window neither loses nor doubles points', (t) => {
  const { clock, meters, add } = scene({ throttleAbove: 1e9, blockAbove: 1e9 })
  for (let second = 0; second < 600; second += 1) {
    add('a', 5)
    clock.pass(1_000)
    if (second > 60) t.ok(Math.abs(meters.perMinute('a') - 300) <= 5, `${meters.perMinute('a')} at ${second} s`)
  }
  t.end()
})

t.test('throttled at the limit, blocked at the next, forgiven in time: each told once', (t) => {
  const { clock, meters, add, told } = scene()
  add('a', 599)
  t.ok(meters.quiet)
  t.equal(meters.standing('a'), undefined, 'nothing stands against it')
  add('a', 1)
  t.strictSame(meters.standing('a'), { score: 600, blockedSeconds: 0 })
  for (let count = 0; count < 2399; count += 1) add('a', 1)
  t.strictSame(told, ['throttled a'])
  add('a', 1)
  t.strictSame(told, ['throttled a', 'blocked a'])
  t.equal(meters.standing('a')?.blockedSeconds, 60)
  clock.pass(MINUTE - 1)
  add('a', 100_000)
  t.equal(meters.standing('a')?.blockedSeconds, 1, 'what is done while it lasts does not lengthen it')
  clock.pass(1)
  t.strictSame(meters.standing('a'), { score: 1200, blockedSeconds: 0 }, 'not forgotten')
  clock.pass(30_000)
  t.strictSame(meters.standing('a'), { score: 600, blockedSeconds: 0 })
  clock.pass(15_001)
  meters.standing('a')
  t.strictSame(told, ['throttled a', 'blocked a', 'watched a'])
  t.match(meters.suspects(1e9), [{ subject: 'a', state: 'watched', blocks: 1 }])
  clock.pass(10 * MINUTE)
  t.strictSame(meters.suspects(1e9), [], 'and then not even that is held against it')
  t.ok(meters.quiet)
  t.equal(told.length, 3)
  t.end()
})

t.test('repeated blocks lengthen, 1, 2, 4 … up to 60 minutes, and each 10 quiet minutes take a doubling back', (t) => {
  const { clock, meters, add } = scene()
  const blocked = (): number => {
    add('a', 3000)
    const minutes = (meters.standing('a')?.blockedSeconds ?? 0) / 60
    clock.pass(minutes * MINUTE)
    return minutes
  }
  t.strictSame(Array.from({ length: 9 }, blocked), [1, 2, 4, 8, 16, 32, 60, 60, 60])
  clock.pass(10 * MINUTE)
  t.equal(blocked(), 32)
  clock.pass(30 * MINUTE)
  t.equal(blocked(), 8)
  clock.pass(5 * MINUTE)
  t.equal(blocked(), 16, 'half the time takes nothing back')
  clock.pass(50 * MINUTE)
  t.equal(blocked(), 1)
  t.end()
})

t.test('who is found and never comes again is forgiven nevertheless, in passing, without a timer', (t) => {
  const { clock, meters, add, told } = scene()
  for (let count = 0; count < 100; count += 1) add(`gone ${count}`, 700)
  t.equal(meters.sizes.found, 100)
  clock.pass(3 * MINUTE)
  for (let second = 0; second < 5; second += 1) {
    add('somebody', 1)
    clock.pass(1_000)
  }
  t.equal(meters.sizes.found, 0)
  t.equal(told.filter((line) => line.startsWith('watched')).length, 100)
  t.end()
})

t.test('who was forgiven begins anew: neither his calls of before nor whoever found him are with him', (t) => {
  const { clock, meters, add } = scene({ shadow: true })
  add('a', 700)
  t.match(meters.suspects(0), [{ subject: 'a', state: 'throttled', calls: { 'unpaid-probing': 1 }, shadow: true }])
  clock.pass(3 * MINUTE)
  t.strictSame([meters.perMinute('a'), meters.sizes.found], [0, 0])
  clock.pass(2 * MINUTE)
  add('a', 1)
  t.match(meters.suspects(1), [{ subject: 'a', state: 'watched', calls: { 'unpaid-probing': 1 }, shadow: false, sinceMs: clock.nowMs() }])
  t.end()
})

t.test('what is taken back is as if it had never been, and makes nobody known', (t) => {
  const { clock, meters, add } = scene()
  meters.takeBack('nobody', 'unpaid-probing', 1)
  t.equal(meters.sizes.scored, 0)
  for (let count = 0; count < 5; count += 1) add('a', 1)
  clock.pass(MINUTE + 1)
  add('a', 1)
  meters.takeBack('a', 'unpaid-probing', 3)
  t.match(meters.suspects(1), [{ subject: 'a', score: 3, calls: { 'unpaid-probing': 5 } }])
  t.end()
})

t.test('memory is bounded: many new names push out the oldest, and not those who were found', (t) => {
  const { meters, add } = scene({}, { most: 1_000, mostFound: 50 })
  for (let count = 0; count < 10; count += 1) add(`blocked ${count}`, 3000)
  for (let count = 0; count < 10; count += 1) add(`throttled ${count}`, 700)
  for (let count = 0; count < 50_000; count += 1) add(`new ${count}`, 1)
  t.strictSame(meters.sizes, { scored: 1_000, found: 20 })
  for (let count = 0; count < 10; count += 1) t.ok((meters.standing(`blocked ${count}`)?.blockedSeconds ?? 0) > 0)
  t.equal(meters.perMinute('new 0'), 0)
  t.equal(meters.perMinute('new 49999'), 1)
  for (let count = 0; count < 1_000; count += 1) add(`loud ${count}`, 700)
  t.equal(meters.sizes.found, 50)
  for (let count = 0; count < 10; count += 1) t.ok((meters.standing(`blocked ${count}`)?.blockedSeconds ?? 0) > 0, 'the throttled go first')
  for (let count = 0; count < 1_000; count += 1) add(`worse ${count}`, 3000)
  t.equal(meters.sizes.found, 50, 'and where all are blocked, the oldest')
  t.end()
})

t.test('who is forgotten begins anew', (t) => {
  const { meters, add } = scene()
  add('a', 3000)
  t.ok(meters.forget('a'))
  t.equal(meters.standing('a'), undefined)
  t.equal(meters.perMinute('a'), 0)
  t.notOk(meters.forget('a'))
  add('a', 3000)
  t.equal(meters.standing('a')?.blockedSeconds, 60, 'the first block again')
  t.end()
})

t.test('different things are counted within a minute; the last few asked for again are not', (t) => {
  const { clock, meters } = scene()
  for (let count = 1; count <= 30; count += 1) t.equal(meters.different('a', `/path/${count}`), count)
  t.equal(meters.different('a', '/path/30'), 30)
  t.equal(meters.different('b', '/path/30'), 1)
  clock.pass(MINUTE)
  t.equal(meters.different('a', '/path/31'), 1)
  t.end()
})

t.test('an IPv6 address answers with its /64, an IPv4 address for itself', (t) => {
  const subjects: readonly [string, string][] = [
    ['198.51.100.7', 'address:198.51.100.7'],
    ['::ffff:198.51.100.7', 'address:198.51.100.7'],
    ['2001:db8:1:2:3:4:5:6', 'address:2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', 'address:2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff:ffff:ffff:ffff', 'address:2001:db8:1:2::/64'],
    ['2001:db8::1', 'address:2001:db8:0:0::/64'],
    ['::1', 'address:0:0:0:0::/64'],
    ['fe80::1%eth0', 'address:fe80:0:0:0::/64'],
    ['2001:db8:1:2:3::', 'address:2001:db8:1:2::/64'],
    ['64:ff9b::198.51.100.7', 'address:64:ff9b:0:0::/64'],
  ]
  for (const [address, subject] of subjects) t.equal(addressSubject(address), subject, address)
  t.end()
})
