/** Nothing is acknowledged that a power cut could take: every record is written through a descriptor whose writes return when they are on disk. */
import fs, { constants, readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { using, type Written } from '../rig/disk.ts'
import { temporaryFolder } from '../rig/gateway.ts'

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
