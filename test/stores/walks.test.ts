/** Walks through numbers: what is a step, and how many come in a row. */

import t from 'tap'
import { stepBetween, Walks } from '../../gateway/stores/walks.ts'
import { randomFrom, seedOf } from '../rig/random.ts'

t.test('a step is a number that moves on while everything else stays', (t) => {
  const steps: readonly [string, string, number][] = [
    ['/item?id=1', '/item?id=2', 1],
    ['/item?id=99', '/item?id=100', 1],
    ['/item?id=109', '/item?id=119', 10],
    ['/item?id=1999&x=5', '/item?id=2000&x=5', 1],
    ['{"address":"0xab09"}', '{"address":"0xab0a"}', 1],
    ['{"address":"0xab0f"}', '{"address":"0xab10"}', 1],
    ['/item/10/a', '/item/9/a', -1],
    ['/item?id=1', '/item?id=1', 0],
    ['/item?from=1&to=2', '/item?from=2&to=3', 0],
    ['/item?q=cat', '/item?q=dog', 0],
    ['/item?address=0x1234567890abcdef1234', '/item?address=0xfedcba09876543210000', 0],
  ]
  for (const [before, after, step] of steps) t.equal(stepBetween(before, after), step, `${before} → ${after}`)
  t.end()
})

t.test('a walk is steps in a row, also side by side; anything else ends it, and to and fro is none', (t) => {
  const walks = new Walks()
  let steps = 0
  for (let id = 1000; id < 1100; id += 1) steps = walks.walked('a items', `/items?id=${id}`)
  t.equal(steps, 99)
  t.equal(walks.walked('a items', '/items?q=x'), 0)
  t.equal(walks.walked('a items', '/items?id=1100'), 0)
  for (let id = 2000; id < 2100; id += 4) for (const at of [2, 0, 3, 1]) steps = walks.walked('b items', `/items?id=${id + at}`)
  t.ok(steps >= 95, `${steps} of 99 side by side`)
  let most = 0
  for (let count = 0; count < 500; count += 1) most = Math.max(most, walks.walked('c items', `/items?id=${count % 5}`))
  t.ok(most <= 10, `${most} steps of 500 to and fro`)
  t.end()
})

t.test('nothing that is asked makes it slow or throws', (t) => {
  const random = randomFrom(seedOf(t))
  const walks = new Walks()
  const letters = '0189afz/?=&.'
  for (let count = 0; count < 20_000; count += 1) {
    const asked = Array.from({ length: Math.floor(random() * 12) }, () => letters[Math.floor(random() * letters.length)]).join('')
    const steps = walks.walked('a', asked)
    if (!Number.isSafeInteger(steps) || steps < 0 || steps > count) t.fail(`${steps} steps with ${asked}`)
  }
  t.equal(walks.walked('a', 'x'.repeat(1_000_000)), 0)
  t.equal(walks.walked('a', `${'x'.repeat(1_000_000)}1`), 0, 'of long ones the beginning is compared')
  t.end()
})
