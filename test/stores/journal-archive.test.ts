/** The archive's rule: a segment goes when it is old, in both snapshots and in the books; nothing is lost on the way. */
import { existsSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { type EpochMs, units } from '#contract'
import { connectionOf } from '../rig/acme.ts'
import { memoryFolder, temporaryFolder } from '../rig/folder.ts'
import { segmentsOf } from '../rig/segments.ts'
import { ANSWER, charge, credits, fund, hold, named, openStore, type StoreRig, supply } from '../rig/store.ts'

const acme = connectionOf('acme', { quota: units(100_000), reserved: units(0) })
const SEGMENT_BYTES = 16 * 1024
const AFTER_MS = 90 * 86_400_000

interface Archived {
  readonly rig: StoreRig
  readonly archive: string
  books(sequence: number): void
}

function open(t: Test, archive = join(memoryFolder(t), 'archive')): Archived {
  let covered = 0
  const more = { segmentBytes: SEGMENT_BYTES, archiveFolder: archive, archiveAfterMs: AFTER_MS, coveredByBooks: () => covered }
  return {
    rig: openStore(t, { connections: [acme], more }),
    archive,
    books: (sequence) => {
      covered = sequence
    },
  }
}

const journalOf = ({ folder }: StoreRig): string => join(folder, 'journal')
const namesIn = (folder: string): string[] => segmentsOf(folder).map((file) => basename(file))
const firstOf = (name: string | undefined): number => Number.parseInt(name ?? '', 10)

/** All that are complete were written so long ago. */
function age(rig: StoreRig, ms: number): void {
  const at = (rig.clock.nowMs() - ms) / 1000
  for (const file of segmentsOf(journalOf(rig)).slice(0, -1)) utimesSync(file, at, at)
}

let serial = 0
/** Charges until one more segment is complete: that is when the rule is looked at. */
async function turn(rig: StoreRig): Promise<string | undefined> {
  const before = namesIn(journalOf(rig)).at(-1)
  while (namesIn(journalOf(rig)).at(-1) === before) {
    serial += 1
    await rig.store.commit(`c${serial}`, charge(await hold(rig, `c${serial}`, supply(credits(), [acme]))))
  }
  return rig.settled()
}

t.test('nothing goes that is young, that the books lack, or that a start might still need', async (t) => {
  const { rig, archive, books } = open(t)
  await fund(rig, '$10000')
  for (let round = 0; round < 4; round += 1) await turn(rig)
  const all = namesIn(journalOf(rig))
  books(1_000_000)
  age(rig, AFTER_MS - 60_000)
  await turn(rig)
  t.notOk(existsSync(archive), 'young')
  age(rig, AFTER_MS + 60_000)
  books(0)
  await turn(rig)
  t.notOk(existsSync(archive), 'the books have nothing')
  books(firstOf(all[2]) - 1)
  age(rig, AFTER_MS + 60_000)
  await turn(rig)
  t.strictSame(namesIn(archive), all.slice(0, 1), 'the group at which the books stand is kept, so that they know the journal again')
  books(1_000_000)
  age(rig, AFTER_MS + 60_000)
  t.equal(await turn(rig), undefined)
  const left = namesIn(journalOf(rig))
  t.strictSame(left.length, 3, 'what the older snapshot does not cover, and the open one')
  const both = [...namesIn(archive), ...left]
  t.strictSame(both.slice(0, all.length), all)
  t.equal(new Set(both).size, both.length, 'each is in one place')
})

t.test('with segments in the archive the store starts, finds charges, proves the chain and feeds books that were lost', async (t) => {
  const { rig, archive, books } = open(t)
  await fund(rig, '$10000')
  const named1 = named('n', 'd', { untilMs: (rig.clock.nowMs() + 10 * AFTER_MS) as EpochMs })
  await rig.store.commit('first', charge(await hold(rig, 'first', named1, supply(credits(), [acme])), 1, { answer: ANSWER }))
  for (let round = 0; round < 4; round += 1) await turn(rig)
  const before = rig.records.length
  books(1_000_000)
  age(rig, AFTER_MS + 60_000)
  await turn(rig)
  t.ok(namesIn(archive).length >= 2)
  t.match(await rig.reader.charged('first'), { record: { id: 'first' } })
  t.match(await rig.reader.verifyChain(), { ok: true })
  t.match(await rig.store.named('n', 'd'), { state: 'stored' }, 'the latest answers are in memory')
  const again = await rig.reopen()
  t.ok(again.records.length > before, 'all groups were handed over, those in the archive, too')
  t.equal(again.records[0]?.t, 'open')
  t.equal(await again.admin.balance('key:k'), await rig.admin.balance('key:k'))
  t.strictSame(await again.store.named('n', 'd'), { state: 'gone', receipt: 'first' }, 'an answer that went to the archive is gone, its charge stands')
  t.match(await again.reader.charged('first'), { record: { id: 'first' } })
  t.match(await again.reader.verifyChain(), { ok: true, detail: /^\d+ groups, the last is/ })
  await again.store.close()
  const { openEmbedded } = await import('../../gateway/stores/index.ts')
  const without = { folder: rig.folder, mode: 'sandbox', name: 'test', replayBytes: 1, clock: rig.clock, onGroup: () => undefined } as const
  t.throws(() => openEmbedded(without), { name: 'JournalError', message: /the books need the segment 0000000000000001\.seg, which is not there; put it back/ })
  const fed = openEmbedded({ ...without, fedUpTo: 1_000_000 })
  t.match(await fed.reader.verifyChain(), { ok: true, detail: /archived elsewhere/ })
  await fed.store.close()
})

t.test('an archive on another file system gets a whole copy before the segment goes', async (t) => {
  const { rig, archive, books } = open(t, join(temporaryFolder(t), 'archive'))
  await fund(rig, '$10000')
  for (let round = 0; round < 4; round += 1) await turn(rig)
  books(1_000_000)
  age(rig, AFTER_MS + 60_000)
  t.equal(await turn(rig), undefined)
  t.ok(namesIn(archive).length >= 2)
  t.match(await rig.reader.verifyChain(), { ok: true, detail: /^\d+ groups, the last is \d+ \w+$/ })
})

t.test('an archive that cannot be written leaves everything where it is, and says why', async (t) => {
  const place = join(memoryFolder(t), 'taken')
  writeFileSync(place, '')
  const { rig, books } = open(t, join(place, 'archive'))
  await fund(rig, '$10000')
  for (let round = 0; round < 4; round += 1) await turn(rig)
  const all = namesIn(journalOf(rig))
  books(1_000_000)
  age(rig, AFTER_MS + 60_000)
  t.match(await turn(rig), /ENOTDIR/)
  t.strictSame(namesIn(journalOf(rig)).slice(0, all.length), all)
  t.equal(rig.failed(), undefined)
})
