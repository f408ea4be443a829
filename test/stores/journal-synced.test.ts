/** Nothing is acknowledged that a power cut could take: every record is written through a descriptor whose writes return when they are on disk. */
import fs, { constants, readFileSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { segmentName } from '../../gateway/stores/segments.ts'
import { using, type Written } from '../rig/disk.ts'
import { temporaryFolder, until } from '../rig/gateway.ts'

const SEGMENT_BYTES = 64 * 1024
const ROUNDS = 30

/** Of an open descriptor (proc(5): /proc/pid/fdinfo, octal). */
const flagsOf = (fd: number): number => Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0', 8)
const nameOf = (fd: number): string => basename(readlinkSync(`/proc/self/fd/${fd}`))

t.test(
  'each segment is written synchronously, the first and those after it, also after another start',
  { skip: process.platform !== 'linux' && 'Linux only' },
  async (t) => {
    const folder = join(temporaryFolder(t), 'journal')
    const segments = new Set<string>()
    const { write } = fs
    let records = 0
    const watched = (fd: number, bytes: Buffer, from: number, length: number, at: number, done: Written): void => {
      if (bytes[from] !== 0) {
        records += 1
        segments.add(nameOf(fd))
        t.ok((flagsOf(fd) & constants.O_DSYNC) === constants.O_DSYNC, `${nameOf(fd)}, write ${records}`)
      }
      write(fd, bytes, from, length, at, done)
    }
    using(t, { write: watched as typeof fs.write })
    for (let start = 0; start < 2; start += 1) {
      const { journal } = Journal.open({ folder, segmentBytes: SEGMENT_BYTES, replay: () => undefined, onGroup: () => undefined })
      for (let round = 0; round < ROUNDS; round += 1) await journal.durable(JSON.stringify({ text: 'x'.repeat(SEGMENT_BYTES / 10) }))
      await journal.close()
    }
    t.equal(records, 2 * ROUNDS)
    t.ok(segments.size > 3, [...segments].join())
  },
)

t.test('a segment after the first has its size before a record is written to it, so that no sync waits for a new one', async (t) => {
  const [segmentBytes, stepBytes] = [3 * 1024 * 1024, 1024 * 1024]
  const folder = join(temporaryFolder(t), 'journal')
  const { journal } = Journal.open({ folder, segmentBytes, replay: () => undefined, onGroup: () => undefined })
  const sizeOf = (file: string): number => statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
  const text = JSON.stringify({ text: 'x'.repeat(20_000) })
  const openBefore = journal.end.segment
  while (journal.end.segment === openBefore) {
    const { offset } = journal.end
    // At the pace at which the open one is used up, never more than a step ahead.
    await until('the next one is as far', () => sizeOf('next.seg') >= Math.min(segmentBytes, offset < stepBytes ? 0 : offset))
    t.ok(sizeOf('next.seg') <= offset + 2 * stepBytes, `${sizeOf('next.seg')} where ${offset} are used`)
    await journal.durable(text)
  }
  const open = segmentName(journal.end.segment)
  while (journal.end.offset + text.length < segmentBytes - 1_000) {
    t.equal(sizeOf(open), segmentBytes)
    await journal.durable(text)
  }
  await journal.close()
})
