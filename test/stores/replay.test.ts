/** A start reads payments by hand where it can: what it makes of a journal is what JSON.parse of every line would. */
import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Answers } from '../../gateway/stores/answers.ts'
import { lineOf } from '../../gateway/stores/lines.ts'
import type { Intended, JournalRecord } from '../../gateway/stores/records.ts'
import { Replay } from '../../gateway/stores/replay.ts'
import { State } from '../../gateway/stores/state.ts'
import { paid } from '../rig/paid-intent.ts'
import { seedOf } from '../rig/random.ts'
import { imageOf } from '../rig/state.ts'

const seed = seedOf(t)
const digest = 'a'.repeat(64)
const word = fc.oneof(
  { weight: 40, arbitrary: fc.constantFrom('nansen', 'wallet:0xab', 'a b/c-d.e') },
  { weight: 1, arbitrary: fc.constantFrom('a"b\\c', 'ü', 'line\nfeed', '\ud800') },
)
const whole = fc.nat(1_000_000)
/** Also what looks like an answer, or like its end. */
const tricky = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    { x: 1, answer: { status: 200, headers: [], body: 'abc', encoding: 'utf8' } },
    { x: '","encoding":"utf8"}}' },
    { a: 1, payload: { names: [] } },
  ),
)
const answer = fc.option(
  fc.record({ status: whole, headers: fc.array(word), body: fc.oneof(fc.string({ unit: 'binary' }), fc.json()), encoding: fc.constantFrom('utf8', 'base64') }),
  { nil: undefined, freq: 4 },
)
/** A name belongs to one call until that has ended. */
const names = (id: string): fc.Arbitrary<object[]> =>
  fc.constantFrom(1, 1, 1, 0, 2).map((count) => ['p:', 'w:'].slice(0, count).map((of, index) => ({ name: `${of}${id}`, digest, until: 1000 * (index + 1) })))

/** Of version 3: what the charge says is left out. */
const shortened = (at: fc.Arbitrary<number>, config: fc.Arbitrary<string>, consumer: fc.Arbitrary<string>): fc.Arbitrary<object> =>
  fc
    .tuple(
      fc.record({ v: fc.constant(3), id: word, at, generation: whole, config }),
      fc.constantFrom({}, {}, { api: 'nansen' }, { operation: 'a b/c-d.e' }),
      fc.option(consumer, { nil: undefined }),
      fc.constantFrom({ upstreamMs: 2 }, { upstreamMs: 2 }, { requested: 2, attempts: [] }),
    )
    .map(([head, what, whose, how]) => ({ ...head, ...what, ...(whose === undefined ? {} : { consumer: whose }), ...how, tookMs: 1 }))

const intent = (id: string): fc.Arbitrary<Intended> =>
  fc.record({
    t: fc.constant('intent'),
    ...{ id: fc.constant(id), at: whole, since: fc.option(whole, { nil: undefined, freq: 1 }), connection: word, owner: word, period: whole, units: whole },
    ...{ price: fc.nat().map(String), platform: fc.constant('0'), by: fc.constant('x402'), account: word, api: word, operation: word },
    subject: fc.constant({ requestDigest: digest, answerDigest: digest }),
    ...{ names: names(id), once: word.map((text) => [{ key: `${text}:${id}`, until: 9 }]) },
    call: fc.oneof(
      fc.record({ v: fc.constant(2), id: word, at: whole, generation: whole, config: fc.constant(digest), api: word, operation: word, consumer: word }),
      shortened(whole, fc.constant(digest), word),
    ),
    payment: fc.record({
      network: fc.constant('eip155:1'),
      payer: fc.constantFrom('0xab', '0xcd'),
      amount: fc.constant('1'),
      payload: tricky,
      requirements: tricky,
    }),
    answer,
  }) as unknown as fc.Arbitrary<Intended>

