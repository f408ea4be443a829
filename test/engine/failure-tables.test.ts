/** Whatever a provider answers, and whatever stands in an adapter's table: it is read as one of the few meanings, and nothing throws. */

import fc from 'fast-check'
import t from 'tap'
import { type Adapter, defaultMeaning, type FailureMeaning, type FailureRule } from '../../gateway/contract/index.ts'
import { discover } from '../../config/discover.ts'
import { readAnswer } from '../../gateway/engine/failures.ts'
import { adapterOf } from '../rig/acme.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 10_000 }
const MEANINGS: readonly FailureMeaning[] = [
  'bad-request',
  'not-found',
  'rate-limited',
  'quota-exhausted',
  'credential-refused',
  'plan-lacks-it',
  'provider-down',
  'unknown',
]

const words = fc.constantFrom('credit', 'Insufficient', 'monthly', 'LIMIT', '', ' ', 'İ', 'ß', '\u0000', '"error"')
const rule: fc.Arbitrary<FailureRule> = fc.record(
  {
    status: fc.oneof(fc.integer({ min: 100, max: 599 }), fc.constant<'2xx'>('2xx')),
    means: fc.constantFrom(...MEANINGS),
    bodyHas: fc.oneof(words, fc.string({ unit: 'binary', maxLength: 20 })),
    bills: fc.boolean(),
  },
  { requiredKeys: ['status', 'means'] },
)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.array(fc.oneof(words, fc.string({ unit: 'binary' })), { maxLength: 20 }).map((parts) => Buffer.from(parts.join(''))),
  fc.constant(Buffer.alloc(256 * 1024, 'insufficient ')),
)
const status = fc.integer({ min: 0, max: 1_000 })

t.test('an answer is read by the first rule that fits, else by its status alone', async () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), status, body, (failures, status, body) => {
      const { meaning, bills } = readAnswer(adapterOf([], { failures }), status, body)
      const text = body.toString('utf8').toLowerCase()
      const fits = failures.find(({ status: listed, bodyHas }) => {
        if (listed === '2xx' ? status < 200 || status > 299 || bodyHas === undefined : listed !== status) return false
        return bodyHas === undefined || text.includes(bodyHas.toLowerCase())
      })
      return fits === undefined ? meaning === defaultMeaning(status) && bills : meaning === fits.means && bills === (fits.bills ?? true)
    }),
    RUNS,
  )
})

t.test("every adapter's own table reads any answer, and only a 2xx can be good", async () => {
  const adapters = [...(await discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter')).values()]
  fc.assert(
    fc.property(fc.constantFrom(...adapters), status, body, (adapter, status, body) => {
      const { meaning } = readAnswer(adapter, status, body)
      return meaning === 'ok' ? status >= 200 && status < 300 : MEANINGS.includes(meaning)
    }),
    RUNS,
  )
})
