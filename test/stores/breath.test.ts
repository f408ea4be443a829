/** Work in bites: a thread that breathes leaves its core to others most of the time. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { breathe, readInPieces } from '../../gateway/stores/breath.ts'

/** Of the whole process, whose other threads have nothing to do. */
const worked = (): { readonly ms: number; readonly rests: number } => {
  const { userCPUTime, systemCPUTime, voluntaryContextSwitches } = process.resourceUsage()
  return { ms: (userCPUTime + systemCPUTime) / 1000, rests: voluntaryContextSwitches }
}

t.test('work that breathes leaves its core after every few milliseconds of work', async (t) => {
  const before = worked()
  let now = before
  while (now.ms - before.ms < 100) {
    breathe()
    now = worked()
  }
  const rests = now.rests - before.rests
  t.ok(rests >= 60, `${rests} rests in 100 ms of work`)
})

t.test('a file that is read in pieces is the whole file; one that became shorter is an error', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-breath-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'file')
  const bytes = Buffer.alloc(3 * 2 ** 20 + 17, 'some bytes')
  writeFileSync(file, bytes)
  let pauses = 0
  const pause = (): void => {
    pauses += 1
  }
  t.ok(readInPieces(file, pause).equals(bytes))
  t.equal(pauses, 4)
  t.throws(() => readInPieces(file, () => truncateSync(file, 10)), /became shorter/)
})