const end = (id: string): fc.Arbitrary<JournalRecord | undefined> =>
  fc.oneof(
    fc.record({ t: fc.constant('settled'), id: fc.constant(id), transaction: word, headers: fc.constant({ 'payment-response': 'e30=' }), at: whole }),
    fc.record({ t: fc.constant('settled'), id: fc.constant(id), transaction: word, headers: fc.constant({}), at: whole }),
    fc.record({ t: fc.constant('void'), id: fc.constant(id), reason: word, at: whole }),
    fc.constant(undefined),
  ) as fc.Arbitrary<JournalRecord | undefined>

/** Intents and their ends, each after its intent, otherwise mixed. */
const journal = fc.tuple(...['rc_1', 'rc_2', 'rc_3', 'rc_"4'].map((id) => fc.tuple(intent(id), end(id), fc.nat(9), fc.nat(9)))).map((calls) =>
  calls
    .flatMap(([begun, ended, at, later]) => [{ record: begun as JournalRecord, at }, ...(ended === undefined ? [] : [{ record: ended, at: at + later }])])
    .sort((a, b) => a.at - b.at)
    .map(({ record }) => record),
)

const places = (lines: readonly string[]): number[] => lines.flatMap((line, index) => [1000 * index, Buffer.byteLength(line)])

const inGroups = (lines: readonly string[], size: number): string[] => {
  const state = new State(new Answers(1_000_000))
  const replay = new Replay(state)
  for (let from = 0; from < lines.length; from += size) {
    const some = lines.slice(from, from + size)
    const bytes = Buffer.from(some.map((line) => `${line}\n`).join(''))
    replay.group({ sequence: 1 + from, hash: digest, bytes, places: places(lines).slice(from * 2, (from + size) * 2), segment: 7 })
  }
  replay.end()
  return imageOf(state)
}

const oneByOne = (lines: readonly string[]): string[] => {
  const state = new State(new Answers(1_000_000))
  for (const [index, line] of lines.entries())
    state.apply(JSON.parse(line) as JournalRecord, { segment: 7, offset: 1000 * index, length: Buffer.byteLength(line) })
  return imageOf(state)
}

t.test('what a replay makes of payments is what JSON.parse of every line would make of them', (t) => {
  fc.assert(
    fc.property(journal, (records) => {
      const lines = records.map((record) => JSON.stringify(record))
      deepStrictEqual(inGroups(lines, lines.length), oneByOne(lines))
    }),
    { numRuns: 3_000, seed },
  )
  t.end()
})

t.test('payments that end late, or never, among many others with long lines', (t) => {
  const lines: string[] = []
  for (let index = 0; index < 600; index += 1) {
    const id = `rc_${index}`
    lines.push(JSON.stringify(paid(id, 1_000 + (index % 7) * 400, 'x'.repeat(index))))
    // One in five ends at once, one after fifty others, one comes to nothing then, and two are left.
    const before = `rc_${index - 50}`
    if (index % 5 === 0) lines.push(lineOf({ t: 'settled', id, transaction: '0x', headers: {}, at: 1 } as JournalRecord))
    if (index % 5 === 1 && index > 50) lines.push(lineOf({ t: 'settled', id: before, transaction: '0x', headers: {}, at: 1 } as JournalRecord))
    if (index % 5 === 2 && index > 50) lines.push(lineOf({ t: 'void', id: before, reason: 'no', at: 1 } as JournalRecord))
  }
  t.strictSame(inGroups(lines, 7), oneByOne(lines))
  t.end()
})

// ---------------------------------------------------------------- charges, which are added up before they reach the state

