/** A member of the object in a body is seen as JSON.parse sees it, also where only the beginning of the body is there; nothing throws. */
import fc from 'fast-check'
import t from 'tap'
import { hasMember } from '../../gateway/engine/member.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 5_000 }
const has = (text: string): boolean => hasMember(Buffer.from(text), 'error')

t.test('it says something, or it does not', (t) => {
  for (const text of [
    '{"error":"x"}',
    ' { "a" : [1,{"b":"]"}] , "error" : {} }',
    '{"error":0}',
    '{"error":[',
    '{"error":true',
    '{"\\u0065rror":1}',
    '{"a":"\\"","error":"x"}',
  ])
    t.ok(has(text), text)
  const not = [
    '',
    'x',
    '[]',
    '[{"error":1}]',
    '{"error":null}',
    '{"error":false,"a":1}',
    '{"error":""}',
    '{"data":{"error":"x"}}',
    '{"data":"\\"error\\":1"}',
    '{"errors":1}',
    '{"error"',
    '{"error":',
    '{"a',
  ]
  for (const text of not) t.notOk(has(text), text)
  t.end()
})

t.test('for any JSON it is what JSON.parse would say', async () => {
  const key = fc.constantFrom('error', 'data', 'a"b', 'é')
  const value = fc.oneof(fc.constantFrom(null, false, '', 0, 'x', true), fc.jsonValue({ maxDepth: 3 }))
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.constantFrom(0, 2), (object, indent) => {
      const { error } = object
      const says = Object.hasOwn(object, 'error') && error !== null && error !== false && error !== ''
      return has(JSON.stringify(object, null, indent)) === says
    }),
    RUNS,
  )
})

t.test('for any bytes, and any part of any JSON, there is an answer', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        fc.json().map((text) => Buffer.from(text)),
      ),
      fc.nat(60),
      (bytes, length) => [true, false].includes(hasMember(Buffer.from(bytes).subarray(0, length), 'error')),
    ),
    RUNS,
  )
})
