/** Nothing is acknowledged that a power cut could take: every segment is open so that a write to it returns when it is on disk. */
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { temporaryFolder } from '../rig/gateway.ts'

const SEGMENT_BYTES = 64 * 1024

/** Flags of the open descriptors of files in a folder, by name (proc(5): /proc/pid/fdinfo, octal). */
function openIn(folder: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const fd of readdirSync('/proc/self/fd')) {
    let path: string
    try {
      path = readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      continue
    }
    if (!path.startsWith(folder)) continue
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0'
    found.set(path.slice(folder.length + 1), Number.parseInt(flags, 8))
  }
  return found
}

t.test(
  'each segment is written synchronously, the first and those after it, also after another start',
  { skip: process.platform !== 'linux' && 'Linux only' },
  async (t) => {
    const folder = join(temporaryFolder(t), 'journal')
    const segments = new Set<string>()
    for (let start = 0; start < 2; start += 1) {
      const { journal } = Journal.open({ folder, segmentBytes: SEGMENT_BYTES, replay: () => undefined, onGroup: () => undefined })
      for (let round = 0; round < 30; round += 1) {
        await journal.durable(JSON.stringify({ text: 'x'.repeat(SEGMENT_BYTES / 10) }))
        const open = [...openIn(folder)].filter(([name]) => name.endsWith('.seg') && name !== 'next.seg')
        t.ok(open.length > 0, 'a segment is open')
        for (const [name, flags] of open) {
          segments.add(name)
          t.ok((flags & constants.O_DSYNC) === constants.O_DSYNC, `${name} after ${round} records`)
        }
      }
      await journal.close()
    }
    t.ok(segments.size > 3, [...segments].join())
  },
)