const account = fc.constantFrom('key:k1', 'key:k2', 'wallet:0xab', 'key:ü', '')
const connection = fc.constantFrom('nansen', 'nansen-2', 'ünsen')
const DAY = 86_400_000
const moment = fc.tuple(fc.nat(3), fc.nat(DAY - 1)).map(([day, ms]) => (20_400 + day * 11) * DAY + ms)
const charge = fc.record({
  t: fc.constant('charge'),
  ...{ id: fc.constantFrom('rc_1', 'rc_2'), at: moment, since: fc.option(moment, { nil: undefined, freq: 9 }), connection, owner: word },
  ...{
    period: fc.constantFrom(0, 5 * DAY),
    units: fc.nat(9),
    price: fc.oneof(fc.nat(), fc.constantFrom(0, 999_999_999_999_999, '1000000000000001', '9007199254740993')).map(String),
  },
  ...{ platform: fc.constant('1'), by: fc.constantFrom('credits', 'credits', 'credits', 'owner', 'x402'), account, api: word, operation: word },
  subject: fc.constantFrom({ requestDigest: digest, answerDigest: digest }, { requestDigest: '', answerDigest: 'ab' }),
  names: fc.constantFrom([], [], [], [{ name: 'k:1', digest, until: 9 }]),
  once: fc.constant([]),
  answer: fc.constantFrom(undefined, undefined, { status: 200, headers: [], body: '{"t":"charge","names":[]', encoding: 'utf8' }),
  call: fc.oneof(
    fc
      .record({
        v: fc.constant(2),
        id: word,
        at: moment,
        generation: whole,
        config: fc.constantFrom(digest, ''),
        api: word,
        operation: word,
        consumer: account,
      })
      .map((call) => ({
        ...{ ...call, kind: 'charged', status: 200, requested: 1, candidates: [], units: 1, price: '1', attempts: [], tookMs: 1 },
      })),
    shortened(moment, fc.constantFrom(digest, ''), account),
  ),
})
const key = { id: 'k1', hash: 'h1', role: 'consumer', account: 'key:k1', createdAtMs: 1 }
const other = fc.oneof(
  fc.record({ t: fc.constant('lease'), connection, period: fc.constantFrom(0, 5 * DAY), to: fc.nat(99) }),
  fc.record({ t: fc.constant('credit'), id: fc.constant('g'), account, amount: fc.constantFrom('5', '-9'), from: fc.constant('grant'), at: moment }),
  fc.constantFrom(
    { t: 'key', key },
    { t: 'rotate', from: 'k1', key: { ...key, id: 'k2', hash: 'h2' } },
    { t: 'key', key: { ...key, id: 'k2', hash: 'h2', account: 'wallet:0xab' } },
  ),
  fc.record({
    t: fc.constant('refund'),
    id: fc.constant('rc_1-refund'),
    receipt: fc.constant('rc_1'),
    at: moment,
    connection,
    owner: word,
    account,
    price: fc.constant('7'),
    platform: fc.constant('1'),
  }),
  fc.record({ t: fc.constant('external'), connection, period: fc.constant(0), units: fc.nat(9), at: moment }),
)
const charges = fc.array(fc.oneof({ weight: 8, arbitrary: charge }, { weight: 1, arbitrary: other }), { maxLength: 30 })

t.test('what charges add up to is what each of them by itself makes of the state', (t) => {
  fc.assert(
    fc.property(charges, fc.integer({ min: 1, max: 9 }), (records, size) => {
      const lines = records.map((record) => lineOf(record as JournalRecord))
      deepStrictEqual(inGroups(lines, size), oneByOne(lines))
    }),
    { numRuns: 3_000, seed },
  )
  t.end()
})

t.test('names that come and go by the ten thousand change nothing in what is added up', (t) => {
  const [made] = fc.sample(charge, { numRuns: 1, seed })
  const lines: string[] = []
  for (let index = 0; index < 50_000; index += 1) {
    const name = `key:k${(index * 7) % 40_000}`
    const call = { ...made?.call, consumer: name }
    const facts = {
      at: 20_400 * DAY + index,
      since: undefined,
      by: 'credits',
      names: [],
      answer: undefined,
      price: `${index}`,
      connection: 'nansen',
      owner: 'o',
    }
    lines.push(lineOf({ ...made, ...facts, account: name, call } as unknown as JournalRecord))
  }
  t.strictSame(inGroups(lines, 1_000), oneByOne(lines))
  t.end()
})
