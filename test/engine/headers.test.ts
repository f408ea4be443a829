/** What passes between provider and consumer: requests by a list of what may, answers by a list of what may not. */

import { validateHeaderName, validateHeaderValue } from 'node:http'
import fc from 'fast-check'
import t from 'tap'
import { answerHeaders, fieldValue, isConditional, isDenied, isEventStream, requestHeaders, storedAnswer, storedBody } from '../../gateway/engine/headers.ts'
import { adapterOf, operationOf } from '../rig/acme.ts'
import { incomingOf } from '../rig/inside.ts'
import { seedOf } from '../rig/random.ts'

const RUNS = { seed: seedOf(t), numRuns: 10_000 }
const adapter = adapterOf([operationOf('search')])

/** Cookies, Server, quota, credit and payment headers and request ids; and what belongs to one connection only. */
const NEVER = [
  ...['set-cookie', 'set-cookie2', 'server', 'via', 'x-powered-by', 'www-authenticate', 'proxy-authenticate', 'location', 'retry-after', 'cache-control'],
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'content-length', 'date', 'strict-transport-security'],
  ...[
    'ratelimit',
    'ratelimit-policy',
    'ratelimit-remaining',
    'x-ratelimit-limit',
    'x-rate-limit-reset',
    'x-quota-left',
    'x-credits-remaining',
    'x-nansen-credits-used',
  ],
  ...['x-api-usage', 'x-datapoints-left', 'x-billing-plan', 'x-account-balance', 'x-calls-remaining', 'x-daily-limit'],
  ...['payment-required', 'payment-response', 'x-payment', 'x-payment-response', 'payment-signature', 'x-micropayment-id'],
  ...[
    'x-request-id',
    'request-id',
    'x-requestid',
    'x-correlation-id',
    'x-trace-id',
    'x-b3-traceid',
    'x-amzn-requestid',
    'x-amz-cf-id',
    'cf-ray',
    'traceparent',
    'tracestate',
  ],
  ...['x-atlas-price', 'x-atlas-receipt', 'x-atlas-replayed', 'access-control-allow-origin', 'x-forwarded-for', 'x-real-ip', 'x-envoy-upstream-service-time'],
]
const MAY = [
  'content-type',
  'content-encoding',
  'content-language',
  'content-disposition',
  'etag',
  'last-modified',
  'vary',
  'x-page',
  'x-total-count',
  'link-next',
]

const cased = (name: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((ups) => [...name].map((char, at) => (ups[at] ? char.toUpperCase() : char)).join(''))
const field = (names: readonly string[]): fc.Arbitrary<readonly [string, string]> =>
  fc.tuple(fc.constantFrom(...names).chain(cased), fc.string({ unit: fc.constantFrom('a', '1', ' ', ',', '\u00e9', '"'), maxLength: 8 }))
const connection = fc
  .tuple(cased('connection'), fc.subarray(MAY), fc.constantFrom(',', ', ', ' ,\t'))
  .map(([name, options, comma]) => [name, options.join(comma)] as const)
const bytes = (fields: readonly (readonly [string, string])[]): string[] => fields.flat()
const namesOf = (flat: readonly string[]): string[] => flat.filter((_, at) => at % 2 === 0)

t.test('no denied name in any case passes, nor what Connection names; everything else does, unchanged', async () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(field(NEVER), field(MAY), connection), { maxLength: 12 }), (fields) => {
      const passed = answerHeaders(bytes(fields), adapter)
      const named = fields.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.split(',').map((option) => option.trim()))
      const wanted = fields.flatMap(([name, value]) =>
        MAY.includes(name.toLowerCase()) && !named.includes(name.toLowerCase()) ? [name.toLowerCase(), value] : [],
      )
      return JSON.stringify(passed) === JSON.stringify(wanted) && namesOf(passed).every((name) => !NEVER.includes(name))
    }),
    RUNS,
  )
})

t.test('every name that tells about the account or pretends to be ours is denied', async (t) => {
  for (const name of NEVER) t.ok(isDenied(name) && isDenied(name.toUpperCase()), name)
  for (const name of MAY) t.notOk(isDenied(name), name)
})

