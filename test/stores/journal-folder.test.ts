/** A data folder that cannot be used: one sentence that names the remedy. */
import fs, { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FolderError, JournalError, openEmbedded } from '../../gateway/stores/index.ts'
import { Journal } from '../../gateway/stores/journal.ts'
import { using } from '../rig/disk.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { ScriptedClock } from '../rig/scripted.ts'

t.test('a journal or a folder that cannot be used ends in one sentence that names the remedy', async (t) => {
  const open = (folder: string): void => {
    const clock = new ScriptedClock()
    openEmbedded({ folder, mode: 'sandbox', name: 'atlas', replayBytes: 1_000_000, clock, onGroup: () => undefined })
  }
  const cases: readonly [what: string, make: (folder: string) => string, error: typeof JournalError | typeof FolderError, sentence: RegExp][] = [
    [
      'the journal is a file',
      (folder) => {
        writeFileSync(join(folder, 'journal'), '')
        return folder
      },
      JournalError,
      /^the journal \S+journal cannot be used \((EEXIST|ENOTDIR)\); choose another store\.path or correct its permissions$/,
    ],
    [
      'a segment is a folder',
      (folder) => {
        mkdirSync(join(folder, 'journal', '0000000000000001.seg'), { recursive: true })
        return folder
      },
      JournalError,
      /^the journal \S+journal cannot be used \(EISDIR\); choose another store\.path or correct its permissions$/,
    ],
    [
      'the lock is a folder',
      (folder) => {
        mkdirSync(join(folder, 'lock.db'))
        return folder
      },
      FolderError,
      /^the data folder \S+ cannot be used \(.+\); choose another store\.path or correct its permissions$/,
    ],
    [
      'the data folder is a file',
      (folder) => {
        writeFileSync(join(folder, 'data'), '')
        return join(folder, 'data')
      },
      FolderError,
      /^the data folder \S+ cannot be made \(EEXIST\); choose another store\.path or correct its permissions$/,
    ],
    [
      'a folder above it is a file',
      (folder) => {
        writeFileSync(join(folder, 'data'), '')
        return join(folder, 'data', 'below')
      },
      FolderError,
      /^the data folder \S+ cannot be made \(ENOTDIR\); choose another store\.path or correct its permissions$/,
    ],
  ]
  for (const [what, make, type, sentence] of cases) {
    const folder = make(temporaryFolder(t))
    try {
      open(folder)
      t.fail(`${what}: it opened`)
    } catch (error) {
      t.type(error, type, what)
      t.match((error as Error).message, sentence, what)
    }
  }
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'journal'), '')
  for (const attempt of [1, 2]) t.throws(() => open(folder), JournalError, `attempt ${attempt}: the lock is not kept by a start that failed`)
  t.ok(existsSync(join(folder, 'lock.db')))
})

t.test('a folder that may not be written is refused with a sentence', async (t) => {
  // Nothing is forbidden to root: the answer of the system is put in its place.
  const folder = join(temporaryFolder(t), 'journal')
  mkdirSync(folder)
  const { openSync } = fs
  const patched: typeof openSync = (path, flags, mode) => {
    if (String(path).endsWith('.seg') && flags !== 'r') throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' })
    return openSync(path, flags, mode)
  }
  using(t, { openSync: patched })
  t.throws(() => Journal.open({ folder, replay: () => undefined, onGroup: () => undefined }), {
    name: 'JournalError',
    message: `the journal ${folder} cannot be used (EACCES); choose another store.path or correct its permissions`,
  })
})
