/** What a group costs the disk: about the blocks that it stands in, however the page cache keeps what was made ready before. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { temporaryFolder } from '../rig/folder.ts'

/** What this process gave to disks. */
const writtenBytes = (): number => Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1])

t.test('a group of 4 KB makes the disk write less than 48 KB', { skip: process.platform !== 'linux' }, async (t) => {
  const { journal } = Journal.open({ folder: join(temporaryFolder(t), 'journal'), replay: () => undefined, onGroup: () => undefined })
  const line = JSON.stringify({ t: 'note', text: 'x'.repeat(4_000) })
  await journal.durable(line)
  const before = writtenBytes()
  const groups = 100
  for (let group = 0; group < groups; group += 1) await journal.durable(line)
  const each = (writtenBytes() - before) / groups
  await journal.close()
  t.ok(each < 48 * 1024, `${each.toFixed(0)} bytes a group`)
})
