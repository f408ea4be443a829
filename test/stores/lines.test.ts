/** The journal's hand-written line of a charge says what JSON.stringify would, whatever stands in it. */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { consumerIn, shortCall, wholeCall } from '#contract'
import { ChargeScan } from '../../gateway/stores/charge-scan.ts'
import { intentLine, lineOf } from '../../gateway/stores/lines.ts'
import type { Charged, Intended, Settled } from '../../gateway/stores/records.ts'
import { seedOf } from '../rig/random.ts'

const seed = seedOf(t)
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('nansen', 'key:k_1', 'a"b\\c', 'line\nfeed', '\u2028', 'ü', '\ud800'))
const whole = fc.nat()
const digest = fc.constant('a'.repeat(64))
const attempt = fc.record(
  {
    connection: text,
    units: whole,
    status: fc.option(whole, { nil: undefined }),
    meaning: fc.constantFrom('ok', 'not-sent'),
    used: fc.constantFrom('sold', 'returned'),
    tookMs: whole,
  },
  { requiredKeys: ['connection', 'units', 'status', 'meaning', 'used', 'tookMs'] },
)
const call = fc.record({
  v: fc.constant(2),
  id: text,
  at: whole,
  generation: whole,
  config: fc.constant('c'.repeat(64)),
  api: text,
  operation: text,
  consumer: text,
  kind: fc.constantFrom('charged', 'free'),
  status: whole,
  code: fc.constantFrom(undefined, 'sold_out'),
  receipt: fc.option(text, { nil: undefined }),
  requested: whole,
  candidates: fc.array(text, { maxLength: 3 }),
  units: whole,
  price: fc.bigInt({ min: 0n }).map(String),
  attempts: fc.array(attempt, { maxLength: 3 }),
  tookMs: whole,
})
const charge = fc.record({
  t: fc.constant('charge'),
  id: text,
  at: whole,
  since: fc.option(whole, { nil: undefined }),
  connection: text,
  owner: text,
  period: whole,
  units: whole,
  price: fc.bigInt({ min: 0n }).map(String),
  platform: fc.bigInt({ min: 0n }).map(String),
  by: fc.constantFrom('owner', 'credits', 'x402'),
  account: text,
  api: text,
  operation: text,
  subject: fc.record({ requestDigest: digest, answerDigest: digest }),
  names: fc.array(fc.record({ name: text, digest, until: whole }), { maxLength: 2 }),
  once: fc.array(fc.record({ key: text, until: whole }), { maxLength: 2 }),
  answer: fc.option(fc.record({ status: whole, headers: fc.array(text), body: text, encoding: fc.constant('utf8') }), { nil: undefined }),
  call,
})

/** As stores write it; some with a call that is as the charge says, which nearly all are. */
const written = fc.tuple(charge, fc.tuple(...Array.from({ length: 10 }, () => fc.boolean()))).map(([record, same]) => {
  const { id, connection, units, price, by, account, api, operation } = record
  const [isApi, isOperation, isConsumer, isKind, isStatus, isRequested, isCandidate, isUnits, isPrice, isAttempt] = same
  const { call } = record
  const status = isStatus ? 200 : call.status
  const attempt = { connection, units, status, meaning: 'ok', used: by === 'owner' ? 'own' : 'sold', tookMs: call.tookMs }
  const whole = {
    ...{ ...call, api: isApi ? api : call.api, operation: isOperation ? operation : call.operation, consumer: isConsumer ? account : call.consumer },
    ...{ kind: isKind ? (by === 'owner' ? 'free' : 'charged') : call.kind, status, code: undefined, receipt: id },
    ...{ requested: isRequested ? units : call.requested, candidates: isCandidate ? [connection] : call.candidates, units: isUnits ? units : call.units },
    ...{ price: isPrice ? price : call.price, attempts: isAttempt ? [attempt] : call.attempts },
  }
  return { record: { ...record, call: shortCall(record as never, whole as never) }, whole }
})

t.test('the line of a charge is letter by letter what JSON.stringify writes', (t) => {
  fc.assert(
    fc.property(charge, (record) => lineOf(record as unknown as Charged) === JSON.stringify(record)),
    { numRuns: 3_000, seed },
  )
  fc.assert(
    fc.property(written, ({ record }) => lineOf(record as unknown as Charged) === JSON.stringify(record)),
    { numRuns: 3_000, seed },
  )
  t.end()
})

t.test('what is not said twice is not lost: the call of a charge is whole again', (t) => {
  const plain = (value: object): unknown => JSON.parse(JSON.stringify(value))
  fc.assert(
    fc.property(written, ({ record, whole }) => isDeepStrictEqual(plain(wholeCall(JSON.parse(lineOf(record as unknown as Charged)))), plain(whole))),
    { numRuns: 3_000, seed },
  )
  fc.assert(
    fc.property(charge, (record) =>
      isDeepStrictEqual(plain(wholeCall({ ...record, call: shortCall(record as never, record.call as never) } as never)), plain(record.call)),
    ),
    { numRuns: 1_000, seed },
  )
  t.end()
})

