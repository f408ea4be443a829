/** A start reads one segment at most, however many calls there have been. The figures for ten million: bench/journal-growth.ts. */
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../rig/folder.ts'
import { endMs, makeJournal, openGrown, snapshotJournal } from '../rig/growth.ts'

const SEGMENT_BYTES = 1024 * 1024

t.test('twice the calls, the same start', async (t) => {
  const read: number[] = []
  for (const count of [10_000, 20_000]) {
    const folder = join(temporaryFolder(t), 'data')
    const { segments, groups } = makeJournal(folder, count, SEGMENT_BYTES)
    t.ok(segments > count / 1_500, `${segments} segments`)
    snapshotJournal(folder, endMs(count))
    const opened = await openGrown(folder, count, groups, SEGMENT_BYTES)
    t.equal(opened.sold, count, 'every one counts')
    t.comment(`${count} charges: ready in ${opened.ms.toFixed(0)} ms, ${opened.groups} of ${groups} groups were read`)
    read.push(opened.groups)
    const whole = await openGrown(folder, count, 0, SEGMENT_BYTES)
    t.ok(whole.groups >= groups, 'books that have nothing get everything')
  }
  t.ok(Math.max(...read) < 20, 'at most what one segment holds')
})
