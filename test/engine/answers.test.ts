/** How an answer is read, and how a refusal is written. */

import fc from 'fast-check'
import t from 'tap'
import { type FailureRule, type Refusal, type RefusalCode, refusals, refuse } from '../../gateway/contract/index.ts'
import { describe } from '../../gateway/engine/describe.ts'
import { mayFailOver, readAnswer, upstreamRefusal } from '../../gateway/engine/failures.ts'
import { problemOf } from '../../gateway/engine/problem.ts'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 2000 }
const read = (failures: readonly FailureRule[], status: number, body = '') => readAnswer(adapterOf([], { failures }), status, Buffer.from(body))

t.test('where nothing is listed the status decides', async (t) => {
  const meanings: Readonly<Record<string, readonly number[]>> = {
    ok: [200, 201, 204, 206, 299],
    'not-found': [404, 410],
    'credential-refused': [401],
    'rate-limited': [429],
    'bad-request': [400, 405, 409, 411, 418, 422, 451, 499],
    'provider-down': [500, 502, 503, 504, 599],
    unknown: [300, 301, 302, 304, 307, 308, 402, 403, 407, 100, 199],
  }
  for (const [meaning, statuses] of Object.entries(meanings))
    for (const status of statuses) t.strictSame(read([], status), { meaning, bills: true }, `${status}`)
})

t.test('the first rule that fits decides; text counts without regard to case; a 2xx is an error only by its text', async (t) => {
  const failures: FailureRule[] = [
    { status: 429, bodyHas: 'Monthly', means: 'quota-exhausted', bills: false },
    { status: 429, means: 'rate-limited' },
    { status: '2xx', bodyHas: '"error"', means: 'bad-request', bills: false },
    { status: '2xx', means: 'provider-down' },
    { status: 200, means: 'unknown' },
  ]
  t.strictSame(read(failures, 429, 'your MONTHLY quota'), { meaning: 'quota-exhausted', bills: false })
  t.strictSame(read(failures, 429, 'slow down'), { meaning: 'rate-limited', bills: true })
  t.strictSame(read(failures, 201, '{"ERROR":1}'), { meaning: 'bad-request', bills: false })
  t.strictSame(read(failures, 201, '{}'), { meaning: 'ok', bills: true }, 'a 2xx rule without text would refuse every answer')
  t.strictSame(read(failures, 200, '{}'), { meaning: 'unknown', bills: true })
  t.strictSame(read(failures, 400, 'monthly "error"'), { meaning: 'bad-request', bills: true })
})

t.test('another connection may be tried only where the provider says that it did no work and bills none', async (t) => {
  const may = ['rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it']
  const never = ['ok', 'bad-request', 'not-found', 'provider-down', 'unknown']
  const [read, write] = [operationOf('read'), operationOf('write', { method: 'POST' })]
  for (const meaning of [...may, ...never] as Parameters<typeof mayFailOver>[0]['meaning'][]) {
    t.equal(mayFailOver({ meaning, bills: false }, write), may.includes(meaning), meaning)
    t.equal(mayFailOver({ meaning, bills: true }, read), false, `${meaning}, billed`)
  }
  t.ok(mayFailOver({ meaning: 'provider-down', bills: false }, read), 'a failure in the middle, where reading twice is harmless')
})

t.test('a failure of the provider says nothing of the provider but what kind it was', async (t) => {
  for (const meaning of ['rate-limited', 'quota-exhausted', 'credential-refused', 'plan-lacks-it', 'provider-down', 'unknown'] as const) {
    const refusal = upstreamRefusal(meaning, { connection: 'of-alice', body: 'secret' })
    t.equal(refusal.code, 'upstream_error')
    t.match(refusal.detail, /; nothing was charged$/)
    t.notMatch(problemOf(refusal, 'id').body, /of-alice|secret/)
  }
})

// ------------------------------------------------------------------ problems

const codes = Object.keys(refusals) as RefusalCode[]
/** Long enough not to be there by chance. */
const secret = fc.string({ unit: fc.constantFrom('s', 'e', 'c', 'r', 't', '-', '0'), minLength: 16, maxLength: 40 })
const cause = fc.oneof(
  secret.map((text): [string, unknown] => [text, text]),
  secret.map((text): [string, unknown] => [text, new Error(text, { cause: text })]),
  secret.map((text): [string, unknown] => [text, { deep: { deeper: [text] }, [text]: 1 }]),
)

t.test('a problem never contains the cause', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...codes), cause, (code, [text, cause]) => {
      const { body, headers } = problemOf(
        refuse(code, 'what the consumer is told', { cause, retryAfterSeconds: 7, headers: { allow: 'GET' }, members: { receipt: 'rc_1' } }),
        'the-id',
      )
      return !body.includes(text) && !headers.join('\n').includes(text) && !('cause' in JSON.parse(body))
    }),
    RUNS,
  )
})

t.test('every refusal is a problem of RFC 9457 with the status of its table', async (t) => {
  for (const code of codes) {
    const problem = problemOf(refuse(code, 'the detail'), 'the-id')
    const body = JSON.parse(problem.body)
    const { status, title } = refusals[code]
    t.match(body, { type: new RegExp(`${code}$`), title, status, detail: 'the detail', code, request_id: 'the-id' }, code)
    t.equal(problem.status, status)
    t.ok(problem.headers.join(': ').includes('content-type: application/problem+json'))
    t.ok(problem.headers.join(': ').includes('x-request-id: the-id'))
    const soon = ['upstream_error', 'upstream_timeout', 'unavailable'].includes(code)
    t.equal(problem.headers.includes('retry-after'), soon, `${code} ends by itself at a moment that nobody knows: ${soon}`)
  }
  const extras: Partial<Refusal> = { retryAfterSeconds: 3, headers: { allow: 'GET' }, members: { accepts: [] } }
  const problem = problemOf(refuse('method_not_allowed', 'the detail', extras), 'the-id')
  t.match(problem.headers.join(' '), /retry-after 3 allow GET/)
  t.match(JSON.parse(problem.body), { accepts: [] })
})

t.test('what the log gets of a cause is in it, also of errors within', async (t) => {
  const error = new Error('outer', { cause: new TypeError('inner') })
  t.match(JSON.parse(JSON.stringify(describe({ plugin: 'auth', error }))), {
    plugin: 'auth',
    error: { message: 'outer', stack: /answers/, cause: { name: 'TypeError', message: 'inner' } },
  })
  const circle: Record<string, unknown> = {}
  circle.again = circle
  t.ok(describe(circle), 'a circle ends')
  for (const plain of ['text', 1, undefined, null]) t.equal(describe(plain), plain)
})
