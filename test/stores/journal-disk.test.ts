/** A disk that is full, fails, or does not come back: nothing is acknowledged that is not there, and what can go on goes on by itself. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { connectionOf } from '../rig/acme.ts'
import { error, refusing, type Synced, using, type Written } from '../rig/disk.ts'
import { memoryFolder } from '../rig/folder.ts'
import { allFrames } from '../rig/segments.ts'
import { splitSync } from '../rig/split-sync.ts'
import { charge, credits, fund, hold, openStore, reserve, supply } from '../rig/store.ts'

splitSync()

const acme = connectionOf('acme')

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

t.test('a group on its way is not acknowledged when room ahead of it could not be made for another reason than a full disk', async (t) => {
  const folder = join(memoryFolder(t), 'journal')
  let [broken, isTold, after] = [false, false, 0]
  const onGroup = (): void => {
    if (isTold) after += 1
  }
  const { journal } = Journal.open({ folder, segmentBytes: 64 * 1024, replay: () => undefined, onGroup })
  await journal.durable('{"t":"before"}')
  const { write, fdatasync } = fs
  const failing = (fd: number, bytes: Buffer, from: number, length: number, at: number, done: Written): void => {
    if (bytes[from] !== 0) return void write(fd, bytes, from, length, at, done)
    broken = true
    setTimeout(() => {
      done(error('EIO'), 0)
      isTold = true
    }, 5)
  }
  // The sync of the group comes back well, after the other has failed.
  const late = (fd: number, done: Synced): void => void (broken ? setTimeout(() => fdatasync(fd, done), 20) : fdatasync(fd, done))
  using(t, { write: failing as typeof fs.write, fdatasync: late as typeof fs.fdatasync })
  const busy = async (): Promise<void> => {
    for (let round = 0; round < 40; round += 1) {
      await journal.durable(`{"text":"${'x'.repeat(60)}"}`)
      if (isTold) after += 1
    }
  }
  const results = await Promise.allSettled(Array.from({ length: 40 }, busy))
  t.ok(isTold)
  t.equal(after, 0, 'and the books do not get it either')
  t.ok(results.every(({ status }) => status === 'rejected'))
  t.match(journal.failed, { cause: { code: 'EIO' } })
  await journal.close()
})

t.test('a journal that no room can be made for has failed at once, although nobody writes', async (t) => {
  const told = new Promise<void>((resolve) => {
    const failing = (...args: [number, Buffer, number, number, number, Written]): void => {
      setImmediate(() => {
        args[5](error('EIO'), 0)
        setImmediate(resolve)
      })
    }
    using(t, { write: failing as typeof fs.write })
  })
  const { journal } = Journal.open({ folder: join(memoryFolder(t), 'journal'), replay: () => undefined, onGroup: () => undefined })
  await told
  t.match(journal.failed, { message: 'the journal cannot be written', cause: { code: 'EIO' } })
  await journal.close()
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
