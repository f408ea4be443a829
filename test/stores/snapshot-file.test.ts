/** What a snapshot's file guarantees by itself: damage is found wherever it is, what is read back is what was written, the first form is read. */
import { deepStrictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { EpochMs, KeyRecord, Usd } from '#contract'
import { Answers } from '../../gateway/stores/answers.ts'
import { linesOf } from '../../gateway/stores/image.ts'
import { putSnapshot, readSnapshot } from '../../gateway/stores/snapshot-state.ts'
import { State } from '../../gateway/stores/state.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { seedOf } from '../rig/random.ts'
import { manyOf } from '../rig/state.ts'

const seed = seedOf(t)
const fresh = (): State => new State(new Answers(1_000_000))
const LINK = { sequence: 7, hash: 'ab'.repeat(32), sealed: [{ first: 1, before: '0'.repeat(64) }] }

const keyOf = (index: number, more: Partial<KeyRecord> = {}): KeyRecord => ({
  ...{
    id: `k${index}`,
    hash: createHash('sha256').update(`${index}`).digest('hex'),
    role: 'consumer',
    account: `key:k${index}`,
    createdAtMs: index as EpochMs,
  },
  ...more,
})

/** A little of everything. */
function small(): State {
  const state = fresh()
  state.mode = 'sandbox'
  for (let index = 0; index < 5; index += 1) {
    state.keys.put(keyOf(index, index === 3 ? { account: 'wallet:0x1', note: 'signed in' } : {}))
    state.account(`key:k${index}`).posted = BigInt(index) as Usd
    state.named.set(`name ${index}`, { digest: 'd', receipt: `r${index}`, untilMs: 1e15, state: 'charged', waiters: [] })
    state.once.set(`once ${index}`, 1e15)
    state.spending?.set({ key: `key:k${index}`, per: 'month', turn: 24_000, amount: 5n })
  }
  state.tally('nansen', 0).sold = 3
  state.refunds.add('r1-refund')
  return state
}

t.test('a snapshot that is damaged in any byte, or cut anywhere, is not used', async (t) => {
  const file = join(temporaryFolder(t), 'snapshot')
  putSnapshot(file, { ...LINK, state: small() })
  t.match(readSnapshot(file, fresh()), LINK, 'it is good before')
  const whole = readFileSync(file)
  t.equal(whole.toString('latin1', 0, 8), 'slta\x02\0\0\0', 'whoever changes the form changes its number, and reads this one further on')
  const used = (bytes: Uint8Array): boolean => {
    writeFileSync(file, bytes)
    return readSnapshot(file, fresh()) !== undefined
  }
  const bad: number[] = []
  for (let at = 0; at < whole.length; at += 1) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
    if (used(damaged)) bad.push(at)
    if (used(whole.subarray(0, at))) bad.push(-at)
  }
  t.strictSame(bad, [], `of ${whole.length} bytes`)
  t.notOk(used(Buffer.concat([whole, Buffer.alloc(8)])), 'nor with more behind it')
  t.ok(used(whole))
})

// ---------------------------------------------------------------- random states

const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('k', 'a'.repeat(253), 'b'.repeat(254), 'ü'.repeat(300), '\ud800', '漢', ''))
/** Few of them, so that they meet. */
const few = fc.integer({ min: 0, max: 11 }).map((index) => (index < 6 ? `name-${index}` : `nämé 漢 ${index}\ud800`.repeat(index)))
const whole = fc.nat()
const money = fc.oneof(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), fc.constantFrom(0n, 2n ** 63n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) - 1n))
const digest = fc.oneof(
  text,
  fc.constantFrom('ab'.repeat(32), 'AB'.repeat(32)),
  whole.map((n) => createHash('sha256').update(`${n}`).digest('hex')),
)
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined })
const key = fc.record({
  index: fc.nat({ max: 11 }),
  role: fc.constantFrom('consumer', 'owner'),
  account: fc.constantFrom('own', 'wallet:0x1', 'wallet:0x2', 'key:other'),
  note: maybe(fc.constantFrom('play key', 'other "note"')),
  capPerDay: maybe(fc.bigInt({ min: 0n, max: 2n ** 70n })),
  expiresAtMs: maybe(whole),
})
const step = fc.oneof(
  fc.record({ what: fc.constant('key' as const), key }),
  fc.record({ what: fc.constant('revoke' as const), index: fc.nat({ max: 11 }) }),
  fc.record({ what: fc.constant('credit' as const), account: few, amount: money }),
  fc.record({ what: fc.constant('name' as const), name: few, digest, receipt: text, untilMs: whole, state: fc.constantFrom('charged', 'lost', 'settling') }),
  fc.record({ what: fc.constant('unname' as const), name: few }),
  fc.record({ what: fc.constant('end' as const), name: few }),
  fc.record({ what: fc.constant('once' as const), key: few, until: whole }),
  fc.record({ what: fc.constant('free' as const), key: few }),
  fc.record({ what: fc.constant('spent' as const), key: few, per: fc.constantFrom('day', 'month'), turn: fc.nat({ max: 3 }), amount: money }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function take(state: State, one: Step): void {
  if (one.what === 'key') {
    const { index, account, role, ...more } = one.key
    const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined)) as Partial<KeyRecord>
    if (state.keys.get(`k${index}`) === undefined)
      state.keys.put(keyOf(index, { ...given, ...(account === 'own' ? {} : { account }), role: role as KeyRecord['role'] }))
  } else if (one.what === 'revoke') state.apply({ t: 'revoke', id: `k${one.index}`, at: 99 })
  else if (one.what === 'credit') state.apply({ t: 'credit', id: 'c', account: one.account, amount: `${one.amount}`, from: 'grant', at: 0 })
  else if (one.what === 'name')
    state.named.set(one.name, { digest: one.digest, receipt: one.receipt, untilMs: one.untilMs, state: one.state as 'charged', waiters: [] })
  else if (one.what === 'unname') state.named.delete(one.name)
  else if (one.what === 'end') {
    const named = state.named.get(one.name)
    if (named !== undefined) named.state = 'unknown'
  } else if (one.what === 'once') state.once.set(one.key, one.until)
  else if (one.what === 'free') state.once.delete(one.key)
  else state.spending?.set({ key: one.key, per: one.per as 'day', turn: one.turn, amount: one.amount })
}

