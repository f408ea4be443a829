/** A data folder that cannot be used, and a disk that is full or fails: one sentence, nothing acknowledged that is not there. */
import fs, { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FolderError, JournalError, openEmbedded } from '../../gateway/stores/index.ts'
import { Journal } from '../../gateway/stores/journal.ts'
import { memoryFolder, temporaryFolder } from '../rig/folder.ts'
import { ScriptedClock } from '../rig/scripted.ts'
import { allFrames } from '../rig/segments.ts'
import { charge, fund, hold, openStore, reserve, supply, credits } from '../rig/store.ts'
import { connectionOf } from '../rig/acme.ts'

const acme = connectionOf('acme')

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

/** The machine's disk, misbehaving for a while. */
function using(t: Test, parts: Partial<typeof fs>): () => void {
  const before = Object.fromEntries(Object.keys(parts).map((name) => [name, fs[name as keyof typeof fs]]))
  const undo = (): void => {
    Object.assign(fs, before)
    syncBuiltinESMExports()
  }
  Object.assign(fs, parts)
  syncBuiltinESMExports()
  t.teardown(undo)
  return undo
}

const refusing = (...args: [number, Buffer, number, number, number, Written]): void => void setImmediate(() => args[5](error('ENOSPC'), 0))
const error = (code: string): Error => Object.assign(new Error(`${code}: the disk`), { code })
type Written = (error: Error | null, written: number) => void
type Synced = (error: Error | null) => void

t.test('a full disk is noticed before a record is at stake, takes nothing new, and is used again when there is room', async (t) => {
  const rig = openStore(t, { connections: [acme], more: { segmentBytes: 64 * 1024 } })
  await fund(rig, '$1000')
  await rig.flushed()
  const { write } = fs
  let refusedBytes = 0
  const full = (fd: number, bytes: Buffer, from: number, length: number, at: number, done: Written): void => {
    if (bytes[from] !== 0) return void write(fd, bytes, from, length, at, done)
    refusedBytes += length
    setImmediate(() => done(error('ENOSPC'), 0))
  }
  const free = using(t, { write: full as typeof fs.write })
  let charged = 0
  for (; !rig.slow() && charged < 1_000; charged += 1)
    await rig.store.commit(`c${charged}`, charge(await hold(rig, `c${charged}`, supply(credits(), [acme], 0))))
  t.ok(charged > 5 && charged < 1_000, `${charged} were charged from the room that was there`)
  t.ok(refusedBytes > 0)
  t.match(await reserve(rig, 'refused', supply(credits(), [acme])), { code: 'unavailable', detail: 'the store is slow' })
  t.equal(rig.failed(), undefined)
  free()
  for (const deadline = Date.now() + 5_000; rig.slow() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 5))
  t.notOk(rig.slow(), 'by itself')
  await rig.store.commit('after', charge(await hold(rig, 'after', supply(credits(), [acme]))))
  t.equal(rig.failed(), undefined)
  const again = await rig.reopen()
  t.equal((await again.admin.counters('acme')).sold, 1)
})

t.test('a group that meets a full disk waits for room, and a store that is closed meanwhile says that it is not written', async (t) => {
  for (const end of ['room', 'close'] as const) {
    const folder = join(memoryFolder(t), 'journal')
    const { journal } = Journal.open({ folder, segmentBytes: 64 * 1024, replay: () => undefined, onGroup: () => undefined })
    await journal.durable('{"t":"before"}')
    const { write } = fs
    const free = using(t, { write: refusing as typeof fs.write })
    const large = journal.durable(`{"t":"large","text":"${'x'.repeat(100_000)}"}`)
    let isDone = false
    void large.then(
      () => {
        isDone = true
      },
      () => undefined,
    )
    for (const deadline = Date.now() + 5_000; !journal.isSlow && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 5))
    t.ok(journal.isSlow)
    t.notOk(isDone)
    if (end === 'close') {
      await journal.close()
      await t.rejects(large, { message: 'the journal cannot be written', cause: { message: 'the disk is full' } })
      free()
    } else {
      free()
      Object.assign(fs, { write })
      syncBuiltinESMExports()
      await large
      await journal.close()
    }
    t.equal(allFrames(folder).length, end === 'room' ? 4 : 2)
  }
})

t.test('after a failed sync nothing is acknowledged, also where it was the sync of room made ahead', async (t) => {
  for (const failing of [1, 2]) {
    const folder = join(memoryFolder(t), 'journal')
    const { journal } = Journal.open({ folder, segmentBytes: 64 * 1024, replay: () => undefined, onGroup: () => undefined })
    await journal.durable('{"t":"before"}')
    const { fdatasync } = fs
    let syncs = 0
    const undo = using(t, {
      fdatasync: ((fd: number, done: Synced) => {
        syncs += 1
        if (syncs === failing) setImmediate(() => done(error('EIO')))
        else fdatasync(fd, done)
      }) as typeof fs.fdatasync,
    })
    const results = await Promise.allSettled(Array.from({ length: 2_000 }, (_, n) => journal.durable(`{"n":${n},"text":"${'x'.repeat(60)}"}`)))
    const kept = results.findIndex(({ status }) => status === 'rejected')
    t.ok(kept >= 0 && results.slice(kept).every(({ status }) => status === 'rejected'), `${kept} were acknowledged before`)
    t.match(journal.failed, { message: 'the journal cannot be written', cause: { code: 'EIO' } })
    await t.rejects(journal.durable('{"t":"late"}'), /cannot be written/)
    undo()
    await journal.close()
  }
})

t.test('a disk that does not come back refuses what is new, keeps what waits, and is trusted again when it answers', async (t) => {
  const rig = openStore(t, { connections: [acme] })
  await fund(rig, '$1000')
  const waiting = await hold(rig, 'waiting', supply(credits(), [acme]))
  await hold(rig, 'held', supply(credits(), [acme]))
  const { fdatasync } = fs
  const stuck: (() => void)[] = []
  const undo = using(t, { fdatasync: ((fd: number, done: Synced) => void stuck.push(() => fdatasync(fd, done))) as typeof fs.fdatasync })
  const from = performance.now()
  const committed = rig.store.commit('waiting', charge(waiting))
  t.match(await reserve(rig, 'at once', supply(credits(), [acme])), { kind: 'held' }, 'a moment is no failure')
  for (const deadline = Date.now() + 5_000; !rig.slow() && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 5))
  const took = performance.now() - from
  t.ok(took > 140 && took < 1_000, `slow after ${took.toFixed(0)} ms`)
  const refused = rig.store.reserve({ id: 'new', claims: [supply(credits(), [acme])] })
  t.notOk(refused instanceof Promise, 'at once')
  t.match(refused, { code: 'unavailable' })
  undo()
  for (const go of stuck.splice(0)) go()
  await committed
  t.notOk(rig.slow())
  t.match(await reserve(rig, 'new', supply(credits(), [acme])), { kind: 'held' })
})
