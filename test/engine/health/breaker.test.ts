/** Open after five failures in a row, one probe at a time at growing intervals; what was asked before says nothing afterwards. */

import t from 'tap'
import { RetryBudget } from '../../../gateway/engine/health/budget.ts'
import { Breaker } from '../../../gateway/engine/health/breaker.ts'

const WHO = ['someone', 'search'] as const

/** Of several callers and operations, so that nobody is spared. */
function opened(): Breaker {
  const breaker = new Breaker()
  for (let call = 0; call < 5; call += 1) breaker.bad(breaker.enter(), 0, `caller ${call}`, `operation ${call}`)
  return breaker
}

t.test('five in a row open it; a success between begins anew', async (t) => {
  const breaker = new Breaker()
  const fail = (): boolean => breaker.bad(breaker.enter(), 0, ...WHO)
  t.same([fail(), fail(), fail(), fail()], [false, false, false, false])
  breaker.good(breaker.enter())
  t.same([fail(), fail(), fail(), fail(), fail()], [false, false, false, false, true])
  t.ok(breaker.isOpen)
})

t.test('the first probe is due after a second, then at doubled intervals up to thirty', async (t) => {
  const breaker = opened()
  let nowMs = 0
  for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
    t.notOk(breaker.lets(nowMs + seconds * 1000 - 1, ...WHO), `before ${seconds} s`)
    nowMs += seconds * 1000
    t.ok(breaker.lets(nowMs, ...WHO), `after ${seconds} s`)
    const ticket = breaker.enter()
    t.notOk(breaker.lets(nowMs, ...WHO), 'one at a time')
    breaker.bad(ticket, nowMs, ...WHO)
  }
  breaker.good(breaker.enter())
  t.notOk(breaker.isOpen)
  t.ok(breaker.lets(nowMs, ...WHO))
})

t.test('answers to what was asked before it opened neither close it nor lengthen the wait', async (t) => {
  const breaker = new Breaker()
  const tickets = Array.from({ length: 50 }, () => breaker.enter())
  for (const [at, ticket] of tickets.slice(0, 40).entries()) breaker.bad(ticket, 0, `caller ${at}`, `operation ${at}`)
  t.equal(breaker.probeAtMs, 1000)
  for (const ticket of tickets.slice(40)) breaker.good(ticket)
  t.ok(breaker.isOpen)
})

t.test('a probe whose caller leaves makes room for another', async (t) => {
  const breaker = opened()
  breaker.nothing(breaker.enter())
  t.ok(breaker.lets(1000, ...WHO))
})

t.test('who had no part in the failures may try at once; when that fails, too, everybody waits', async (t) => {
  const breaker = new Breaker()
  for (let call = 0; call < 5; call += 1) breaker.bad(breaker.enter(), 0, 'hostile', 'search')
  t.notOk(breaker.lets(0, 'hostile', 'search'))
  t.ok(breaker.lets(0, 'honest', 'search'))
  t.ok(breaker.lets(0, 'hostile', 'other'))
  breaker.bad(breaker.enter(), 0, 'honest', 'search')
  t.notOk(breaker.lets(0, 'third', 'search'))
  breaker.bad(breaker.enter(), 0, 'hostile', 'other')
  t.notOk(breaker.lets(0, 'third', 'other'))
})

t.test('retries are a tenth of the calls of the last ten seconds, and at least five', async (t) => {
  const budget = new RetryBudget()
  const takes = (nowMs: number): number => {
    let taken = 0
    while (budget.take(nowMs)) taken += 1
    return taken
  }
  t.equal(takes(1000), 5)
  for (let call = 0; call < 1000; call += 1) budget.call(5000)
  t.equal(takes(5000), 95)
  t.equal(takes(10_500), 0)
  t.equal(takes(11_500), 5, 'those of ten seconds ago are forgotten')
  t.equal(takes(15_000), 0, 'and the calls')
  t.equal(takes(3_600_000), 5)
})