const NAMES = Array.from({ length: 12 }, (_, index) => (index < 6 ? `name-${index}` : `nämé 漢 ${index}\ud800`.repeat(index)))
const sorted = <T>(entries: Iterable<readonly [string, T]>): (readonly [string, T])[] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

/** Everything that the state can be asked, by each way of asking. */
const answers = (state: State): object => ({
  keys: [...state.keys.values()],
  byId: NAMES.map((_, index) => state.keys.get(`k${index}`)),
  byHash: NAMES.map((_, index) => state.keys.byHash(keyOf(index).hash)),
  ofWallets: ['wallet:0x1', 'wallet:0x2', 'wallet:0x3', 'key:other'].map((account) => state.keys.ofAccount(account).map(({ id }) => id)),
  noted: ['play key', 'other "note"', 'none'].map((note) => [...state.keys.noted(note)].map(({ id }) => id).sort()),
  accounts: sorted(state.accounts),
  named: sorted(state.named),
  once: sorted(state.once),
  day: sorted(state.spending?.sums.day ?? []),
  month: sorted(state.spending?.sums.month ?? []),
  looked: NAMES.map((name) => [state.accounts.peek(name), state.named.peek(name), state.once.peek(name), state.spending?.sums.day.peek(name)]),
  sizes: [state.keys.size, state.accounts.size, state.named.size, state.once.size],
  few: [...linesOf(state)],
})

t.test('a state that was read from a snapshot, and what changed since, answers as one that was never written', (t) => {
  const file = join(temporaryFolder(t), 'snapshot')
  const rounds = fc.array(fc.array(step, { maxLength: 40 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(rounds, fc.nat({ max: 3 }), (rounds, overTurn) => {
      const plain = fresh()
      let state = fresh()
      for (const steps of rounds) {
        for (const one of steps) for (const of of [plain, state]) take(of, one)
        if (overTurn > 0)
          for (const of of [plain, state]) {
            of.named.forget(({ untilMs }) => untilMs % 4 === overTurn)
            of.spending?.sums.month.forget(({ turn }) => turn < overTurn)
          }
        deepStrictEqual(answers(state), answers(plain))
        putSnapshot(file, { ...LINK, state })
        state = fresh()
        if (readSnapshot(file, state) === undefined) throw new Error('what was written is not read')
      }
      deepStrictEqual(answers(state), answers(plain))
    }),
    { seed, numRuns: 150 },
  )
  t.pass()
  t.end()
})

t.test('a key that is looked up again is the same object, and one that has changed is not', async (t) => {
  const file = join(temporaryFolder(t), 'snapshot')
  putSnapshot(file, { ...LINK, state: small() })
  const state = readSnapshot(file, fresh())?.state as State
  const found = state.keys.byHash(keyOf(2).hash)
  t.strictSame(found, keyOf(2))
  t.equal(state.keys.byHash(keyOf(2).hash), found)
  t.equal(state.keys.get('k2'), found)
  state.apply({ t: 'revoke', id: 'k2', at: 5 })
  t.strictSame(state.keys.byHash(keyOf(2).hash), { ...keyOf(2), revokedAtMs: 5 })
  t.equal(state.keys.get('k2'), state.keys.byHash(keyOf(2).hash))
})

t.test('a snapshot of the first form, all of it lines of JSON, is read', async (t) => {
  const file = join(temporaryFolder(t), 'snapshot')
  const state = small()
  const lines = [{ v: 1, ...LINK }, ...linesOf(state), ...manyOf(state)].map((line) => `${JSON.stringify(line)}\n`).join('')
  writeFileSync(file, `${lines}${createHash('sha256').update(lines).digest('hex')}\n`)
  const read = readSnapshot(file, fresh())
  t.match(read, LINK)
  t.strictSame(answers(read?.state as State), answers(state))
  writeFileSync(file, `${lines.replace('"sold":3', '"sold":4')}${createHash('sha256').update(lines).digest('hex')}\n`)
  t.equal(readSnapshot(file, fresh()), undefined, 'unless it is damaged')
})
