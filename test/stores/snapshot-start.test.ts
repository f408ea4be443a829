/** What a start does with a snapshot: which segments it reads, what it makes of damage, what the books get, what is left out. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { EpochMs } from '#contract'
import { DAY_MS, daily, fill, grant, journalOf, open, SEGMENT_BYTES, sell, snapshotsOf } from '../rig/history.ts'
import { allFrames, segmentsOf } from '../rig/segments.ts'
import { ANSWER, credits, fund, hold, named, ownerOf, type StoreRig, supply } from '../rig/store.ts'

const lastSequence = (rig: StoreRig): number => Number(allFrames(journalOf(rig)).at(-1)?.text.slice(1).split(' ')[0])

t.test('with a snapshot the segments before it are not read; without it their absence is an error', async (t) => {
  const rig = open(t)
  await fund(rig, '$1000')
  await fill(rig, 3, 'a')
  await rig.store.close()
  const [first = '', second = ''] = segmentsOf(journalOf(rig))
  const keep = readFileSync(first)
  rmSync(first)
  const again = await rig.reopen({ more: { segmentBytes: SEGMENT_BYTES, fedUpTo: 1_000_000 } })
  t.equal(await again.admin.balance('key:k'), await rig.admin.balance('key:k'))
  await again.store.close()
  writeFileSync(first, keep)
  const aside = readFileSync(second)
  rmSync(second)
  await t.rejects(
    rig.reopen({ more: { segmentBytes: SEGMENT_BYTES, fedUpTo: 1_000_000 } }),
    { name: 'JournalError', message: /is missing, and later ones are there/ },
    'a gap is no archive',
  )
  writeFileSync(second, aside)
  rmSync(first)
  for (const name of snapshotsOf(rig)) rmSync(join(journalOf(rig), name))
  await t.rejects(rig.reopen(), { name: 'JournalError', message: /the segment 0000000000000001\.seg is missing/ })
  writeFileSync(first, keep)
  const damaged = readFileSync(second)
  damaged[100] = (damaged[100] as number) ^ 1
  writeFileSync(second, damaged)
  await t.rejects(rig.reopen(), { name: 'JournalError', message: /does not match its hash, and groups follow it/ })
})

t.test('a snapshot is made of whole segments only, and none of damaged ones', async (t) => {
  const rig = open(t)
  await fund(rig, '$1000')
  await fill(rig, 1, 'a')
  const [first = ''] = segmentsOf(journalOf(rig))
  await rig.store.close()
  for (const name of readdirSync(journalOf(rig))) if (!name.endsWith('.seg')) rmSync(join(journalOf(rig), name))
  const again = await rig.reopen()
  const damaged = readFileSync(first)
  damaged[100] = (damaged[100] as number) ^ 1
  await again.settled()
  for (const name of snapshotsOf(again)) rmSync(join(journalOf(again), name))
  writeFileSync(first, damaged)
  await fill(again, 1, 'b')
  t.match(await again.settled(), /does not match its hash/)
  t.strictSame(snapshotsOf(again), [])
  t.equal(again.failed(), undefined, 'the calls go on')
})

t.test('the books get each group that they lack, and the last that they have, whatever the snapshot covers', async (t) => {
  const rig = open(t)
  await fund(rig, '$1000')
  await fill(rig, 3, 'a')
  const before = lastSequence(rig)
  const snapshot = Number(snapshotsOf(rig).at(-1)?.slice('snapshot-'.length))
  t.ok(snapshot > 10 && snapshot < before)
  await rig.store.close()
  const closings = allFrames(journalOf(rig)).filter(({ text }) => text.startsWith('='))
  for (const fedUpTo of [0, 1, 7, snapshot - 1, snapshot, snapshot + 1, before, before + 5]) {
    const groups: string[] = []
    const again = await rig.reopen({ more: { segmentBytes: SEGMENT_BYTES, fedUpTo }, onGroup: ({ sequence, hash }) => void groups.push(`${sequence} ${hash}`) })
    const expected = closings
      .map(({ text }) => text.replace(/^=(\d+) \d+ /, '$1 '))
      .filter((group) => Number(group.split(' ')[0]) >= Math.min(fedUpTo, snapshot + 1))
    t.strictSame(groups.slice(0, expected.length), expected, `books up to ${fedUpTo}`)
    await again.store.close()
    closings.splice(0, closings.length, ...allFrames(journalOf(rig)).filter(({ text }) => text.startsWith('=')))
  }
})

t.test('what is over is left out, and sums over all periods stay', async (t) => {
  const rig = open(t)
  await fund(rig, '$1000')
  for (let day = 0; day < 5; day += 1) {
    await sell(rig, `day ${day}`, [named(`day ${day}`, 'd', { untilMs: (rig.clock.nowMs() + DAY_MS) as EpochMs }), supply(credits(), [daily], 2 + day)], {
      answer: ANSWER,
    })
    await hold(rig, `wasted ${day}`, supply(ownerOf(), [daily], 1))
    rig.store.release(`wasted ${day}`, 'wasted')
    await rig.flushed()
    rig.clock.pass(DAY_MS)
  }
  await sell(rig, 'granted', [supply(credits(), [grant], 7)])
  const stopped = await rig.reopen()
  stopped.clock.pass(401 * DAY_MS)
  const usage = (await stopped.admin.usage()).get('daily')
  t.match(usage, { sold: 20, wasted: 5 })
  await fill(stopped, 2, 'later')
  const text = readFileSync(join(journalOf(stopped), snapshotsOf(stopped).at(-1) as string), 'latin1')
  t.notOk(text.includes('day 1'), 'names that are over')
  t.equal(text.split('\n').filter((line) => line.startsWith('["tally","daily"')).length, 0, 'periods that are long over')
  const again = await stopped.reopen()
  t.strictSame((await again.admin.usage()).get('daily'), usage)
  t.match(await again.admin.counters('grant'), { sold: 7, left: 93 }, 'a period that never ends is kept')
  t.notOk(existsSync(join(journalOf(again), 'snapshot.draft')))
})
