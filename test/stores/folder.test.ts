/** One process and one mode a data folder. */
import { join } from 'node:path'
import t from 'tap'
import { FolderError, openEmbedded } from '../../gateway/stores/index.ts'
import { startChild } from '../rig/child.ts'
import { ScriptedClock } from '../rig/scripted.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { allFrames } from '../rig/segments.ts'
import { fund, openStore } from '../rig/store.ts'

const open = (folder: string, mode: 'sandbox' | 'live' = 'sandbox', onGroup: () => void = () => undefined) =>
  openEmbedded({ folder, mode, name: 'test', replayBytes: 1_000_000, clock: new ScriptedClock(), onGroup })

t.test('a second process is refused with one sentence, and let in when the first was killed', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  const first = startChild(t, 'store-holder.js', [folder])
  await first.said(1)
  t.strictSame(first.lines, ['open'])
  const sentence = `the data folder ${folder} is in use by another process; stop it, or choose another store.path`
  t.throws(() => open(folder), { name: 'FolderError', message: sentence })
  const second = startChild(t, 'store-holder.js', [folder])
  t.equal(await second.ended, 0)
  t.strictSame(second.lines, [sentence], 'told alike by a process of its own')
  t.equal(await first.kill(), 'SIGKILL')
  const opened = open(folder)
  t.match(await opened.admin.listKeys(), [{ id: 'of-the-holder' }], 'with what the first had written')
  await opened.store.close()
})

t.test('the folder is free again after a clean stop, also for the same process', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  const first = open(folder)
  t.throws(() => open(folder), FolderError, 'not while it is open')
  await first.store.close()
  await first.store.close()
  const second = open(folder)
  t.throws(() => open(folder), FolderError)
  await second.store.close()
})

t.test('a store belongs to the mode in which it was made, and nothing of it reaches the books of the other', async (t) => {
  for (const [made, asked] of [
    ['sandbox', 'live'],
    ['live', 'sandbox'],
  ] as const) {
    const rig = openStore(t, { mode: made })
    await fund(rig, '$10')
    await rig.store.close()
    const before = allFrames(join(rig.folder, 'journal'))
    let fed = 0
    const count = (): void => {
      fed += 1
    }
    const message = `the data folder ${rig.folder} was made in ${made} mode, the configuration says ${asked}; choose another store.path`
    t.throws(() => open(rig.folder, asked, count), { name: 'FolderError', message })
    t.equal(fed, 0)
    t.strictSame(allFrames(join(rig.folder, 'journal')), before)
    const again = open(rig.folder, made, count)
    t.ok(fed > 0)
    await again.store.close()
  }
})

t.test('a full disk refuses every call before one is lost, and says so', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  const { lines, ended } = startChild(t, 'store-holder.js', [folder, 'until-full'], { fileBlocks: 640 })
  t.equal(await ended, 0)
  const refusedAt = lines.findIndex((line) => line !== 'charged')
  t.ok(refusedAt > 0, `${refusedAt} were charged before`)
  t.strictSame([...new Set(lines.slice(refusedAt, -1))], ['unavailable'], 'nobody is served from then on')
  t.equal(lines.at(-1), 'slow, failed: undefined', 'nothing was lost: it could go on when there is room')
  const again = open(folder)
  t.equal(await again.admin.balance('key:of-the-holder'), 1_000_000_000n - 150_000n * BigInt(refusedAt), 'exactly the acknowledged charges are there')
  await again.store.close()
})
