/** The log of uncharged calls: what was written is read again, what is damaged is counted. */
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type CallRecord, type EpochMs, readCallLines, type UnchargedLine } from '#contract'
import { CallLog } from '../../gateway/books/calls.ts'
import { readUncharged } from '../../gateway/books/uncharged.ts'
import { silent } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { type LogLine, memoryLog } from '../rig/scripted.ts'

const recordOf = (id: string, at: number, consumer = `key:${id}`): CallRecord => ({
  ...{ v: 2, id, at: at as EpochMs, generation: 1, config: 'c', api: 'acme', operation: 'search', consumer, kind: 'refused', status: 402 },
  ...{ code: 'payment_required', requested: 1, candidates: ['acme', 'other'], units: 0, price: '0', attempts: [], tookMs: 1 },
})

async function linesOf(folder: string, sinceMs?: number): Promise<{ lines: UnchargedLine[]; damaged: number }> {
  const pieces: Uint8Array[] = []
  const calls = readUncharged({ folder, ...(sinceMs === undefined ? {} : { sinceMs }) })
  for await (const piece of calls.lines) pieces.push(piece)
  return { lines: readCallLines(Buffer.concat(pieces).toString()) as UnchargedLine[], damaged: calls.damaged() }
}

async function idsOf(folder: string, sinceMs?: number): Promise<{ ids: string[]; damaged: number }> {
  const { lines, damaged } = await linesOf(folder, sinceMs)
  return { ids: lines.map(([, , , , consumer]) => consumer.slice('key:'.length)), damaged }
}

t.test('records are read as they were written, from both files, and only those asked for', async (t) => {
  const folder = memoryFolder(t)
  t.strictSame(await idsOf(folder), { ids: [], damaged: 0 }, 'a log that is not there')
  const log = new CallLog(join(folder, 'calls.jsonl'), silent)
  for (const at of [1, 2, 3]) log.write(recordOf(`r${at}`, at))
  await log.close()
  t.strictSame(await idsOf(folder), { ids: ['r1', 'r2', 'r3'], damaged: 0 })
  const { lines } = await linesOf(folder)
  t.strictSame(
    lines,
    [1, 2, 3].map((at) => ['u', at, 'acme', 'search', `key:r${at}`, 'refused', 'payment_required', 1, []]),
  )
  writeFileSync(join(folder, 'calls.jsonl.1'), `${JSON.stringify(recordOf('r0', 0))}\n`)
  t.strictSame(await idsOf(folder), { ids: ['r0', 'r1', 'r2', 'r3'], damaged: 0 }, 'the older file first')
  t.strictSame(await idsOf(folder, 2), { ids: ['r2', 'r3'], damaged: 0 })
})

t.test('a line that is cut off, is no record, or has another version is left out and counted', async (t) => {
  const folder = memoryFolder(t)
  const file = join(folder, 'calls.jsonl')
  const good = `${JSON.stringify(recordOf('good', 1))}\n`
  appendFileSync(file, good)
  appendFileSync(file, `${JSON.stringify({ ...recordOf('old', 1), v: 1 })}\nnull\n{}\n{"v":2,"id":"x"\n${good}`)
  appendFileSync(file, good.slice(0, 20))
  t.strictSame(await idsOf(folder), { ids: ['good', 'good'], damaged: 5 })
  t.match(readFileSync(file, 'utf8'), good, 'and nothing is repaired by reading')
})

t.test('a file of more than 64 MB is put aside, and one older file is kept', async (t) => {
  const folder = memoryFolder(t)
  const file = join(folder, 'calls.jsonl')
  const line = `${JSON.stringify(recordOf('r', 1))}\n`
  const write = async (): Promise<void> => {
    const log = new CallLog(file, silent)
    log.write(recordOf('r', 1))
    await log.close()
  }
  writeFileSync(file, '')
  truncateSync(file, 64 * 1024 * 1024 - line.length)
  await write()
  t.equal(statSync(file).size, 64 * 1024 * 1024, 'filled to the last byte')
  t.notOk(existsSync(`${file}.1`))
  await write()
  t.strictSame([statSync(`${file}.1`).size, readFileSync(file, 'utf8')], [64 * 1024 * 1024, line])
  writeFileSync(`${file}.1`, 'older')
  truncateSync(file, 64 * 1024 * 1024)
  await write()
  t.strictSame([statSync(`${file}.1`).size, readFileSync(file, 'utf8')], [64 * 1024 * 1024, line], 'the oldest is gone')
})

t.test('a flood of refusals does not become memory: beyond 8 MB that wait, records are dropped and counted', async (t) => {
  const folder = memoryFolder(t)
  const said: LogLine[] = []
  const log = new CallLog(join(folder, 'calls.jsonl'), memoryLog(said))
  const [empty, line] = [JSON.stringify(recordOf('', 0, 'key:k')).length, 1024 * 1024]
  for (let at = 0; at < 10; at += 1) log.write(recordOf(''.padEnd(line - empty - 1, 'x'), at, 'key:k'))
  await log.close()
  const { lines } = await linesOf(folder)
  t.equal(lines.map(([, at]) => at).join(''), '012345678', 'eight of 1 MB with their line ends are not beyond it')
  t.match(said, [{ fields: { dropped: 1 } }])
})