t.test("the provider's own words for the credential and for what is left are kept back, whatever they are", async (t) => {
  const own = adapterOf([], { credential: { in: 'header', name: 'X-Key' }, quota: { unit: 'call', resets: 'day', remaining: { header: 'X-Left' } } })
  t.strictSame(
    answerHeaders(
      bytes([
        ['x-KEY', 'secret'],
        ['x-left', '7'],
        ['x-page', '1'],
      ] as const),
      own,
    ),
    ['x-page', '1'],
  )
  t.strictSame(answerHeaders(bytes([['x-left', '7']] as const), adapter), ['x-left', '7'], 'elsewhere it is a name like others')
})

t.test('what passes can be written by an HTTP server, whatever bytes the provider sent', async () => {
  const value = fc.uint8Array({ maxLength: 20 }).map((some) => Buffer.from(some.filter((byte) => byte === 9 || (byte >= 32 && byte !== 127))))
  fc.assert(
    fc.property(fc.constantFrom(...MAY), value, (name, value) => {
      const [passed = '', text = ''] = answerHeaders([name, value.toString('latin1')], adapter)
      validateHeaderName(passed)
      validateHeaderValue(passed, text)
      return Buffer.from(text, 'latin1').equals(value)
    }),
    RUNS,
  )
})

t.test('text of a configuration becomes a field that can be written, in UTF-8', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      validateHeaderValue('x-atlas-attribution', fieldValue(text))
      return true
    }),
    RUNS,
  )
  t.equal(fieldValue('Powered by Nansen API'), 'Powered by Nansen API')
  t.equal(Buffer.from(fieldValue('Données — Acme™'), 'latin1').toString(), 'Données — Acme™')
  t.equal(fieldValue('one\r\nset-cookie: two'), 'one set-cookie: two')
})

t.test('to a provider goes only what may: no credential, cookie, payment, address or claim of the consumer', async (t) => {
  const may = { accept: 'application/json', 'accept-language': 'de', 'content-type': 'application/json', 'if-none-match': '"a"', 'if-modified-since': 'x' }
  const never = {
    ...{ authorization: 'Bearer atlas_x', 'x-api-key': 'atlas_x', cookie: 'a=b', 'payment-signature': 'x', 'x-payment': 'x', 'idempotency-key': 'x' },
    ...{ 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4', 'x-real-ip': '1.2.3.4', via: 'x', referer: 'x', origin: 'x', 'user-agent': 'x', host: 'x' },
    ...{
      'x-atlas-max-price': '$1',
      'accept-encoding': 'br',
      range: 'bytes=0-1',
      te: 'trailers',
      'transfer-encoding': 'chunked',
      connection: 'x',
      expect: '100-continue',
    },
  }
  const incoming = incomingOf('id', '/', { headers: { ...may, ...never } })
  const sent = requestHeaders(incoming, Buffer.from('{}'))
  t.strictSame(Object.fromEntries(namesOf(sent).map((name, at) => [name, sent[at * 2 + 1]])), {
    'accept-encoding': 'identity',
    'user-agent': 'atlas-gateway',
    ...may,
  })
  t.notOk(requestHeaders(incoming, Buffer.alloc(0)).includes('content-type'), 'no body has no type')
  t.equal(isConditional(incoming), true)
  t.equal(isConditional(incomingOf('id', '/', {})), false)
})

t.test('a stored answer is the answer, byte for byte, whatever bytes it has', async (t) => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)),
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.constantFrom(Buffer.from('\ufffd'), Buffer.from('\ufeffa'), Buffer.from([0xff]), Buffer.from([0xed, 0xa0, 0x80])),
  )
  fc.assert(
    fc.property(body, (body) => {
      const stored = JSON.parse(JSON.stringify(storedAnswer(200, ['a', 'b'], body)))
      return storedBody(stored).equals(body)
    }),
    RUNS,
  )
  t.equal(storedAnswer(200, [], Buffer.from('{"a":"é"}')).encoding, 'utf8', 'text stays readable in the journal')
  t.equal(storedAnswer(200, [], Buffer.from([0xff])).encoding, 'base64')
})

t.test('an event stream is known by its type', async (t) => {
  const typed = (type: string): boolean => isEventStream(bytes([['Content-Type', type]] as const))
  for (const type of ['text/event-stream', 'text/event-stream; charset=utf-8', 'TEXT/Event-Stream ;x']) t.ok(typed(type), type)
  for (const type of ['application/json', 'text/event-streams', 'x; text/event-stream', '']) t.notOk(typed(type), type)
  t.notOk(isEventStream([]))
})
