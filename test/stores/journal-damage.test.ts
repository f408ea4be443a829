/** A journal that was cut off or altered: an unfinished end is dropped, anything else is refused with one sentence. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { FolderError, JournalError, openEmbedded } from '../../gateway/stores/index.ts'
import { ScriptedClock } from '../rig/scripted.ts'
import { temporaryFolder } from '../rig/folder.ts'

const GROUPS = 4

interface Written {
  readonly file: string
  readonly bytes: Buffer
  /** Where each group ends, the first entry being 0. */
  readonly ends: readonly number[]
}

/** A small journal of some groups with two records each. */
async function written(t: Test): Promise<Written> {
  const file = join(temporaryFolder(t), 'journal.log')
  const { journal } = Journal.open(
    file,
    () => undefined,
    () => undefined,
  )
  const ends = [0]
  for (let group = 1; group <= GROUPS; group += 1) {
    await Promise.all([journal.durable(`{"t":"a","n":${group}}`), journal.durable(`{"t":"b","text":"x=1 \u00e4\ufffd="}`)])
    ends.push(readFileSync(file).length)
  }
  await journal.close()
  return { file, bytes: readFileSync(file), ends }
}

/** Opens what `bytes` are, appends nothing. */
async function opened(file: string, bytes: Buffer): Promise<{ groups: number; cutBytes: number }> {
  writeFileSync(file, bytes)
  let groups = 0
  const { journal, cutBytes } = Journal.open(
    file,
    ({ sequence }) => {
      groups += 1
      if (sequence !== groups) throw new Error(`group ${sequence} came after ${groups - 1} others`)
    },
    () => undefined,
  )
  await journal.close()
  return { groups, cutBytes }
}

t.test('a file that ends anywhere within a group has lost that group and nothing before it', async (t) => {
  const { file, bytes, ends } = await written(t)
  const wrong: string[] = []
  for (let length = 0; length <= bytes.length; length += 1) {
    const whole = ends.filter((end) => end <= length).length - 1
    const { groups, cutBytes } = await opened(file, bytes.subarray(0, length))
    const left = readFileSync(file).length
    if (groups !== whole || left !== ends[whole] || cutBytes !== length - left) wrong.push(`cut at ${length}: ${groups} groups, ${left} bytes left`)
  }
  t.strictSame(wrong, [])
})

t.test('a page of zeros at the end, as a file system may leave it, is cut off with its group', async (t) => {
  const { file, bytes, ends } = await written(t)
  const last = ends[GROUPS - 1] as number
  for (const from of [last, last + 10, bytes.length - 70]) {
    const holed = Buffer.from(bytes)
    holed.fill(0, from, bytes.length - 5)
    t.match(await opened(file, holed), { groups: GROUPS - 1 }, `zeros from ${from}`)
  }
  t.match(await opened(file, Buffer.concat([bytes, Buffer.alloc(4096)])), { groups: GROUPS, cutBytes: 4096 })
})

/** What a byte may become: another bit, a line feed, the mark of a closing line. */
const changes: readonly ((byte: number) => number)[] = [(byte) => byte ^ 0x01, (byte) => byte ^ 0x80, () => 0x0a, () => 0x3d, () => 0x31]

t.test('a changed byte with groups after it refuses to open, says so in a sentence, and leaves the file as it is', async (t) => {
  const { file, bytes, ends } = await written(t)
  const wrong: string[] = []
  for (let at = 0; at < (ends[GROUPS - 1] as number); at += 1) {
    for (const change of changes) {
      const damaged = Buffer.from(bytes)
      damaged[at] = change(bytes[at] as number)
      if (damaged[at] === bytes[at]) continue
      const error = await opened(file, damaged).then(
        ({ groups }) => new Error(`it opened with ${groups} groups`),
        (thrown: Error) => thrown,
      )
      const group = ends.findIndex((end) => end > at)
      const expected = `${file}: group ${group} at byte ${ends[group - 1]} does not match its hash, and groups follow it: the file was altered or the disk lost data; restore it from a backup`
      if (!(error instanceof JournalError) || error.message !== expected) wrong.push(`byte ${at} to ${damaged[at]}: ${error.message}`)
      if (!readFileSync(file).equals(damaged)) wrong.push(`byte ${at} to ${damaged[at]}: the file was changed`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('a changed byte in the last group cuts that group only', async (t) => {
  const { file, bytes, ends } = await written(t)
  const last = ends[GROUPS - 1] as number
  const wrong: string[] = []
  for (let at = last; at < bytes.length; at += 1) {
    for (const change of changes) {
      const damaged = Buffer.from(bytes)
      damaged[at] = change(bytes[at] as number)
      if (damaged[at] === bytes[at]) continue
      const { groups } = await opened(file, damaged).catch((error: Error) => ({ groups: error.message }))
      if (groups !== GROUPS - 1 || readFileSync(file).length !== last) wrong.push(`byte ${at} to ${damaged[at]}: ${groups}`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('after the journal was closed nothing is taken, and closing again changes nothing', async (t) => {
  const { file, bytes } = await written(t)
  const { journal } = Journal.open(
    file,
    () => undefined,
    () => undefined,
  )
  const last = journal.durable('{"t":"last"}')
  await journal.close()
  await last
  await t.rejects(journal.durable('{"t":"late"}'), /closed/)
  await t.rejects(journal.flushed(), /closed/)
  await journal.close()
  const text = readFileSync(file).subarray(bytes.length).toString()
  t.match(text, /^\{"t":"last"\}\n=5 1 [0-9a-f]{64}\n$/, 'what was appended before is there, what came later is not')
})

t.test('a journal or a folder that cannot be used ends in one sentence that names the remedy', async (t) => {
  const open = (folder: string): void => {
    const clock = new ScriptedClock()
    openEmbedded({ folder, mode: 'sandbox', name: 'atlas', replayBytes: 1_000_000, clock, onGroup: () => undefined })
  }
  const cases: readonly [what: string, make: (folder: string) => string, error: typeof JournalError | typeof FolderError, sentence: RegExp][] = [
    [
      'the journal is a folder',
      (folder) => {
        mkdirSync(join(folder, 'journal.log'))
        return folder
      },
      JournalError,
      /^the journal \S+journal\.log cannot be used \(EISDIR\); choose another store\.path or correct its permissions$/,
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
  mkdirSync(join(folder, 'journal.log'))
  for (const attempt of [1, 2]) t.throws(() => open(folder), JournalError, `attempt ${attempt}: the lock is not kept by a start that failed`)
  t.ok(existsSync(join(folder, 'lock.db')))
})
