/** The journal under SIGKILL and imitated power loss: what was acknowledged is there, nothing is half there, the chain goes on. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { startChild } from '../rig/child.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { digestOf, SEGMENT_BYTES } from '../rig/journal-writer.ts'
import { randomFrom, seedOf } from '../rig/random.ts'
import { allFrames, segmentsOf } from '../rig/segments.ts'

const ROUNDS = 15
const PAGE = 4096

/** Ids that the writer said were acknowledged (`ok`) or refused (`no`), in order. */
const idsOf = (lines: readonly string[], word: 'ok' | 'no'): string[] => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(3))

/** Of the last segment: where the group ends in which this record stands (0 where that is an earlier one), and where the data ends. */
function unsafePart(folder: string, id: string): { file: string; safe: number; end: number } {
  const files = segmentsOf(folder)
  const file = files.at(-1) as string
  const text = readFileSync(file, 'latin1')
  const end = text.search(/\0*$/)
  const at = text.indexOf(`{"id":"${id}",`)
  if (at === -1) {
    if (!files.some((one) => readFileSync(one, 'latin1').includes(`{"id":"${id}",`))) throw new Error(`the acknowledged record ${id} is in no segment`)
    return { file, safe: 0, end }
  }
  const closing = /=\d+ \d+ [0-9a-f]{64}\n/g
  closing.lastIndex = at
  closing.test(text)
  return { file, safe: closing.lastIndex, end }
}

/** Takes something away that was not synced: the end of the file, what stood there, or a page in the middle. True where it did. */
function losePower({ file, safe, end }: ReturnType<typeof unsafePart>, random: () => number): boolean {
  if (end <= safe) return false
  const cut = safe + Math.floor(random() * (end - safe + 1))
  const how = random()
  if (how < 0.4) truncateSync(file, cut)
  else {
    const to = how < 0.7 ? end : Math.min(end, (Math.floor(cut / PAGE) + 1) * PAGE)
    const fd = openSync(file, 'r+')
    writeSync(fd, Buffer.alloc(to - cut), 0, to - cut, cut)
    closeSync(fd)
  }
  return cut < end
}

/** The whole journal, read by the words of its format alone. */
function chainOf(folder: string): { ids: string[]; groups: number } {
  const ids: string[] = []
  let hash = '0'.repeat(64)
  let groups = 0
  let lines: string[] = []
  for (const { file, at, text } of allFrames(folder)) {
    if (at === 0 && !file.endsWith(`${String(groups + 1).padStart(16, '0')}.seg`)) throw new Error(`${file} begins with group ${groups + 1}`)
    if (!text.startsWith('=')) {
      lines.push(text)
      continue
    }
    groups += 1
    hash = createHash('sha256')
      .update(hash)
      .update(lines.map((one) => `${one}\n`).join(''))
      .digest('hex')
    if (text !== `=${groups} ${lines.length} ${hash}`) throw new Error(`group ${groups} is closed by ${text}`)
    ids.push(...lines.map(wholeId))
    lines = []
  }
  if (lines.length > 0) throw new Error('records without a closing were left')
  return { ids, groups }
}

function wholeId(line: string): string {
  const { id, filler, digest } = JSON.parse(line) as { id: string; filler: string; digest: string }
  if (digest !== digestOf(id + filler)) throw new Error(`record ${id} is damaged`)
  return id
}

function reopened(folder: string): { journal: Journal; cutBytes: number; ids: string[] } {
  const ids: string[] = []
  const replay = ({ bytes }: { bytes: Buffer }): void => void ids.push(...bytes.toString().split('\n').slice(0, -1).map(wholeId))
  return { ...Journal.open({ folder, segmentBytes: SEGMENT_BYTES, replay, onGroup: () => undefined }), ids }
}

t.test('what was acknowledged before SIGKILL and power loss is there, nothing is half there, and the chain goes on', async (t) => {
  const random = randomFrom(seedOf(t))
  const folder = join(temporaryFolder(t), 'journal')
  const acknowledged: string[] = []
  let cuts = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const child = startChild(t, 'journal-writer.js', [folder, `r${round}`, String(Math.floor(random() * 2 ** 31))])
    await child.said(1 + Math.floor(random() * 800))
    t.equal(await child.kill(), 'SIGKILL')
    const said = idsOf(child.lines, 'ok')
    acknowledged.push(...said)
    if (losePower(unsafePart(folder, said.at(-1) as string), random)) cuts += 1

    const { journal, cutBytes, ids: replayed } = reopened(folder)
    await journal.durable(JSON.stringify({ id: `between-${round}`, filler: '', digest: digestOf(`between-${round}`) }))
    acknowledged.push(`between-${round}`)
    await journal.close()
    const there = new Set(replayed)
    t.equal(there.size, replayed.length, 'no record is there twice')
    const lost = acknowledged.filter((id) => !there.has(id) && id !== `between-${round}`)
    t.strictSame(lost, [], `round ${round}: every acknowledged record is there (${cutBytes} bytes were cut at opening)`)
    const { ids } = chainOf(folder)
    t.strictSame(ids, [...replayed, `between-${round}`], 'the reader and the format agree')
    const mine = ids.filter((id) => id.startsWith(`r${round}-`))
    t.strictSame(
      mine,
      mine.map((_, index) => `r${round}-${index}`),
      'the records of a process are a beginning of what it wrote, in order',
    )
  }
  const segments = segmentsOf(folder).length
  t.ok(segments > 3, `${segments} segments`)
  t.comment(`${acknowledged.length} acknowledged records, ${cuts} of ${ROUNDS} kills lost something that was not acknowledged`)
})

t.test('when a file may not grow nothing is acknowledged any more, and what was acknowledged before is there', async (t) => {
  const folder = join(temporaryFolder(t), 'journal')
  // A limit of the operating system on the size of a file: the write comes back short, the next one with EFBIG.
  const child = startChild(t, 'journal-writer.js', [folder, 'full', String(seedOf(t)), '5000'], { fileBlocks: 64 })
  t.equal(await child.ended, 0, 'a full disk is no crash')
  const said = idsOf(child.lines, 'ok')
  t.ok(said.length > 0, 'there was room for some')
  t.equal(said.length + idsOf(child.lines, 'no').length, 5000, 'everybody was told')
  t.strictSame(
    said,
    said.map((_, index) => `full-${index}`),
    'nothing is acknowledged after the first refusal',
  )
  const { journal, ids } = reopened(folder)
  await journal.close()
  t.strictSame(ids.slice(0, said.length), said)
  t.ok(ids.length < 5000, 'nothing was written after the failure')
})
