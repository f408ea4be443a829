/** Stored answers stand in the journal and are read from there; what cannot be read is gone, and the charge stands. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type StoredAnswer, units } from '#contract'
import { Answers } from '../../gateway/stores/answers.ts'
import { connectionOf } from '../rig/acme.ts'
import { framesOf, segmentsOf } from '../rig/segments.ts'
import { ANSWER, charge, credits, fund, hold, named, openStore, reserve, type StoreRig, supply } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(100_000), reserved: units(0) })
const MB = 1024 * 1024

async function market(t: Test, replayBytes: number, segmentBytes = 32 * MB): Promise<StoreRig> {
  const rig = openStore(t, { connections: [acme], replayBytes, more: { segmentBytes } })
  await fund(rig, '$1000')
  return rig
}

const bodyOf = (index: number, size: number): string => `${index} ä\n"${'x'.repeat(size)}`

async function sell(rig: StoreRig, index: number, size: number): Promise<void> {
  const chosen = await hold(rig, `c${index}`, named(`n${index}`), supply(credits(), [acme]))
  await rig.store.commit(`c${index}`, charge(chosen, 1, { answer: { ...ANSWER, body: bodyOf(index, size) } }))
}

/** Two charges of one length, each where the other stood. */
function swapped(file: string, bytes: Buffer, one: string, other: string): Buffer {
  writeFileSync(file, bytes)
  const frameOf = (id: string): { at: number; end: number } =>
    framesOf(file).find(({ text }) => text.startsWith(`{"t":"charge","id":"${id}"`)) ?? { at: 0, end: 0 }
  const [a, b] = [frameOf(one), frameOf(other)]
  if (a.end === 0 || a.end - a.at !== b.end - b.at) throw new Error('they do not have one length')
  const changed = Buffer.from(bytes)
  bytes.copy(changed, a.at, b.at, b.end)
  bytes.copy(changed, b.at, a.at, a.end)
  return changed
}

const stored = (index: number, size: number): { state: 'stored'; answer: StoredAnswer; receipt: string } => ({
  state: 'stored',
  answer: { ...ANSWER, body: bodyOf(index, size) },
  receipt: `c${index}`,
})

t.test('more answers than stay in memory are served from the journal, also inside a reservation', async (t) => {
  const rig = await market(t, 64 * MB)
  for (let index = 0; index < 20; index += 1) await sell(rig, index, MB)
  t.ok(rig.store.named('n0', 'd') instanceof Promise, 'the oldest is not in memory')
  t.strictSame(await rig.store.named('n0', 'd'), stored(0, MB))
  t.notOk(rig.store.named('n19', 'd') instanceof Promise, 'the latest is')
  t.strictSame(await rig.store.named('n1', 'other'), { state: 'conflict' })
  const named1 = named('n1')
  t.strictSame(await reserve(rig, 'again', named1, supply(credits(), [acme])), { kind: 'named', named: stored(1, MB), name: 'n1' })
  t.equal((await rig.admin.counters('acme')).sold, 20, 'a repeat takes nothing')
  const first = await hold(rig, 'wallet', supply(credits(), [acme]))
  t.ok(first)
  t.match(await rig.store.extend('wallet', [named('n2')]), { kind: 'named', named: { state: 'stored', receipt: 'c2' } })
})

t.test('the budget is over all answers, oldest out first, however often they are asked for', async (t) => {
  const rig = await market(t, 10 * (1_000 + 512 + 10))
  for (let index = 0; index < 10; index += 1) await sell(rig, index, 1_000)
  for (let turn = 0; turn < 5; turn += 1) t.match(await rig.store.named('n0', 'd'), { state: 'stored' })
  await sell(rig, 10, 1_000)
  const states = async (one: StoreRig): Promise<string[]> =>
    Promise.all(Array.from({ length: 11 }, async (_, index) => (await one.store.named(`n${index}`, 'd')).state))
  const expected = ['gone', ...Array.from({ length: 10 }, () => 'stored')]
  t.strictSame(await states(rig), expected)
  const again = await rig.reopen()
  t.strictSame(await states(again), expected, 'the same after a restart')
  t.strictSame(await again.store.named('n5', 'd'), stored(5, 1_000))
})

t.test('an answer whose place cannot be read, or holds something else, is gone and harms nobody', async (t) => {
  const rig = await market(t, MB, 8 * 1024)
  for (let index = 0; index < 12; index += 1) await sell(rig, index, 2_000)
  await rig.settled()
  const again = await rig.reopen()
  const files = segmentsOf(join(again.folder, 'journal'))
  const keep = readFileSync(files[0] as string)
  const spoilt: readonly [what: string, spoil: () => void][] = [
    ['missing', () => rmSync(files[0] as string)],
    ['cut off', () => writeFileSync(files[0] as string, keep.subarray(0, 100))],
    ['zeros', () => writeFileSync(files[0] as string, Buffer.alloc(keep.length))],
    ['altered', () => writeFileSync(files[0] as string, Buffer.from(keep).fill('z', keep.indexOf('xxxx'), keep.indexOf('xxxx') + 1))],
    ['another record of the same length', () => writeFileSync(files[0] as string, swapped(files[0] as string, keep, 'c0', 'c1'))],
    ['another segment', () => writeFileSync(files[0] as string, readFileSync(files[1] as string))],
  ]
  for (const [what, spoil] of spoilt) {
    spoil()
    t.strictSame(await again.store.named('n0', 'd'), { state: 'gone', receipt: 'c0' }, what)
    t.match(await reserve(again, 'again', named('n0'), supply(credits(), [acme])), { kind: 'named', named: { state: 'gone' } }, what)
  }
  t.strictSame(await again.store.named('n11', 'd'), stored(11, 2_000))
  writeFileSync(files[0] as string, keep)
  t.strictSame(await again.store.named('n0', 'd'), stored(0, 2_000), 'and there again when it is')
})

t.test('with no budget nothing is stored', async (t) => {
  const rig = await market(t, 0)
  await sell(rig, 0, 10)
  t.strictSame(await rig.store.named('n0', 'd'), { state: 'gone', receipt: 'c0' })
})

t.test('what is not on disk yet is held, however many came after it; what is there is not', async (t) => {
  const answers = new Answers(64 * MB)
  const place = { segment: 1, offset: 0, length: 9 }
  const until = 1e15
  answers.put('charge under way', { answer: ANSWER, until, record: undefined })
  answers.put('settlement under way', { answer: ANSWER, until, record: place, isSettled: true })
  answers.put('charged', { answer: ANSWER, until, record: place })
  answers.put('settled', { answer: ANSWER, until, record: place, settled: place, isSettled: true })
  const held = (): Record<string, boolean> => {
    // The latest few are held, too: others take their place.
    for (let index = 0; index < 16; index += 1) answers.put('another', { answer: ANSWER, until, record: place })
    return Object.fromEntries([...answers.all()].map(([receipt]) => [receipt, answers.get(receipt) === ANSWER]))
  }
  t.strictSame(held(), { 'charge under way': true, 'settlement under way': true, charged: false, settled: false, another: true })
  answers.placed('charge under way', place)
  answers.placed('settlement under way', place)
  t.strictSame(held(), { 'charge under way': false, 'settlement under way': false, charged: false, settled: false, another: true })
})