const payment = fc.record(
  {
    x402Version: fc.constantFrom(1, 2),
    digest,
    network: text,
    asset: fc.constant(`0x${'a'.repeat(40)}`),
    payer: fc.constant(`0x${'b'.repeat(40)}`),
    nonce: fc.constant(`0x${'c'.repeat(64)}`),
    amount: fc.bigInt({ min: 0n }).map(String),
    validAfterMs: whole,
    validBeforeMs: whole,
    upfront: fc.boolean(),
    payload: fc.dictionary(text, fc.jsonValue()),
    requirements: fc.dictionary(text, fc.jsonValue()),
    identifier: text,
    quote: text,
  },
  {
    requiredKeys: [
      'x402Version',
      'digest',
      'network',
      'asset',
      'payer',
      'nonce',
      'amount',
      'validAfterMs',
      'validBeforeMs',
      'upfront',
      'payload',
      'requirements',
    ],
  },
)

t.test('so is the line of an intent, with what its payment holds written before or not', (t) => {
  fc.assert(
    fc.property(charge, payment, (fields, paid) => {
      const { answer, ...rest } = fields
      const intent = { ...rest, t: 'intent', payment: paid, answer } as unknown as Intended
      const json = { payload: JSON.stringify(paid.payload), requirements: JSON.stringify(paid.requirements) }
      return intentLine(intent, json) === JSON.stringify(intent) && intentLine(intent, undefined) === JSON.stringify(intent)
    }),
    { numRuns: 2_000, seed },
  )
  t.end()
})

t.test('so is the line of a settlement', (t) => {
  const base64 = fc.base64String()
  const settled = fc.record({ t: fc.constant('settled'), id: text, transaction: text, headers: fc.dictionary(text, fc.oneof(text, base64)), at: whole })
  fc.assert(
    fc.property(settled, (record) => lineOf(record as unknown as Settled) === JSON.stringify(record)),
    { numRuns: 2_000, seed },
  )
  t.end()
})

t.test('a line holds no line feed of its own: the journal ends records by it', (t) => {
  fc.assert(
    fc.property(charge, (record) => !lineOf(record as unknown as Charged).includes('\n')),
    { numRuns: 1_000, seed },
  )
  t.end()
})

t.test('the beginning of a charge that is read by hand says what JSON.parse would, or is left to it', (t) => {
  let read = 0
  const plain = fc.constantFrom('nansen', 'key:k_1', 'wallet:0xab', 'a b/c-d.e', '')
  const ordinary = { id: plain, connection: plain, owner: plain, account: plain, api: plain, operation: plain, names: fc.constant([]), once: fc.constant([]) }
  const unnamed = fc.tuple(charge, fc.record(ordinary), plain).map(([record, names, consumer]) => ({
    ...{ ...record, ...names, since: undefined, answer: undefined, price: `${record.units}` },
    call: { ...record.call, id: consumer, api: names.api, operation: names.operation, consumer },
  }))
  const short = unnamed.map((record) => {
    const { id, connection, units, by, price } = record
    const attempts = [{ connection, units, status: 200, meaning: 'ok', used: by === 'owner' ? 'own' : 'sold', tookMs: record.at }]
    const call = {
      ...record.call,
      code: undefined,
      receipt: id,
      status: 200,
      kind: by === 'owner' ? 'free' : 'charged',
      requested: units,
      units,
      price,
      attempts,
    }
    return { ...record, call: shortCall(record as never, { ...call, candidates: [connection] } as never) }
  })
  const says = (record: object): boolean => {
    const text = lineOf(record as unknown as Charged)
    const bytes = Buffer.from(`${text}\n`)
    const scan = new ChargeScan()
    if (!scan.read(bytes, 0)) return true
    read += 1
    const { at, since, connection, period, units, price, by, account, names, once, call } = JSON.parse(text) as Charged
    const said = [scan.at, scan.period, scan.units, scan.price, scan.by]
    const texts = [
      [scan.connectionFrom, scan.connectionTo],
      [scan.accountFrom, scan.accountTo],
      [scan.consumerFrom, scan.consumerTo],
    ].map(([from, to]) => bytes.toString('utf8', from, to))
    const isPlain = since === undefined && names.length === 0 && once.length === 0
    return isPlain && isDeepStrictEqual([...said, ...texts], [at, period, units, Number(price), by, connection, account, consumerIn({ account, call })])
  }
  fc.assert(fc.property(charge, says), { numRuns: 2_000, seed })
  const before = read
  fc.assert(fc.property(unnamed, says), { numRuns: 1_000, seed })
  fc.assert(fc.property(short, says), { numRuns: 1_000, seed })
  t.equal(read - before, 2_000, 'all that gateways write day by day, and wrote before')
  t.end()
})
