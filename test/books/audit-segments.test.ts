/** The audit log over many segments: it survives snapshots, the archive, restarts and lost books, and what is missing there is found. */
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { AuditLog } from '../../gateway/ground/audit.ts'
import { type OpenBooks, openBooks } from '../../gateway/books/index.ts'
import { type Opened, openEmbedded } from '../../gateway/stores/index.ts'
import { noted, subjectsOf } from '../rig/audit.ts'
import { memoryFolder } from '../rig/folder.ts'
import { removeBooks } from '../rig/ledger.ts'
import { memoryLog, ScriptedClock } from '../rig/scripted.ts'
import { segmentsOf } from '../rig/segments.ts'
import { tamper } from '../rig/tamper.ts'

const SEGMENT_BYTES = 8 * 1024
const DAY_MS = 86_400_000

interface Small {
  readonly audit: AuditLog
  readonly store: Opened
  readonly books: OpenBooks
  close(): Promise<void>
}

/** As ground/journal joins them, with segments of a few lines. */
function open(t: Test, folder: string, fedUpTo = 0, clock = new ScriptedClock()): Small {
  let store: Opened | undefined
  const reader = () => (store as Opened).reader
  const books = openBooks({
    ...{ folder, mode: 'sandbox', flushed: async () => store?.flushed() },
    audited: (upTo) => reader().audited(upTo),
    auditLines: (from, to) => reader().auditLines(from, to),
  })
  const archive = { archiveFolder: join(folder, 'archive'), archiveAfterMs: DAY_MS, coveredByBooks: () => books.fedUpTo }
  store = openEmbedded({
    folder,
    mode: 'sandbox',
    name: 'test',
    replayBytes: 2 ** 20,
    clock,
    onGroup: books.feed,
    fedUpTo,
    segmentBytes: SEGMENT_BYTES,
    ...archive,
  })
  const opened = store
  const audit = new AuditLog({ desk: opened.admin.audit, trail: books.trail, clock, log: memoryLog([]) })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= audit
      .close()
      .then(() => opened.store.close())
      .then(() => books.books.close())
    return closed
  }
  t.teardown(close)
  return { audit, store: opened, books, close }
}

const journalOf = (folder: string): string => join(folder, 'journal')

async function fill({ audit, store }: Small, folder: string, segments: number, from = 0): Promise<number> {
  let count = from
  for (; segmentsOf(journalOf(folder)).length <= segments; count += 1) await audit.write(noted(count))
  await store.settled()
  return count
}

const expected = (count: number): string[] => Array.from({ length: count }, (_, index) => `connection-${index}`)

t.test('audit lines survive snapshots, restarts, and books that are made again', async (t) => {
  const folder = memoryFolder(t)
  const first = open(t, folder)
  const count = await fill(first, folder, 3)
  t.strictSame(subjectsOf(await first.audit.entries({ limit: 10_000 })), expected(count))
  const fed = first.books.fedUpTo
  await first.close()
  const second = open(t, folder, fed)
  t.strictSame(subjectsOf(await second.audit.entries({ limit: 10_000 })), expected(count))
  t.match(await second.audit.verify(), { ok: true })
  await second.close()
  removeBooks(folder)
  const third = open(t, folder)
  const before = await third.audit.entries({ limit: 10_000 })
  t.strictSame(subjectsOf(before), expected(count))
  t.match(await third.audit.verify(), { ok: true, detail: new RegExp(`^${count} lines in `) })
})

t.test('a line that was altered in a segment that no start reads again is found, and a segment that is gone, too', async (t) => {
  const folder = memoryFolder(t)
  const first = open(t, folder)
  await fill(first, folder, 3)
  await first.audit.entries({ limit: 1 })
  const fed = first.books.fedUpTo
  await first.close()
  const undo = tamper(journalOf(folder), 'group', (groups) => {
    const [group] = groups.filter(({ lines }) => lines.some((line) => line.includes('"connection-5"')))
    if (group !== undefined) group.lines = group.lines.map((line) => line.replace('act 5', 'act 6'))
  })
  const second = open(t, folder, fed)
  t.match(await second.audit.verify(), {
    ok: false,
    detail: /does not match its hash.*; line 0 of group \d+ was altered: the chain has connection.enable connection-5/,
  })
  undo()
  t.match(await second.audit.verify(), { ok: true })
  for (const [index, file] of segmentsOf(journalOf(folder)).slice(0, 3).entries()) {
    renameSync(file, join(folder, 'aside'))
    const { ok, detail } = await second.audit.verify()
    t.notOk(ok, `segment ${index}`)
    t.match(detail, index === 0 ? /neither in the journal nor in its archive, and \d+ audit lines/ : /is missing.*; line \d+ of group \d+ .*not in the chain/)
    renameSync(join(folder, 'aside'), file)
  }
  t.match(await second.audit.verify(), { ok: true })
})

t.test('segments in the archive are read there; without them the proof fails', async (t) => {
  const folder = memoryFolder(t)
  const first = open(t, folder)
  await fill(first, folder, 3)
  const archive = join(folder, 'archive')
  mkdirSync(archive)
  const [oldest = '', next = ''] = segmentsOf(journalOf(folder))
  for (const file of [oldest, next]) renameSync(file, join(archive, basename(file)))
  t.match(await first.audit.verify(), { ok: true })
  tamper(archive, 'frame', (groups) => {
    const group = groups.find(({ lines }) => lines.some((line) => line.includes('"connection-2"')))
    if (group !== undefined) group.lines = group.lines.filter((line) => !line.includes('"connection-2"'))
  })
  t.match(await first.audit.verify(), { ok: false, detail: /connection-2 .*stands in the books and not in the chain/ })
  copyFileSync(join(archive, basename(next)), join(folder, 'kept'))
  rmSync(archive, { recursive: true })
  t.match(await first.audit.verify(), { ok: false, detail: /groups 1 to \d+ are neither in the journal nor in its archive/ })
})
