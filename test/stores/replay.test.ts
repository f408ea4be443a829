/** A start reads payments by hand where it can: what it makes of a journal is what JSON.parse of every line would. */
import fc from 'fast-check'
import t from 'tap'
import { Answers } from '../../gateway/stores/answers.ts'
import { linesOf } from '../../gateway/stores/image.ts'
import type { Intended, JournalRecord } from '../../gateway/stores/records.ts'
import { Replay } from '../../gateway/stores/replay.ts'
import { State } from '../../gateway/stores/state.ts'
import { seedOf } from '../rig/random.ts'

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

const intent = (id: string): fc.Arbitrary<Intended> =>
  fc.record({
    t: fc.constant('intent'),
    ...{ id: fc.constant(id), at: whole, since: fc.option(whole, { nil: undefined, freq: 1 }), connection: word, owner: word, period: whole, units: whole },
    ...{ price: fc.nat().map(String), platform: fc.constant('0'), by: fc.constant('x402'), account: word, api: word, operation: word },
    subject: fc.constant({ requestDigest: digest, answerDigest: digest }),
    ...{ names: names(id), once: word.map((text) => [{ key: `${text}:${id}`, until: 9 }]) },
    call: fc.record({ v: fc.constant(2), id: word, at: whole, generation: whole, config: fc.constant(digest), api: word, operation: word, consumer: word }),
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

function imageOf(records: readonly JournalRecord[], read: (state: State, lines: readonly string[]) => void): string[] {
  const state = new State(new Answers(1_000_000))
  read(
    state,
    records.map((record) => JSON.stringify(record)),
  )
  return [...linesOf(state)].map((line) => JSON.stringify(line)).sort()
}

const places = (lines: readonly string[]): number[] => lines.flatMap((line, index) => [1000 * index, Buffer.byteLength(line)])

t.test('what a replay makes of payments is what JSON.parse of every line would make of them', (t) => {
  fc.assert(
    fc.property(journal, (records) => {
      const byHand = imageOf(records, (state, lines) => {
        const replay = new Replay(state)
        replay.group({ sequence: 1, hash: digest, bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')), places: places(lines), segment: 7 })
        replay.end()
      })
      const parsed = imageOf(records, (state, lines) => {
        for (const [index, line] of lines.entries())
          state.apply(JSON.parse(line) as JournalRecord, { segment: 7, offset: 1000 * index, length: Buffer.byteLength(line) })
      })
      return byHand.join('\n') === parsed.join('\n')
    }),
    { numRuns: 3_000, seed },
  )
  t.end()
})
