/** What is told about an operation and a connection is about the provider only. */

import t from 'tap'
import { type Attempt, units } from '../../gateway/contract/index.ts'
import { QualityBook } from '../../gateway/engine/quality.ts'
import { operationOf } from '../rig/acme.ts'

const operation = operationOf('search')
const attempt = (meaning: Attempt['meaning'], tookMs = 100): Attempt => ({ connection: 'c', units: units(1), status: 200, meaning, used: 'sold', tookMs })
const noted = (...attempts: readonly Attempt[]): QualityBook => {
  const book = new QualityBook()
  for (const one of attempts) book.note(operation, one)
  return book
}

t.test('before the first call nothing is said', async (t) => {
  t.strictSame(noted().operation(operation), { successRate: undefined, latencyMs: undefined })
  t.strictSame(noted().health('c'), { health: 'unknown', lastFailure: undefined })
})

t.test('what a consumer asked wrongly counts as served; what he did not wait for, and a stop, count for nothing', async (t) => {
  t.strictSame(noted(attempt('client-gone'), attempt('shutdown')).operation(operation), { successRate: undefined, latencyMs: undefined })
  t.equal(noted(attempt('ok'), attempt('bad-request'), attempt('not-found')).operation(operation).successRate, 1)
  const bad = ['timeout', 'broken', 'not-sent', 'rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it', 'provider-down', 'unknown'] as const
  for (const meaning of bad) t.equal(noted(attempt('ok'), attempt(meaning)).operation(operation).successRate, 0.5, meaning)
})

t.test('latency is that of good answers, weighted towards the last', async (t) => {
  t.equal(noted(attempt('timeout', 30_000), attempt('ok', 100)).operation(operation).latencyMs, 100, 'a failure before the first good one says nothing')
  t.equal(noted(attempt('timeout', 30_000)).operation(operation).latencyMs, undefined)
  t.equal(noted(attempt('ok', 100), attempt('broken', 30_000)).operation(operation).latencyMs, 100)
  const later = noted(...Array.from({ length: 200 }, () => attempt('ok', 100)), ...Array.from({ length: 100 }, () => attempt('ok', 1000)))
  t.ok((later.operation(operation).latencyMs ?? 0) > 950)
})

t.test('a connection is failing after five failures in a row, and well again after one good answer', async (t) => {
  const book = noted(...Array.from({ length: 4 }, () => attempt('provider-down')), attempt('client-gone'))
  t.strictSame(book.health('c'), { health: 'ok', lastFailure: 'provider-down' })
  book.note(operation, attempt('timeout'))
  t.strictSame(book.health('c'), { health: 'failing', lastFailure: 'timeout' })
  book.note(operation, attempt('not-found'))
  t.equal(book.health('c').health, 'ok')
})

t.test('old calls fade: what is told follows what happens now', async (t) => {
  const book = noted(...Array.from({ length: 50_000 }, () => attempt('ok')))
  for (let count = 0; count < 20_000; count += 1) book.note(operation, attempt('broken'))
  t.ok((book.operation(operation).successRate ?? 1) < 0.2)
})
